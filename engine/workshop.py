"""Where an agent works: its worktree before the attempt, its commit after it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.mounts import Mounts
from engine.repos import Base, OpenRepo, Repos
from engine.views import AgentView, Check, Note, NoteKind, Work
from engine.worktrees import Saved, Worktree, Worktrees, slug

SUBJECT = 72  # characters of a commit's first line


@dataclass(frozen=True)
class Bench:
    """An open worktree of one attempt."""

    repo: OpenRepo
    tree: Worktree
    base: Base
    instructions: str


@dataclass(frozen=True)
class Workshop:
    """Opens worktrees, and brings home what was done in them."""

    repos: Repos
    worktrees: Worktrees
    push: Mapping[str, bool]  # by repository: whether branches go to its remote

    @property
    def mounts(self) -> Mounts:
        """What the sandbox leaves in repositories."""
        return Mounts(self.repos.locks)

    async def open(self, view: AgentView) -> Bench:
        """Open a worktree for an agent's next attempt; raises RepositoryError, WorktreeError.

        A further attempt goes on from the commit that the last one left.
        """
        repo = await self.repos.open(view.repo)
        base = await self._base(view, repo)
        tree = await self.worktrees.open(
            view.id, slug(view.task), repo, base.commit, view.branch or None
        )
        return Bench(repo, tree, base, await self.repos.instructions(repo, base.commit))

    async def _base(self, view: AgentView, repo: OpenRepo) -> Base:
        if view.branch and view.work.base_commit:
            return Base(commit=view.work.base_commit, ref=view.base, remote="", stale="")
        return await self.repos.base(repo, view.base)

    def begun(self, bench: Bench, view: AgentView, notes: Sequence[Note]) -> Work:
        """What can be said of the work before it begins."""
        return Work(
            branch=bench.tree.branch,
            base_commit=bench.base.commit,
            commit=bench.tree.head,
            remote_commit=view.work.remote_commit,
            notes=(*bench.tree.notes, *_base_notes(bench.base), *notes),
        )

    async def keep(self, bench: Bench, view: AgentView, check: Check | None) -> Work:
        """Commit what the agent left, push it, and say where it can be had."""
        saved = await self.worktrees.save(
            bench.tree, f"agent {view.id}", _message(view), view.requester.name
        )
        work = Work(
            branch=bench.tree.branch,
            base_commit=bench.base.commit,
            commit=saved.commit,
            files=saved.files,
            check=check,
            notes=(*bench.tree.notes, *_base_notes(bench.base), *_saved_notes(saved)),
        )
        return await self._publish(bench.repo, bench.base.ref, view, work)

    async def _publish(self, repo: OpenRepo, onto: str, view: AgentView, work: Work) -> Work:
        """Push the branch with the worker's own credentials, where that is wanted."""
        if not work.changed:
            return work
        pushed = None
        if repo.remote and self.push[view.repo]:
            before = view.work.remote_commit
            pushed = await self.repos.push(repo, work.branch, work.commit, before)
        ok = pushed is not None and pushed.ok
        compare, fetch = self.repos.links(repo, work.branch, onto, pushed=ok)
        refused = (Note(NoteKind.PUSH_FAILED, pushed.detail),) if pushed and not ok else ()
        return replace(
            work,
            pushed=ok,
            remote_commit=work.commit if ok else view.work.remote_commit,
            compare_url=compare,
            fetch=fetch,
            notes=(*work.notes, *refused),
        )

    async def salvage(self, view: AgentView, workspace: Path) -> Work:
        """Keep what a lost attempt left in its worktree, and remove that.

        Raises WorktreeError, RepositoryError when it cannot be kept; nothing is removed then.
        """
        found = await self.worktrees.remove(workspace)
        saved, before = found.saved, view.work
        moved = (Note(NoteKind.RESCUED, str(found.moved_to)),) if found.moved_to else ()
        if saved is None:
            return replace(before, notes=(*before.notes, *moved))
        work = Work(
            branch=found.branch,
            base_commit=found.base_commit,
            commit=saved.commit,
            files=saved.files,
            remote_commit=before.remote_commit,
            notes=tuple(_saved_notes(saved)),
        )
        repo = await self.repos.open(view.repo)
        await self.mounts.sweep(repo.git_dir)
        return await self._publish(repo, view.base, view, work)

    async def discard(self, workspace: Path) -> None:
        """Remove a worktree whose work has been kept, so that its branch is free."""
        await self.worktrees.remove(workspace)

    async def diff(self, view: AgentView, limit_bytes: int) -> str:
        """What an agent changed, as text; raises RepositoryError, GitError."""
        repo = await self.repos.open(view.repo)
        work = view.work
        return await self.worktrees.diff(repo, work.base_commit, work.commit, limit_bytes)


def _message(view: AgentView) -> str:
    first = " ".join(view.task.split())
    return first if len(first) <= SUBJECT else f"{first[: SUBJECT - 1]}…\n\n{view.task}"


def _base_notes(base: Base) -> Iterator[Note]:
    if base.stale:
        yield Note(NoteKind.BASE_STALE, base.stale)


def _saved_notes(saved: Saved) -> Iterator[Note]:
    if saved.left_out:
        yield Note(NoteKind.LEFT_OUT, ", ".join(saved.left_out))
    if saved.rescued:
        yield Note(NoteKind.RESCUED, saved.rescued)
