"""The work of several nodes, made into one commit without a worktree.

Git merges on a bare directory of its own that borrows the repository's objects: no attribute
is read anywhere, so no merge driver and no filter is ever asked for, whoever defined it. A
merge has no date of its own: the same commits give the same merge, also on another host.
"""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from engine import abandoned
from engine.bases import OpenRepo
from engine.commits import Authorship
from engine.git import Git, GitError
from engine.killed_git import once_more

MAX_FILES = 100  # names that are told
MAX_NAME = 300  # characters of each
USAGE = 129  # git's exit code for an option that it does not know
ASKED_AT_ONCE = 200  # file names in one command line
AUTHOR, EMAIL = "mab", "mab@mab.invalid"
# What would change a merge from one user's configuration to the next, or name a program.
SETTINGS = (
    "core.attributesFile=/dev/null",
    "attr.tree=refs/none",
    "merge.default=mab-none",  # the driver where no attribute names one; no such driver: plain text
    "merge.conflictStyle=zdiff3",
    "merge.renames=true",
    "merge.renameLimit=7000",
    "merge.directoryRenames=conflict",
    "merge.renormalize=false",
)
BEGINS, ENDS = "^<{7,} ", "^>{7,} "  # nested ones are longer


@dataclass(frozen=True)
class Merged:
    """A commit that holds everything."""

    commit: str  # one of those that were given, where that holds the others


@dataclass(frozen=True)
class Clash:
    """Commits that do not go together by themselves.

    No ref holds `commit`; the same merge makes it again.
    """

    files: tuple[str, ...]  # the first `MAX_FILES`, as text that can be shown
    commit: str  # all of them merged, with conflict markers; its parents are all of them


@dataclass(frozen=True)
class _Outcome:
    commit: str
    clashed: tuple[str, ...] = ()  # paths as the file system has them


async def merge(repo: OpenRepo, commits: Sequence[str], message: str) -> Merged | Clash:
    """Merge commits in the order given; those that are ancestors of others add nothing.

    Raises GitError: an unknown commit, histories that have nothing in common, a git older
    than 2.38.
    """
    outcome = await once_more(lambda: _merged(repo, commits, message))
    if outcome.clashed:
        return Clash(safe(outcome.clashed), outcome.commit)
    return Merged(outcome.commit)


async def contains(repo: OpenRepo, commit: str, ancestors: Iterable[str]) -> bool:
    """Whether each of the ancestors is part of the history of a commit."""
    for ancestor in ancestors:
        if not await repo.git.contains(commit, ancestor):
            return False
    return True


async def unresolved(repo: OpenRepo, commit: str, commits: Sequence[str]) -> tuple[str, ...]:
    """The files of a clash of `commits` that still have conflict markers in `commit`.

    What had such lines before the merge is about conflicts and not one. Files that clash
    without markers (binary, deleted on one side) show only in a commit that is the unresolved
    merge itself. Raises GitError.
    """
    outcome = await once_more(lambda: _merged(repo, commits, ""))
    if commit and await _same_files(repo.git, commit, outcome.commit):
        return safe(outcome.clashed)
    marked = await _marked(repo.git, commit, outcome.clashed)
    for before in commits if marked else ():
        marked -= await _marked(repo.git, before, sorted(marked))
    return safe(sorted(marked))


def safe(paths: Iterable[str]) -> tuple[str, ...]:
    """File names as text that can be stored and shown: on one line each, and not too many."""
    return tuple(_shown(path) for path in list(paths)[:MAX_FILES])


def _shown(path: str) -> str:
    text = os.fsencode(path).decode("utf-8", "replace")[:MAX_NAME]
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


async def _merged(repo: OpenRepo, commits: Sequence[str], message: str) -> _Outcome:
    parents = await _independent(repo.git, commits)
    if len(parents) == 1:
        return _Outcome(parents[0])
    stamp = await _date(repo.git, parents)
    authorship = Authorship(AUTHOR, EMAIL, message or "Merge")
    async with _aside(repo) as bare:
        git = bare.having(**authorship.variables(), **stamp)
        return await _folded(git, parents, authorship.text().encode())


async def _folded(git: Git, parents: Sequence[str], message: bytes) -> _Outcome:
    """One merge after the other; what comes after a clash is merged all the same."""
    commit, clashed = parents[0], dict[str, None]()
    for count, parent in enumerate(parents[1:], start=2):
        tree, files = await _merged_trees(git, commit, parent)
        clashed |= dict.fromkeys(files)
        last = count == len(parents)
        above = parents if last else (commit, parent)
        options = [word for each in above for word in ("-p", each)]
        commit = await git.text("commit-tree", *options, tree, stdin=message)
    return _Outcome(commit, tuple(clashed))


async def _merged_trees(git: Git, ours: str, theirs: str) -> tuple[str, list[str]]:
    """The tree of a merge, and the paths that clash in it."""
    named = [word for setting in SETTINGS for word in ("-c", setting)]
    how = ("merge-tree", "--write-tree", "-z", "--name-only", "--no-messages")
    ran = await git.run(*named, *how, ours, theirs)
    if ran.code == USAGE:
        raise GitError("this host's git cannot merge without a worktree; install git 2.38 or newer")
    if ran.code not in {0, 1} or ran.cut:
        raise GitError(ran.words or f"git merge-tree ended with {ran.code}", ran.code)
    tree, *paths = ran.out.split(b"\0")
    return tree.decode().strip(), [os.fsdecode(path) for path in paths if path.strip()]


async def _independent(git: Git, commits: Sequence[str]) -> list[str]:
    """Those of the commits that no other holds, once each, in the order given."""
    known = [await git.commit_of(commit) for commit in dict.fromkeys(commits)]
    if not all(known) or not known:
        gone = [
            name for name, found in zip(dict.fromkeys(commits), known, strict=True) if not found
        ]
        raise GitError(
            f"there is no commit {', '.join(gone)[:200]}" if gone else "nothing to merge"
        )
    if len(set(known)) == 1:
        return known[:1]
    needed = set((await git.text("merge-base", "--independent", *known)).split())
    return [commit for commit in dict.fromkeys(known) if commit in needed]


async def _date(git: Git, commits: Sequence[str]) -> dict[str, str]:
    """The date of the newest commit, as git's environment variables."""
    listed = await git.text("show", "--no-patch", "--format=%ct", *commits, "--")
    date = f"@{max(int(line) for line in listed.split())} +0000"
    return {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}


@asynccontextmanager
async def _aside(repo: OpenRepo) -> AsyncIterator[Git]:
    """Git on the objects of a repository, where nobody's attributes are."""
    place, held = await asyncio.to_thread(abandoned.make, abandoned.MERGES)
    try:
        await asyncio.to_thread(_lay_out, place, repo.git_dir)
        yield Git(place).having(
            GIT_OBJECT_DIRECTORY=str(repo.git_dir / "objects"), GIT_ATTR_NOSYSTEM="1"
        )
    finally:
        await asyncio.to_thread(abandoned.remove, place, held)


def _lay_out(place: Path, git_dir: Path) -> None:
    (place / "refs").mkdir()
    (place / "HEAD").write_text("ref: refs/heads/.invalid\n")
    for name in ("config", "shallow"):  # the format of objects; where history ends
        with suppress(FileNotFoundError):
            shutil.copyfile(git_dir / name, place / name)


async def _same_files(git: Git, one: str, other: str) -> bool:
    return await git.text("rev-parse", f"{one}^{{tree}}") == await git.text(
        "rev-parse", f"{other}^{{tree}}"
    )


async def _marked(git: Git, commit: str, paths: Collection[str]) -> set[str]:
    """Those of the files of a commit that have both ends of a conflict in them."""
    asked = [f":(top,literal){path}" for path in paths]
    how = ("grep", "-z", "-l", "-a", "-E", "--all-match", "--no-textconv", "--full-name")
    found: set[str] = set()
    for start in range(0, len(asked), ASKED_AT_ONCE):
        some = asked[start : start + ASKED_AT_ONCE]
        ran = await git.run(*how, "-e", BEGINS, "-e", ENDS, commit, "--", *some)
        if ran.code not in {0, 1}:
            raise GitError(ran.words, ran.code)
        names = (os.fsdecode(name) for name in ran.out.split(b"\0") if name)
        found |= {name.removeprefix(f"{commit}:") for name in names}
    return found
