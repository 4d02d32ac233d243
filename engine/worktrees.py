"""The directories in which agents work: one git worktree and one branch for each agent.

What belongs to a worktree is read from our own record, never from the `.git` that lies in it.
"""

import asyncio
import shutil
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from engine import branches, checkouts, commits, directories, places
from engine.checkouts import DiskFull, Wanted, Worktree, WorktreeError, slug, translated
from engine.commits import Authorship
from engine.errors import MabError
from engine.killed_git import once_more
from engine.repos import OpenRepo, Repos, RepositoryError
from engine.saved import Salvaged, Saved
from engine.spares import Spares
from engine.views import FileChange

__all__ = [
    "DiskFull",
    "Salvaged",
    "Saved",
    "Wanted",
    "Worktree",
    "WorktreeError",
    "Worktrees",
    "slug",
]

AWAY_SECONDS = 86_400.0  # for a repository to come back


@dataclass(frozen=True)
class Worktrees:
    """The worktrees below `root`."""

    repos: Repos
    root: Path
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    reuse: Mapping[str, int] = field(default_factory=dict)  # spares by repository

    @property
    def spares(self) -> Spares:
        """Finished ones that wait for the next agents."""
        return Spares(self.root, self.reuse)

    async def open(
        self, agent: int, slug: str, repo: OpenRepo, base_commit: str, branch: str | None = None
    ) -> Worktree:
        """A new worktree for an agent; with `branch`, a further attempt from that branch's tip.

        Raises WorktreeError (DiskFull when there is no room); nothing half-made is left.
        """
        return await self.make(repo, self.wanted(agent, slug, base_commit, branch or ""))

    def wanted(self, agent: int, slug: str, base_commit: str, branch: str = "") -> Wanted:
        """The place and the name of an agent's next worktree."""
        path = self.root / f"agent-{agent}-{self.clock():%Y%m%dT%H%M%S%f}"
        return Wanted(agent, path, f"agent/{agent}-{slug}", base_commit, branch)

    async def make(self, repo: OpenRepo, wanted: Wanted) -> Worktree:
        """The worktree that is wanted; raises as `open` does."""
        async with self._alone(repo.git_dir):
            with translated("the worktree could not be made"):
                made = await once_more(lambda: checkouts.create(repo, wanted, self.spares.add))
                await self.spares.note(made)
                return made

    async def branch(self, repo: OpenRepo, wanted: Wanted) -> str:
        """The branch of a worktree that is wanted, without the worktree; raises as `open` does."""
        async with self._alone(repo.git_dir):
            with translated("the branch could not be made"):
                name, _, _ = await checkouts.branch(repo, wanted)
                return name

    async def reopen(self, path: Path) -> Worktree:
        """A worktree in which an agent goes on, its `.git` as it should be.

        Raises WorktreeError when it is missing: there is no other place to go to.
        """
        worktree = await self._recorded(path)
        with translated("the worktree could not be opened again"):
            await asyncio.to_thread(places.point, path, worktree.git_dir)
            head = await worktree.git.commit_of(worktree.ref)
        return replace(worktree, head=head or worktree.head)

    async def save(
        self, worktree: Worktree, author: str, message: str, requested_by: str = ""
    ) -> Saved:
        """Commit everything that the agent left and move the branch there, if it is still ours.

        Raises WorktreeError (DiskFull when there is no room) when the directory is missing or
        git refuses, RepositoryError; the directory then stays as it is.
        """
        email = f"agent-{worktree.agent}@mab.invalid"
        authorship = Authorship(author, email, message, requested_by)
        await self._present(worktree)
        with translated("the work could not be committed"):
            return await once_more(lambda: self._save(worktree, authorship))

    async def changes(self, repo: OpenRepo, base: str, commit: str) -> tuple[FileChange, ...]:
        """What became of each file between two commits; raises GitError."""
        return await commits.changes(repo.git, base, commit)

    async def diff(self, repo: OpenRepo, base: str, commit: str, limit_bytes: int) -> str:
        """The changes between two commits as text, at most about `limit_bytes`; raises GitError."""
        return await commits.diff(repo.git, base, commit, limit_bytes)

    async def remove(self, path: Path, *, spare: bool = False) -> Salvaged:
        """Save what is in a worktree, then remove it, and its branch if it holds nothing.

        With `spare`, its files may be kept for the next agent of its repository.
        One that is gone already is only forgotten; one that no record knows, or whose
        repository has been away for a day, moves to `lost+found`. Raises WorktreeError (DiskFull)
        when the work cannot be saved; nothing is removed then.
        """
        try:
            worktree = await self._recorded(path, present=False)
            there = await asyncio.to_thread(directories.is_directory, path)
            saved = await self._last_save(worktree) if there else None
            await self._discard(worktree, spare=spare)
        except (RepositoryError, Unrecorded) as error:
            return await self._set_aside(path, error)
        return Salvaged(path, worktree.branch, worktree.base_commit, saved)

    async def has(self, path: Path) -> bool:
        """Whether this worktree is on this host's disk."""
        recorded = await asyncio.to_thread(places.read_record, path)
        return recorded is not None and await asyncio.to_thread(directories.is_directory, path)

    async def orphans(self, known: Collection[Path], idle: float = 0.0) -> tuple[Path, ...]:
        """Worktrees below the root that are none of the `known` ones.

        With `idle`, only those whose directory has been as it is for so many seconds.
        """
        there = await asyncio.to_thread(places.worktrees, self.root)
        found = [path for path in there if path.name not in {each.name for each in known}]
        if idle:
            since = self.clock().timestamp() - idle
            found = await asyncio.to_thread(places.unchanged, found, since)
        return tuple(found)

    async def salvage(self, path: Path) -> Salvaged:
        """Save an orphan to its branch and remove it; what git refuses moves to `lost+found`.

        One that was never completed holds nothing of an agent's. Raises DiskFull.
        """
        try:
            worktree = await self._recorded(path, present=False)
            if await asyncio.to_thread(places.is_half_made, worktree.git_dir):
                await self._discard(worktree)
                return Salvaged(path, worktree.branch, worktree.base_commit)
            return await self.remove(path)
        except DiskFull:
            raise
        except (RepositoryError, WorktreeError) as error:
            return await self._set_aside(path, error)

    async def catch_up(self, agent: int) -> list[Saved]:
        """Commit what an agent's last attempt could not; it stays there."""
        there = await asyncio.to_thread(places.worktrees, self.root)
        mine = [path for path in there if path.name.startswith(f"agent-{agent}-")]
        for path in reversed(mine):
            with suppress(MabError):  # whoever removes it will say so
                worktree = await self._recorded(path)
                if await asyncio.to_thread(places.is_half_made, worktree.git_dir):
                    continue  # nobody has worked there, and most files are missing
                return [await self._last_save(worktree)]
            break
        return []

    async def disk_used(self, path: Path | None = None) -> int:
        """Bytes on disk of one worktree, or of all."""
        return await asyncio.to_thread(directories.disk_used, path or self.root)

    async def _set_aside(self, path: Path, error: Exception) -> Salvaged:
        since = self.clock().timestamp() - AWAY_SECONDS
        if isinstance(error, RepositoryError) and not places.unchanged([path], since):
            raise WorktreeError(f"{path.name} is left until its repository is back: {error}")
        moved_to = await asyncio.to_thread(places.set_aside, path)
        return Salvaged(path, moved_to=moved_to, why=str(error) if moved_to else "")

    async def _last_save(self, worktree: Worktree) -> Saved:
        name = f"agent {worktree.agent}"
        return await self.save(worktree, name, f"Save what {name} left")

    async def _save(self, worktree: Worktree, authorship: Authorship) -> Saved:
        own, parent = await branches.heads(worktree)
        scratch = await asyncio.to_thread(places.scratch, worktree.git_dir, self.root)
        try:
            git = replace(worktree.git, work_tree=worktree.path)
            git = git.having(GIT_INDEX_FILE=str(scratch / "index"))
            left_out = await commits.stage(git, parent)
            commit = await commits.write(git, parent, authorship)
            rescued = await branches.advance(worktree, commit, own, parent)
            if not rescued:
                await asyncio.to_thread(places.adopt_index, scratch / "index", worktree.git_dir)
        finally:
            await asyncio.to_thread(shutil.rmtree, scratch, ignore_errors=True)
        files = await commits.changes(worktree.git, worktree.base_commit, commit)
        return Saved(commit, files, commits.shown(left_out), rescued)

    async def trim(self, *, every: bool = False) -> int:
        """Throw away the spares that are too many, or `every` one; gives the bytes freed."""
        spares = self.spares
        await asyncio.to_thread(spares.sweep)
        freed = 0
        for spare in await asyncio.to_thread(spares.of if every else spares.above):
            async with self._alone(spares.common_dir(spare)):
                freed += await self.disk_used(spare)
                await asyncio.to_thread(spares.drop, spare)
        return freed

    async def _discard(self, worktree: Worktree, *, spare: bool = False) -> None:
        async with self._alone(worktree.common_dir):
            with translated("the worktree could not be removed"):
                if spare:
                    await self.spares.put(worktree)
                await checkouts.discard(worktree)

    async def _recorded(self, path: Path, *, present: bool = True) -> Worktree:
        record = await asyncio.to_thread(places.read_record, path)
        if record is None:
            raise Unrecorded(f"nothing is known of {path.name}")
        worktree = Worktree.from_record(path, record)
        if present:
            await self._present(worktree)
        return await self._followed(worktree)

    async def _followed(self, worktree: Worktree) -> Worktree:
        """The worktree with its repository where it is now; raises RepositoryError."""
        if await worktree.git.commit_of(worktree.base_commit):
            return worktree
        repo = await self.repos.open(worktree.repo)
        if not await repo.git.commit_of(worktree.base_commit):
            raise RepositoryError(f"{repo.name} no longer has the commit that {worktree} began at")
        git_dir = repo.git_dir / "worktrees" / worktree.git_dir.name
        return replace(worktree, common_dir=repo.git_dir, git_dir=git_dir)

    async def _present(self, worktree: Worktree) -> None:
        if not await asyncio.to_thread(directories.is_directory, worktree.path):
            raise WorktreeError(
                f"the worktree {worktree.path.name} is missing; its committed work is on the "
                f"branch {worktree.branch}, what was not committed is lost"
            )
        if not await asyncio.to_thread(directories.is_directory, worktree.common_dir):
            await self.repos.open(worktree.repo)  # raises, saying what has become of it

    def _alone(self, common_dir: Path) -> AbstractAsyncContextManager[None]:
        """`git worktree` is not safe beside itself, so one at a time for each repository."""
        return self.repos.locks.held(str(common_dir))


class Unrecorded(WorktreeError):
    """Nothing is known of this directory."""
