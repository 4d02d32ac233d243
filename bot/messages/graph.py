"""What goes with the picture of a graph, for those who cannot see it too. Pure."""

from collections import defaultdict

from bot.messages import blocks, words
from bot.messages.blocks import Message
from engine import Card, GateSpec, Kind, NodeSpec, NodeView, Status, WorkflowSpec

LABEL = 40  # characters
LISTED = 2_000  # characters, as many as Slack takes as alternative text
STOPPING = "stopping"


def graph(card: Card) -> Message:
    """What stands above the picture of a workflow as it is now."""
    title = graph_title(card)
    return Message(title, [blocks.mrkdwn(f"*{title}*"), blocks.plain(described(card))])


def plan_graph(spec: WorkflowSpec) -> Message:
    """What stands above the picture of a workflow that nobody has started."""
    title = plan_title(spec)
    shown = f"{title}\n{plan_described(spec)}"
    return Message(words.notification(title), [blocks.plain(shown)])


def graph_title(card: Card) -> str:
    """The heading of a workflow's picture."""
    done = sum(node.status is Status.COMPLETED for node in card.nodes)
    counted = card.counts.get(Status.COMPLETED, 0) if card.counts else done
    total = sum(card.counts.values()) or len(card.nodes)
    return f"Workflow w{card.workflow_id}: {counted:,} of {total:,} done"


def plan_title(spec: WorkflowSpec) -> str:
    """The heading of a plan's picture."""
    size = words.count(len(spec.nodes), "step")
    return f"Plan: {words.bounded(words.flat(spec.title), 60)}, {size}"


def described(card: Card) -> str:
    """The picture for those who cannot see it: the title, and a line for each state."""
    by_state: defaultdict[str, list[str]] = defaultdict(list)
    for node in card.nodes:
        by_state[state_word(node)].append(label(node))
    lines = [f"{state.capitalize()}: {', '.join(named)}" for state, named in by_state.items()]
    return words.bounded("\n".join(filter(None, [words.flat(card.title), *lines])), LISTED)


def plan_described(spec: WorkflowSpec) -> str:
    """The picture of a plan for those who cannot see it: a line for each step."""
    return words.bounded("\n".join(_after(node) for node in spec.nodes), LISTED)


def _after(node: NodeSpec) -> str:
    gate = " (gate)" if node.kind is Kind.GATE else ""
    return f"{node.key}{gate}{' after ' if node.needs else ''}{', '.join(node.needs)}"


def label(node: NodeView) -> str:
    """What a node is called: its key, or its number."""
    return words.bounded(words.flat(node.key), LABEL) or f"{node.kind} {node.id}"


def state_word(node: NodeView) -> str:
    """The state of a node in two or three words."""
    if node.cancelling and node.status in {Status.ACTIVE, Status.PENDING, Status.WAITING}:
        return STOPPING
    match node.status, node.kind:
        case Status.COMPLETED, Kind.GATE:
            return "approved"
        case Status.FAILED, Kind.GATE:
            return "rejected"
        case Status.PENDING, _ if node.failures:
            return "trying again"
        case status, _:
            return STATES[status]


STATES = {
    Status.BLOCKED: "not yet",
    Status.PENDING: "queued",
    Status.ACTIVE: "working",
    Status.WAITING: "waiting for people",
    Status.COMPLETED: "done",
    Status.FAILED: "failed",
    Status.CANCELLED: "stopped",
    Status.SKIPPED: "skipped",
}


def plan_word(node: NodeSpec) -> str:
    """What a step of a plan is, in a few words."""
    match node.does:
        case GateSpec(quorum=quorum):
            return f"gate: {words.count(quorum, 'approval')}"
        case agent:
            return words.bounded(words.flat(agent.role or "agent"), LABEL)
