"""Trouble with the disk: it is full for a while. A small file system of its own is needed."""

import asyncio
import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from tests.chaos.fault import Fault
from tests.chaos.grip import grip
from tests.chaos.ordered import BRIEF, PAST_A_LEASE, Span
from tests.chaos.place import Place

PIECE = 2**16  # bytes that are written at a time


@contextmanager
def small_disk(where: Path, megabytes: int) -> Iterator[Path | None]:
    """A file system in memory at an empty directory, None where it may not be mounted; blocks."""
    if sys.platform != "linux" or os.geteuid() != 0:
        yield None
        return
    where.mkdir(parents=True, exist_ok=True)
    size = f"size={megabytes}m,mode=755"
    command = ["mount", "-t", "tmpfs", "-o", size, "mab-small-disk", str(where)]
    if subprocess.run(command, capture_output=True, check=False).returncode != 0:
        yield None
        return
    try:
        yield where
    finally:
        # Lazily: a program that still sits there must not keep it mounted.
        subprocess.run(["umount", "--lazy", str(where)], check=False)


@dataclass(frozen=True)
class Full:
    """There is no room left."""

    kind: str
    lasts: Span

    async def strike(self, place: Place, chance: Random) -> bool:
        """Fill the disk, and free it."""
        if place.disk is None:
            return False
        with grip(place, "disk") as free:
            return free and await self._filled(place.disk, self.lasts.seconds(place, chance))

    async def _filled(self, disk: Path, seconds: float) -> bool:
        filler = disk / ".filler"
        try:
            full = await asyncio.to_thread(_fill, filler)
            await asyncio.sleep(seconds)
        finally:
            filler.unlink(missing_ok=True)
        return full


def _fill(file: Path) -> bool:
    """Write until nothing more fits."""
    left = shutil.disk_usage(file.parent).total + PIECE
    with file.open("wb", buffering=0) as out:
        while left > 0:
            try:
                left -= out.write(bytes(PIECE))
            except OSError as error:
                return error.errno == errno.ENOSPC
    return False


FAULTS: Sequence[Fault] = (
    Full("disk full", BRIEF),
    Full("disk full for longer than a lease", PAST_A_LEASE),
)
