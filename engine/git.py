"""Git, run so that nothing an agent left behind is executed or believed.

The repository is always named explicitly; git never searches for one. Hooks, file system
monitors and external diffs are off. Filters run only when the repository's own
configuration, which a confined agent cannot write, defines them.
"""

import asyncio
import os
import re
import signal
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from engine import killed_git
from engine.errors import MabError
from engine.git_settings import environment, options

MAX_OUTPUT = 64 * 2**20  # bytes of one command
MAX_WORDS = 64 * 2**10  # bytes of stderr
READING = frozenset(
    {
        *("rev-parse", "merge-base", "for-each-ref", "show", "ls-tree", "cat-file", "diff-tree"),
        *("ls-files", "remote", "grep"),
    }
)
FULL = (
    *("no space left on device", "disk quota exceeded", "file too large"),
    # git does not say why; where it may not write, it fails earlier, when it opens the file
    *("unable to write file", "unable to write new index file"),
    f"died of signal {signal.SIGXFSZ:d}",  # a command that git has started
)


class GitError(MabError):
    """Git could not do what was asked of it."""

    def __init__(self, detail: str = "", code: int = 1) -> None:
        self.code = code
        super().__init__(detail)

    @property
    def killed(self) -> bool:
        """Whether git, or one that it started, was killed from outside."""
        return self.code == -signal.SIGKILL or "died of signal 9" in self.detail

    @property
    def disk_full(self) -> bool:
        """Whether there was no room to write; a limit on file size counts too."""
        words = self.detail.lower()
        return self.code == -signal.SIGXFSZ or any(word in words for word in FULL)


@dataclass(frozen=True)
class Ran:
    """How a git command ended."""

    code: int  # negative: the signal that ended it
    out: bytes
    words: str  # what it said on stderr, without credentials
    cut: bool  # there was more output than asked for


@dataclass(frozen=True)
class Git:
    """Git on one repository: `git_dir` is explicit, `work_tree` only where files are read."""

    git_dir: Path
    work_tree: Path | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    timeout: float = 300.0  # seconds

    def having(self, **variables: str) -> "Git":
        """The same repository with further environment variables."""
        return replace(self, variables={**self.variables, **variables})

    def within(self, seconds: float) -> "Git":
        """The same repository with another time limit."""
        return replace(self, timeout=seconds)

    async def run(self, *args: str, stdin: bytes = b"", limit: int = MAX_OUTPUT) -> Ran:
        """Run a command to its end; raises `GitError` only when git is missing or too slow.

        Once more where git was killed as it only read, or met a lock that a dead git had left.
        """
        ran = await self._ran(*args, stdin=stdin, limit=limit)
        if await self._again(args, ran):
            return await self._ran(*args, stdin=stdin, limit=limit)
        return ran

    async def _again(self, args: tuple[str, ...], ran: Ran) -> bool:
        if ran.code == -signal.SIGKILL:
            return not ran.cut and _verb(args) in READING
        return ran.code != 0 and await asyncio.to_thread(killed_git.free, ran.words, self.git_dir)

    async def _ran(self, *args: str, stdin: bytes, limit: int) -> Ran:
        try:
            process = await self._start(*args, fed=bool(stdin))
        except FileNotFoundError:
            raise GitError("git is not installed, or not in PATH") from None
        try:
            async with asyncio.timeout(self.timeout):
                return await _converse(process, stdin, limit)
        except TimeoutError:
            raise GitError(f"git {_verb(args)} took longer than {self.timeout:.0f} s") from None
        finally:
            await end(process)

    async def out(self, *args: str, stdin: bytes = b"", limit: int = MAX_OUTPUT) -> bytes:
        """The output of a command that must succeed; raises `GitError`."""
        ran = await self.run(*args, stdin=stdin, limit=limit)
        if ran.cut and limit == MAX_OUTPUT:
            raise GitError(f"git {_verb(args)} wrote more than {limit} bytes")
        if ran.code != 0 and not ran.cut:
            raise GitError(ran.words or f"git {_verb(args)} ended with {ran.code}", ran.code)
        return ran.out

    async def text(self, *args: str, stdin: bytes = b"") -> str:
        """The output as text without the newline at its end; raises `GitError`."""
        return (await self.out(*args, stdin=stdin)).decode("utf-8", "replace").rstrip("\n")

    async def paths(self, *args: str) -> list[str]:
        """The file names that a command with `-z` lists; raises `GitError`."""
        return [os.fsdecode(name) for name in (await self.out(*args)).split(b"\0") if name]

    async def commit_of(self, name: str) -> str:
        """The commit that a full ref or an object name stands for; "" when there is none."""
        ran = await self.run("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        return ran.out.decode().strip() if ran.code == 0 else ""

    async def branch(self) -> str:
        """The short name of the branch that HEAD names; "" when it is a commit."""
        ran = await self.run("symbolic-ref", "--quiet", "--short", "HEAD")
        return ran.out.decode("utf-8", "replace").strip()

    async def contains(self, commit: str, ancestor: str) -> bool:
        """Whether `ancestor` is part of the history of `commit`; a commit is of its own."""
        if commit == ancestor:
            return True
        return (await self.run("merge-base", "--is-ancestor", ancestor, commit)).code == 0

    async def swap(self, ref: str, new: str, old: str) -> bool:
        """Move a ref if it is still at `old` ("" = does not exist); False when it is not.

        Raises `GitError` when the disk is full.
        """
        move = ("update-ref", "-m", "mab", ref, new, old)
        ran = await self.run(*move)
        if ran.code == -signal.SIGKILL:  # it may have moved the ref before
            if await self.commit_of(ref) == new:
                return True
            ran = await self.run(*move)
        error = GitError(ran.words, ran.code)
        if ran.code != 0 and error.disk_full:
            raise error
        return ran.code == 0

    async def _start(self, *args: str, fed: bool) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            "git",
            *self._options(),
            *args,
            stdin=pipe if fed else asyncio.subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            env={**environment(), **self.variables},
            cwd="/",
            start_new_session=True,  # no terminal to ask for a password on
        )

    def _options(self) -> list[str]:
        where = [f"--work-tree={self.work_tree}"] if self.work_tree else ["--bare"]
        named = [word for setting in options() for word in ("-c", setting)]
        return [f"--git-dir={self.git_dir}", *where, "--no-replace-objects", "--no-pager", *named]


def without_credentials(text: str) -> str:
    """The text with user names and passwords taken out of the addresses in it."""
    return re.sub(r"(?<=://)[^@/\s'\"]+@", "", text)


async def end(process: asyncio.subprocess.Process) -> None:
    """Kill what a process started in its session, if it still runs, and reap it."""
    if process.returncode is None:
        _kill(process)
        await asyncio.shield(process.wait())


async def _converse(process: asyncio.subprocess.Process, stdin: bytes, limit: int) -> Ran:
    (out, cut), (words, _), _ = await asyncio.gather(
        _read(process, process.stdout, limit),
        _read(process, process.stderr, MAX_WORDS),
        _feed(process.stdin, stdin),
    )
    return Ran(await process.wait(), out, _last_lines(words), cut)


async def _read(
    process: asyncio.subprocess.Process, stream: asyncio.StreamReader | None, limit: int
) -> tuple[bytes, bool]:
    """Everything that fits the limit; who writes more is ended."""
    read = bytearray()
    while stream and (chunk := await stream.read(2**16)):
        read += chunk
        if len(read) > limit:
            _kill(process)
            return bytes(read[:limit]), True
    return bytes(read), False


async def _feed(stream: asyncio.StreamWriter | None, data: bytes) -> None:
    if stream is None:
        return
    try:
        stream.write(data)
        await stream.drain()
    except (BrokenPipeError, ConnectionResetError):
        pass  # git ended early; its exit code says why
    finally:
        stream.close()


def _kill(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _last_lines(words: bytes) -> str:
    lines = [line.strip() for line in words.decode("utf-8", "replace").splitlines()]
    said = [line for line in lines if line and not line.startswith(("hint:", "warning:"))]
    locked = [number for number, line in enumerate(said, 1) if killed_git.NAMED.search(line)]
    told = said[: locked[0]] if locked else said or lines  # what follows a lock is advice
    return without_credentials("\n".join(told[-5:]))[:1000]


def _verb(args: tuple[str, ...]) -> str:
    return next((arg for arg in args if not arg.startswith("-") and "=" not in arg), "")
