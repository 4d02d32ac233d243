"""What dead processes left among the temporary files, under names that do not tell whose it is.

So each thing has to show that nobody uses it any more: a directory by its lock, which the kernel
releases with its holder, and a socket by refusing to connect. Everything here blocks.
"""

import fcntl
import os
import shutil
import socket
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MERGES = "mab-merge-"
# The CLI's sandbox makes them; in a run's own directory, unless its path is too long for that.
SOCKETS = ("claude-http-", "claude-socks-", "srt-mux-")
SETTLED_SECONDS = 60.0  # what is younger may not have its lock, or its listener, yet


def make(kind: str) -> tuple[Path, int]:
    """A private directory for temporary files, and what holds its lock until it is closed."""
    place = Path(tempfile.mkdtemp(prefix=kind))
    held = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    fcntl.flock(held, fcntl.LOCK_EX)
    return place, held


def remove(place: Path, held: int) -> None:
    """Remove a directory that `make` made."""
    shutil.rmtree(place, ignore_errors=True)
    os.close(held)


def sweep(place: Path, ahead: float = 0.0) -> int:
    """Remove what nobody uses any more; gives how much there was.

    `ahead`: as it would be in so many seconds.
    """
    since = time.time() + ahead - SETTLED_SECONDS
    return sum(_dropped(path, found) for path, found in list(_settled(place, since)))


def _settled(place: Path, since: float) -> Iterator[tuple[Path, os.stat_result]]:
    """What is this user's, is called as ours is, and is not new."""
    with suppress(OSError), os.scandir(place) as entries:
        for entry in entries:
            if entry.name.startswith((MERGES, *SOCKETS)):
                with suppress(OSError):
                    found = entry.stat(follow_symlinks=False)
                    mine = found.st_uid == os.geteuid()
                    if mine and found.st_ctime <= since:
                        yield Path(entry.path), found


def _dropped(path: Path, found: os.stat_result) -> bool:
    if stat.S_ISDIR(found.st_mode) and path.name.startswith(MERGES):
        with _free(path) as free:
            if free:
                shutil.rmtree(path, ignore_errors=True)
            return free
    if stat.S_ISSOCK(found.st_mode) and path.name.startswith(SOCKETS) and _deaf(path):
        path.unlink(missing_ok=True)
        return True
    return False


@contextmanager
def _free(path: Path) -> Iterator[bool]:
    """Whether nobody holds a directory; it is ours meanwhile."""
    try:
        held = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        yield False
        return
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(held)


def _deaf(path: Path) -> bool:
    """Whether nobody listens at a socket any more."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asking:
        asking.settimeout(1.0)
        try:
            asking.connect(str(path))
        except ConnectionRefusedError:
            return True
        except OSError:
            return False
    return False
