"""The process table of this machine, read whole.

On Linux it is read straight from /proc: workers look at it all the time, and a look by psutil,
which reads several files for each process, takes several times as much of the processor.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")  # a second
_GONE = frozenset({b"Z", b"X"})  # states: zombies only wait for their parents


@dataclass(frozen=True, slots=True)
class Entry:
    """A living process."""

    pid: int
    parent: int
    started: float  # as `started_at` gives it


def living() -> list[Entry]:
    """Every living process, zombies left out; blocks for a look at all of them."""
    return list(_in_proc() if sys.platform == "linux" else _by_psutil())


def started_at(pid: int) -> float:
    """When a process started; raises psutil.NoSuchProcess.

    Seconds since boot on Linux, where no clock change moves them; since the epoch elsewhere.
    """
    try:
        return _started(_stat(pid))
    except OSError:
        return psutil.Process(pid).create_time()


def environment(pid: int) -> Mapping[str, str]:
    """What a process of this user began with; {} for others, and for what has ended."""
    try:
        if sys.platform != "linux":
            process = psutil.Process(pid)
            return process.environ() if process.uids().real == os.getuid() else {}
        if os.stat(f"/proc/{pid}").st_uid != os.getuid():  # noqa: PTH116 - of hundreds, each time
            return {}
        raw = Path(f"/proc/{pid}/environ").read_bytes()
    except (OSError, psutil.Error):
        return {}
    pairs = (each.partition("=") for each in os.fsdecode(raw).split("\0"))
    return {name: value for name, _, value in pairs}


def _in_proc() -> Iterator[Entry]:
    for name in os.listdir(PROC):  # noqa: PTH208 - names are all that is wanted
        with suppress(OSError):  # it has just ended
            if name.isdecimal() and (stat := _stat(int(name)))[0] not in _GONE:
                yield Entry(int(name), int(stat[1]), _started(stat))


def _stat(pid: int) -> list[bytes]:
    """The fields of proc(5)'s stat from the third on; raises OSError.

    The name in parentheses, field 2, may hold spaces and parentheses.
    """
    with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - of hundreds, each time
        return file.read().rpartition(b")")[2].split()


def _started(stat: list[bytes]) -> float:
    return int(stat[19]) / _TICKS  # field 22


def _by_psutil() -> Iterator[Entry]:
    for pid in psutil.pids():
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            with process.oneshot():
                if process.status() != psutil.STATUS_ZOMBIE:
                    yield Entry(pid, process.ppid(), process.create_time())
