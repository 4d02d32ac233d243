"""The acknowledgement of a spawn: one line, and what the agent has to do without. Pure."""

from collections.abc import Sequence

from bot.messages import blocks, words
from bot.messages.blocks import Message
from engine import LARGEST_FILE, MOST_FILES

UNREAD = "The conversation above could not be read; the agent starts without it."
LISTED = 12


def queued(agent_id: int, lacks: Sequence[str] = ()) -> Message:
    """The acknowledgement of a spawn; `lacks` are sentences on what it goes without."""
    return _taken(f"Agent {agent_id} is queued", lacks)


def thinking(agent_id: int, lacks: Sequence[str] = ()) -> Message:
    """The acknowledgement of a goal that is to be planned."""
    return _taken(f"Agent {agent_id} reads the repository and proposes a plan", lacks)


def added(agent_id: int, lacks: Sequence[str] = ()) -> Message:
    """The acknowledgement of an agent that begins after others."""
    return _taken(f"Agent {agent_id} begins when what it goes on from is done", lacks)


def _taken(said: str, lacks: Sequence[str]) -> Message:
    more = len(lacks) - LISTED
    told = [*lacks[:LISTED], *([f"and {more} more"] if more > 0 else [])]
    return Message(words.notification(said), [blocks.plain("\n".join([said, *told]))])


def too_large(name: str) -> str:
    """A file is larger than an agent gets."""
    return _left_out(name, f"it is larger than {LARGEST_FILE // 2**20} MiB")


def too_many(name: str) -> str:
    """A file is one too many."""
    return _left_out(name, f"an agent gets at most {MOST_FILES} files")


def not_supported(name: str) -> str:
    """A file is neither an image nor a text."""
    return _left_out(name, "only images and text files can be used")


def not_slacks(name: str) -> str:
    """A file is not kept by Slack."""
    return _left_out(name, "it is not kept in Slack; upload the file itself")


def not_fetched(name: str) -> str:
    """Slack did not hand out a file."""
    return _left_out(name, "it could not be downloaded from Slack")


def _left_out(name: str, why: str) -> str:
    return f"The agent does not get “{words.bounded(words.flat(name), 60) or 'a file'}”: {why}."
