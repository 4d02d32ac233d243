"""The messages that tell people once what happened: above all, how an agent ended. Pure."""

from datetime import datetime, timedelta

from bot.messages import account, blocks, buttons, causes, naming, notes, words, work
from bot.messages.answer import answer
from bot.messages.blocks import Attachment, Block, Message
from bot.messages.standing import outcome, spent
from engine import Kind, NodeView, NoteKind, Rescued, Status

RAW = 700  # characters of an error
LONG = timedelta(minutes=2)  # who waited longer is called back


def ended(agent: NodeView, at: datetime) -> Message:
    """The terminal message of an agent: what came of it, where its work is, what to do next."""
    above = [blocks.mrkdwn(_outcome(agent, at)), *_trouble(agent)]
    below = [
        *account.of(agent),
        *notes.of(agent.work),
        blocks.context(work.where(agent.work), _footer(agent)),
        *_buttons(agent),
    ]
    reply = answer(agent.id, agent.result, blocks.TOTAL - blocks.weight([above, below]))
    said = [*_last_words(agent), blocks.markdown(reply.shown)] if reply.shown else _no_answer(agent)
    return Message(
        words.notification(_title(agent), agent.task), [*above, *said, *below], reply.file
    )


def taken_over(agent: NodeView, commit: str) -> Message:
    """An attempt was lost, and another goes on; `commit` holds what it had done, or is ""."""
    saved = f" What it had done is kept as {words.code(commit, 80)}." if commit else ""
    said = (
        f"The worker of agent {agent.id} was lost; the agent begins again on another one."
        f"{saved}{''.join(_out_of_reach(agent))}"
    )
    title = words.notification(f"Agent {agent.id} lost its worker and begins again", agent.task)
    return Message(title, [blocks.mrkdwn(said)])


def _out_of_reach(agent: NodeView) -> list[str]:
    return [
        f" What was not committed lies on that worker's host, in the worktree "
        f"{words.code(note.detail, 80)}, and is not in what the agent goes on from."
        for note in agent.work.notes
        if note.kind is NoteKind.OUT_OF_REACH
    ][-1:]


def rescued(told: Rescued) -> Message:
    """Work that is on no branch was found, and kept, when an agent's worktree was removed."""
    head = f"Agent {told.agent.id} had left work beside its branch"
    place, host = words.code(told.place, 300), words.code(told.host, 80)
    said = f"{head}. It is kept as {place} on the host {host}."
    return Message(words.notification(head, told.agent.task), [blocks.mrkdwn(said)])


def diff_file(node: NodeView, diff_text: str) -> Message:
    """What an agent changed, or what did since the last gate; the file is exactly the diff."""
    gate = node.kind is Kind.GATE
    name = naming.node(node) if gate else f"agent {node.id}"
    if not diff_text.strip():
        title = f"{naming.first(name)} changed nothing"
        return Message(words.notification(title, node.task), [blocks.mrkdwn(f"{title}.")])
    files = node.work.files
    sums = f": {work.sums(files)}" if files else ""
    head = f"What changed before {name}" if gate else f"The diff of {name}{sums}"
    file = Attachment(f"{name.replace(' ', '-')}.diff", f"What {name} changed", diff_text)
    return Message(words.notification(head, node.task), [blocks.mrkdwn(head)], file)


def _title(agent: NodeView) -> str:
    said = f"Agent {agent.id} {outcome(agent)}"
    return f"{said} (Retry?)" if agent.status is Status.FAILED else said


def _outcome(agent: NodeView, at: datetime) -> str:
    called = f"{words.who(agent.requester)} " if calls_back(agent, at) else ""
    by = account.stopper(agent)
    said = f"*Agent {agent.id} {outcome(agent)}{f'*{by}.' if by else '.*'}"
    return f"{called}{said} {words.code(agent.task, 150)}"


def calls_back(agent: NodeView, at: datetime) -> bool:
    """Whether the requester is mentioned: after a failure, or when they had to wait."""
    return agent.status is Status.FAILED or at - agent.created_at > LONG


def _trouble(agent: NodeView) -> list[Block]:
    error = [blocks.preformatted(agent.error, RAW)] if agent.error.strip() else []
    match agent.status:
        case Status.FAILED:
            said = causes.advice(agent.cause)
            return [blocks.mrkdwn(f"{said.sentence} {said.remedy}"), *error]
        case Status.CANCELLED if error:
            return [blocks.mrkdwn("The attempt ended with an error:"), *error]
        case _:
            return []


def _last_words(agent: NodeView) -> list[Block]:
    """What it said before it was stopped is no answer."""
    stopped = agent.status is Status.CANCELLED
    return [blocks.context("The last that the agent said:")] if stopped else []


def _no_answer(agent: NodeView) -> list[Block]:
    said = agent.status is Status.COMPLETED
    return [blocks.mrkdwn("_The agent gave no answer._")] if said else []


def _footer(agent: NodeView) -> str:
    return spent(agent) if agent.lands else f"{work.sums(agent.work.files)} · {spent(agent)}"


def _buttons(agent: NodeView) -> list[Block]:
    diff = [buttons.diff(agent.id), *buttons.merge(agent)] if agent.work.changed else []
    ended_badly = agent.status in {Status.FAILED, Status.CANCELLED}
    retry = [buttons.retry(agent.id)] if ended_badly else []
    return [blocks.actions(*diff, *retry)] if diff or retry else []
