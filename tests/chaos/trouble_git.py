"""Trouble with repositories: locks left behind, places that are gone, a remote that refuses."""

import asyncio
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.chaos.fault import Fault
from tests.chaos.grip import grip
from tests.chaos.ordered import BRIEF, PAST_A_LEASE, Span, until
from tests.chaos.place import Place

HOOK = "#!/bin/sh\necho refused >> mab-refused\necho 'this remote takes nothing now' >&2\nexit 1\n"


def worktrees(place: Place) -> list[Path]:
    """The worktrees that are on disk, of whichever worker."""
    return sorted(path for home in place.homes for path in home.glob(".worktrees/agent-*"))


def git_dirs(place: Place) -> list[Path]:
    """The git directories of these worktrees, in the repository."""
    there = {path.name for path in worktrees(place)}
    return [path for path in place.shop.glob(".git/worktrees/*") if _of(path) in there]


def repository(place: Place) -> list[Path]:
    """The repository's own git directory."""
    return [place.shop / ".git"]


def _of(git_dir: Path) -> str:
    """The name of the directory that a git directory belongs to."""
    with suppress(OSError):
        return Path((git_dir / "gitdir").read_text().strip()).parent.name
    return ""


@dataclass(frozen=True)
class Locked:
    """A git that was killed has left an index.lock; somebody removes it, if nobody else has."""

    kind: str
    find: Callable[[Place], Sequence[Path]]

    async def strike(self, place: Place, chance: Random) -> bool:
        """Leave it in one of the git directories."""
        with grip(place, str(place.shop)) as free:
            return free and await self._locked(place, chance)

    async def _locked(self, place: Place, chance: Random) -> bool:
        found = await asyncio.to_thread(self.find, place)
        if not found:
            return False
        lock = chance.choice(found) / "index.lock"
        try:
            with lock.open("x") as file:
                ours = os.fstat(file.fileno())
        except OSError:
            return False  # a living git holds it, or the worktree has just gone
        try:
            await asyncio.sleep(BRIEF.seconds(place, chance))
        finally:
            with suppress(OSError):  # it has gone, and may be a living git's by now
                if os.path.samestat(lock.stat(), ours):
                    lock.unlink()
        return True


@dataclass(frozen=True)
class Moved:
    """A directory has another name for a while."""

    kind: str
    which: Callable[[Place], Path | None]
    lasts: Span = BRIEF

    async def strike(self, place: Place, chance: Random) -> bool:
        """Move it, and move it back; what has been put in its place meanwhile goes."""
        path = self.which(place)
        if path is None:
            return False
        with grip(place, str(path)) as free:
            if free:
                await self._move(path, self.lasts.seconds(place, chance))
            return free

    async def _move(self, path: Path, seconds: float) -> None:
        away = path.with_name(f"{path.name}-moved")
        path.rename(away)  # noqa: ASYNC240 - one call on a local disk
        try:
            await asyncio.sleep(seconds)
        finally:
            await asyncio.to_thread(_back, away, path)


def _back(away: Path, path: Path) -> None:
    """Move it back. OSError when something is put in its place again and again."""
    for _ in range(10):
        # A CLI whose repository is away makes a directory `.claude` where it should be.
        shutil.rmtree(path, ignore_errors=True)
        with suppress(OSError):
            away.rename(path)
            return
    away.rename(path)


@dataclass(frozen=True)
class Destroyed:
    """Somebody removes a worktree by hand, whatever is at work there."""

    kind: str = "git worktree removed"

    async def strike(self, place: Place, chance: Random) -> bool:
        """Remove one, with the judge's leave."""
        found = await asyncio.to_thread(worktrees, place)
        if not found:
            return False
        path = chance.choice(found)
        place.destroyed.add(path.name)
        await asyncio.to_thread(_erased, path)
        return not path.exists()


def _erased(path: Path) -> None:
    for _ in range(5):  # an agent may write there meanwhile
        if path.exists():
            shutil.rmtree(path, ignore_errors=True)


@dataclass(frozen=True)
class Refusing:
    """The remote refuses every push for a while."""

    kind: str
    lasts: Span

    async def strike(self, place: Place, chance: Random) -> bool:
        """Put a hook there and take it away; whether it has refused anything."""
        if place.remote is None:
            return False
        with grip(place, str(place.remote)) as free:
            return free and await self._refused(
                place, place.remote, self.lasts.seconds(place, chance)
            )

    async def _refused(self, place: Place, remote: Path, seconds: float) -> bool:
        hook, said = remote / "hooks" / "pre-receive", remote / "mab-refused"
        await asyncio.to_thread(_put, hook)
        try:
            await asyncio.sleep(seconds)
            struck = await until(said.exists, place.patience)
        finally:
            hook.unlink()
            said.unlink(missing_ok=True)
        return struck


def _put(hook: Path) -> None:
    """Write the hook aside first: none is ever run half written."""
    hook.parent.mkdir(exist_ok=True)
    fresh = hook.with_name("pre-receive.new")
    fresh.write_text(HOOK)
    fresh.chmod(0o755)
    fresh.rename(hook)


FAULTS: Sequence[Fault] = (
    Locked("git index.lock in a worktree", git_dirs),
    Locked("git index.lock in the repository", repository),
    Moved("git repository moved", lambda place: place.shop),
    Moved("git repository moved for longer than a lease", lambda place: place.shop, PAST_A_LEASE),
    Destroyed(),
    Moved("git remote down", lambda place: place.remote),
    Refusing("git push refused", BRIEF),
    Refusing("git push refused for longer than a lease", PAST_A_LEASE),
)
