"""One worktree: made, moved on, taken away. The caller sees to it that nobody else does so."""

import asyncio
import re
import unicodedata
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from engine import places
from engine.errors import MabError
from engine.git import Git, GitError
from engine.repos import OpenRepo
from engine.views import Note, NoteKind

MAX_SLUG = 40  # characters
MAX_NAMES = 100  # branches agent/12-x, agent/12-x-2, … that are tried
POINTER = b"version https://git-lfs"
# A log of HEAD tells the agent's own commits from those of others, so it is always kept.
LOGGED = ("-c", "core.logAllRefUpdates=true")


class WorktreeError(MabError):
    """The agent's worktree cannot be used."""


class DiskFull(WorktreeError):
    """The disk is full."""


@dataclass(frozen=True)
class Worktree:
    """The directory of an agent and what belongs to it in its repository."""

    path: Path
    branch: str
    git_dir: Path  # of this worktree: <common_dir>/worktrees/<name>
    base_commit: str
    head: str  # the branch's commit when it was opened
    agent: int
    repo: str
    common_dir: Path
    from_work: bool = False  # `base_commit` is the work of other nodes, which must not be lost
    notes: tuple[Note, ...] = ()

    @property
    def git(self) -> Git:
        """Git on the repository; it knows nothing of the worktree."""
        return Git(self.common_dir)

    @property
    def ref(self) -> str:
        """The branch's full name."""
        return f"refs/heads/{self.branch}"

    def record(self) -> dict[str, str]:
        """What is kept of it beside the directory."""
        names = ("branch", "git_dir", "base_commit", "head", "agent", "repo", "common_dir")
        begun = {"from_work": "yes"} if self.from_work else {}
        return {name: str(getattr(self, name)) for name in names} | begun

    @classmethod
    def from_record(cls, path: Path, record: dict[str, str]) -> "Worktree":
        """The worktree that was kept; raises WorktreeError when something is missing."""
        try:
            return cls(
                path=path,
                branch=record["branch"],
                git_dir=Path(record["git_dir"]),
                base_commit=record["base_commit"],
                head=record["head"],
                agent=int(record["agent"]),
                repo=record["repo"],
                common_dir=Path(record["common_dir"]),
                from_work="from_work" in record,
            )
        except (KeyError, ValueError):
            raise WorktreeError(f"the record of {path.name} is damaged") from None


Adding = Callable[[Worktree], Awaitable[None]]


@dataclass(frozen=True)
class Wanted:
    """A worktree that is to be made."""

    agent: int
    path: Path
    name: str  # of a new branch; a number is appended when it is taken
    base_commit: str
    branch: str = ""  # an earlier attempt's or a parent's, to be gone on with
    tip: str = ""  # where that branch begins again when it is gone; "" = at the base commit
    from_work: bool = False  # see Worktree
    exact: bool = False  # `branch` must be at the base commit, or a new one is made


def slug(task: str) -> str:
    """A few words of the task for a branch name: ASCII, at most 40 characters."""
    plain = unicodedata.normalize("NFKD", task[:500]).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if len(words) > MAX_SLUG:
        cut = words[: MAX_SLUG + 1].rpartition("-")[0]
        words = (cut or words)[:MAX_SLUG]
    return words.strip("-") or "task"


@contextmanager
def translated(what: str) -> Iterator[None]:
    """What git and the system say, as a WorktreeError or DiskFull."""
    try:
        yield
    except GitError as error:
        kind = DiskFull if error.disk_full else WorktreeError
        raise kind(f"{what}: {error.detail}{_remedy(kind)}") from error
    except OSError as error:
        kind = DiskFull if GitError(str(error)).disk_full else WorktreeError
        raise kind(f"{what}: {error.strerror or error}{_remedy(kind)}") from error


async def create(repo: OpenRepo, wanted: Wanted, add: Adding) -> Worktree:
    """Make branch and directory; what was made goes again when something fails.

    `add` checks the files out. Raises GitError, OSError, WorktreeError.
    """
    name, head, ours = await branch(repo, wanted)
    worktree = Worktree(
        path=wanted.path,
        branch=name,
        git_dir=repo.git_dir / "worktrees" / wanted.path.name,
        base_commit=wanted.base_commit,
        head=head,
        agent=wanted.agent,
        repo=repo.name,
        common_dir=repo.git_dir,
        from_work=wanted.from_work,
    )
    moved = (Note(NoteKind.RESCUED, name),) if wanted.branch not in {"", name} else ()
    try:
        await asyncio.to_thread(places.write_record, wanted.path, worktree.record())
        await add(worktree)
        return replace(worktree, notes=(*moved, *await _notes(worktree)))
    except BaseException:
        await asyncio.shield(_undo(worktree, ours=ours))
        raise


async def discard(worktree: Worktree) -> None:
    """Remove directory, git's entry and, when it holds nothing, the branch. Raises OSError."""
    await asyncio.to_thread(places.take_away, worktree.path)
    await asyncio.to_thread(places.forget, worktree.path, worktree.git_dir)
    if worktree.branch.startswith(f"agent/{worktree.agent}-") and not await _needed(worktree):
        await worktree.git.run("update-ref", "-d", worktree.ref, worktree.base_commit)


async def _needed(worktree: Worktree) -> bool:
    """Whether the branch is in use, or is all that holds the work of others."""
    if await _in_use(worktree):
        return True
    if not worktree.from_work:
        return False
    asked = ("for-each-ref", "--format=%(refname)", "--points-at", worktree.base_commit)
    holders = (await worktree.git.text(*asked, "refs/heads")).splitlines()
    return holders == [worktree.ref]


async def _in_use(worktree: Worktree) -> bool:
    """Whether the branch is checked out elsewhere, by a further attempt or by a person."""
    asked = ("for-each-ref", "--format=%(worktreepath)", worktree.ref)
    return bool((await worktree.git.run(*asked)).out.strip())


def _remedy(kind: type[WorktreeError]) -> str:
    return "; make room on the worker's disk, then retry" if kind is DiskFull else ""


async def branch(repo: OpenRepo, wanted: Wanted) -> tuple[str, str, bool]:
    """Name and tip of the branch, and whether it was made here; raises GitError, WorktreeError."""
    git = repo.git
    if wanted.branch and (found := await _earlier(repo, wanted)):
        return found
    for number in range(1, MAX_NAMES):
        name = wanted.name if number == 1 else f"{wanted.name}-{number}"
        if await git.swap(f"refs/heads/{name}", wanted.base_commit, ""):
            return name, wanted.base_commit, True
        if not await git.commit_of(f"refs/heads/{name}"):
            break
    raise WorktreeError(
        f"the branch {wanted.name} cannot be made; a branch that is called “agent” or "
        f"“agent/{wanted.agent}…” may stand in its way: rename that one"
    )


async def _earlier(repo: OpenRepo, wanted: Wanted) -> tuple[str, str, bool] | None:
    """The branch that is to be gone on with; None when others have gone on with it."""
    git, ref = repo.git, f"refs/heads/{wanted.branch}"
    tip, start = await git.commit_of(ref), wanted.tip or wanted.base_commit
    # our own clone is behind where another host's worker went on
    if tip != start and (not tip or (repo.own and await git.contains(start, tip))):
        if await git.swap(ref, start, tip):
            return wanted.branch, start, not tip
        tip = await git.commit_of(ref)
    if tip == start or (tip and not wanted.exact):
        return wanted.branch, tip, False
    if wanted.exact:
        return None
    raise WorktreeError(f"the branch {wanted.branch} cannot be made again")


async def add(worktree: Worktree, *options: str) -> None:
    """Check the files out, by git alone; raises GitError, OSError, WorktreeError."""
    how = ("worktree", "add", "--quiet", "--force", "--no-guess-remote", *options)
    await worktree.git.out(*LOGGED, *how, str(worktree.path), worktree.branch)
    pointed = await asyncio.to_thread((worktree.git_dir / "gitdir").read_text)
    if pointed.strip() != str(worktree.path / ".git"):
        raise WorktreeError(f"git put the worktree {worktree.path.name} where it was not expected")


async def _notes(worktree: Worktree) -> tuple[Note, ...]:
    git = Git(worktree.git_dir, worktree.path)
    staged = await git.paths("ls-files", "-z", "--stage")
    links = [entry.partition("\t")[2] for entry in staged if entry.startswith("160000")]
    filtered = any(entry.endswith(".gitattributes") for entry in staged)
    lfs = ("ls-files", "-z", "--", ":(attr:filter=lfs)")
    tracked = await git.paths(*lfs) if filtered else []
    pointers = await asyncio.to_thread(_pointers, worktree.path, tracked)
    found = ((NoteKind.SUBMODULES, links), (NoteKind.LFS_POINTERS, pointers))
    return tuple(Note(kind, _names(names)) for kind, names in found if names)


def _pointers(top: Path, tracked: list[str]) -> list[str]:
    found = []
    for name in tracked:
        path = top / name
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                found += [name] if file.read(len(POINTER)) == POINTER else []
    return found


def _names(names: list[str]) -> str:
    shown = ", ".join(names[:5]).encode("utf-8", "replace").decode()
    return shown + (f" and {len(names) - 5} more" if len(names) > 5 else "")


async def _undo(worktree: Worktree, *, ours: bool) -> None:
    """Take back a worktree that did not come about; the first error is the one that counts."""
    with suppress(OSError):
        await asyncio.to_thread(places.take_away, worktree.path)
        await asyncio.to_thread(places.forget, worktree.path, worktree.git_dir)
    if ours:
        await worktree.git.run("update-ref", "-d", worktree.ref, worktree.head)
