"""A used directory of files, made as good as new: what is not known to be untouched goes.

Whatever a program does to a file sets the time of its last change, and no program can set that
back. So a file is left where it is only if nothing has changed it since its agent got it; whether
it is the same file at all (its inode) git tells as it checks out. Everything here blocks.
"""

import os
import stat
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from engine import directories
from engine.errors import MabError


class Odd(MabError):
    """A directory cannot be made as good as new."""


@dataclass(frozen=True)
class Fresh:
    """How a worktree looked when its agent got it."""

    moment: int  # nanoseconds, by the clock of its file system: what changed since is touched
    mode: int  # of each directory
    group: int  # of each directory
    marks: str  # the extended attributes of each directory, as one word

    @classmethod
    def of(cls, directory: Path, moment: int) -> "Fresh":
        """As this directory is."""
        facts = directory.lstat()
        return cls(moment, facts.st_mode, facts.st_gid, _marks(directory))


@dataclass(frozen=True)
class Emptying:
    """What may stay of a directory."""

    files: Collection[str]
    directories: Collection[str]
    fresh: Fresh
    device: int
    owner: int

    def clear(self, place: Path, prefix: str = "") -> None:
        """Erase what may not stay."""
        with os.scandir(place) as found:
            entries = list(found)
        for entry in entries:
            name = prefix + entry.name
            facts = entry.stat(follow_symlinks=False)
            if facts.st_dev != self.device:
                raise Odd(f"{name} is on another file system")
            if name in self.directories and self.plain(Path(entry.path), facts):
                self.clear(Path(entry.path), f"{name}/")
            elif not (name in self.files and self._untouched(facts)):
                _erase(Path(entry.path))

    def plain(self, place: Path, facts: os.stat_result) -> bool:
        """Whether a directory is as git makes it."""
        known = self.fresh.mode, self.owner, self.fresh.group, self.fresh.marks
        return (facts.st_mode, facts.st_uid, facts.st_gid, _marks(place)) == known

    def _untouched(self, facts: os.stat_result) -> bool:
        known = stat.S_ISREG(facts.st_mode) or stat.S_ISLNK(facts.st_mode)
        return known and facts.st_ctime_ns < self.fresh.moment


def empty(top: Path, files: Collection[str], fresh: Fresh) -> None:
    """Leave of a directory only those of the files that nobody touched since it was fresh.

    Raises Odd when that cannot be told or done, OSError.
    """
    facts = top.lstat()
    emptying = Emptying(frozenset(files), _above(files), fresh, facts.st_dev, os.getuid())
    if not emptying.plain(top, facts):
        raise Odd("its mode, its owner or its attributes were changed")
    emptying.clear(top)


def in_use(top: Path) -> bool:
    """Whether a process works in a directory or has a file of it open, where the system tells."""
    below = f"{top}/"
    for process in Path("/proc").glob("[0-9]*"):
        for link in (process / "cwd", *_open_files(process)):
            with suppress(OSError):
                if f"{link.readlink()}/".startswith(below):
                    return True
    return False


def _open_files(process: Path) -> list[Path]:
    with suppress(OSError):
        return list((process / "fd").iterdir())
    return []  # another user's, or it has ended


def _above(files: Collection[str]) -> frozenset[str]:
    """Every directory that one of the files is in."""
    found: set[str] = set()
    for name in files:
        while (name := name.rpartition("/")[0]) and name not in found:
            found.add(name)
    return frozenset(found)


def _erase(path: Path) -> None:
    if directories.is_directory(path):
        path.chmod(0o700)
    directories.erase(path)


def _marks(directory: Path) -> str:
    listed = getattr(os, "listxattr", None)  # Linux only
    told = sha256()
    with suppress(OSError):  # a file system that has none
        for name in sorted(listed(directory, follow_symlinks=False)) if listed else ():
            value = os.getxattr(directory, name, follow_symlinks=False)
            told.update(os.fsencode(f"{name}\0{len(value)}\0") + value)
    return told.hexdigest()
