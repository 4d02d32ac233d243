"""What people are told of money before it is used up. Pure."""

from typing import assert_never

from bot.messages import blocks, naming, words
from bot.messages.blocks import Message
from engine import Nearing, Whose

NAME = 30  # characters of a person's
THEN = "Who needs more than is left will wait, with all work kept, and people are asked."


def nearing(told: Nearing) -> Message:
    """A budget is nearly used up: a small message that calls nobody."""
    head = f"{_whose(told)} of {words.money(told.budget)} is nearly used up"
    said = f"{head}: {words.money(told.spent)} are spent. {THEN}"
    return Message(words.notification(head, told.agent.task), [blocks.plain(said)])


def _whose(told: Nearing) -> str:
    agent = told.agent
    match told.whose:
        case Whose.AGENT:
            return f"The budget of {naming.node(agent)}"
        case Whose.WORKFLOW:
            return f"The budget of workflow w{agent.workflow_id}"
        case Whose.PERSON:
            name = words.flat(agent.requester.name or agent.requester.id)
            return f"The daily budget of {words.bounded(name, NAME)}"
        case _:
            assert_never(told.whose)
