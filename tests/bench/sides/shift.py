"""A worker's shift in the bench `recovery`: each run has a program at work, see `labour`."""

import asyncio
import sys
from collections.abc import Mapping

from tests.bench.sides import labour
from tests.bench.sides.work import Work


class LabourFailed(Exception):
    """A run's program was ended by somebody."""


def up(work: Work) -> None:
    """Say that this worker is about to work."""
    labour.say(work.log, work.who, -1, "up")


async def laboured(work: Work, number: int) -> None:
    """Carry out a run; raises LabourFailed."""
    process = await started(work, number)
    if code := await process.wait():
        raise LabourFailed(f"run {number} ended with {code}")


async def started(
    work: Work, number: int, environ: Mapping[str, str] | None = None
) -> asyncio.subprocess.Process:
    """The program of a run; its standard input is open as long as this process lives."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", labour.__file__),
        *(work.log, work.go, work.who, str(number)),
        stdin=asyncio.subprocess.PIPE,
        env=environ,
    )
