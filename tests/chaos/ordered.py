"""Trouble that the local Slack and the demo model make by order: struck so often, or for a while."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple, Protocol

from tests.chaos.place import Place

LOOK = 0.05  # seconds between two looks
PATIENCE = 30.0  # seconds


class Order(Protocol):
    """A fault of the local Slack or of the demo model."""

    times: int | None
    struck: int
    over: asyncio.Event


class Span(NamedTuple):
    """For how long, in leases."""

    least: float
    most: float

    def seconds(self, place: Place, chance: Random) -> float:
        """A time within it."""
        return chance.uniform(self.least, self.most) * place.lease


BRIEF, PAST_A_LEASE = Span(0.1, 0.6), Span(1.2, 1.7)


async def until(condition: Callable[[], Any], seconds: float = PATIENCE) -> bool:
    """Wait for a condition; whether it came true in time."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while not condition():  # noqa: ASYNC110 - what is looked at has no event
                await asyncio.sleep(LOOK)
    return bool(condition())


@dataclass(frozen=True)
class Ordered:
    """It is ordered, strikes, and is cleared: when it has struck so often, or after a while.

    With `hangs` what it strikes first stands still for so long.
    """

    kind: str
    order: Callable[[Place, Random], Order]
    lasts: Span | None = None  # None: as often as was ordered
    hangs: Span | None = None

    async def strike(self, place: Place, chance: Random) -> bool:
        """Order it, and clear it in any case."""
        fault = self.order(place, chance)
        try:
            await self._rage(fault, place, chance)
        finally:
            fault.over.set()
            place.slack.faults.clear(fault)  # type: ignore[arg-type] # it is of one of the two
            place.model.faults.clear(fault)  # type: ignore[arg-type]
        return fault.struck > 0

    async def _rage(self, fault: Order, place: Place, chance: Random) -> None:
        if self.lasts:
            await asyncio.sleep(self.lasts.seconds(place, chance))
        struck = await until(lambda: self._is_done(fault), place.patience)
        if self.hangs and struck:
            await asyncio.sleep(self.hangs.seconds(place, chance))

    def _is_done(self, fault: Order) -> bool:
        return fault.struck > 0 if self.lasts or self.hangs else fault.times == 0
