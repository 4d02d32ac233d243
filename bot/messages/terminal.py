"""The messages that tell people once what happened: above all, how an agent ended. Pure."""

from datetime import timedelta

from bot.messages import blocks, causes, notes, words
from bot.messages.answer import answer
from bot.messages.blocks import Attachment, Block, Message
from bot.messages.card import outcome
from engine import AgentView, Check, FileChange, Notice, Status, Work

FILES = 12
PATH = 60  # characters
RAW = 700  # characters of an error, and of a check's last lines
LONG = timedelta(minutes=2)  # who waited longer is called back
VIEW_DIFF, RETRY = "agent.diff", "agent.retry"
HASH = 10  # digits of a commit


def ended(notice: Notice) -> Message:
    """The terminal message of an agent: what came of it, where its work is, what to do next."""
    agent = notice.agent
    above = [blocks.mrkdwn(_outcome(agent, notice)), *_trouble(agent)]
    below = [
        *_work(agent.work),
        *notes.lines(agent.work.notes),
        blocks.context(_where(agent.work), _footer(agent)),
        *_buttons(agent),
    ]
    reply = answer(agent.id, agent.result, blocks.TOTAL - blocks.weight([above, below]))
    said = [blocks.markdown(reply.shown)] if reply.shown else _no_answer(agent)
    return Message(
        words.notification(_title(agent), agent.task), [*above, *said, *below], reply.file
    )


def taken_over(notice: Notice) -> Message:
    """An attempt was lost, and another goes on."""
    agent = notice.agent
    saved = (
        f" What it had done is kept as {words.code(notice.detail, 80)}." if notice.detail else ""
    )
    said = f"The worker of agent {agent.id} was lost; the agent begins again on another one.{saved}"
    title = words.notification(f"Agent {agent.id} lost its worker and begins again", agent.task)
    return Message(title, [blocks.mrkdwn(said)])


def diff_file(notice: Notice, diff_text: str) -> Message:
    """What an agent changed, as a file; the file is exactly the diff."""
    agent = notice.agent
    if not diff_text.strip():
        title = f"Agent {agent.id} changed nothing"
        return Message(words.notification(title, agent.task), [blocks.mrkdwn(f"{title}.")])
    files = agent.work.files
    sums = f": {_sums(files)}" if files else ""
    head = f"The diff of agent {agent.id}{sums}"
    file = Attachment(f"agent-{agent.id}.diff", f"What agent {agent.id} changed", diff_text)
    return Message(words.notification(head, agent.task), [blocks.mrkdwn(head)], file)


def _title(agent: AgentView) -> str:
    said = f"Agent {agent.id} {outcome(agent)}"
    return f"{said} (Retry?)" if agent.status is Status.FAILED else said


def _outcome(agent: AgentView, notice: Notice) -> str:
    called = f"{words.who(agent.requester)} " if calls_back(agent, notice) else ""
    return f"{called}*Agent {agent.id} {outcome(agent)}.* {words.code(agent.task, 150)}"


def calls_back(agent: AgentView, notice: Notice) -> bool:
    """Whether the requester is mentioned: after a failure, or when they had to wait."""
    return agent.status is Status.FAILED or notice.at - agent.created_at > LONG


def _trouble(agent: AgentView) -> list[Block]:
    if agent.status is not Status.FAILED:
        return []
    said = causes.advice(agent.cause)
    told = blocks.mrkdwn(f"{said.sentence} {said.remedy}")
    return [told, blocks.preformatted(agent.error, RAW)] if agent.error.strip() else [told]


def _no_answer(agent: AgentView) -> list[Block]:
    said = agent.status is Status.COMPLETED
    return [blocks.mrkdwn("_The agent gave no answer._")] if said else []


def _work(work: Work) -> list[Block]:
    listed = [blocks.preformatted(_listing(work.files))] if work.files else []
    return [*listed, *_checked(work.check)] if work.changed or work.check else listed


def _listing(files: tuple[FileChange, ...]) -> str:
    more = len(files) - FILES
    lines = [_change(change) for change in files[:FILES]]
    return "\n".join([*lines, f"and {more:,} more"] if more > 0 else lines)


def _change(change: FileChange) -> str:
    path = words.flat(change.path)
    short = path if len(path) <= PATH else "…" + path[1 - PATH :]
    counts = "binary" if change.binary else f"+{change.added} {words.MINUS}{change.removed}"
    return f"{counts:<12} {short}"


def _checked(check: Check | None) -> list[Block]:
    if check is None:
        return [blocks.context("Not tested: this repository has no `check` command.")]
    command = words.code(check.command, 100)
    if check.passed:
        said = f"Tested: {command} passed."
    elif check.exit_code is None:
        said = f"*Tested: {command} did not end in time.*"
    else:
        said = f"*Tested: {command} failed with exit code {check.exit_code}.*"
    tail = words.clean(check.tail).strip()[-RAW:]
    return [blocks.mrkdwn(said), *([blocks.preformatted(tail, RAW)] if tail else [])]


def _where(work: Work) -> str:
    if not work.branch:
        return ""
    parts = [f"Branch {words.code(work.branch)}"]
    if work.commit:
        parts.append(f"commit `{words.escaped(work.commit[:HASH], HASH * 5)}`")
    if work.changed and work.compare_url:
        parts.append(f"<{_url(work.compare_url)}|Open a pull request>")
    elif work.changed and work.fetch:
        parts.append(words.code(work.fetch, 300))
    return " · ".join(parts)


def _url(url: str) -> str:
    """A URL that cannot end the link that it stands in."""
    safe = url.replace("|", "%7C").replace("<", "%3C").replace(">", "%3E").replace(" ", "%20")
    return words.escaped(safe, 1000)


def _footer(agent: AgentView) -> str:
    changed = _sums(agent.work.files) if agent.work.files else "nothing changed"
    spent = f"{words.money(agent.usage.cost)} · {words.duration(agent.duration_ms)}"
    return f"{changed} · {spent}"


def _sums(files: tuple[FileChange, ...]) -> str:
    added, removed = sum(f.added for f in files), sum(f.removed for f in files)
    return f"{words.count(len(files), 'file')} +{added:,} {words.MINUS}{removed:,}"


def _buttons(agent: AgentView) -> list[Block]:
    value = str(agent.id)
    diff = [blocks.button("View diff", VIEW_DIFF, value)] if agent.work.changed else []
    ended_badly = agent.status in {Status.FAILED, Status.CANCELLED}
    retry = [blocks.button("Retry", RETRY, value)] if ended_badly else []
    return [blocks.actions(*diff, *retry)] if diff or retry else []
