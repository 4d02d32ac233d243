"""Starts the programs of an installation, and starts again what has ended."""

import asyncio
import signal
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.chaos.place import Place
from tests.chaos.site import environment
from tests.processes.conftest import Running, until

PAUSE = (0.2, 2.0)  # seconds between an end and the next start
LOOK = 0.2
READY = 120.0


@dataclass
class Keeper:
    """Two bots and two workers, kept alive."""

    place: Place
    chance: Random
    starts: int = 0
    logs: list[Path] = field(default_factory=list)
    ended: list[tuple[str, int]] = field(default_factory=list)  # what ended by itself, and how
    _due: dict[tuple[str, int], float] = field(default_factory=dict)

    async def begin(self) -> None:
        """Start everything and wait until it serves."""
        bots, workers = len(self.place.homes), len(self.place.homes)
        self.place.bots += [await self._start("bot", number) for number in range(bots)]
        self.place.workers += [await self._start("worker", number) for number in range(workers)]
        await self.ready()

    async def ready(self) -> None:
        """Wait until every program serves; those that end meanwhile are started again."""
        await until(self._all_ready, READY)

    def _all_ready(self) -> bool:
        alive = [each for each in self.place.programs if each.process.returncode is None]
        told = [each for each in alive if "ready" in each.events()]
        return len(told) == len(self.place.programs)

    async def keep(self) -> None:
        """Start again what has ended, after a pause; until cancelled."""
        while True:
            await self._look()
            await asyncio.sleep(LOOK)

    async def _look(self) -> None:
        now = asyncio.get_running_loop().time()
        for role, running in (("bot", self.place.bots), ("worker", self.place.workers)):
            for number, each in enumerate(running):
                if each.process.returncode is None:
                    continue
                due = self._due.setdefault((role, number), now + self.chance.uniform(*PAUSE))
                if now >= due:
                    del self._due[role, number]
                    self.ended.append((role, each.process.returncode))
                    running[number] = await self._start(role, number)

    async def _start(self, role: str, number: int) -> Running:
        environ = environment(self.place, self.place.homes[number]) | self.place.restart
        self.place.restart.clear()
        self.starts += 1
        log = self.place.root / f"{self.starts:03}-{role}{number + 1}.log"
        self.logs.append(log)
        with log.open("wb") as out:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bot.start", role),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=self.place.root,
                env=environ,
            )
        return Running(process, log)

    def resume(self) -> None:
        """Let everything go on that was stopped."""
        for each in self.place.programs:
            _tell(each, signal.SIGCONT)

    async def end(self) -> None:
        """End every program as an operator does; what does not end within a while is killed."""
        for each in self.place.programs:
            _tell(each, signal.SIGCONT)
            _tell(each, signal.SIGTERM)
        with suppress(TimeoutError):
            async with asyncio.timeout(30):
                await asyncio.gather(*(each.process.wait() for each in self.place.programs))
        for each in self.place.programs:
            _tell(each, signal.SIGKILL)
            await each.process.wait()


def _tell(program: Running, number: signal.Signals) -> None:
    if program.process.returncode is None:
        with suppress(ProcessLookupError):
            program.signal(number)
