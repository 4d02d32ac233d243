"""The processes of a run: found whole, frozen, thawed and ended, and never anybody else's.

A run's processes are its root, everything below it, and everything that carries the run's
marker in its environment: the CLI starts shells in groups of their own, and what a shell leaves
behind belongs to init. Not found is only what left the tree and wiped its environment while
nobody looked, and on macOS what the system protects from having its environment read.
"""

import asyncio
import os
import platform
import secrets
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil

from engine import process_table
from engine.errors import MabError
from engine.process_table import Entry, environment, started_at

MARKER = "MAB_RUN"  # the environment variable that every process of a run carries
_HOLD_SECONDS = 2.0  # for stopping a tree that forks all the time
_KILL_SECONDS = 5.0  # both, and the usual grace of 2 s: everything ends within 10 s
_PAUSE = 0.02  # seconds between looks at processes that are about to end
_SLACK = 0.005 if sys.platform == "linux" else 2.0  # elsewhere start times follow the wall clock


class TreeSurvived(MabError):
    """Processes of an earlier attempt could not be ended."""


@dataclass(frozen=True)
class ProcessTree:
    """Where a run's processes can be found again, also by a later worker on the same host."""

    pid: int
    pid_started: float  # as `started_at` gives it
    marker: str
    host: str

    @classmethod
    def of(cls, pid: int, marker: str) -> "ProcessTree":
        """The tree below a process that runs here and now; raises psutil.NoSuchProcess."""
        return cls(pid, started_at(pid), marker, host_identity())


def new_marker() -> str:
    """A marker that no other run has."""
    return secrets.token_hex(16)


@cache
def host_identity() -> str:
    """What two processes share when their pids mean the same: machine, boot, pid namespace."""
    return f"{_machine()}:{_boot()}:{_pid_namespace()}"


def rebooted(then: str, here: str) -> bool:
    """Whether a host was this one before its last start: nothing that ran there runs any more."""
    machine, boot, *_ = f"{then}::".split(":")
    return here.startswith(f"{machine}:") and not here.startswith(f"{machine}:{boot}:")


def _machine() -> str:
    with suppress(OSError):
        if machine := Path("/etc/machine-id").read_text().strip():
            return machine
    return platform.node()


def _boot() -> str:
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    with suppress(OSError, subprocess.SubprocessError):
        command = ["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"]
        return subprocess.check_output(command, text=True, timeout=5).strip()
    return str(int(psutil.boot_time()))


def _pid_namespace() -> str:
    with suppress(OSError):
        return str(Path("/proc/self/ns/pid").stat().st_ino)
    return ""


def runs(pid: int, pid_started: float) -> bool:
    """Whether the process that had this pid at that time still runs."""
    try:
        same = abs(started_at(pid) - pid_started) < _SLACK
        return same and _alive(psutil.Process(pid))
    except psutil.NoSuchProcess:
        return False


def members(tree: ProcessTree) -> list[psutil.Process]:
    """The living processes of the run; blocks for a scan of the process table."""
    return list(_reach(tree, set()))


async def end(tree: ProcessTree, grace: float = 2.0) -> int:
    """End every process of the run and say how many there were.

    The root is asked first (SIGTERM) and has `grace` seconds to store what it knows; 0 skips
    that, and so do a frozen and a dead root. Raises TreeSurvived when something is left.
    """
    return await asyncio.to_thread(_end, tree, grace)


async def freeze(tree: ProcessTree) -> int:
    """Stop every process of the run where it is (SIGSTOP) and say how many there are."""
    return len(await asyncio.to_thread(_hold, tree, set()))


async def thaw(tree: ProcessTree) -> int:
    """Let a frozen run go on (SIGCONT) and say how many processes it has."""
    return await asyncio.to_thread(_thaw, tree)


def _thaw(tree: ProcessTree) -> int:
    found = _reach(tree, set())
    _send(found, signal.SIGCONT)
    return len(found)


def _end(tree: ProcessTree, grace: float) -> int:
    known = _reach(tree, set())
    _ask(tree, known, grace)
    deadline = time.monotonic() + _KILL_SECONDS
    while left := _hold(tree, known):
        known |= left
        _send(left, signal.SIGKILL)
        if not _await_end(left, deadline):
            pids = ", ".join(str(process.pid) for process in left if _alive(process))
            raise TreeSurvived(f"processes {pids} of an earlier attempt could not be ended")
    return len(known)


def _ask(tree: ProcessTree, known: set[psutil.Process], grace: float) -> None:
    """Ask the root to end; what it leaves behind stays known."""
    root = [process for process in known if _is_root(process, tree)]
    if grace > 0 and root and _status(root[0]) != psutil.STATUS_STOPPED:
        _send(root, signal.SIGTERM)
        _await_end(root, time.monotonic() + grace)


def _hold(tree: ProcessTree, known: set[psutil.Process]) -> set[psutil.Process]:
    """Stop the processes until a scan finds nobody new: what is stopped cannot fork."""
    stopped: set[psutil.Process] = set()
    deadline = time.monotonic() + _HOLD_SECONDS
    while (fresh := _reach(tree, known | stopped) - stopped) and time.monotonic() < deadline:
        _send(fresh, signal.SIGSTOP)
        stopped |= fresh
    return stopped


def _await_end(processes: Iterable[psutil.Process], deadline: float) -> bool:
    while alive := any(_alive(process) for process in processes):
        if time.monotonic() > deadline:
            break
        time.sleep(_PAUSE)
    return not alive


def _send(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with suppress(psutil.Error):  # it ended, its pid is another's by now, or is not ours
            process.send_signal(number)


def _alive(process: psutil.Process) -> bool:
    """Whether it can still do anything: a zombie only waits for its parent."""
    return _status(process) not in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}


def _status(process: psutil.Process) -> str:
    try:
        return str(process.status()) if process.is_running() else psutil.STATUS_DEAD
    except psutil.Error:
        return psutil.STATUS_DEAD


def _is_root(process: psutil.Process, tree: ProcessTree) -> bool:
    try:
        return _began(Entry(process.pid, 0, started_at(process.pid)), tree)
    except psutil.Error:
        return False  # it has just ended


def _began(entry: Entry, tree: ProcessTree) -> bool:
    """Whether it is the root of the run."""
    return entry.pid == tree.pid and abs(entry.started - tree.pid_started) < _SLACK


def _reach(tree: ProcessTree, known: set[psutil.Process]) -> set[psutil.Process]:
    """Root, marked and known processes, and everything below them."""
    if tree.host != host_identity():
        return set()
    entries = {entry.pid: entry for entry in process_table.living()}
    pids = {process.pid for process in known}
    todo = [
        entry
        for entry in entries.values()
        if _began(entry, tree)
        or (entry.pid in pids and _process(entry) in known)
        or (tree.marker and environment(entry.pid).get(MARKER) == tree.marker)
    ]
    below = _below(todo, entries.values(), barred=_lineage(os.getpid(), entries))
    return {process for process in map(_process, below) if process is not None}


def _below(todo: list[Entry], everyone: Iterable[Entry], barred: set[int]) -> set[Entry]:
    """These and everything below them, without those who are barred."""
    families: dict[int, list[Entry]] = defaultdict(list)
    for entry in everyone:
        families[entry.parent].append(entry)
    found: set[Entry] = set()
    while todo:
        entry = todo.pop()
        if entry not in found and entry.pid not in barred:
            found.add(entry)
            # what is older than its parent has got a reused pid for a parent
            todo += [child for child in families[entry.pid] if entry.started <= child.started]
    return found


def _lineage(pid: int, entries: Mapping[int, Entry]) -> set[int]:
    """A process and its ancestors."""
    found: set[int] = set()
    while pid in entries and pid not in found:
        found.add(pid)
        pid = entries[pid].parent
    return found


def _process(entry: Entry) -> psutil.Process | None:
    """A handle that is safe to send signals by; None when it has ended."""
    with suppress(psutil.Error):
        process = psutil.Process(entry.pid)
        return process if started_at(entry.pid) == entry.started else None
    return None
