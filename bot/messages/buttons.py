"""What buttons are called, inside and outside; their values say what they are about. Pure.

Those of inquiries carry `Inquiry.value`, those of nodes the node's number, those of workflows the
workflow's number.
"""

from collections.abc import Mapping

from bot.messages import blocks, words
from bot.messages.blocks import Block, Confirm
from engine import Decision, Inquiry, NodeView, Status

APPROVE = "inquiry.approve"
REJECT = "inquiry.reject"
RETRY_ASKED = "inquiry.retry"
SKIP_ASKED = "inquiry.skip"
RESOLVE = "inquiry.resolve"
DECISIONS: Mapping[str, Decision] = {
    APPROVE: Decision.APPROVE,
    REJECT: Decision.REJECT,
    RETRY_ASKED: Decision.RETRY,
    SKIP_ASKED: Decision.SKIP,
    RESOLVE: Decision.RESOLVE,
}
# Those that open a form.
SEND_BACK = "inquiry.send_back"
COMMENT = "inquiry.comment"
ADVISE_ASKED = "inquiry.advise"
EDIT = "plan.edit"
ADVISE = "agent.advise"
# Those about nodes and workflows.
STOP, RETRY, SKIP, VIEW_DIFF = "agent.cancel", "agent.retry", "agent.skip", "agent.diff"
STOP_ALL, GRAPH = "workflow.cancel", "graph.show"
MERGE = "agent.merge"  # carries the number and the commit that was shown
BRANCH = 40  # characters of a branch on a button
KEPT = "What has been done so far stays on its branch."


def of(inquiry: Inquiry, label: str, action: str) -> Block:
    """A button about an inquiry."""
    return blocks.button(label, action, inquiry.value)


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
