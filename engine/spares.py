"""Spare worktrees: finished ones, emptied, that wait for the next agent of their repository.

A spare is a directory of files and nothing else. Git's entry, index, branch and log of the former
agent are removed as ever; the next one gets an entry that git makes new. What the files are is
told by a copy of the index that was taken before the agent got the worktree and lies where it
cannot write. Whenever anything is odd, the spare is thrown away and a worktree made from nothing.
"""

import asyncio
import json
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import structlog

from engine import checkouts, directories, emptied, places
from engine.checkouts import Worktree
from engine.emptied import Fresh, Odd
from engine.git import Git
from engine.git_rules import rules
from engine.views import NoteKind

SPARES = ".spares"
PROBE = ".probe-"
log = structlog.get_logger()


@dataclass(frozen=True)
class Made:
    """What was noted of a worktree before its agent got it."""

    repo: str
    common_dir: str
    commit: str
    rules: str  # see `git_rules`
    moment: int
    mode: int
    group: int
    marks: str

    @property
    def fresh(self) -> Fresh:
        """How it looked."""
        return Fresh(self.moment, self.mode, self.group, self.marks)


@dataclass(frozen=True)
class Spares:
    """The spares among the worktrees below `root`, at most `reuse` of each repository.

    The caller sees to it that nobody else is at work on the repository's worktrees.
    """

    root: Path
    reuse: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def at(cls, home: Path) -> "Spares":
        """Those of an installation, to be looked at."""
        return cls(home.expanduser().resolve() / places.WORKTREES)

    def disk_used(self) -> int:
        """Bytes on disk of all of them; blocks."""
        return directories.disk_used(self.place)

    @property
    def place(self) -> Path:
        """Where they lie."""
        return self.root / SPARES

    async def add(self, worktree: Worktree) -> None:
        """Check the worktree out, into a spare if there is one. Raises as `checkouts.add` does."""
        for spare in await asyncio.to_thread(self.of, worktree.repo):
            if await self._moved_in(spare, worktree):
                return
        await checkouts.add(worktree)

    async def note(self, worktree: Worktree) -> None:
        """Note what tells later which files its agent has touched; without it, it is removed."""
        pointers = any(note.kind is NoteKind.LFS_POINTERS for note in worktree.notes)
        if not self.reuse.get(worktree.repo, 0) or pointers:
            return
        try:
            await asyncio.to_thread(self._note, worktree, await rules(worktree.git))
        except Exception:
            log.exception("worktree will not be a spare", worktree=worktree.path.name)
            await asyncio.to_thread(self.drop, self.place / worktree.path.name)

    async def put(self, worktree: Worktree) -> None:
        """Put a worktree away whose work is saved, if there is a place and nothing is odd."""
        spare = self.place / worktree.path.name
        if await asyncio.to_thread(self._fits, worktree):
            try:
                # from here on it is nobody's work, so what is missing in it is not missed
                await asyncio.to_thread(worktree.path.rename, spare)
                await self._empty(spare, self._read(spare))
            except Odd as error:
                log.info("worktree not kept as a spare", worktree=spare.name, why=str(error)[:200])
                await asyncio.to_thread(self.drop, spare)
            except Exception:
                log.exception("worktree not kept as a spare", worktree=spare.name)
                await asyncio.to_thread(self.drop, spare)

    def of(self, repo: str | None = None) -> list[Path]:
        """The spares, or those of a repository; blocks."""
        there = sorted(
            path for path in self.place.glob("agent-*") if directories.is_directory(path)
        )
        return [path for path in there if repo is None or self._repo(path) == repo]

    def above(self) -> list[Path]:
        """Those that are more than is wanted; blocks."""
        spares = self.of()
        wanted = {repo: self.of(repo)[:most] for repo, most in self.reuse.items()}
        return [spare for spare in spares if spare not in wanted.get(self._repo(spare), [])]

    def sweep(self) -> None:
        """Remove notes of worktrees that are gone, and what could not be removed before; blocks."""
        for left in [*self.place.glob(f"{places.GOING}*"), *self.place.glob(f"{PROBE}*")]:
            directories.drop(left)
        for file in [*self.place.glob("*.json"), *self.place.glob("*.index")]:
            if not any((place / file.stem).exists() for place in (self.place, self.root)):
                file.unlink(missing_ok=True)

    def drop(self, spare: Path) -> None:
        """Throw a spare away, or the note of a worktree; what cannot go now is swept; blocks."""
        with suppress(OSError, RecursionError):
            for file in (_made(spare), _index(spare)):
                file.unlink(missing_ok=True)
            if directories.is_directory(spare):
                places.take_away(spare)

    def _fits(self, worktree: Worktree) -> bool:
        most = self.reuse.get(worktree.repo, 0)
        noted = _made(self.place / worktree.path.name).exists()
        there = noted and directories.is_directory(worktree.path)
        return there and len(self.of(worktree.repo)) < most and not emptied.in_use(worktree.path)

    def _note(self, worktree: Worktree, rules: str) -> None:
        self.place.mkdir(parents=True, exist_ok=True)
        spare = self.place / worktree.path.name
        shutil.copyfile(worktree.git_dir / "index", _index(spare))
        fresh = Fresh.of(worktree.path, _index(spare).stat().st_ctime_ns)
        made = Made(worktree.repo, str(worktree.common_dir), worktree.head, rules, **asdict(fresh))
        _made(spare).write_text(json.dumps(asdict(made)))

    def _read(self, spare: Path) -> Made:
        try:
            return Made(**json.loads(_made(spare).read_text()))
        except (TypeError, ValueError):
            raise Odd("its note cannot be read") from None

    def common_dir(self, spare: Path) -> Path:
        """The git directory by whose lock a spare is taken; the root: not known; blocks."""
        with suppress(Odd, OSError):
            return Path(self._read(spare).common_dir)
        return self.root

    def _repo(self, spare: Path) -> str:
        """The repository of a spare; "": not known."""
        with suppress(Odd, OSError):
            return self._read(spare).repo
        return ""

    async def _empty(self, spare: Path, made: Made) -> None:
        git = Git(Path(made.common_dir), spare).having(GIT_INDEX_FILE=str(_index(spare)))
        tracked = await git.paths("ls-files", "-z")
        await asyncio.to_thread(emptied.empty, spare, tracked, made.fresh)

    async def _moved_in(self, spare: Path, worktree: Worktree) -> bool:
        try:
            await self._move_in(spare, worktree)
        except Exception:
            log.exception("spare worktree thrown away", spare=spare.name)
            await asyncio.to_thread(places.take_away, worktree.path)
            await asyncio.to_thread(places.unlist, worktree.path, worktree.git_dir)
            await asyncio.to_thread(self.drop, spare)
            return False
        return True

    async def _move_in(self, spare: Path, worktree: Worktree) -> None:
        made = await asyncio.to_thread(self._read, spare)
        await _must_serve(made, worktree)
        await asyncio.to_thread(self._must_look_new, made)
        await self._empty(spare, made)
        # marked as half made until it is whole, so that nobody saves what is missing
        await checkouts.add(worktree, "--no-checkout", "--lock", "--reason", "initializing")
        await asyncio.to_thread(_exchange, spare, worktree)
        inside = Git(worktree.git_dir, worktree.path)
        # writes what is missing, what has changed since, and what is not the file that it was: one
        # that nobody touched but that came there with its directory has another inode
        await inside.out(*checkouts.LOGGED, "reset", "--hard", "--quiet")
        (worktree.git_dir / "locked").unlink()
        await asyncio.to_thread(self.drop, spare)

    def _must_look_new(self, made: Made) -> None:
        probe = Path(tempfile.mkdtemp(prefix=PROBE, dir=self.place))
        try:
            (probe / "new").mkdir()
            if Fresh.of(probe / "new", made.moment) != made.fresh:
                raise Odd("directories are made otherwise now")
        finally:
            directories.erase(probe)


async def _must_serve(made: Made, worktree: Worktree) -> None:
    """Raises Odd unless what is in the spare would be written alike now."""
    git = worktree.git
    if made.common_dir != str(worktree.common_dir) or made.rules != await rules(git):
        raise Odd("the repository or its settings are others now")
    if made.commit != worktree.head:
        compared = ("diff-tree", "-r", "-z", "--name-only", made.commit, worktree.head)
        if await git.paths(*compared, "--", ":(glob)**/.gitattributes"):
            raise Odd("its .gitattributes are others now")


def _exchange(spare: Path, worktree: Worktree) -> None:
    """Put the spare's files, and the index that tells of them, into a worktree without files."""
    shutil.copyfile(_index(spare), worktree.git_dir / "index")
    directories.erase(worktree.path)
    spare.rename(worktree.path)
    places.point(worktree.path, worktree.git_dir)


def _made(spare: Path) -> Path:
    return spare.with_name(f"{spare.name}.json")


def _index(spare: Path) -> Path:
    return spare.with_name(f"{spare.name}.index")
