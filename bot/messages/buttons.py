"""What buttons are called, inside and outside; their values say what they are about. Pure.

Those of inquiries carry `Inquiry.value`, those of nodes the node's number, those of workflows the
workflow's number.
"""

from collections.abc import Mapping, Sequence

from bot.messages import blocks, words
from bot.messages.blocks import Block, Confirm
from engine import Decision, Inquiry, NodeView, Status, ToolCall

APPROVE = "inquiry.approve"
REJECT = "inquiry.reject"
RETRY_ASKED = "inquiry.retry"
SKIP_ASKED = "inquiry.skip"
RESOLVE = "inquiry.resolve"
# Those about one of several calls or questions; the value says which one as well.
ALLOW, ALWAYS, DENY = "tool.allow", "tool.always", "tool.deny"
CHOOSE = "question.choose"  # and the number of the option, since ids must differ
DECISIONS: Mapping[str, Decision] = {
    APPROVE: Decision.APPROVE,
    REJECT: Decision.REJECT,
    RETRY_ASKED: Decision.RETRY,
    SKIP_ASKED: Decision.SKIP,
    RESOLVE: Decision.RESOLVE,
    ALLOW: Decision.APPROVE,
    ALWAYS: Decision.ALWAYS,
    DENY: Decision.REJECT,
}
# Those that open a form.
SEND_BACK = "inquiry.send_back"
COMMENT = "inquiry.comment"
ADVISE_ASKED = "inquiry.advise"
DENY_BECAUSE, READ = "tool.deny_because", "tool.read"
ANSWER = "question.answer"
EDIT = "plan.edit"
ADVISE = "agent.advise"
# Those about nodes and workflows.
STOP, RETRY, SKIP, VIEW_DIFF = "agent.cancel", "agent.retry", "agent.skip", "agent.diff"
STOP_ALL, GRAPH = "workflow.cancel", "graph.show"
MERGE = "agent.merge"  # carries the number and the commit that was shown
BRANCH = 40  # characters of a branch on a button
CONFIRMED = 300  # characters that Slack shows before a button counts
OPTIONS = 5  # that are buttons
MENU = 2_000  # characters of all options in a menu
KEPT = "What has been done so far stays on its branch."


def of(inquiry: Inquiry, label: str, action: str) -> Block:
    """A button about an inquiry."""
    return blocks.button(label, action, inquiry.value)


def deciding_call(
    inquiry: Inquiry, number: str, call: ToolCall, *, whole: bool
) -> tuple[Block, ...]:
    """The buttons of a tool call; it is allowed only beside its whole text."""
    value = f"{inquiry.value}.{number}"
    deny = (
        blocks.button("Deny", DENY, value),
        blocks.button("Deny with a reason…", DENY_BECAUSE, value),
    )
    if not whole:
        return (blocks.button("Read it all…", READ, value), *deny)
    once = blocks.primary(blocks.button("Allow once", ALLOW, value))
    return (once, _always(value, call), *deny)


def _always(value: str, call: ToolCall) -> Block:
    """Allows it from now on, with exactly the rule that is shown before; a long one in a form."""
    said = f"From now on this agent does this without asking:\n{call.rule}"
    if words.units(said) > CONFIRMED:
        return blocks.button("Allow for this agent…", READ, value)
    made = blocks.button("Allow for this agent", ALWAYS, value)
    return {**made, "confirm": blocks.exactly(Confirm("Allow it?", said, "Allow", "Go back"))}


def choosing(inquiry: Inquiry, number: str, labels: Sequence[str]) -> list[Block]:
    """The options of a question, as buttons, or as a menu where there are many."""
    about = f"{inquiry.value}.{number}"
    named = [(words.flat(label) or "…", f"{about}.{i}") for i, label in enumerate(labels, 1)]
    if len(named) > OPTIONS:
        width = max(10, MENU // min(len(named), blocks.OPTIONS))
        fitting = [(words.bounded(label, width), value) for label, value in named]
        return [blocks.select("Choose an answer", CHOOSE, fitting)]
    return [blocks.button(label, f"{CHOOSE}.{i}", v) for i, (label, v) in enumerate(named, 1)]


def stop(agent: NodeView) -> Block:
    """The button that stops an agent."""
    asked = Confirm(f"Stop agent {agent.id}?", KEPT, "Stop", "Let it go on")
    return blocks.dangerous(blocks.button("Stop", STOP, str(agent.id)), asked)


def stop_all(workflow_id: int) -> Block:
    """The button that stops a workflow."""
    asked = Confirm(f"Stop workflow w{workflow_id}?", KEPT, "Stop all", "Let it go on")
    made = blocks.button("Stop workflow", STOP_ALL, str(workflow_id))
    return blocks.dangerous(made, asked)


def graph(workflow_id: int) -> Block:
    """The button that draws the graph."""
    return blocks.button("Show graph", GRAPH, str(workflow_id))


def diff(node_id: int) -> Block:
    """The button that shows what an agent changed."""
    return blocks.button("View diff", VIEW_DIFF, str(node_id))


def since_gate(node_id: int) -> Block:
    """The button that shows what changed between the last gate and this one."""
    return blocks.button("Diff since the last gate", VIEW_DIFF, str(node_id))


def retry(node_id: int) -> Block:
    """The button that lets an agent try again."""
    return blocks.button("Retry", RETRY, str(node_id))


def merge(node: NodeView) -> list[Block]:
    """The button that asks for a node's work to be merged, where that is possible."""
    if not (node.status is Status.COMPLETED and node.work.commit and node.work.onto):
        return []
    onto = words.bounded(words.flat(node.work.onto), BRANCH)
    return [blocks.button(f"Merge into {onto}…", MERGE, f"{node.id}.{node.work.commit[:64]}")]
