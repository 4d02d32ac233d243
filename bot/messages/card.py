"""The card: the one live message of a workflow, a projection of its state. Pure."""

from collections.abc import Sequence

from bot.messages import blocks, causes, notes, words
from bot.messages.blocks import Block, Confirm, Message
from engine import TERMINAL, AgentView, Card, Status

TASK = 600  # characters of a task
LINES = 20  # agents with a line of their own
STOP = "agent.cancel"


def card(shown: Card) -> Message:
    """The card of a workflow as it is now."""
    if len(shown.agents) == 1:
        return _lone(shown, shown.agents[0])
    return _several(shown)


def _lone(shown: Card, agent: AgentView) -> Message:
    head, subject = state(agent, shown)
    seen = [
        blocks.plain(agent.task, TASK),
        blocks.context(_facts(agent)),
        blocks.mrkdwn(f"*{head}* {words.code(subject)}" if subject else f"*{head}*"),
        *notes.lines(agent.work.notes),
    ]
    if stoppable(agent):
        seen.append(blocks.actions(stop(agent)))
    return Message(words.notification(_title(agent), agent.task), seen)


def _several(shown: Card) -> Message:
    ended = sum(agent.status in TERMINAL for agent in shown.agents)
    title = (
        f"Workflow w{shown.workflow_id}: {ended} of {words.count(len(shown.agents), 'agent')} ended"
    )
    left = len(shown.agents) - LINES
    rest = [blocks.context(f"and {left} more; `list` shows them all")] if left > 0 else []
    lines = [_line(agent, shown) for agent in _first(shown.agents)]
    return Message(title, [blocks.mrkdwn(f"*{title}*"), *lines, *rest])


def _first(agents: Sequence[AgentView]) -> Sequence[AgentView]:
    """The agents that get a line: those that work or wait before those that have ended."""
    return sorted(agents, key=lambda agent: (agent.status in TERMINAL, agent.id))[:LINES]


def _line(agent: AgentView, shown: Card) -> Block:
    head, subject = state(agent, shown)
    said = words.flat(f"{words.bounded(head, 160)} {words.bounded(subject, 80)}")
    line = f"Agent {agent.id} · {words.bounded(words.flat(agent.task), 120)} · {said}"
    return blocks.plain(line, accessory=stop(agent) if stoppable(agent) else None)


def _title(agent: AgentView) -> str:
    match agent.status:
        case Status.ACTIVE:
            return (
                f"Agent {agent.id} is stopping"
                if agent.cancelling
                else f"Agent {agent.id} is working"
            )
        case Status.WAITING:
            return f"Agent {agent.id} waits for you"
        case Status.BLOCKED | Status.PENDING:
            return f"Agent {agent.id} is queued"
        case _:
            return f"Agent {agent.id} {outcome(agent)}"


def _facts(agent: AgentView) -> str:
    parts = [f"{words.who(agent.requester)} asked", f"agent {agent.id}"]
    if agent.role:
        parts.append(words.code(agent.role, 40))
    if agent.repo:
        parts.append(words.code(agent.repo, 80))
    if branch := agent.branch or agent.work.branch:
        parts.append(f"branch {words.code(branch)}")
    if given := _given(agent):
        parts.append(given)
    if agent.started_at:
        parts.append(f"started {words.moment(agent.started_at)}")
    return " · ".join(parts)


def _given(agent: AgentView) -> str:
    """What the agent got beside its task."""
    quoted = f"{words.count(agent.quoted, 'message')} as context" if agent.quoted else ""
    files = words.count(agent.attached, "file") if agent.attached else ""
    return f"with {' and '.join(filter(None, [quoted, files]))}" if quoted or files else ""


def state(agent: AgentView, shown: Card) -> tuple[str, str]:
    """How an agent fares, in our words, and what it is about in the agent's, or ""."""
    if agent.cancelling and agent.status not in TERMINAL:
        return "Stopping", ""
    match agent.status:
        case Status.ACTIVE:
            return words.doing(agent.step)
        case Status.PENDING:
            return _queued(agent, shown), ""
        case Status.BLOCKED:
            return "Queued: starts when one of your other agents has ended", ""
        case Status.WAITING:
            return "Waiting for people", ""
        case _:
            return _ended(agent), ""


def _queued(agent: AgentView, shown: Card) -> str:
    if agent.failures and agent.available_at:
        why = causes.advice(agent.cause).short
        return f"Trying again at {agent.available_at:%H:%M} UTC: {why}"
    if shown.paused_by:
        return f"Queued: {words.escaped(shown.paused_by, 40)} has paused all agents"
    if not shown.slots:
        return "Queued: no worker is running at the moment"
    ahead = f"{agent.ahead} ahead of you" if agent.ahead else "next in line"
    return f"Queued: {ahead}, {shown.slots_busy} of {words.count(shown.slots, 'slot')} busy"


def _ended(agent: AgentView) -> str:
    spent = f"{words.money(agent.usage.cost)} · {words.duration(agent.duration_ms)}"
    said = outcome(agent).removeprefix("is ").removeprefix("was ")
    return f"{said[0].upper()}{said[1:]} · {spent}"


def outcome(agent: AgentView) -> str:
    """How an agent ended, as the end of a sentence that begins with its name."""
    match agent.status:
        case Status.COMPLETED:
            return "is done" if agent.work.changed else "is done and changed nothing"
        case Status.FAILED:
            return f"failed, {causes.advice(agent.cause).short}"
        case Status.CANCELLED:
            return "was stopped"
        case Status.SKIPPED:
            return "was skipped"
        case _:
            return "has not ended"


def stoppable(agent: AgentView) -> bool:
    """Whether a Stop button makes sense."""
    return agent.status not in TERMINAL and not agent.cancelling


def stop(agent: AgentView) -> Block:
    """The button that stops an agent."""
    asked = Confirm(
        f"Stop agent {agent.id}?",
        "What it has done so far stays on its branch.",
        "Stop",
        "Let it go on",
    )
    return blocks.dangerous(blocks.button("Stop", STOP, str(agent.id)), asked)
