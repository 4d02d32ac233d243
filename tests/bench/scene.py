"""Two workers of one side with eight runs between them, and what those say: see `recovery`."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.bench.field import Side
from tests.bench.ground import Copy
from tests.bench.process import SideFailed, beside

RUNS = 8
SETTLE_SECONDS = 4.0
FIRST, SECOND = "first", "second"
Process = asyncio.subprocess.Process


@dataclass(frozen=True)
class Said:
    """A line of the log that all runs share."""

    who: str
    number: int
    what: str  # up | began | ended
    at: float  # seconds of the epoch
    pid: int

    @property
    def lives(self) -> bool:
        """Whether the program of a run is there; nobody waits for a child of who stands still."""
        try:
            return psutil.Process(self.pid).status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


@dataclass(frozen=True)
class Scene:
    """A database with eight runs, and what its two workers are told."""

    side: Side
    copy: Copy
    home: Path
    errors: Path
    lease: float

    @property
    def operated(self) -> bool:
        """Whether it needs somebody who starts the second worker when the first is gone."""
        return self.side.program == "dbos_side"

    def worker(self, who: str) -> AbstractAsyncContextManager[Process]:
        """A worker of that name."""
        log, go = str(self.home / "log"), str(self._go(who))
        work = {"do": "labour", "url": self.copy.url, "jobs": RUNS, "concurrency": RUNS}
        own = {"home": str(self.home), "lease": self.lease, "who": who, "log": log, "go": go}
        return beside(self.side.program, self.errors, **work, **own, **self.side.given)

    def _go(self, who: str) -> Path:
        return self.home / f"go-{who}"

    def finish(self, who: str) -> None:
        """Let the runs of a worker come to their end."""
        self._go(who).touch()

    def said(self, what: str, who: str = "") -> list[Said]:
        """What runs, or workers, have said."""
        log = self.home / "log"
        lines = log.read_text().splitlines() if log.exists() else []
        every = (Said(**json.loads(line)) for line in lines)
        return [each for each in every if each.what == what and who in ("", each.who)]

    def begun(self, who: str) -> dict[int, Said]:
        """How each run began at a worker, the first time that it did."""
        return {each.number: each for each in reversed(self.said("began", who))}

    def all_begun(self, who: str) -> bool:
        """Whether a worker has begun every run."""
        return len(self.begun(who)) == RUNS

    def many(self, what: str, times: int) -> int:
        """How many runs have said something so many times, or more."""
        said = Counter(each.number for each in self.said(what))
        return sum(many >= times for many in said.values())

    async def recorded(self) -> int:
        """How many runs the side has recorded as ended well."""
        return await self.copy.counted(self.side.recorded)

    async def ended(self) -> int:
        """Let the second worker's runs end; how many of all never are recorded as ended."""
        self.finish(SECOND)
        with suppress(TimeoutError):  # then some are missing, which is what is counted
            async with asyncio.timeout(2 * self.lease + SETTLE_SECONDS):
                while await self.recorded() < RUNS:  # noqa: ASYNC110 - others write
                    await asyncio.sleep(0.2)
        await asyncio.sleep(SETTLE_SECONDS)  # for an end that comes twice
        return RUNS - await self.recorded()

    async def until(self, ask: Callable[[], bool], seconds: float) -> None:
        """Wait; raises SideFailed with what the workers have written."""
        try:
            async with asyncio.timeout(seconds):
                while not ask():  # noqa: ASYNC110 - others write
                    await asyncio.sleep(0.02)
        except TimeoutError:
            tail = self.errors.read_text(errors="replace")[-3000:]
            raise SideFailed(f"{self.side.name}: not within {seconds:.0f} s: {tail}") from None
