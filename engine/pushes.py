"""Branches on their way to the remote: which may leave this host, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from engine import bases
from engine.errors import MabError
from engine.protected import touched
from engine.repos import OpenRepo, Pushed, Repos
from engine.views import NodeView, Note, NoteKind, Work


@dataclass(frozen=True)
class Leave:
    """Whether a branch may leave this host."""

    push: bool = True  # False: not now, whatever it holds
    approved: str = ""  # the commit that may leave although it touches protected files


@dataclass(frozen=True)
class Pushes:
    """Pushes branches with the worker's own credentials, where that is wanted and allowed."""

    repos: Repos
    push: Mapping[str, bool]  # by repository: whether branches go to its remote
    protected: Mapping[str, tuple[str, ...]]  # by repository: patterns of files that matter more

    async def publish(
        self, repo: OpenRepo, onto: str, view: NodeView, work: Work, leave: Leave
    ) -> Work:
        """Push the branch with the worker's own credentials, where that is wanted and allowed."""
        work = replace(
            work,
            remote_commit=known_remote(view, work.branch),
            onto=await self._onto(repo, view),
        )
        if not work.changed:
            return work
        if not repo.remote or not self.push[view.repo]:
            return _described(self.repos, repo, onto, work, None)
        pushed = None
        try:
            if work.commit != leave.approved:
                work = replace(work, protected=await self._touched(repo, view, work.commit))
            if leave.push and not work.protected:
                pushed = await self._push(repo, work)
        except MabError as error:  # what cannot be judged does not leave
            pushed = Pushed(ok=False, detail=str(error))
        return _described(self.repos, repo, onto, work, pushed)

    async def _onto(self, repo: OpenRepo, view: NodeView) -> str:
        """The branch that the work can be merged into; that there is none fails nothing."""
        try:
            return await bases.landable(repo, view.base, push=self.push[view.repo])
        except MabError:
            return ""

    async def _touched(self, repo: OpenRepo, view: NodeView, commit: str) -> tuple[str, ...]:
        """The protected files in which a commit differs from what the remote has reviewed."""
        patterns = self.protected[view.repo]
        if not patterns:
            return ()
        base = await self.repos.base(repo, view.base)
        if not base.remote or base.stale:  # such as the branch of another agent
            base = await self.repos.base(repo, "")
        return await touched(repo, base.commit, commit, patterns)

    async def _push(self, repo: OpenRepo, work: Work) -> Pushed:
        """Push from where the remote's branch was left, or from a commit that the work holds.

        The latter is so when a parent pushed the branch, or when an answer got lost.
        """
        pushed = await self.repos.push(repo, work.branch, work.commit, work.remote_commit)
        if pushed.ok:
            return pushed
        there = await bases.remote_tip(repo, work.branch)
        if there in {"", work.remote_commit} or not await repo.git.contains(work.commit, there):
            return pushed
        return await self.repos.push(repo, work.branch, work.commit, there)


def _described(repos: Repos, repo: OpenRepo, onto: str, work: Work, pushed: Pushed | None) -> Work:
    """The work with what came of pushing it, and where it can be had."""
    ok = pushed is not None and pushed.ok
    compare, fetch = repos.links(repo, work.branch, onto, pushed=ok)
    refused = (Note(NoteKind.PUSH_FAILED, pushed.detail),) if pushed and not ok else ()
    return replace(
        work,
        pushed=ok,
        remote_commit=work.commit if ok else work.remote_commit,
        compare_url=compare,
        fetch=fetch,
        notes=(*work.notes, *refused),
    )


def known_remote(view: NodeView, branch: str) -> str:
    """Where the remote's branch is, as far as we know."""
    return view.work.remote_commit if branch == view.branch else ""
