"""The temporary directories of runs, and whose they are: a run that is killed leaves them behind.

They lie where the system keeps temporary files, not below MAB_HOME: sandboxes keep sockets there,
and a path to a socket has no more than about a hundred characters. So their names tell the
installation and the run. What the SDK lays out there to go on with a session (the transcript and
the CLI's credentials) is named by it, and tells the worktree. So do the transcripts that the CLI
writes into its own home; sessions are gone on with from the ledger, so nobody reads those.
"""

import asyncio
import base64
import hashlib
import os
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from engine import abandoned
from engine.directories import drop
from engine.places import worktrees
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
        gone = await asyncio.to_thread(abandoned.sweep, self.place)
        found = await asyncio.to_thread(lambda: [*self._mine(), *self._transcripts()])
        if not found:
            return gone
        kept = await live()
        return gone + await asyncio.to_thread(self._remove, found, kept)

    def _mine(self) -> Iterator[Path]:
        with suppress(OSError), os.scandir(self.place) as entries:
            for entry in entries:
                ours = entry.name.startswith((_of_home(str(self.home)), RESUMED))
                if ours and entry.is_dir(follow_symlinks=False) and _is_own(entry):
                    yield Path(entry.path)

    def _transcripts(self) -> Iterator[Path]:
        """The CLI's transcripts of worktrees that are gone."""
        kept = self.home / ".claude" / "projects"
        if not kept.is_dir() or not any(kept.iterdir()):
            return
        there = {_key(path) for path in worktrees(self.worktrees)}
        root = f"{_key(self.worktrees)}-agent-"
        for path in kept.iterdir():
            if path.name.startswith(root) and path.name not in there:
                yield path

    def _remove(self, found: Collection[Path], live: Live) -> int:
        at_work = tuple(_of_home(str(self.home)) + marker[:OF_RUN] for marker in live.markers)
        dead = [path for path in found if not path.name.startswith(at_work)]
        told = [path for path in dead if not path.name.startswith(KIND)]
        others = self._others(told, live) if told else set()
        gone = [path for path in dead if path not in others]
        for path in gone:
            drop(path)
        return len(gone)

    def _others(self, told: Collection[Path], live: Live) -> set[Path]:
        """Those that belong to live runs, or not to this installation."""
        kept = {_key(workspace) for workspace in live.workspaces}
        root = _key(self.worktrees)
        return {path for path in told if not _is_below(path, root) or _names(path) & kept}


def _is_own(entry: os.DirEntry[str]) -> bool:
    return entry.stat(follow_symlinks=False).st_uid == os.geteuid()


def _is_below(path: Path, root: str) -> bool:
    return any(name.startswith(f"{root}-agent-") for name in _names(path))


def _key(path: Path | str) -> str:
    """A directory as the CLI and the SDK call it where they keep its transcripts."""
    from claude_agent_sdk import project_key_for_directory  # noqa: PLC0415 - slow to load

    return project_key_for_directory(str(path))


def _names(path: Path) -> set[str]:
    """The worktrees for which a directory was made, as the SDK calls them."""
    if not path.name.startswith(RESUMED):
        return {path.name}
    with suppress(OSError):
        return {each.name for each in (path / "projects").iterdir()}
    return set()
