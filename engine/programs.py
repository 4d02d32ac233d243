"""A program that runs to its end, with the last lines that it wrote, and nothing left of it."""

import asyncio
import os
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

import psutil

from engine import processes
from engine.processes import ProcessTree

TAIL_LINES = 40
TAIL_BYTES = 4096
KEPT_BYTES = 2**19  # of which the tail is made
DRAIN_SECONDS = 1.0  # for the last words of a command whose processes are gone
Started = Callable[[int], Awaitable[None]]


@dataclass(frozen=True)
class CommandResult:
    """How a command ended."""

    exit_code: int | None  # None: it did not end in time
    tail: str  # the last lines that it wrote


async def run(
    arguments: list[str],
    environment: dict[str, str],
    timeout: float,
    started: Started | None = None,
) -> CommandResult:
    """Run a program until it ends or `timeout` seconds are over, then end what it left behind.

    `environment` is the whole of it, with the marker by which its processes are found.
    `started` is told its pid. Nothing is left of it either when the caller is cancelled.
    """
    ours, theirs = os.pipe()
    # A pipe of our own: what a command leaves behind may hold it open, but not keep us waiting.
    reading = asyncio.create_task(_last_words(ours))
    try:
        process = await _start(arguments, environment, theirs)
    finally:
        os.close(theirs)
    tree = _tree(process.pid, environment.get(processes.MARKER, ""))
    try:
        code = await _waited(process, timeout, started)
    finally:
        await asyncio.shield(_swept(process, tree, reading))
    return CommandResult(code, tail_of(await reading))


async def _start(
    arguments: list[str], environment: dict[str, str], out: int
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=out,
        stderr=out,
        env=environment,
        start_new_session=True,
    )


def _tree(pid: int, marker: str) -> ProcessTree:
    with suppress(psutil.NoSuchProcess):
        return ProcessTree.of(pid, marker)
    # it has ended already; what it left behind still carries the marker
    return ProcessTree(pid, -1.0, marker, processes.host_identity())


async def _waited(
    process: asyncio.subprocess.Process, timeout: float, started: Started | None
) -> int | None:
    if started:
        await started(process.pid)
    try:
        return await asyncio.wait_for(process.wait(), timeout)
    except TimeoutError:
        return None


async def _swept(
    process: asyncio.subprocess.Process, tree: ProcessTree, reading: "asyncio.Task[bytes]"
) -> None:
    """End what is left of the command, and stop listening to it."""
    try:
        await processes.end(tree, grace=0)
        await process.wait()
    finally:
        await asyncio.wait([reading], timeout=DRAIN_SECONDS)
        reading.cancel()


async def _last_words(pipe: int) -> bytes:
    """The end of what comes through a pipe, also when the waiting is cut short."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    file = os.fdopen(pipe, "rb", 0)
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), file)
    kept = bytearray()
    try:
        while chunk := await reader.read(2**16):
            kept += chunk
            del kept[:-KEPT_BYTES]
    except asyncio.CancelledError:
        pass  # somebody holds the other end; what has come so far is what there is
    finally:
        transport.close()
    return bytes(kept)


def tail_of(output: bytes) -> str:
    """The last lines of an output, fit to be shown."""
    text = output.decode("utf-8", "replace").replace("\r\n", "\n")
    text = re.sub(r"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[@-_])", "", text)
    text = re.sub(r"[^\n]*\r(?!\n)", "", text)  # progress bars: what was overwritten
    text = "".join(c for c in text if c in "\n\t" or c.isprintable()).rstrip()
    shown = "\n".join(text.split("\n")[-TAIL_LINES:])
    return shown.encode()[-TAIL_BYTES:].decode("utf-8", "ignore")
