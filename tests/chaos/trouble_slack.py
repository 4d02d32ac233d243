"""Trouble on the way to and from Slack: calls that fail or hang, events and sockets."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random

from bot.local.faults import Fault as Order
from bot.local.validation import Refused
from tests.chaos.fault import Fault
from tests.chaos.grip import grip
from tests.chaos.ordered import BRIEF, PAST_A_LEASE, Ordered, Span, until
from tests.chaos.place import Place
from tests.chaos.trouble_workspace import FAULTS as WORKSPACE

SOCKETS = "sockets"
POST, EDIT = "chat.postMessage", "chat.update"
UPLOAD = "files.completeUploadExternal"
OPEN = "apps.connections.open"
SPOKEN = (POST, EDIT, "reactions.add", "conversations.replies", "conversations.history", "")
SLOW = Span(0.1, 0.5)
Ordering = Callable[[Place, Random], Order]


def limited(place: Place, chance: Random) -> Order:
    """429 with Retry-After."""
    method, times = chance.choice(SPOKEN), chance.randint(1, 4)
    return place.slack.faults.rate_limits(method, chance.randint(1, 3), times)


def failing(place: Place, chance: Random) -> Order:
    """500."""
    return place.slack.faults.server_errors(chance.choice(SPOKEN), chance.randint(1, 4))


def unavailable(place: Place, chance: Random) -> Order:
    """503."""
    return place.slack.faults.unavailable(chance.choice(SPOKEN), chance.randint(1, 4))


def reset(place: Place, chance: Random) -> Order:
    """The connection is reset before anything is done."""
    return place.slack.faults.reset_connections(chance.choice(SPOKEN), chance.randint(1, 4))


def lost(method: str) -> Ordering:
    """The call has its effect, and nobody hears of it."""
    return lambda place, chance: place.slack.faults.lose_answers(method, chance.randint(1, 2))


def hanging(place: Place, chance: Random) -> Order:
    """The call has its effect at once, and the answer does not come."""
    return place.slack.faults.lose_answers(chance.choice((POST, EDIT)), hang=True)


def late(place: Place, chance: Random) -> Order:
    """The call has its effect only after a while."""
    return place.slack.faults.delays(chance.choice((POST, EDIT)))


def twice(place: Place, chance: Random) -> Order:
    """An event that comes two or three times."""
    return place.slack.faults.duplicate_events(chance.randint(2, 3), times=chance.randint(1, 4))


def unheard(kind: str) -> Ordering:
    """The app acknowledges, and Slack does not hear it."""
    return lambda place, chance: place.slack.faults.drop_acks(kind, chance.randint(1, 2))


@dataclass(frozen=True)
class Reordered:
    """Events are held back, and come in another order."""

    kind: str = "slack events reordered"

    async def strike(self, place: Place, chance: Random) -> bool:
        """Hold, shuffle, release."""
        with grip(place, "events") as free:
            return free and await self._shuffled(place, chance)

    async def _shuffled(self, place: Place, chance: Random) -> bool:
        held = place.slack.parts.events.held
        fault = place.slack.faults.hold_events()
        try:
            await _ask(place, 2)
            await asyncio.sleep(BRIEF.seconds(place, chance))
            several = await until(lambda: len(held) > 1)
        finally:
            place.slack.faults.clear(fault)
            chance.shuffle(held)
            place.slack.release_events()
        return several


@dataclass(frozen=True)
class Gap:
    """Every socket is cut, no new one can be had for a while, and people speak meanwhile."""

    kind: str
    lasts: Span

    async def strike(self, place: Place, chance: Random) -> bool:
        """Cut, let people ask, and let the app connect again."""
        with grip(place, SOCKETS) as free:
            return free and await self._cut(place, chance)

    async def _cut(self, place: Place, chance: Random) -> bool:
        fault = place.slack.faults.reset_connections(OPEN)
        try:
            had = place.slack.connections
            await place.slack.disconnects()
            alone = await until(lambda: not place.slack.connections)
            await _ask(place, 1)
            await asyncio.sleep(self.lasts.seconds(place, chance))
        finally:
            place.slack.faults.clear(fault)
        return had > 0 and alone


@dataclass(frozen=True)
class Cut:
    """Every socket is closed without a word; new ones can be had at once."""

    kind: str = "slack sockets cut"

    async def strike(
        self,
        place: Place,
        chance: Random,  # noqa: ARG002 - the protocol's
    ) -> bool:
        """Close them."""
        had = place.slack.connections
        await place.slack.disconnects()
        return had > 0


@dataclass(frozen=True)
class Refresh:
    """Slack asks the app for new connections, as it does every few hours."""

    kind: str = "slack refresh"

    async def strike(self, place: Place, chance: Random) -> bool:
        """Ask."""
        had = place.slack.connections
        await place.slack.refreshes(chance.choice(("warning", "refresh_requested")))
        return had > 0


@dataclass(frozen=True)
class Stale:
    """The next addresses for sockets are no longer valid when they are used."""

    kind: str = "slack stale ticket"

    async def strike(self, place: Place, chance: Random) -> bool:
        """Cut the sockets, and refuse the first that come back."""
        with grip(place, SOCKETS) as free:
            return free and await self._refused(place, chance)

    async def _refused(self, place: Place, chance: Random) -> bool:
        fault = place.slack.faults.stale_tickets(times=chance.randint(1, 3))
        try:
            await place.slack.disconnects()
            await until(lambda: fault.times == 0)
        finally:
            place.slack.faults.clear(fault)
        return fault.struck > 0


@dataclass(frozen=True)
class Away:
    """Nothing of Slack can be reached."""

    kind: str = "slack away"

    async def strike(self, place: Place, chance: Random) -> bool:
        """Go down, and come back at the same address."""
        with grip(place, SOCKETS) as free:
            if free:
                await place.slack.goes_down()
                try:
                    await asyncio.sleep(BRIEF.seconds(place, chance))
                finally:
                    await place.slack.comes_back()
            return free


async def _ask(place: Place, times: int) -> None:
    for _ in range(times if place.ask else 0):
        assert place.ask is not None
        with suppress(Refused):  # that channel is shut just now
            await place.ask()


FAULTS: Sequence[Fault] = (
    Ordered("slack 429", limited),
    Ordered("slack 500", failing),
    Ordered("slack 503", unavailable),
    Ordered("slack connection reset", reset),
    Ordered("slack answer lost, message", lost(POST)),
    Ordered("slack answer lost, card", lost(EDIT)),
    Ordered("slack answer lost, file", lost(UPLOAD)),
    Ordered("slack answer hangs", hanging, hangs=SLOW),
    Ordered("slack call late", late, hangs=SLOW),
    Ordered("slack events duplicated", twice),
    Ordered("slack ack of an event dropped", unheard("events_api")),
    Ordered("slack ack of a command dropped", unheard("slash_commands")),
    Ordered("slack ack of a button dropped", unheard("interactive")),
    Reordered(),
    Gap("slack gap", BRIEF),
    Gap("slack gap longer than a lease", PAST_A_LEASE),
    Cut(),
    Refresh(),
    Stale(),
    Away(),
    *WORKSPACE,
)


@dataclass(frozen=True)
class TimedOut:
    """A call has its effect, and its caller waits until it gives up."""

    kind: str = "slack call timed out"
    seconds: float = 33.0  # the app's calls give up after 30

    async def strike(
        self,
        place: Place,
        chance: Random,  # noqa: ARG002 - the protocol's
    ) -> bool:
        """Let the next post hang."""
        fault = place.slack.faults.lose_answers(POST, hang=True)
        try:
            if await until(lambda: fault.struck, place.patience):
                await asyncio.sleep(self.seconds)
        finally:
            fault.over.set()
            place.slack.faults.clear(fault)
        return fault.struck > 0


LONG: Sequence[Fault] = (TimedOut(),)
