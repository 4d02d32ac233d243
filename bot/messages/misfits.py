"""What people are answered whose command does not fit what it is about. Pure."""

from collections.abc import Sequence

from bot.messages import blocks, buttons, naming, words
from bot.messages.blocks import Message
from engine import NodeView

STOPPABLE = 12  # that are named
TASK = 150  # characters


def is_gate(gate: NodeView, verb: str) -> Message:
    """A command about agents was given about a gate."""
    named = f"w{gate.workflow_id}.{gate.key}"
    return _line(f"{named} is a gate, where people decide; `{verb}` is about agents.")


def cannot_skip(node: NodeView) -> Message:
    """A step that works or is done cannot be left out."""
    return _line(f"Agent {node.id} is {node.status}; only what failed or has not begun is skipped.")


def no_workflow() -> Message:
    """There is no workflow here to be drawn."""
    return _line("This thread has no workflow. Type `graph w5` with the workflow's number.")


def nothing_before() -> Message:
    """Something is to be done after what the thread works on, and there is nothing."""
    return _line("There is no agent in this thread to go on from. Leave out `then:` to start one.")


def press_again() -> Message:
    """A form could not be opened in the time that Slack gives."""
    return _line("That took too long for Slack. Press the button once more.")


def not_a_step(thread_has: int) -> Message:
    """Something was said to nobody in particular."""
    return _line(
        f"{words.count(thread_has, 'agent')} could be meant. Begin with the step's key or the "
        "agent's number: `12: use sqlite`."
    )


def which_to_stop(nodes: Sequence[NodeView]) -> Message:
    """Something is to be stopped, and several have not ended; they are of one workflow."""
    said = "Which agent? Nothing was stopped. Press Stop, or type its number: `stop 12`"
    more = len(nodes) - STOPPABLE
    lines = [blocks.plain(_named(node), accessory=buttons.stop(node)) for node in nodes[:STOPPABLE]]
    rest = [blocks.context(f"and {more:,} more")] if more > 0 else []
    together = blocks.actions(buttons.stop_all(nodes[0].workflow_id))
    title = words.notification(said.replace("`", ""))
    return Message(title, [blocks.mrkdwn(said), *lines, *rest, together])


def _named(node: NodeView) -> str:
    key = f" ({naming.node(node)})" if node.key else ""
    return f"{node.id}{key}: {words.bounded(words.flat(node.task), TASK)}"


def _line(said: str) -> Message:
    return Message(words.notification(said.replace("`", "")), [blocks.mrkdwn(said)])
