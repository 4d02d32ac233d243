"""What people are answered whose command does not fit what it is about. Pure."""

from bot.messages import blocks, words
from bot.messages.blocks import Message
from engine import NodeView


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


def _line(said: str) -> Message:
    return Message(words.notification(said.replace("`", "")), [blocks.mrkdwn(said)])
