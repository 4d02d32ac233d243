"""Directories that an agent has filled: however deep, of whatever modes. Everything blocks."""

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

DEEP = 500  # characters: the system takes such a path, and `rmtree` gets to its end


def is_directory(path: Path) -> bool:
    """Whether a real directory is there; a symbolic link is none."""
    return path.is_dir() and not path.is_symlink()


def disk_used(top: Path) -> int:
    """Bytes on disk of the files below a directory."""
    used = 0
    for entry in _below(top):
        with suppress(OSError):
            facts = entry.stat(follow_symlinks=False)
            used += 0 if stat.S_ISDIR(facts.st_mode) else facts.st_blocks * 512
    return used


def unlock(top: Path) -> list[Path]:
    """Make a directory, and each below it, one that its owner can list and empty.

    Gives those that are too deep for the system, so for git as well; raises OSError.
    """
    _open(top)
    unreached = []
    for entry in _below(top):
        if entry.is_dir(follow_symlinks=False):
            try:
                _open(Path(entry.path))
            except OSError as error:
                if error.errno != errno.ENAMETOOLONG:
                    raise
                unreached.append(Path(entry.path))
    return unreached


def erase(path: Path) -> None:
    """Remove whatever is at a path; links are not followed."""
    if not is_directory(path):
        path.unlink(missing_ok=True)
        return
    unlock(path)
    try:
        shutil.rmtree(path)
    except (OSError, RecursionError):
        if not _flattened(path):
            raise
        shutil.rmtree(path)


def drop(path: Path) -> None:
    """Remove what nobody needs, as far as it can be removed now."""
    with suppress(OSError, RecursionError):
        erase(path)


def _below(top: Path) -> Iterator[os.DirEntry[str]]:
    """Everything below, a directory before what is in it; passes over what cannot be listed."""
    pending = [os.fspath(top)]
    while pending:
        with suppress(OSError), os.scandir(pending.pop()) as found:
            for entry in found:
                yield entry
                if entry.is_dir(follow_symlinks=False):
                    pending.append(entry.path)


def _open(place: Path) -> None:
    mode = place.lstat().st_mode
    if mode & stat.S_IRWXU != stat.S_IRWXU:
        place.chmod(0o755)


def _flattened(top: Path) -> bool:
    """Move what lies too deep up to `top`; whether there was something."""
    moved, pending = False, [top]
    while pending:
        place = pending.pop()
        place.chmod(0o700)
        if len(str(place)) - len(str(top)) > DEEP:
            place = place.rename(tempfile.mkdtemp(dir=top))
            moved = True
        with os.scandir(place) as found:
            below = [Path(entry.path) for entry in found if entry.is_dir(follow_symlinks=False)]
        pending += below
    return moved
