"""What a person asks for, checked. Pure."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from engine.errors import InvalidSpec

MAX_TASK = 30_000  # characters


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
class AgentSpec:
    """A task for one agent, with what differs from the configuration's defaults."""

    task: str
    role: str = ""
    repo: str = ""
    base: str = ""
    model: str = ""
    timeout: timedelta | None = None
    budget: Decimal | None = None  # US dollars

    def __post_init__(self) -> None:
        if not self.task.strip():
            raise InvalidSpec("the task is empty")
        if len(self.task) > MAX_TASK:
            raise InvalidSpec(
                f"the task has {len(self.task):,} characters; at most {MAX_TASK:,} are possible"
            )
        if self.timeout is not None and self.timeout <= timedelta(0):
            raise InvalidSpec("the timeout must be longer than zero")
        if self.budget is not None and self.budget <= 0:
            raise InvalidSpec("the budget must be more than zero")
