"""What every side's program does: read its work, count what is carried out, give its answer."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter, time
from typing import Any

ACKNOWLEDGED_SECONDS = 0.02  # between two looks at what is recorded, once all was carried out


@dataclass(frozen=True)
class Work:
    """What a side is asked to do."""

    do: str
    url: str  # postgresql://… or sqlite://…
    jobs: int
    concurrency: int = 1
    driver: str = ""
    tuned: bool = False
    home: Path = Path()
    per_second: float = 0.0
    slack: Mapping[str, str] = field(
        default_factory=dict
    )  # how it is reached: url, bot, app, admin
    lease: float = 0.0  # seconds without a word after which a worker's runs are taken from it
    who: str = ""  # which worker it is, of several
    log: str = ""  # file: what runs say, of all workers
    go: str = ""  # file: once it is there, this worker's runs end

    @classmethod
    def given(cls) -> "Work":
        """From the command line."""
        told = json.loads(sys.argv[1])
        return cls(**{**told, "home": Path(told.get("home", ""))})


@dataclass
class Count:
    """Counts jobs that are carried out; knows when the first and the last began."""

    jobs: int
    done: int = 0
    began: dict[int, float] = field(default_factory=dict)  # by number, seconds of the epoch
    first: float = 0.0
    last: float = 0.0
    every: asyncio.Event = field(default_factory=asyncio.Event)

    def __call__(self, number: int) -> None:
        """A job is carried out."""
        self.began[number] = time()
        self.last = perf_counter()
        self.first = self.first or self.last
        self.done += 1
        if self.done >= self.jobs:
            self.every.set()

    async def take(self, number: int) -> None:
        """Carry out a job: there is nothing to do but to count it."""
        self(number)

    async def all_of(self, running: asyncio.Task[Any] | None = None) -> None:
        """Wait until every job was carried out; a worker that ends before raises what it did."""
        every = asyncio.create_task(self.every.wait())
        await asyncio.wait(
            {every} | ({running} if running else set()), return_when="FIRST_COMPLETED"
        )
        if not every.done():
            every.cancel()
            assert running is not None
            raise AssertionError(f"the worker ended: {running.exception()!r}")

    async def acknowledged(
        self,
        left: Callable[[], Awaitable[int]],
        began: float,
        running: asyncio.Task[Any] | None = None,
    ) -> Any:
        """Wait until nothing is left to be recorded; what was measured since `began`."""
        await self.all_of(running)
        while await left():  # noqa: ASYNC110 - others write
            await asyncio.sleep(ACKNOWLEDGED_SECONDS)
        seconds = perf_counter() - began
        return {"seconds": seconds, "span": self.last - self.first, "carried_out": self.done}


def answer(found: Any) -> None:
    """Say what was found; the last line that the program prints."""
    print(json.dumps(found), flush=True)  # noqa: T201 - it is read by the bench
