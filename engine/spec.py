"""What a person asks for, checked. Pure."""

import unicodedata
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from engine.errors import InvalidSpec

MAX_TASK = 30_000  # characters
INVISIBLE = frozenset({"Cc", "Cf", "Zl", "Zp", "Zs"})  # categories of Unicode
MOST_TRIES = 10
MOST_FILES = 10  # with one task, and from one agent
LARGEST_FILE = 10 * 2**20  # bytes


@dataclass(frozen=True)
class Person:
    """Somebody who asks or decides: an id that the front end understands, and a name."""

    id: str
    name: str


@dataclass(frozen=True)
class Origin:
    """The thread that a request belongs to, in words that the front end alone understands."""

    place: str
    thread: str | None  # None: the thread begins with the card, which is yet to be posted


@dataclass(frozen=True)
class File:
    """A file that goes with an agent: people gave it, or the agent hands it out."""

    name: str
    mimetype: str
    content: bytes = field(repr=False)


@dataclass(frozen=True)
class Context:
    """What was said before an agent was asked for, as text that the agent is given."""

    text: str = ""
    messages: int = 0  # that are quoted in it


@dataclass(frozen=True)
class AgentSpec:
    """A task for one agent, with what differs from the configuration's defaults."""

    task: str
    role: str = ""
    repo: str = ""
    base: str = ""
    model: str = ""
    timeout: timedelta | None = None
    budget: Decimal | None = None  # US dollars
    context: Context = Context()
    files: tuple[File, ...] = ()
    check: str = ""  # instead of the repository's check command
    max_failures: int | None = None
    reads_only: bool = False  # no tool that changes anything

    def __post_init__(self) -> None:
        if not _visible(self.task):
            raise InvalidSpec("the task is empty")
        if len(self.task) > MAX_TASK:
            raise InvalidSpec(
                f"the task has {len(self.task):,} characters; at most {MAX_TASK:,} are possible"
            )
        if self.timeout is not None and self.timeout <= timedelta(0):
            raise InvalidSpec("the timeout must be longer than zero")
        if self.budget is not None and self.budget <= 0:
            raise InvalidSpec("the budget must be more than zero")
        if self.max_failures is not None and not 1 <= self.max_failures <= MOST_TRIES:
            raise InvalidSpec(f"an agent can be tried 1 to {MOST_TRIES} times")


def _visible(text: str) -> bool:
    """Whether there is anything to read in a text: no letter may be a blank, or be invisible."""
    return any(unicodedata.category(letter) not in INVISIBLE for letter in text)
