"""How late an event loop is: by how much a short sleep is longer than it should be."""

import asyncio
from dataclasses import dataclass, field
from time import time

SLEEP_SECONDS = 0.01


@dataclass
class Lag:
    """What was found so far: when, and how many seconds too late."""

    found: list[tuple[float, float]] = field(default_factory=list)  # seconds of the epoch

    async def watch(self) -> None:
        """Look until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + SLEEP_SECONDS
            await asyncio.sleep(SLEEP_SECONDS)
            self.found.append((time(), max(loop.time() - due, 0.0)))


def late_between(found: list[tuple[float, float]], first: float, last: float) -> list[float]:
    """Milliseconds too late, of what was found in a time; never none."""
    return [1000 * late for at, late in found if first <= at <= last] or [0.0]
