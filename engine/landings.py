"""What people push, and what goes into the branch that everybody starts from."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from engine import bases
from engine.bases import OpenRepo, Tips
from engine.merges import Clash, Merged, contains, merge, unresolved
from engine.repos import Repos


class Missing(StrEnum):
    """Why a conflict does not count as resolved."""

    BRANCH = "branch"  # nobody has pushed such a branch
    REMOTE = "remote"  # detail: why the remote could not be asked
    COMMITS = "commits"  # the branch does not hold all that was to be merged
    MARKERS = "markers"  # files: they still have conflict markers


@dataclass(frozen=True)
class Resolved:
    """A branch that holds everything."""

    commit: str


@dataclass(frozen=True)
class Unresolved:
    """A branch that does not settle the conflict."""

    why: Missing
    detail: str = ""
    files: tuple[str, ...] = ()


class Refusal(StrEnum):
    """Why a commit did not go into the base branch."""

    CONFLICT = "conflict"  # files: they clash with what is there
    MOVED = "moved"  # the branch is no longer where it was; now: where it is
    CHECKED_OUT = "checked_out"  # somebody works on it; command: what they can type
    NO_BRANCH = "no_branch"  # there is no branch of this name
    NOT_PUSHED = "not_pushed"  # `push` is off; command: what somebody can type
    REMOTE = "remote"  # detail: why the remote could not be asked, or what it said


@dataclass(frozen=True)
class Landed:
    """The base branch holds the commit."""

    commit: str  # where the branch is now


@dataclass(frozen=True)
class Refused:
    """The base branch was not moved."""

    why: Refusal
    detail: str = ""
    files: tuple[str, ...] = ()
    command: str = ""
    now: str = ""


@dataclass(frozen=True)
class Landings:
    """Takes in what people resolved, and brings work into base branches."""

    repos: Repos
    push: Mapping[str, bool]  # by repository: whether branches go to its remote

    async def resolved(
        self, repo: OpenRepo, branch: str, commits: Sequence[str]
    ) -> Resolved | Unresolved:
        """Whether a branch that a person pushed merges the commits.

        The remote's branch is looked at first, then the one here. Raises RepositoryError,
        GitError.
        """
        tips = await bases.tips(repo, branch)
        there = [tip for tip in (tips.remote, tips.local) if tip]
        found = [tip for tip in there if await contains(repo, tip, commits)]
        if not found:
            return _lacking(tips)
        files = await unresolved(repo, found[0], commits)
        return Unresolved(Missing.MARKERS, files=files) if files else Resolved(found[0])

    async def into_base(
        self, repo: OpenRepo, branch: str, commit: str, expected: str = "", message: str = ""
    ) -> Landed | Refused:
        """Bring a commit into a base branch, by fast-forward or else by a merge commit.

        The branch must still be at `expected` ("" = wherever it is); it moves at the remote
        where there is one and pushing is on, else here. What is in it already has landed.
        Raises RepositoryError, GitError.
        """
        name = await bases.named(repo, branch)
        tips = await bases.tips(repo, name)
        outward = bool(tips.remote) and (self.push[repo.name] or not tips.local)
        tip = tips.remote if outward else tips.local
        if tips.stale and (self.push[repo.name] or not tip):
            return Refused(Refusal.REMOTE, tips.stale)
        if not tip:
            return Refused(Refusal.NO_BRANCH)
        if await repo.git.contains(tip, commit):
            return Landed(tip)
        if expected and tip != expected:
            return Refused(Refusal.MOVED, now=tip)
        match await merge(repo, (tip, commit), message or f"Merge into {name}"):
            case Clash(files=files):
                return Refused(Refusal.CONFLICT, files=files)
            case Merged(commit=new):
                move = self._outward if outward else self._here
                return await move(repo, name, new, tip)

    async def _outward(self, repo: OpenRepo, name: str, new: str, tip: str) -> Landed | Refused:
        if not self.push[repo.name]:
            where = f"git --git-dir={shlex.quote(str(repo.git_dir))}"
            command = f"{where} push {repo.remote} {new}:{shlex.quote(f'refs/heads/{name}')}"
            return Refused(Refusal.NOT_PUSHED, command=command)
        pushed = await self.repos.push(repo, name, new, tip)
        return Landed(new) if pushed.ok else await _lost(repo, name, new, tip, pushed.detail)

    async def _here(self, repo: OpenRepo, name: str, new: str, tip: str) -> Landed | Refused:
        if place := await _checked_out(repo, name):
            command = f"git -C {shlex.quote(place)} merge --no-edit {new}"
            return Refused(Refusal.CHECKED_OUT, detail=place, command=command)
        if await repo.git.swap(f"refs/heads/{name}", new, tip):
            return Landed(new)
        now = (await bases.tips(repo, name)).local
        return Refused(Refusal.MOVED, now=now)


def _lacking(tips: Tips) -> Unresolved:
    if tips.stale:
        return Unresolved(Missing.REMOTE, tips.stale)
    there = tips.remote or tips.local
    return Unresolved(Missing.COMMITS if there else Missing.BRANCH)


async def _lost(repo: OpenRepo, name: str, new: str, tip: str, detail: str) -> Landed | Refused:
    """What became of a push that was refused: somebody was quicker, or the remote does not want."""
    now = await bases.tips(repo, name)
    if now.remote and await repo.git.contains(now.remote, new):
        return Landed(now.remote)  # only the answer was lost
    moved = bool(now.remote) and now.remote != tip
    return Refused(Refusal.MOVED if moved else Refusal.REMOTE, detail, now=now.remote)


async def _checked_out(repo: OpenRepo, name: str) -> str:
    """The working tree that has a branch checked out; "" when none has."""
    asked = ("for-each-ref", "--format=%(worktreepath)", f"refs/heads/{name}")
    place = (await repo.git.out(*asked)).decode("utf-8", "surrogateescape").rstrip("\n")
    bare = await repo.git.run("config", "--type=bool", "core.bare")
    nobody = place == str(repo.git_dir) and bare.out.strip() == b"true"
    return "" if nobody else place
