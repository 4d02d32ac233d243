"""Locks that hold among the tasks of this process and among processes of this host."""

import asyncio
import fcntl
import hashlib
import os
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

POLL = 0.02  # seconds between two tries for a lock that another process holds


class Locks:
    """Named locks; each is a file in `directory` that the kernel releases with its holder."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._here: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @asynccontextmanager
    async def held(self, name: str) -> AsyncIterator[None]:
        """Hold the lock of this name; whoever else wants it waits."""
        async with self._here[name]:
            file = await asyncio.to_thread(self._open, name)
            try:
                # Not a blocking flock in a thread: a cancelled waiter would take it later.
                while not _taken(file):  # noqa: ASYNC110 - other processes hold it too
                    await asyncio.sleep(POLL)
                yield
            finally:
                os.close(file)

    @asynccontextmanager
    async def shared(self, name: str) -> AsyncIterator[None]:
        """Hold the lock of this name together with others who share it."""
        file = await asyncio.to_thread(self._open, name)
        try:
            while not _taken(file, fcntl.LOCK_SH):  # noqa: ASYNC110 - another process holds it
                await asyncio.sleep(POLL)
            yield
        finally:
            os.close(file)

    @asynccontextmanager
    async def alone(self, name: str) -> AsyncIterator[bool]:
        """Hold the lock of this name if nobody else does, and say whether that is so."""
        file = await asyncio.to_thread(self._open, name)
        try:
            yield _taken(file)
        finally:
            os.close(file)

    def _open(self, name: str) -> int:
        self._directory.mkdir(parents=True, exist_ok=True)
        file = hashlib.sha256(name.encode()).hexdigest()[:16] + ".lock"
        return os.open(self._directory / file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _taken(file: int, how: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
