"""The card: the one live message of a workflow, a projection of its state. Pure."""

from collections.abc import Sequence

from bot.messages import blocks, buttons, notes, progress, standing, words
from bot.messages.blocks import Block, Message
from bot.messages.standing import outcome, state
from engine import TERMINAL, Card, NodeView, Status

__all__ = ["card", "outcome"]

TASK = 600  # characters of a task
LINES = 20  # agents with a line of their own


def card(shown: Card) -> Message:
    """The card of a workflow as it is now."""
    match shown.nodes:
        case []:
            return progress.unstarted(shown)
        case [agent] if not agent.key:
            return _lone(shown, agent)
        case nodes if any(node.key for node in nodes):
            return progress.card(shown)
        case _:
            return _several(shown)


def _lone(shown: Card, agent: NodeView) -> Message:
    head, subject = state(agent, shown)
    seen = [
        blocks.plain(agent.task, TASK),
        blocks.context(_facts(agent)),
        blocks.mrkdwn(f"*{words.escaped(head, TASK)}* {words.code(subject) if subject else ''}"),
        *notes.of(agent.work),
        *progress.waiting(shown),
    ]
    if standing.stoppable(agent):
        seen.append(blocks.actions(buttons.stop(agent)))
    return Message(words.notification(_title(agent), agent.task), seen)


def _several(shown: Card) -> Message:
    """Agents of one thread that have nothing to do with each other."""
    counts = standing.counts(shown)
    total, ended = sum(counts.values()), sum(counts.get(status, 0) for status in TERMINAL)
    title = f"Workflow w{shown.workflow_id}: {ended:,} of {words.count(total, 'agent')} ended"
    left = total - LINES
    rest = [blocks.context(f"and {left:,} more; `list` shows them all")] if left > 0 else []
    lines = [_line(agent, shown) for agent in _first(shown.nodes)]
    seen = [blocks.mrkdwn(f"*{title}*"), *lines, *rest, *progress.waiting(shown)]
    return Message(title, seen)


def _first(agents: Sequence[NodeView]) -> Sequence[NodeView]:
    """The agents that get a line: those that work or wait before those that have ended."""
    return sorted(agents, key=lambda agent: (agent.status in TERMINAL, agent.id))[:LINES]


def _line(agent: NodeView, shown: Card) -> Block:
    head, subject = state(agent, shown)
    said = words.flat(f"{words.bounded(head, 160)} {words.bounded(subject, 80)}")
    line = f"Agent {agent.id} · {words.bounded(words.flat(agent.task), 120)} · {said}"
    stop = buttons.stop(agent) if standing.stoppable(agent) else None
    return blocks.plain(line, accessory=stop)


def _title(agent: NodeView) -> str:
    match agent.status:
        case Status.ACTIVE:
            return (
                f"Agent {agent.id} is stopping"
                if agent.cancelling
                else f"Agent {agent.id} is working"
            )
        case Status.WAITING:
            return f"Agent {agent.id} waits for {standing.wanted(agent)}"
        case Status.BLOCKED | Status.PENDING:
            return f"Agent {agent.id} is queued"
        case _:
            return f"Agent {agent.id} {outcome(agent)}"


def _facts(agent: NodeView) -> str:
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


def _given(agent: NodeView) -> str:
    """What the agent got beside its task."""
    quoted = f"{words.count(agent.quoted, 'message')} as context" if agent.quoted else ""
    files = words.count(agent.attached, "file") if agent.attached else ""
    return f"with {' and '.join(filter(None, [quoted, files]))}" if quoted or files else ""
