"""Starting a side's program: it is told what to do as JSON, and says as JSON what it found."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[2]
LIMIT_SECONDS = 1800.0


class SideFailed(Exception):
    """A side's program did not do what it was asked to."""


async def told(side: str, errors: Path, **work: Any) -> dict[str, Any]:
    """Run `tests.bench.sides.<side>` to its end; what it prints last is its answer.

    What it writes to stderr goes to the file `errors`. Raises SideFailed.
    """
    async with beside(side, errors, **work) as process:
        async with asyncio.timeout(LIMIT_SECONDS):
            said, _ = await process.communicate()
        return answered(side, process.returncode or 0, said, errors)


@asynccontextmanager
async def beside(side: str, errors: Path, **work: Any) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run `tests.bench.sides.<side>` during the block."""
    with errors.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", f"tests.bench.sides.{side}", json.dumps(work)),
            cwd=PROJECT,
            env=environment(os.environ),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def answered(side: str, code: int, said: bytes, errors: Path) -> dict[str, Any]:
    """What a side's program said; raises SideFailed when it did not end well."""
    lines = said.decode().strip().splitlines()
    if code or not lines:
        tail = errors.read_text(errors="replace")[-3000:]
        raise SideFailed(f"{side} ended with {code}: {tail}")
    answer: dict[str, Any] = json.loads(lines[-1])
    return answer


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Without what this machine sets for mab, which the sides are told in their work."""
    ours = ("MAB_", "DATABASE_URL", "SLACK_", "ANTHROPIC_")
    return {name: value for name, value in environ.items() if not name.startswith(ours)}
