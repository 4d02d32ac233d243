"""A storm: people ask, trouble strikes, then everything must settle and be as promised."""

import asyncio
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import psutil

from engine.store import is_passing
from tests.chaos import books, sights
from tests.chaos.calm import progress, unsettled
from tests.chaos.fault import Fault
from tests.chaos.judge import Violation, World, judge, on_disk, orphans
from tests.chaos.keeper import Keeper
from tests.chaos.people import People
from tests.chaos.place import Place
from tests.chaos.report import Report
from tests.chaos.site import site
from tests.chaos.troubles import Tally, possible
from tests.chaos.watch import Watch
from tests.chaos.weather import Weather
from tests.processes.conftest import until

LAST_STRIKE = 60.0  # seconds for the strikes that are under way at the end
LONG = 300.0  # seconds from which on a storm has faults that take half a minute
PATIENCE = 20.0  # seconds for something to be there that such a storm can strike
SWEPT = 45.0  # seconds for a started worker to clear away what is left


@dataclass
class Storm:
    """One storm over one installation."""

    weather: Weather
    place: Place
    chance: Random = field(init=False)

    def __post_init__(self) -> None:
        seed = self.weather.seed
        self.chance = Random(f"{seed} trouble")
        self.keeper = Keeper(self.place, Random(f"{seed} keeper"))
        self.people = People(self.place, Random(f"{seed} people"), self.weather.asks)
        self.place.ask = self.people.mention
        self.watch = Watch(self.place)
        self.tally = Tally(self._possible(), self.chance)
        self.found: list[Violation] = []
        self.errors: list[str] = []  # of faults: defects of the suite

    def _possible(self) -> list[Fault]:
        long = self.weather.seconds >= LONG
        self.place.patience = PATIENCE if long else self.place.patience
        return possible(self.place, self.weather.only, long=long)

    async def blows(self) -> Report:
        """From the first program to the verdict."""
        began = time.monotonic()
        await self.keeper.begin()
        try:
            async with self._going_on(self.keeper.keep(), self.watch.look()):
                await self._strikes()
                stilled = await self._stills()
                recovered = asyncio.create_task(self._owned_again(stilled))
                settled = await self._settles()
                await recovered
                await self._sweeps()
            self.found += [*self.watch.seen, *await judge(self.place, self.people.asked)]
        finally:
            await self.keeper.end()
            self._ends_agents()
        return await self._report(time.monotonic() - began, settled)

    @asynccontextmanager
    async def _going_on(self, *coroutines: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(each) for each in coroutines]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for result in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(result, Exception):
                    self.errors.append(f"{type(result).__name__}: {result}")

    async def _strikes(self) -> None:
        """People ask and answer while trouble is made, until the time is over."""
        async with self._going_on(self.people.ask(), self.people.answer()):
            end = time.monotonic() + self.weather.seconds
            lanes = [asyncio.create_task(self._lane(end)) for _ in range(self.weather.lanes)]
            await asyncio.sleep(self.weather.seconds)
            try:
                async with asyncio.timeout(LAST_STRIKE):
                    await asyncio.gather(*lanes)
            except TimeoutError:  # which has cancelled them
                self.errors.append("a strike did not end")

    async def _lane(self, end: float) -> None:
        while time.monotonic() < end:
            fault = self.tally.next()
            self.tally.busy.add(fault.kind)
            try:
                struck = await fault.strike(self.place, self.chance)
                self.tally.count(fault.kind, struck=struck)
            except Exception as error:  # noqa: BLE001 - the storm goes on; the report names it
                self.tally.count(fault.kind, struck=False)
                self.errors.append(f"{fault.kind}: {error!r}")
            finally:
                self.tally.busy.discard(fault.kind)
            await asyncio.sleep(self.chance.uniform(*self.weather.between))

    async def _stills(self) -> float:
        """End all trouble; gives the moment from which on everything is sound."""
        self.place.slack.faults.clear()
        self.place.restart.clear()
        if self.place.start_database is not None and not await self._answers():
            await self.place.start_database()
        self.keeper.resume()
        for sight in await asyncio.to_thread(sights.of_agents, self.place.root):
            with suppress(psutil.Error):
                sight.process.send_signal(signal.SIGCONT)
        await self.keeper.ready()
        return time.monotonic()

    async def _answers(self) -> bool:
        try:
            await books.read(self.place.db)
        except Exception as error:
            if not is_passing(error):
                raise
            return False
        return True

    async def _owned_again(self, since: float) -> None:
        """(f) Two leases after the trouble no run belongs to a worker that is no more."""
        await asyncio.sleep(max(0.0, since + 2 * self.place.lease - time.monotonic()))
        rows = await books.read(self.place.db)
        alive = {worker.pid for worker in self.place.workers}
        known = {row.id for row in rows.workers if row.pid in alive}
        for run in rows.runs:
            if run.ended_at is None and run.worker not in known:
                about = f"agent {run.node_id}, attempt {run.attempt}"
                fact = f"still belongs to {run.worker}, which is gone for two leases"
                self.found.append(Violation("f", about, fact))

    async def _settles(self) -> float:
        """Decide whatever is asked until everything has ended, or nothing moves any more.

        Gives the seconds that it took.
        """
        began = moved = time.monotonic()
        before, waiting = "", list[str]()
        while time.monotonic() - moved < self.weather.patience:
            self.place.slack.parts.events.retry_now()
            await self.people.answer_all()
            await asyncio.sleep(1.0)
            world = await World.of(self.place)
            waiting = unsettled(world)
            if not waiting:
                break
            if (now := progress(world)) != before:
                before, moved = now, time.monotonic()
        else:
            fact = f"does not settle: {', '.join(waiting)}"
            self.found.append(Violation("f", "the installation", fact))
        return time.monotonic() - began

    async def _sweeps(self) -> None:
        """Start the workers again: what the dead have left behind is cleared away then."""
        before = list(self.place.workers)
        for worker in before:
            with suppress(ProcessLookupError):
                worker.signal(signal.SIGTERM)
        await asyncio.gather(*(each.ended(SWEPT) for each in before))
        await until(lambda: not {id(w) for w in before} & {id(w) for w in self.place.workers})
        await self.keeper.ready()
        with suppress(AssertionError):  # the judge names what is left
            await until(self._clean, SWEPT)

    async def _clean(self) -> bool:
        world = await World.of(self.place)
        return not await asyncio.to_thread(lambda: list(on_disk(world)))

    def _ends_agents(self) -> None:
        for sight in sights.of_agents(self.place.root):
            with suppress(psutil.Error):
                sight.process.kill()

    async def _report(self, seconds: float, settled: float) -> Report:
        world = await World.of(self.place)
        return Report(
            database=self.weather.database,
            seed=self.weather.seed,
            seconds=round(seconds),
            settled=round(settled, 1),
            tried=dict(self.tally.tried),
            struck=dict(self.tally.struck),
            did=dict(self.people.done),
            counts={
                "asked": len(self.people.asked),
                "requests": len(world.books.requests),
                "agents": len(world.books.nodes),
                "runs": len(world.books.runs),
                "runs lost": sum(run.outcome == "lost" for run in world.books.runs),
                "messages": len(world.wall.posted),
                "parked threads": len(world.parked),
                "worktrees of no run": len(orphans(world)),
                "program starts": self.keeper.starts,
                "CLIs at a time": self.watch.most,
            },
            ends=[f"{role} ended with {code}" for role, code in self.keeper.ended if code > 0],
            errors=self.errors,
            violations=self.found,
        )


async def storm(weather: Weather) -> Report:
    """Make an installation, let a storm blow over it; its directory stays if it did harm."""
    root = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="mab-storm-"))
    async with site(weather.database, root, weather.lease, limits=weather.limits) as place:
        report = await Storm(weather, place).blows()
        if report.violations:
            await asyncio.to_thread(_keep, await World.of(place))
    if report.violations:
        report.kept = str(root)
    else:
        await asyncio.to_thread(shutil.rmtree, root, ignore_errors=True)
    return report


def _keep(world: World) -> None:
    """Keep the ledger and Slack's messages for whoever looks into it."""
    lines = [f"{p.channel} {p.root} {p.ts} {p.kind} {p.id} {p.text}" for p in world.wall.posted]
    (world.place.root / "wall.txt").write_text("\n".join(lines))
    (world.place.root / "ledger.txt").write_text("\n".join(world.books.lines()))
