"""What an agent left in its worktree, made into a commit.

A private index is used, and nothing in the worktree is believed: not its `.git`, not its
index, not what lies there in the form of devices or repositories.
"""

import os
import stat
from asyncio import to_thread
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from engine.directories import unlock
from engine.git import Git, GitError
from engine.views import FileChange

HUGE = 100 * 2**20  # bytes; most forges refuse a push with such a file
LISTED = 50  # names of files that were left out
SHOWN = 60  # characters of a name that is too long for git
GITLINK = "160000"
NEW, TOUCHED = "?", frozenset({"C", "R"})  # tags of git-ls-files(1): changed, removed
PLAIN = ("--no-ext-diff", "--no-textconv", "--no-color", "--no-commit-id")
# Places of the CLI's sandbox where empty files may stay behind when it is killed.
MASKS = frozenset(
    {
        *(".gitconfig", ".gitmodules", ".bashrc", ".bash_profile", ".zshrc", ".zprofile"),
        *(".profile", ".ripgreprc", ".mcp.json", ".vscode", ".idea", ".claude", ".claude.json"),
        *(".git", ".env", ".npmrc"),
    }
)


@dataclass
class Listing:
    """What git sees."""

    links: set[str] = field(default_factory=set)  # submodules
    touched: set[str] = field(default_factory=set)  # changed or gone
    new: list[str] = field(default_factory=list)


@dataclass
class Survey:
    """What to do with each path that differs from the parent commit."""

    present: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)  # "path (reason)"


@dataclass(frozen=True)
class Authorship:
    """Who made a commit, and for whom."""

    name: str
    email: str
    message: str
    requested_by: str = ""  # "" = no trailer

    def text(self) -> str:
        """The commit message with its trailer."""
        body = self.message.replace("\0", "").strip() or "Work of an agent"
        asked = " ".join(self.requested_by.replace("\0", "").split())
        return f"{body}\n\nRequested-by: {asked}\n" if asked else f"{body}\n"

    def variables(self) -> dict[str, str]:
        """The identity as git's environment variables."""
        name = "".join(c for c in self.name if c.isprintable() and c not in "<>").strip() or "agent"
        return {
            f"GIT_{who}_{what}": value
            for who in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", name), ("EMAIL", self.email))
        }


async def stage(git: Git, parent: str) -> list[str]:
    """Bring the private index of `git` to what the worktree holds; returns what was left out.

    Raises GitError.
    """
    top = git.work_tree or Path()
    deep = await to_thread(unlock, top)  # git passes over what it may not look into
    await git.out("read-tree", parent)
    found = await _listing(git)
    survey = await to_thread(_survey, top, sorted(found.touched - found.links), found.new)
    survey.left_out += await to_thread(_in_submodules, top, sorted(found.links))
    survey.left_out += sorted(
        {f"{str(path.relative_to(top))[:SHOWN]}… (too deep)" for path in deep}
    )
    if survey.gone:
        await git.out("update-index", "-z", "--force-remove", "--stdin", stdin=_listed(survey.gone))
    refused = await _add(git, survey.present)
    return survey.left_out + refused + await _ignored(git, survey.present, refused)


def shown(left_out: list[str]) -> tuple[str, ...]:
    """Names that can be stored and sent, and not too many of them."""
    names = [name.encode("utf-8", "replace").decode() for name in left_out[:LISTED]]
    more = len(left_out) - LISTED
    return (*names, f"and {more} more") if more > 0 else tuple(names)


async def write(git: Git, parent: str, authorship: Authorship) -> str:
    """A commit of the staged files; the parent itself when nothing differs. Raises GitError."""
    tree = await git.text("write-tree")
    if tree == await git.text("rev-parse", f"{parent}^{{tree}}"):
        return parent
    signed = git.having(**authorship.variables())
    return await signed.text("commit-tree", "-p", parent, tree, stdin=authorship.text().encode())


async def changes(git: Git, base: str, commit: str) -> tuple[FileChange, ...]:
    """What became of each file between two commits; a renamed one shows both names."""
    if base == commit:
        return ()
    listed = await git.out("diff-tree", "-r", "-z", "-M", "--numstat", *PLAIN, base, commit)
    return tuple(_parsed(listed.decode("utf-8", "replace").split("\0")))


async def diff(git: Git, base: str, commit: str, limit_bytes: int) -> str:
    """The changes as text; what goes beyond the limit is cut at a line, which the end says."""
    text = await git.out("diff-tree", "-r", "-p", "-M", *PLAIN, base, commit, limit=limit_bytes)
    if len(text) < limit_bytes:
        return text.decode("utf-8", "replace")
    whole = text[: text.rfind(b"\n") + 1].decode("utf-8", "replace")
    return f"{whole}[cut here after {limit_bytes:,} bytes]\n"


def _parsed(fields: list[str]) -> Iterable[FileChange]:
    rest = iter(fields)
    for entry in rest:
        if not entry:
            continue
        added, removed, path = entry.split("\t", 2)
        name = path or f"{next(rest)} → {next(rest)}"
        binary = added == "-"
        yield FileChange(name, 0 if binary else int(added), 0 if binary else int(removed), binary)


async def _listing(git: Git) -> Listing:
    """The private index and the worktree, by git-ls-files(1); a tag says what each line is."""
    found = Listing()
    kinds = ("--stage", "--modified", "--deleted", "--others", "--exclude-standard")
    for line in await git.paths("ls-files", "-z", "-t", *kinds):
        tag, _, entry = line.partition(" ")
        facts, _, path = entry.partition("\t")
        if tag == NEW:
            found.new.append(entry)
        elif tag in TOUCHED:
            found.touched.add(path)
        elif facts.startswith(GITLINK):
            found.links.add(path)
    return found


def _survey(top: Path, touched: list[str], new: list[str]) -> Survey:
    survey = Survey()
    for path in touched:
        _judge_tracked(top, path, survey)
    for path in new:
        _judge_new(top, path, survey)
    return survey


def _judge_tracked(top: Path, path: str, survey: Survey) -> None:
    found = _facts(top, path)
    if found is None or stat.S_ISDIR(found.st_mode):
        survey.gone.append(path)
    else:
        _sort(top, path, found, survey)


def _judge_new(top: Path, path: str, survey: Survey) -> None:
    found = _facts(top, path.rstrip("/"))
    if found is None or _is_mask(path, found):
        return
    if path.endswith("/"):
        survey.left_out.append(f"{path} (a git repository of its own)")
    else:
        _sort(top, path, found, survey)


def _facts(top: Path, path: str) -> os.stat_result | None:
    """What is at the path itself; None when a symbolic link stands in its way, or nothing."""
    parts = path.split("/")
    above = ["/".join(parts[:depth]) for depth in range(1, len(parts))]
    try:
        if any((top / name).is_symlink() for name in above):
            return None
        return (top / path).lstat()
    except OSError:
        return None


def _is_mask(path: str, found: os.stat_result) -> bool:
    first = path.split("/", 1)[0]
    empty = stat.S_ISREG(found.st_mode) and found.st_size == 0
    return first in MASKS and (empty or stat.S_ISCHR(found.st_mode))


def _sort(top: Path, path: str, found: os.stat_result, survey: Survey) -> None:
    if reason := _unfit(found):
        survey.left_out.append(f"{path} ({reason})")
        return
    if stat.S_ISREG(found.st_mode) and not found.st_mode & stat.S_IRUSR:
        (top / path).chmod(found.st_mode | stat.S_IRUSR)
    survey.present.append(path)


def _unfit(found: os.stat_result) -> str:
    if stat.S_ISREG(found.st_mode):
        return f"{found.st_size / 2**20:,.0f} MB" if found.st_size > HUGE else ""
    return "" if stat.S_ISLNK(found.st_mode) else "not a regular file"


def _in_submodules(top: Path, links: list[str]) -> list[str]:
    """Submodules are not checked out, so what lies in their directories is the agent's."""
    filled = [path for path in links if (top / path).is_dir() and any((top / path).iterdir())]
    return [f"{path}/ (inside a submodule)" for path in filled]


async def _add(git: Git, paths: list[str]) -> list[str]:
    """Stage the paths; what git refuses is found by halving and left out."""
    if not paths:
        return []
    try:
        options = ("update-index", "-z", "--add", "--replace", "--stdin")
        await git.out(*options, stdin=_listed(paths))
    except GitError as error:
        if error.disk_full or error.killed:
            raise
        if len(paths) == 1:
            return [f"{paths[0]} ({error.detail.splitlines()[0][:200]})"]
        half = len(paths) // 2
        return await _add(git, paths[:half]) + await _add(git, paths[half:])
    return []


async def _ignored(git: Git, paths: list[str], refused: list[str]) -> list[str]:
    """What git passed over without an error, as it does with names like `git~1`."""
    known = {*await git.paths("ls-files", "-z"), *(text.rpartition(" (")[0] for text in refused)}
    return [f"{path} (git does not allow this name)" for path in paths if path not in known]


def _listed(paths: list[str]) -> bytes:
    return b"".join(os.fsencode(path) + b"\0" for path in paths)
