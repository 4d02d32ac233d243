"""Where an agent works: its worktree before the attempt, its commit after it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine import bases
from engine.landings import Landings
from engine.mounts import Mounts
from engine.pushes import Leave, Pushes, known_remote
from engine.repos import Base, OpenRepo, Repos, RepositoryError
from engine.views import Check, NodeView, Note, NoteKind, Work
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
    protected: Mapping[str, tuple[str, ...]]  # by repository: patterns of files that matter more

    @property
    def mounts(self) -> Mounts:
        """What the sandbox leaves in repositories."""
        return Mounts(self.repos.locks)

    @property
    def pushes(self) -> Pushes:
        """The way to the remotes."""
        return Pushes(self.repos, self.push, self.protected)

    @property
    def landings(self) -> Landings:
        """The way into base branches."""
        return Landings(self.repos, self.push)

    async def open(self, view: NodeView, onto: str = "") -> Bench:
        """Open a worktree for an agent's next attempt; raises RepositoryError, WorktreeError.

        A further attempt goes on from the commit that the last one left. With `onto`, the work
        of other nodes, the agent begins at that commit: on the view's branch if that is still
        there, else on a new one, which a note says. Another `onto` than before begins anew.
        """
        repo = await self.repos.open(view.repo)
        base, reviewed = await self._base(view, repo, onto)
        again = _again(view, onto)
        before = await self.worktrees.catch_up(view.id) if again else []
        wanted = replace(
            self.worktrees.wanted(view.id, slug(view.task), base.commit, view.branch),
            tip=await self._tip(view, repo, base.commit) if again else "",
            from_work=bool(onto),
            exact=bool(onto) and not again,
        )
        tree = await self.worktrees.make(repo, wanted)
        told = (note for saved in before if saved.rescued for note in _saved_notes(saved))
        tree = replace(tree, notes=(*tree.notes, *told))
        # what an agent wrote into CLAUDE.md is no instruction to the next one yet
        return Bench(repo, tree, base, await self.repos.instructions(repo, reviewed))

    async def _base(self, view: NodeView, repo: OpenRepo, onto: str) -> tuple[Base, str]:
        """Where an agent begins, and the commit of the base branch."""
        if _again(view, onto) and not onto:
            commit = view.work.base_commit
            return Base(commit=commit, ref=view.base, remote="", stale=""), commit
        base = await self.repos.base(repo, view.base)
        if not onto:
            return base, base.commit
        if not await bases.brought(repo, onto):
            raise _missing(repo, view, onto)
        return replace(base, commit=onto, stale=""), base.commit

    async def _tip(self, view: NodeView, repo: OpenRepo, base: str) -> str:
        """What a further attempt goes on from where its branch is gone."""
        last = view.work.commit
        return last if last and await bases.brought(repo, last) else base

    def begun(self, bench: Bench, view: NodeView, notes: Sequence[Note]) -> Work:
        """What can be said of the work before it begins."""
        return Work(
            branch=bench.tree.branch,
            base_commit=bench.base.commit,
            commit=bench.tree.head,
            remote_commit=known_remote(view, bench.tree.branch),
            notes=(*bench.tree.notes, *_base_notes(bench.base), *notes),
        )

    async def keep(
        self,
        bench: Bench,
        view: NodeView,
        check: Check | None,
        *,
        push: bool = True,
        approved: str = "",
    ) -> Work:
        """Commit what the agent left, push it if it may leave, and say where it can be had.

        With protected files in it, it leaves only as the commit that somebody `approved`;
        `Work.protected` names them until then.
        """
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
        return await self.pushes.publish(
            bench.repo, bench.base.ref, view, work, Leave(push, approved)
        )

    async def whole(self, bench: Bench, view: NodeView, work: Work) -> Work:
        """A merge that no agent changed, as the work of all whom it holds, pushed like theirs.

        Raises RepositoryError, GitError.
        """
        base = await self.repos.base(bench.repo, view.base)
        fork = await bench.repo.git.text("merge-base", base.commit, work.commit)
        files = await self.worktrees.changes(bench.repo, fork, work.commit)
        held = replace(work, base_commit=fork, files=files)
        return await self.pushes.publish(bench.repo, base.ref, view, held, Leave())

    async def gather(self, view: NodeView, commit: str) -> Work:
        """Give a commit that is there already, such as a merge, to a node, and push its branch.

        Raises RepositoryError, WorktreeError, GitError.
        """
        repo = await self.repos.open(view.repo)
        base = await self.repos.base(repo, view.base)
        if not await bases.brought(repo, commit):
            raise _missing(repo, view, commit)
        fork = await repo.git.text("merge-base", base.commit, commit)
        wanted = self.worktrees.wanted(view.id, slug(view.task), commit, view.branch)
        branch = await self.worktrees.branch(repo, replace(wanted, exact=True))
        files = await self.worktrees.changes(repo, fork, commit)
        work = Work(branch=branch, base_commit=fork, commit=commit, files=files)
        return await self.pushes.publish(repo, base.ref, view, work, Leave())

    async def publish(self, view: NodeView, commit: str) -> Work:
        """Push the recorded work, without a worktree, now that somebody approved `commit`.

        If the work is another commit by now, it is judged anew. Raises RepositoryError.
        """
        repo = await self.repos.open(view.repo)
        notes = tuple(note for note in view.work.notes if note.kind is not NoteKind.PUSH_FAILED)
        work = replace(view.work, notes=notes, protected=())
        return await self.pushes.publish(repo, view.base, view, work, Leave(approved=commit))

    async def salvage(self, view: NodeView, workspace: Path) -> Work:
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
            notes=tuple(_saved_notes(saved)),
        )
        repo = await self.repos.open(view.repo)
        await self.mounts.sweep(repo.git_dir)
        return await self.pushes.publish(repo, view.base, view, work, Leave())

    async def discard(self, workspace: Path) -> None:
        """Remove a worktree whose work has been kept, so that its branch is free."""
        await self.worktrees.remove(workspace, spare=True)

    async def diff(self, view: NodeView, limit_bytes: int) -> str:
        """What an agent changed, as text; raises RepositoryError, GitError."""
        repo = await self.repos.open(view.repo)
        work = view.work
        return await self.worktrees.diff(repo, work.base_commit, work.commit, limit_bytes)


def _again(view: NodeView, onto: str) -> bool:
    """Whether this is a further attempt at what an earlier one began."""
    return bool(view.branch and view.work.base_commit) and onto in {"", view.work.base_commit}


def _missing(repo: OpenRepo, view: NodeView, commit: str) -> RepositoryError:
    return RepositoryError(
        f"{repo.name} does not have the commit {commit[:12]} that agent {view.id} goes on from; "
        "it was made on another host and not pushed, or was deleted here"
    )


def _message(view: NodeView) -> str:
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
