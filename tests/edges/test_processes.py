"""A run's processes are found whole and ended, and nobody else's are touched."""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from engine import process_table, processes
from engine.process_table import started_at
from engine.processes import MARKER, ProcessTree

SLEEP = "import time; time.sleep(300)"
# ignores SIGTERM, like everything that this starts
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('ready', flush=True); time.sleep(300)"
)
# forks children that ignore SIGTERM for as long as it lives, each in a session of its own
FORKER = f"""
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
for _ in range(200):
    subprocess.Popen([sys.executable, "-S", "-c", {STUBBORN!r}], start_new_session=True)
    time.sleep(0.05)
time.sleep(300)
"""
# a root, its shell in a session of its own, and a daemon that init has adopted
FAMILY = f"""
import os, subprocess, sys, time
subprocess.Popen(["sh", "-c", f"{{sys.executable}} -S -c '{SLEEP}' & wait"], start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv(sys.executable, [sys.executable, "-S", "-c", {SLEEP!r}])
    os._exit(0)
os.wait()
print("ready", flush=True)
time.sleep(300)
"""
COUNTER = """
import sys, time
from pathlib import Path
for number in range(10**6):
    Path(sys.argv[1]).write_text(str(number))
    time.sleep(0.01)
"""


class Nursery:
    """Starts real processes, and sees to it that a failing test leaves none behind."""

    def __init__(self) -> None:
        self.marker = processes.new_marker()
        self.started: list[subprocess.Popen[bytes]] = []

    def start(
        self, code: str, *arguments: str, marker: str | None = None
    ) -> subprocess.Popen[bytes]:
        environment = {**os.environ, MARKER: self.marker if marker is None else marker}
        command = [sys.executable, "-S", "-c", code, *arguments]
        popen = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
        self.started.append(popen)
        return popen

    def carriers(self) -> list[psutil.Process]:
        """Living processes with the marker: found by other means than the code under test."""
        return [process for process in psutil.process_iter() if carries(process, self.marker)]

    def close(self) -> None:
        for process in self.carriers():
            process.kill()
        for popen in self.started:
            popen.kill()
            popen.wait()
            assert popen.stdout
            popen.stdout.close()


def carries(process: psutil.Process, marker: str) -> bool:
    try:
        alive = process.status() != psutil.STATUS_ZOMBIE
        return alive and process.environ().get(MARKER) == marker
    except psutil.Error:
        return False


def environments_below(pid: int) -> list[dict[str, str]]:
    return [child.environ() for child in psutil.Process(pid).children()]


def gone(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()


def family(nursery: Nursery) -> subprocess.Popen[bytes]:
    """A root with a shell, the shell's child, and a daemon."""
    root = nursery.start(FAMILY)
    assert root.stdout
    assert root.stdout.readline() == b"ready\n"
    return root


async def eventually(holds: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not become true in time"
        await asyncio.sleep(0.02)


async def test_ends_shells_of_other_sessions_and_daemons(nursery: Nursery) -> None:
    root = family(nursery)
    await eventually(lambda: len(nursery.carriers()) == 4)
    tree = ProcessTree.of(root.pid, nursery.marker)
    assert {process.pid for process in processes.members(tree)} == {
        process.pid for process in nursery.carriers()
    }
    assert await processes.end(tree) == 4
    assert nursery.carriers() == []
    assert root.wait(timeout=60) != 0


async def test_finds_orphans_by_their_marker_when_the_root_is_dead(nursery: Nursery) -> None:
    root = family(nursery)
    await eventually(lambda: len(nursery.carriers()) == 4)
    tree = ProcessTree.of(root.pid, nursery.marker)
    root.kill()
    root.wait()
    assert len(processes.members(tree)) == 3
    assert await processes.end(tree) == 3
    assert nursery.carriers() == []


async def test_a_descendant_with_a_wiped_environment_is_found_by_descent(nursery: Nursery) -> None:
    wiped = (
        f"import os, sys; os.execve(sys.executable, [sys.executable, '-S', '-c', {SLEEP!r}], {{}})"
    )
    root = nursery.start(
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {wiped!r}])"
    )
    tree = ProcessTree.of(root.pid, nursery.marker)
    await eventually(lambda: environments_below(root.pid) == [{}])
    (child,) = psutil.Process(root.pid).children()
    assert await processes.end(tree) == 2
    assert gone(child)


@pytest.mark.skipif(not shutil.which("bwrap"), reason="bubblewrap is not installed")
async def test_what_a_sandbox_hides_is_found_from_outside(nursery: Nursery) -> None:
    wrap = ["bwrap", "--ro-bind", "/", "/", "--unshare-pid", "--proc", "/proc", "--new-session"]
    inside = [*wrap, sys.executable, "-S", "-c", STUBBORN]
    root = nursery.start(f"import subprocess, time; subprocess.Popen({inside!r}); time.sleep(300)")
    tree = ProcessTree.of(root.pid, nursery.marker)
    await eventually(lambda: len(nursery.carriers()) == 4)
    root.kill()
    root.wait()
    assert await processes.end(tree) == 3
    assert nursery.carriers() == []


async def test_a_reused_pid_is_left_alone(nursery: Nursery) -> None:
    stranger = nursery.start(SLEEP, marker="")
    late = replace(ProcessTree.of(stranger.pid, nursery.marker), pid_started=1.0)
    assert await processes.freeze(late) == 0
    assert await processes.end(late) == 0
    assert stranger.poll() is None
    assert psutil.Process(stranger.pid).status() != psutil.STATUS_STOPPED


async def test_pids_of_another_host_are_left_alone(nursery: Nursery) -> None:
    local = nursery.start(SLEEP)
    elsewhere = replace(ProcessTree.of(local.pid, nursery.marker), host="another")
    assert await processes.end(elsewhere) == 0
    assert local.poll() is None


async def test_siblings_and_other_runs_survive(nursery: Nursery) -> None:
    root = nursery.start(SLEEP)
    sibling = nursery.start(SLEEP, marker="")
    other_run = nursery.start(SLEEP, marker=processes.new_marker())
    prefixed = nursery.start(SLEEP, marker=nursery.marker + "0")
    assert await processes.end(ProcessTree.of(root.pid, nursery.marker)) == 1
    assert root.wait(timeout=60)
    assert [popen.poll() for popen in (sibling, other_run, prefixed)] == [None] * 3


async def test_an_empty_marker_marks_nobody(nursery: Nursery) -> None:
    root = nursery.start(SLEEP)
    unmarked = nursery.start(SLEEP, marker="")
    assert await processes.end(ProcessTree.of(root.pid, "")) == 1
    assert unmarked.poll() is None


def test_the_caller_and_its_ancestors_are_never_members(nursery: Nursery) -> None:
    """A caller inside the run, below its root, ends neither itself nor those above it."""
    caller = (
        "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1], sys.argv[2]])"
    )
    inside = (
        "import asyncio, os, sys; from engine import processes;"
        "tree = processes.ProcessTree.of(os.getppid(), sys.argv[1]);"
        "print(asyncio.run(processes.end(tree)), flush=True)"
    )
    command = [sys.executable, "-c", caller, inside, nursery.marker]
    environment = {**os.environ, MARKER: nursery.marker}
    ran = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.stdout, ran.stderr, ran.returncode) == ("0\n", "", 0)


async def test_freeze_stops_everything_and_thaw_lets_it_go_on(
    nursery: Nursery, tmp_path: Path
) -> None:
    file = tmp_path / "count"
    root = nursery.start(COUNTER, str(file))
    tree = ProcessTree.of(root.pid, nursery.marker)
    await eventually(lambda: file.exists() and file.read_text() > "")
    assert await processes.freeze(tree) == 1
    await eventually(lambda: psutil.Process(root.pid).status() == psutil.STATUS_STOPPED)
    stood = file.read_text()
    assert [process.pid for process in processes.members(tree)] == [root.pid]
    assert file.read_text() == stood
    assert await processes.thaw(tree) == 1
    await eventually(lambda: file.read_text() not in {stood, ""})


async def test_a_frozen_tree_ends_without_waiting_for_it_to_answer(nursery: Nursery) -> None:
    root = nursery.start(SLEEP)
    tree = ProcessTree.of(root.pid, nursery.marker)
    await processes.freeze(tree)
    await eventually(lambda: psutil.Process(root.pid).status() == psutil.STATUS_STOPPED)
    begun = time.monotonic()
    assert await processes.end(tree, grace=100) == 1
    assert time.monotonic() - begun < 50
    assert root.wait(timeout=60) == -9


async def test_the_root_may_put_its_things_in_order(nursery: Nursery, tmp_path: Path) -> None:
    last_word = tmp_path / "last word"
    polite = (
        "import signal, sys, time; from pathlib import Path\n"
        "def end(*_):\n    Path(sys.argv[1]).write_text('bye'); sys.exit(7)\n"
        "signal.signal(signal.SIGTERM, end); print('ready', flush=True); time.sleep(300)"
    )
    root = nursery.start(polite, str(last_word))
    assert root.stdout
    assert root.stdout.readline() == b"ready\n"
    assert await processes.end(ProcessTree.of(root.pid, nursery.marker)) == 1
    assert (root.wait(timeout=60), last_word.read_text()) == (7, "bye")


async def test_what_ignores_sigterm_and_forks_ends_all_the_same(nursery: Nursery) -> None:
    root = nursery.start(FORKER)
    await eventually(lambda: len(nursery.carriers()) > 4)
    assert await processes.end(ProcessTree.of(root.pid, nursery.marker)) > 4
    assert nursery.carriers() == []


async def test_the_loop_runs_on_meanwhile(nursery: Nursery) -> None:
    root = nursery.start(STUBBORN)
    assert root.stdout
    assert root.stdout.readline() == b"ready\n"
    ending = asyncio.create_task(processes.end(ProcessTree.of(root.pid, nursery.marker), grace=2))
    turns = 0
    while not ending.done():
        await asyncio.sleep(0.005)
        turns += 1
    assert turns > 20  # of some 400 while it waits
    assert await ending == 1


async def test_ending_twice_is_harmless(nursery: Nursery) -> None:
    root = nursery.start(SLEEP)
    tree = ProcessTree.of(root.pid, nursery.marker)
    assert [await processes.end(tree), await processes.end(tree)] == [1, 0]


def test_start_times_tell_processes_apart(nursery: Nursery) -> None:
    first = nursery.start(SLEEP)
    assert started_at(first.pid) == started_at(first.pid)
    assert started_at(first.pid) > started_at(os.getpid())
    first.kill()
    first.wait()
    with pytest.raises(psutil.NoSuchProcess):
        started_at(first.pid)


async def test_a_process_runs_until_it_ended_and_nobody_else_for_it(nursery: Nursery) -> None:
    first = nursery.start(SLEEP)
    started = started_at(first.pid)
    assert processes.runs(first.pid, started)
    assert not processes.runs(first.pid, started - 10)
    first.kill()
    await eventually(lambda: gone(psutil.Process(first.pid)))  # not reaped yet
    assert not processes.runs(first.pid, started)
    first.wait()
    assert not processes.runs(first.pid, started)


def test_the_host_is_the_same_for_every_process_here() -> None:
    code = "from engine import processes; print(processes.host_identity())"
    shown = subprocess.check_output([sys.executable, "-c", code], text=True).strip()
    assert shown == processes.host_identity()
    assert len(set(shown.split(":"))) == 3


def test_the_table_says_of_processes_what_psutil_says(nursery: Nursery) -> None:
    root = nursery.start(FAMILY)
    assert root.stdout
    root.stdout.readline()
    found = {entry.pid: entry for entry in process_table.living()}
    family = [psutil.Process(root.pid), *psutil.Process(root.pid).children(recursive=True)]
    carriers = {process.pid for process in nursery.carriers()}
    assert len(carriers) > len(family) > 1
    for process in family:
        assert found[process.pid].parent == process.ppid()
        age = found[process.pid].started - found[os.getpid()].started
        assert age == pytest.approx(process.create_time() - psutil.Process().create_time(), abs=0.1)
    assert carriers <= found.keys()
    for pid in carriers:
        assert process_table.environment(pid)[MARKER] == nursery.marker


def test_a_zombie_is_not_in_the_table(nursery: Nursery) -> None:
    child = nursery.start("pass")
    assert child.stdout
    child.stdout.read()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE
    assert child.pid not in {entry.pid for entry in process_table.living()}
    assert process_table.environment(2**22 + 1) == {}
