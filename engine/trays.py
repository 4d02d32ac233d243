"""The trays of agents: a directory with the files that came with the task, one for handing out.

They lie outside every worktree. What an agent leaves in its out-tray is not trusted: only regular
files of the directory itself are taken, none through a link, and no more than is bounded.
"""

import asyncio
import mimetypes
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.briefing import Tray
from engine.directories import drop
from engine.spec import LARGEST_FILE, MOST_FILES, File
from engine.views import Note, NoteKind

NAME = 60  # characters: with four bytes each they still are a file's name
SUFFIX = 16  # of them
LISTED = 20  # that were left out
UNSAFE = re.compile(r"[^\w.()+, -]+")


@dataclass(frozen=True)
class Taken:
    """What was found in an out-tray."""

    files: tuple[File, ...] = ()
    left_out: tuple[str, ...] = ()  # "name (reason)"

    @property
    def notes(self) -> tuple[Note, ...]:
        """What people should know of it."""
        left = ", ".join(self.left_out)
        return (Note(NoteKind.NOT_HANDED_OUT, left),) if left else ()


class _Unfit(Exception):
    """What is not handed out; the text says why."""


@dataclass(frozen=True)
class Trays:
    """The trays of a host, below one directory."""

    root: Path

    async def open(self, agent_id: int, files: tuple[File, ...], *, emptied: bool) -> Tray:
        """Lay out the files of an agent's next attempt; `emptied`: what it left was taken."""
        return await asyncio.to_thread(self._open, agent_id, files, emptied)

    async def take(self, agent_id: int) -> Taken:
        """What an agent has left for people; the files stay where they are."""
        return await asyncio.to_thread(_take, self._of(agent_id) / "out")

    async def remove(self, agent_id: int) -> None:
        """Remove both trays of an agent."""
        await asyncio.to_thread(drop, self._of(agent_id))

    def _of(self, agent_id: int) -> Path:
        return self.root / f"agent-{agent_id}"

    def _open(self, agent_id: int, files: tuple[File, ...], emptied: bool) -> Tray:  # noqa: FBT001 - passed on by name above
        home = self._of(agent_id)
        inside, out = home / "in", home / "out"
        drop(inside)
        if emptied or out.is_symlink():
            drop(out)
        for folder in (self.root, home, inside, out):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        given = [inside / name for name in unique(file.name for file in files)]
        for path, file in zip(given, files, strict=True):
            path.write_bytes(file.content)
        return Tray(inside, out, tuple(given))


def safe(name: str) -> str:
    """A file's name as it may stand in a directory, in a prompt and in a message."""
    last = re.split(r"[/\\]", name)[-1]
    plain = UNSAFE.sub("_", last).strip(" .").lstrip("-")
    stem, dot, suffix = plain.rpartition(".")
    if not dot or len(suffix) > SUFFIX:
        return plain[:NAME] or "file"
    return f"{stem[: NAME - len(suffix) - 1] or 'file'}.{suffix}"


def unique(names: Iterable[str]) -> list[str]:
    """Safe names, told apart by a number where two would be the same file on any system."""
    made: list[str] = []
    known: set[str] = set()
    for name in map(safe, names):
        stem, dot, suffix = name.rpartition(".") if "." in name else (name, "", "")
        free, number = name, 1
        while free.casefold() in known:
            number += 1
            free = f"{stem}-{number}{dot}{suffix}"
        known.add(free.casefold())
        made.append(free)
    return made


def _take(out: Path) -> Taken:
    found: list[tuple[str, bytes]] = []
    left: list[str] = []
    try:
        with _directory(out) as folder:
            for name in sorted(os.listdir(folder), key=os.fsencode):  # noqa: PTH208 - by descriptor, so no link is followed
                try:
                    found.append((name, _content(folder, name, room=len(found) < MOST_FILES)))
                except _Unfit as why:
                    left.append(f"{safe(name)} ({why})")
    except FileNotFoundError:  # the agent never began
        return Taken()
    except OSError as error:
        return Taken(left_out=(f"everything ({error.strerror})",))
    named = zip(unique(name for name, _ in found), found, strict=True)
    files = (File(name, _kind(name), content) for name, (_, content) in named)
    return Taken(tuple(files), tuple(_listed(left)))


@contextmanager
def _directory(path: Path) -> Iterator[int]:
    """A directory, not one that a link leads to."""
    opened = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        yield opened
    finally:
        os.close(opened)


def _content(folder: int, name: str, *, room: bool) -> bytes:
    """What is in a file; raises _Unfit."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe does not hold us up
    try:
        if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise _Unfit("not a regular file")
        if not room:
            raise _Unfit(f"more than {MOST_FILES} files")
        with os.fdopen(os.open(name, flags, dir_fd=folder), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise _Unfit("not a regular file")
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise _Unfit(error.strerror or "unreadable") from error
    if len(content) > LARGEST_FILE:
        raise _Unfit(f"larger than {LARGEST_FILE // 2**20} MiB")
    if not content:
        raise _Unfit("empty")
    return content


def _kind(name: str) -> str:
    return mimetypes.guess_type(name)[0] or "application/octet-stream"


def _listed(left: list[str]) -> list[str]:
    more = len(left) - LISTED
    return [*left[:LISTED], f"and {more} more"] if more > 0 else left
