"""The temporary directories of runs, and whose they are: a run that is killed leaves them behind.

They lie where the system keeps temporary files, not below MAB_HOME: sandboxes keep sockets there,
and a path to a socket has no more than about a hundred characters. So their names tell the
installation and the run. What the SDK lays out there to go on with a session (the transcript and
the CLI's credentials) is named by it, and tells the worktree.
"""

import asyncio
import base64
import hashlib
import os
import shutil
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from engine.processes import MARKER

KIND = "mab-run-"
RESUMED = "claude-resume-"
OF_HOME, OF_RUN = 5, 7  # characters of a name


def prefix(environment: Mapping[str, str]) -> str:
    """How the names of a run's directories begin; the environment is that of its processes."""
    return _of_home(environment.get("HOME", "")) + environment.get(MARKER, "")[:OF_RUN]


def _of_home(home: str) -> str:
    told = base64.b32encode(hashlib.sha256(home.encode()).digest()).decode().lower()
    return KIND + told[:OF_HOME]


@dataclass(frozen=True)
class Live:
    """Runs that have not ended."""

    markers: Collection[str]
    workspaces: Collection[str]


@dataclass(frozen=True)
class Scratch:
    """What the runs of one installation leave among the temporary files of this host."""

    place: Path
    home: Path  # of agents' processes
    worktrees: Path

    async def sweep(self, live: Callable[[], Awaitable[Live]]) -> int:
        """Remove what belongs to no live run; gives how many there were.

        They are asked for last: a run is known before it makes its directories.
        """
        found = await asyncio.to_thread(lambda: list(self._mine()))
        if not found:
            return 0
        kept = await live()
        return await asyncio.to_thread(self._remove, found, kept)

    def _mine(self) -> Iterator[Path]:
        with suppress(OSError), os.scandir(self.place) as entries:
            for entry in entries:
                ours = entry.name.startswith((_of_home(str(self.home)), RESUMED))
                if ours and entry.is_dir(follow_symlinks=False) and _is_own(entry):
                    yield Path(entry.path)

    def _remove(self, found: Collection[Path], live: Live) -> int:
        at_work = tuple(_of_home(str(self.home)) + marker[:OF_RUN] for marker in live.markers)
        dead = [path for path in found if not path.name.startswith(at_work)]
        resumed = [path for path in dead if path.name.startswith(RESUMED)]
        others = self._others(resumed, live) if resumed else set()
        gone = [path for path in dead if path not in others]
        for path in gone:
            shutil.rmtree(path, ignore_errors=True)
        return len(gone)

    def _others(self, resumed: Collection[Path], live: Live) -> set[Path]:
        """Those that belong to live runs, or not to this installation."""
        from claude_agent_sdk import project_key_for_directory as key  # noqa: PLC0415 - slow to load

        kept = {key(workspace) for workspace in live.workspaces}
        root = key(str(self.worktrees))
        return {path for path in resumed if not _is_below(path, root) or _names(path) & kept}


def _is_own(entry: os.DirEntry[str]) -> bool:
    return entry.stat(follow_symlinks=False).st_uid == os.geteuid()


def _is_below(path: Path, root: str) -> bool:
    return any(name.startswith(f"{root}-agent-") for name in _names(path))


def _names(path: Path) -> set[str]:
    """The worktrees for which a directory was made, as the SDK calls them."""
    with suppress(OSError):
        return {each.name for each in (path / "projects").iterdir()}
    return set()
