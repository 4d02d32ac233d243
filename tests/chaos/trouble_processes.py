"""Trouble with processes: killed, frozen for a while, drained, ended at a named point."""

import asyncio
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

import psutil

from engine.failpoints import VARIABLE, Deed, Failpoint
from tests.chaos.fault import Fault
from tests.chaos.place import Place
from tests.chaos.sights import children, of_agents
from tests.processes.conftest import Running

PAUSE = 0.1  # seconds between two looks
SHELLS = frozenset({"bash", "sh", "zsh", "sleep", "bwrap"})
PATIENCE = 15.0  # seconds for a program to come to its failpoint
Find = Callable[[Place], Sequence[psutil.Process]]


class Frozen(NamedTuple):
    """For how long something stands still, in leases."""

    least: float
    most: float


SHORTLY, LONG = Frozen(0.1, 0.7), Frozen(1.3, 2.2)


def bots(place: Place) -> Sequence[psutil.Process]:
    """Every bot that runs."""
    return _alive(place.bots)


def workers(place: Place) -> Sequence[psutil.Process]:
    """Every worker that runs."""
    return _alive(place.workers)


def clis(place: Place) -> Sequence[psutil.Process]:
    """Every Claude CLI at work."""
    return [sight.process for sight in of_agents(place.root) if sight.is_cli]


def shells(place: Place) -> Sequence[psutil.Process]:
    """What CLIs have started to run commands."""
    return [sight.process for sight in of_agents(place.root) if sight.name in SHELLS]


def gits(place: Place) -> Sequence[psutil.Process]:
    """Every git of a worker's."""
    return [git for worker in place.workers for git in children(worker.pid, "git")]


def _alive(programs: Sequence[Running]) -> list[psutil.Process]:
    found = []
    for each in programs:
        with suppress(psutil.Error):
            if each.process.returncode is None:
                found.append(psutil.Process(each.pid))
    return found


async def _one(place: Place, find: Find, chance: Random) -> psutil.Process | None:
    """One of them, once there is one."""
    for _ in range(int(place.patience / PAUSE)):
        if found := await asyncio.to_thread(find, place):
            return chance.choice(list(found))
        await asyncio.sleep(PAUSE)
    return None


@dataclass(frozen=True)
class Killed:
    """SIGKILL."""

    kind: str
    find: Find
    number: signal.Signals = signal.SIGKILL

    async def strike(self, place: Place, chance: Random) -> bool:
        """Send the signal to one of them."""
        victim = await _one(place, self.find, chance)
        return victim is not None and _sent(victim, self.number)


@dataclass(frozen=True)
class Stopped:
    """SIGSTOP, and SIGCONT after a while."""

    kind: str
    find: Find
    time: Frozen

    async def strike(self, place: Place, chance: Random) -> bool:
        """Have one of them stand still."""
        victim = await _one(place, self.find, chance)
        if victim is None or not _sent(victim, signal.SIGSTOP):
            return False
        try:
            await asyncio.sleep(chance.uniform(*self.time) * place.lease)
        finally:
            _sent(victim, signal.SIGCONT)
        return True


@dataclass(frozen=True)
class AtPoint:
    """A program is started again, and ends or stands still at a named point."""

    point: Failpoint

    @property
    def kind(self) -> str:
        """Its name."""
        return f"at {self.point}"

    async def strike(self, place: Place, chance: Random) -> bool:
        """Replace one program; whether it came to the point in time."""
        programs = place.bots if self.point in OF_BOTS else place.workers
        number = chance.randrange(len(programs))
        old, deed = programs[number], chance.choice(list(Deed))
        if old.process.returncode is not None or place.restart:
            return False
        place.restart[VARIABLE] = f"{self.point}={deed}"
        old.signal(signal.SIGKILL)
        new = await _replaced(programs, number, old)
        if new is None:
            place.restart.clear()
            return False
        sprung = False
        try:
            if self.point in OF_TAKING_OVER:
                await self._lose(place, new)
            sprung = await self._sprung(new, place, chance)
        finally:
            if not sprung:  # or it would stand still when nobody has it go on
                _ends(new)
        return sprung

    async def _lose(self, place: Place, new: Running) -> None:
        """Have the other worker lose what it runs, once this one serves."""
        for _ in range(int(PATIENCE / PAUSE)):
            if "ready" in new.events():
                break
            await asyncio.sleep(PAUSE)
        for other in place.workers:
            if other is not new and other.process.returncode is None:
                other.signal(signal.SIGKILL)

    async def _sprung(self, new: Running, place: Place, chance: Random) -> bool:
        for _ in range(int(PATIENCE / PAUSE)):
            if (code := new.process.returncode) is not None:
                return code == -signal.SIGKILL
            if _is_stopped(new.pid):
                await asyncio.sleep(chance.uniform(0.5, 1.8) * place.lease)
                return _goes_on(new)
            await asyncio.sleep(PAUSE)
        return False


def _ends(program: Running) -> None:
    with suppress(ProcessLookupError):
        program.signal(signal.SIGKILL)


def _goes_on(program: Running) -> bool:
    """It stood still, and goes on unless something else has ended it meanwhile."""
    with suppress(ProcessLookupError):
        program.signal(signal.SIGCONT)
    return True


async def _replaced(programs: Sequence[Running], number: int, old: Running) -> Running | None:
    for _ in range(int(PATIENCE / PAUSE)):
        if programs[number] is not old:
            return programs[number]
        await asyncio.sleep(PAUSE)
    return None


def _is_stopped(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_STOPPED
    except psutil.Error:
        return False


def _sent(victim: psutil.Process, number: signal.Signals) -> bool:
    try:
        victim.send_signal(number)
    except psutil.Error:
        return False  # it has just ended
    return True


OF_BOTS = frozenset({Failpoint.AFTER_INBOX_COMMIT, Failpoint.BEFORE_POST, Failpoint.AFTER_POST})
OF_TAKING_OVER = frozenset({Failpoint.AFTER_TAKEOVER_COMMIT, Failpoint.DURING_TAKEOVER})
FAULTS: Sequence[Fault] = (
    Killed("bot killed", bots),
    Killed("worker killed", workers),
    Killed("bot drained", bots, signal.SIGTERM),
    Killed("worker drained", workers, signal.SIGTERM),
    Killed("CLI killed", clis),
    Killed("shell killed", shells),
    Killed("git killed", gits),
    Stopped("bot frozen shortly", bots, SHORTLY),
    Stopped("bot frozen long", bots, LONG),
    Stopped("worker frozen shortly", workers, SHORTLY),
    Stopped("worker frozen long", workers, LONG),
    Stopped("CLI frozen shortly", clis, SHORTLY),
    Stopped("CLI frozen long", clis, LONG),
    Stopped("shell frozen", shells, SHORTLY),
    Stopped("git frozen", gits, SHORTLY),
    *(AtPoint(point) for point in Failpoint),
)
