"""What the CLI's sandbox leaves in a repository's git directory when it is killed.

It makes empty files there to hold its mounts, and takes them away when it ends by itself. A
`config.lock` that stays keeps the repository's owner from changing the configuration.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import time

from engine.locks import Locks

POINTS = (
    *("config.lock", "config.worktree", "glab-cli", "remotes"),
    *("info/.claude-sandbox-noreplace", "objects/info/.claude-sandbox-noreplace"),
    *("objects/info/alternates", "objects/info/commit-graphs/.claude-sandbox-noreplace"),
    "objects/info/commit-graphs",
)
SETTLED_SECONDS = 60.0  # git itself makes an empty config.lock, for a moment


@dataclass(frozen=True)
class Mounts:
    """Keeps git directories clean; only while no agent of this host works on the repository."""

    locks: Locks

    @asynccontextmanager
    async def in_use(self, git_dir: Path) -> AsyncIterator[None]:
        """An agent works on this repository during the block."""
        async with self.locks.shared(_name(git_dir)):
            before = await asyncio.to_thread(_present, git_dir)
            yield
        async with self.locks.alone(_name(git_dir)) as alone:
            if alone:
                await asyncio.to_thread(_sweep, git_dir, before)

    async def sweep(self, git_dir: Path) -> None:
        """Take away what an agent left whose worker died."""
        async with self.locks.alone(_name(git_dir)) as alone:
            if alone:
                await asyncio.to_thread(_sweep, git_dir, frozenset(POINTS))


def _name(git_dir: Path) -> str:
    return f"mounts {git_dir}"


def _present(git_dir: Path) -> frozenset[str]:
    return frozenset(point for point in POINTS if (git_dir / point).exists())


def _sweep(git_dir: Path, before: frozenset[str]) -> None:
    """Remove what is empty, and new or old enough; what holds something is somebody's work."""
    for name in POINTS:
        point = git_dir / name
        with suppress(OSError):
            if name in before and time() - point.lstat().st_mtime < SETTLED_SECONDS:
                continue
            if point.is_dir():
                point.rmdir()
            elif point.lstat().st_size == 0:
                point.unlink()
