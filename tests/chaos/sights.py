"""What can be seen of agents in the process table, from outside."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from engine.processes import MARKER
from tests.processes.conftest import everybody

CLI = "claude"


@dataclass(frozen=True)
class Sight:
    """A living process of an agent."""

    process: psutil.Process
    marker: str
    name: str
    command: tuple[str, ...]
    directory: str
    stopped: bool

    @property
    def is_cli(self) -> bool:
        """Whether it is the Claude CLI itself."""
        return self.name == CLI

    @property
    def agent(self) -> int:
        """The number of the agent by its worktree, 0 when it is elsewhere."""
        worktree = next((p for p in Path(self.directory).parts if p.startswith("agent-")), "")
        number = worktree.removeprefix("agent-").partition("-")[0]
        return int(number) if number.isdigit() else 0


def of_agents(root: Path) -> list[Sight]:
    """The processes of the agents of an installation; blocks for a look at the process table."""
    return [sight for process in everybody() for sight in _seen(process, root)]


def _seen(process: psutil.Process, root: Path) -> Iterator[Sight]:
    with suppress(psutil.Error, OSError):
        environ = process.environ()
        if MARKER not in environ or not environ.get("HOME", "").startswith(str(root)):
            return
        status = process.status()
        if status in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}:
            return
        yield Sight(
            process,
            environ[MARKER],
            process.name(),
            tuple(process.cmdline()),
            process.cwd(),
            status == psutil.STATUS_STOPPED,
        )


def children(program: int, name: str) -> list[psutil.Process]:
    """The processes of this name below a program."""
    with suppress(psutil.Error):
        below = psutil.Process(program).children(recursive=True)
        return [process for process in below if _called(process, name)]
    return []


def _called(process: psutil.Process, name: str) -> bool:
    try:
        return process.name() == name
    except psutil.Error:
        return False
