"""What the bot answers to commands, mostly so that only the asker sees it. Pure."""

from collections.abc import Sequence

from bot.grammar import Refusal
from bot.messages import blocks, causes, words
from bot.messages.blocks import Block, Message, line
from bot.messages.card import outcome
from engine import TERMINAL, MabError, NodeView, RunView, Status

QUOTE = 9000  # characters of what was typed, so that nobody types it twice
LISTED = 40  # agents
ATTEMPTS = 20
AGAIN = "agent.again"
REPAIR = "typed.repair"
PICK = "repo.pick"


def already_started(agent: NodeView, value: str) -> Message:
    """The same task of the same person is under way; `value` comes back with the button's click."""
    said = f"Already started agent {agent.id} with this task. Start another?"
    return Message(
        said, [blocks.mrkdwn(said), blocks.actions(blocks.button("Start another", AGAIN, value))]
    )


def stopping(agent_id: int) -> Message:
    """A cancel was taken."""
    return line(f"Agent {agent_id} is being stopped")


def retried(agent_id: int) -> Message:
    """A retry was taken."""
    return line(f"Agent {agent_id} is queued again")


def paused(*, ends_runs: bool) -> Message:
    """The brake was pulled."""
    if ends_runs:
        return line("Paused: no agent starts, and those that ran are back in the line, work kept")
    return line("Paused: no agent starts until somebody types /agent resume; running ones go on")


def resumed() -> Message:
    """The brake was released."""
    return line("Agents start again")


def has_ended(agent: NodeView) -> Message:
    """A cancel came too late."""
    return line(f"Agent {agent.id} {outcome(agent)}; there is nothing to stop")


def not_ended(agent: NodeView) -> Message:
    """A retry came too early, for a second time, or after all went well."""
    if agent.status in TERMINAL:
        said = f"Agent {agent.id} {outcome(agent)}; Retry is for what failed or was stopped"
        return line(said)
    return line(f"Agent {agent.id} is under way; when it fails or is stopped, it can try again")


def diff_follows(agent_id: int) -> Message:
    """The diff was asked for."""
    return line(f"The diff of agent {agent_id} follows in its thread")


def refused(refusal: Refusal, key: str = "") -> Message:
    """What was typed is no command: why, what to type, and all that was typed.

    `key` comes back when somebody presses the button that does what is suggested.
    """
    seen = [blocks.mrkdwn(words.escaped(refusal.reason, 800))]
    if refusal.suggestion:
        instead = words.code(f"/agent {refusal.suggestion}", 300)
        seen.append(blocks.mrkdwn(f"Type instead: {instead}"))
    seen.extend(quoted(refusal.input))
    if refusal.suggestion and key:
        label = "Spawn this" if refusal.suggestion.startswith("spawn ") else "Do this"
        seen.append(blocks.actions(blocks.button(label, REPAIR, key)))
    return Message(words.notification(refusal.reason.replace("`", "")), seen)


def failed(error: MabError, typed: str) -> Message:
    """The engine refused; its error is a sentence."""
    sentence = words.flat(str(error)) or "Something went wrong"
    sentence = sentence[0].upper() + sentence[1:]
    return Message(words.notification(sentence), [blocks.plain(sentence), *quoted(typed)])


def not_found(agent_id: int) -> Message:
    """There is no such agent."""
    return line(f"There is no agent {agent_id}. Type /agent list to see those that there are")


def which_agent(agents: Sequence[NodeView], verb: str) -> Message:
    """The number was left out, and the thread has none or several agents."""
    if not agents:
        return line(f"There is no agent in this thread. Type {verb} and the agent's number")
    said = f"Which agent? Type {verb} and the number"
    return Message(said, [blocks.mrkdwn(said), *_listing(agents)])


def which_repo(repos: Sequence[str], typed: str, key: str) -> Message:
    """The repository is to be chosen; the task is kept, and `key` comes back with the choice."""
    names = blocks.choices(repos)
    if not names:
        said = "There is no repository for this channel; whoever runs this bot names them"
        return Message(said, [blocks.plain(f"{said} in mab.toml."), *quoted(typed)])
    said = "Which repository? Choose one, or type --repo NAME before the task"
    picker = blocks.menu("Choose a repository", PICK, names, key or "repository")
    return Message(said, [blocks.plain(said), *quoted(typed), picker])


def unknown_repo(named: str, repos: Sequence[str], typed: str) -> Message:
    """The repository does not exist, or is not to be used here."""
    name = words.bounded(words.flat(named), 60)
    known = ", ".join(repos) or "none"
    said = f"There is no repository “{name}” for this channel. Usable here: {known}"
    return Message(words.notification(said), [blocks.plain(said), *quoted(typed)])


def not_in_channel(bot: str, typed: str) -> Message:
    """The bot cannot post where it was asked; `bot` is its name."""
    invite = f"/invite @{words.bounded(words.flat(bot), 40)}"
    said = f"I am not in this channel, so nothing was started. Type {invite} and ask again."
    return Message(words.notification(said), [blocks.plain(said), *quoted(typed)])


def unavailable(typed: str) -> Message:
    """What was asked could not be recorded, so it did not happen."""
    said = "This could not be recorded, so nothing was started. Please try again in a minute."
    return Message(said, [blocks.plain(said), *quoted(typed)])


def listing(
    waiting: Sequence[NodeView], mine: Sequence[NodeView], here: Sequence[NodeView]
) -> Message:
    """The agents that wait for the asker, the asker's others, and the channel's others."""
    groups = [("Waiting for you", waiting), ("Yours", mine), ("In this channel", here)]
    agents = [*waiting, *mine, *here]
    if not agents:
        return line("There are no agents yet. Type /agent spawn and a task")
    live = sum(agent.status not in TERMINAL for agent in agents)
    title = f"{words.count(len(agents), 'agent')}, {live:,} of them under way"
    if waiting:
        title = f"{title}, {len(waiting):,} waiting for you"
    seen, room = [blocks.mrkdwn(f"*{title}*")], LISTED
    for heading, group in groups:
        if group:
            seen += [blocks.context(heading), *_listing(group, room)]
            room = max(0, room - len(group))
    return Message(title, seen)


def status(agent: NodeView, runs: Sequence[RunView]) -> Message:
    """How an agent fares, in figures."""
    title = f"Agent {agent.id} {_stands(agent)}"
    usage = agent.usage
    figures = (
        f"{words.count(usage.turns, 'turn')} · {usage.tokens_in:,} tokens in, "
        f"{usage.tokens_out:,} out · {words.money(usage.cost)} · "
        f"{words.count(len(runs), 'attempt')}"
    )
    seen = [blocks.plain(agent.task, 600), blocks.mrkdwn(f"*{title}*\n{figures}")]
    if runs:
        seen.append(blocks.preformatted("\n".join(_attempt(run) for run in runs[-ATTEMPTS:])))
    return Message(words.notification(title, agent.task), seen)


def _stands(agent: NodeView) -> str:
    match agent.status:
        case Status.ACTIVE:
            return "is working"
        case Status.WAITING:
            return "waits for people"
        case Status.BLOCKED | Status.PENDING:
            return "is queued"
        case _:
            return outcome(agent)


def _attempt(run: RunView) -> str:
    how = words.flat(run.outcome).replace("_", " ") or "running"
    spent = f"{words.duration(run.duration_ms)}, {words.money(run.usage.cost)}"
    return f"attempt {run.attempt}: {how}, {spent}, {words.count(run.usage.turns, 'turn')}"


def _listing(agents: Sequence[NodeView], room: int = LISTED) -> list[Block]:
    """A line for each of the first `room` agents, and how many there are besides."""
    more = len(agents) - room
    lines = [_item(agent) for agent in agents[:room]]
    return [
        blocks.preformatted("\n".join([*lines, f"and {more:,} more"] if more > 0 else lines), QUOTE)
    ]


def _item(agent: NodeView) -> str:
    failed = agent.status is Status.FAILED
    state = f"failed: {causes.advice(agent.cause).short}" if failed else str(agent.status)
    return f"{agent.id:>5}  {state:<10} {words.bounded(words.flat(agent.task), 100)}"


def quoted(typed: str) -> list[Block]:
    """What was typed, for whoever wants to type it again."""
    if not typed.strip():
        return []
    return [blocks.context("You typed:"), blocks.preformatted(typed, QUOTE)]
