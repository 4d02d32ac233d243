"""What somebody asks for, with who and where; and how that ends."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from bot.intake import Kind
from bot.messages import Message
from bot.places import place_of
from engine import Origin, Person, Recorded, Settled, StaleMove, Wish

Told = Callable[[int], dict[str, Any] | None]


@dataclass(frozen=True)
class Asked:
    """A command, the one who gave it, and where."""

    recorded: Recorded
    by: Person
    typed: str  # what the person meant, without Slack's markup
    again: bool = False

    @property
    def payload(self) -> Mapping[str, Any]:
        """What Slack sent of it."""
        return self.recorded.payload

    @property
    def pressed(self) -> bool:
        """Whether it was a button; its effect is seen in the thread."""
        return self.recorded.kind == Kind.ACTION

    @property
    def place(self) -> str:
        """The channel, in the engine's words."""
        return place_of(str(self.payload["team"]), str(self.payload["channel"]))

    @property
    def origin(self) -> Origin:
        """The thread that it belongs to; a slash command has none yet."""
        return Origin(self.place, self.payload.get("thread") or None)

    def wish(self, told: Told) -> Wish:
        """The engine's form of it; `told` gives the reply once the agent's number is known."""
        return Wish(self.origin, self.by, self.recorded.key, told, self.again)


class Done(Enum):
    """How a command ended that needs no reply."""

    SETTLED = auto()  # in the transaction of its effect
    IGNORED = auto()  # it meant nothing


Outcome = Message | Done


async def in_time(verb: Awaitable[object]) -> bool:
    """Carry out a verb of the engine; False when it came too late. Raises Settled."""
    try:
        await verb
    except Settled:
        raise
    except StaleMove:
        return False
    return True
