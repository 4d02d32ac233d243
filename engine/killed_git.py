"""What a git that was killed leaves behind: work half done, and locks that nobody will release.

The kernel kills git when memory runs out; we do when somebody cancels. A lock is a file, so it
stays. One is only taken away when nothing shows that its git still lives.
"""

import re
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import psutil
import structlog

from engine.errors import MabError

SETTLED_SECONDS = 2.5  # a lock that is younger may be of a git that has just begun
OTHERS_SECONDS = 600.0  # where the repository's owner may be at work too
NAMED = re.compile(r"Unable to create '(.+\.lock)': File exists")
log = structlog.get_logger()
Result = TypeVar("Result")


async def once_more(work: Callable[[], Awaitable[Result]]) -> Result:
    """Do it anew if git is killed in the middle of it; the second time that is an error."""
    try:
        return await work()
    except MabError as error:
        if not getattr(error, "killed", False):
            raise
        log.warning("git was killed; once more", why=error.detail[:200])
    return await work()


def free(words: str, git_dir: Path) -> bool:
    """Take away the dead lock over which git stumbled; whether it may be tried again. Blocks.

    `words` are git's own; a lock outside the repository is left to whoever it belongs to.
    """
    found = NAMED.search(words)
    lock = Path(found[1]) if found else None
    if lock is None or not lock.is_relative_to(_common(git_dir)):
        return False
    return not _exists(lock) or _removed(lock, SETTLED_SECONDS)


def sweep(git_dir: Path, ahead: float = 0.0) -> int:
    """Take away the dead locks that our own git may have left; gives how many. Blocks.

    `ahead`: as it would be in so many seconds.
    """
    ours = sum(_removed(lock, SETTLED_SECONDS - ahead) for lock in _ours(git_dir))
    return ours + _removed(git_dir / "packed-refs.lock", OTHERS_SECONDS - ahead)


def _ours(git_dir: Path) -> Iterator[Path]:
    """Locks on agents' branches, on our own refs, and in agents' worktrees."""
    for below in ("refs/heads/agent", "refs/mab"):
        yield from (git_dir / below).rglob("*.lock")
    yield from git_dir.glob("worktrees/agent-*/*.lock")


def _common(git_dir: Path) -> Path:
    """The repository that a worktree's git directory belongs to; itself where it is one."""
    return git_dir.parent.parent if (git_dir / "commondir").exists() else git_dir


def _exists(lock: Path) -> bool:
    with suppress(OSError):
        lock.lstat()
        return True
    return False


def _removed(lock: Path, settled: float) -> bool:
    """Remove a lock if it is that old and its git is dead."""
    try:
        made = lock.lstat().st_ctime
    except OSError:
        return False
    if time.time() - made < settled or any(_may_hold(each, made) for each in _gits()):
        return False
    log.warning("lock of a dead git taken away", lock=str(lock))
    lock.unlink(missing_ok=True)
    return True


def _may_hold(process: psutil.Process, made: float) -> bool:
    """Whether a git that lives was there when a lock was made; one that ends holds nothing."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE and process.create_time() <= made + 1
    except psutil.Error:
        return False


def _gits() -> Iterator[psutil.Process]:
    """Every git of this host, whoever's it is."""
    for process in psutil.process_iter(["name"]):
        if str(process.info["name"] or "").startswith("git"):
            yield process
