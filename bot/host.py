"""What this machine has of what the program needs. Says it; does not change anything."""

import asyncio
import os
import re
import shlex
import shutil
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import aiohttp

from bot.health import Address, address

OLDEST_PYTHON = (3, 11)
OLDEST_GIT = (2, 33)  # knows `worktree add --lock --reason`
ASKING_SECONDS = 1.0
REINSTALL_CLI = "pip install --force-reinstall claude-agent-sdk"
_INSTALLERS = {
    "brew": "brew install",
    "apt-get": "sudo apt-get install",
    "dnf": "sudo dnf install",
    "apk": "sudo apk add",
}
_UNASKED = {"GIT_TERMINAL_PROMPT": "0", "GCM_INTERACTIVE": "never", "SSH_ASKPASS_REQUIRE": "never"}
_BWRAP = "bwrap --ro-bind / / --unshare-net --unshare-pid --proc /proc true"


@dataclass(frozen=True)
class Verdict:
    """What a look at one thing gave; ok = None: worth knowing, but not wrong by itself."""

    ok: bool | None
    detail: str
    remedy: str = ""  # what to type


def good(detail: str) -> Verdict:
    """It is in order."""
    return Verdict(ok=True, detail=detail)


def bad(detail: str, remedy: str) -> Verdict:
    """It is wrong; `remedy` is what to type."""
    return Verdict(ok=False, detail=detail, remedy=remedy)


def note(detail: str, remedy: str = "") -> Verdict:
    """It is worth knowing."""
    return Verdict(ok=None, detail=detail, remedy=remedy)


def install(packages: str) -> str:
    """The command by which this system installs packages."""
    present = (command for tool, command in _INSTALLERS.items() if shutil.which(tool))
    return f"{next(present, 'install')} {packages}"


class _Ran(NamedTuple):
    code: int
    output: str


@dataclass(frozen=True)
class Host:
    """The machine, as programs with this environment see it."""

    environ: Mapping[str, str]

    async def python(self) -> Verdict:
        """The interpreter's version."""
        return _version(sys.version_info[:2], OLDEST_PYTHON, install("python3"))

    async def git(self) -> Verdict:
        """Git's version."""
        ran = await self._run("git", "--version")
        found = re.search(r"(\d+)\.(\d+)", ran.output)
        if not found:
            return bad(ran.output, install("git"))
        return _version((int(found[1]), int(found[2])), OLDEST_GIT, install("git"))

    async def cli(self) -> Verdict:
        """Whether the Claude CLI starts."""
        cli = await asyncio.to_thread(_bundled_cli) or shutil.which("claude")
        if not cli:
            return bad("not found", REINSTALL_CLI)
        ran = await self._run(str(cli), "--version")
        return good(ran.output) if ran.code == 0 else bad(ran.output, REINSTALL_CLI)

    async def repo(self, source: Path | str) -> Verdict:
        """Whether agents can work on a repository: a directory, or the URL of a remote."""
        if isinstance(source, str):
            return good("is cloned from its remote")
        shown = shlex.quote(str(source))
        opened = await self._run("git", "-C", str(source), "rev-parse", "--git-dir")
        if opened.code != 0:
            return _unopened(source, opened.output)
        head = await self._run("git", "-C", str(source), "rev-parse", "--verify", "HEAD^{commit}")
        if head.code != 0:
            remedy = f"git -C {shown} commit --allow-empty --message 'First commit'"
            return bad(f"{source} has no commits", remedy)
        return good(str(source))

    async def top(self, directory: Path) -> Path:
        """The top of the checkout that a directory lies in; itself where there is none (bare)."""
        ran = await self._run("git", "-C", str(directory), "rev-parse", "--show-toplevel")
        return Path(ran.output) if ran.code == 0 and ran.output else directory

    async def remote(self, source: Path | str) -> Verdict:
        """Whether a repository's remote answers."""
        if isinstance(source, str):
            return await self._listing((), source)
        remotes = await self._run("git", "-C", str(source), "remote")
        if remotes.code:
            return note("cannot be asked for before the repository is there")
        if "origin" not in remotes.output.split("\n"):
            return note("no remote called origin; branches stay on this machine")
        return await self._listing(("-C", str(source)), "origin")

    async def sandbox(self, *, required: bool) -> Verdict:
        """Whether agents' commands can be confined; macOS brings what is needed."""
        if sys.platform == "darwin":
            return good("part of macOS")
        lacking = bad if required else note
        missing = [name for name in ("bwrap", "socat") if not self._which(name)]
        if missing:
            said = f"{' and '.join(missing)} not found; agents work without Bash"
            return lacking(said, install("bubblewrap socat"))
        ran = await self._run(*_BWRAP.split())
        if ran.code != 0:
            return lacking(f"{ran.output}; agents work without Bash", _BWRAP)
        return good("bwrap and socat work")

    def _which(self, program: str) -> str | None:
        return shutil.which(program, path=self.environ.get("PATH"))

    async def _listing(self, where: tuple[str, ...], remote: str) -> Verdict:
        """Whether the remote answers; git asks nobody for a password."""
        command = ("git", *where, "ls-remote", "--quiet", "--", remote, "HEAD")
        ran = await self._run(*command)
        return good("answers") if ran.code == 0 else bad(ran.output, shlex.join(command))

    async def _run(self, *command: str) -> _Ran:
        """Run a program to its end, with nobody to ask; cancelled, its session is killed."""
        process = await asyncio.create_subprocess_exec(
            *command,
            env={**self.environ, **_UNASKED, "LC_ALL": "C"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            output, _ = await process.communicate()
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        return _Ran(process.returncode or 0, output.decode(errors="replace").strip())


async def listening(http: str) -> Verdict:
    """Whether MAB_HTTP can be had."""
    try:
        place = address(http)
    except ValueError as error:
        return bad(str(error), "export MAB_HTTP=127.0.0.1:3210")
    if not place:
        return good("off")
    loop = asyncio.get_running_loop()
    try:
        server = await loop.create_server(asyncio.Protocol, place.host, place.port)
    except OSError as error:
        if await _is_ours(place):
            return good(f"mab answers at {http}")
        reason = os.strerror(error.errno) if error.errno else str(error)
        remedy = "export MAB_HTTP=127.0.0.1:3211   # or another free port"
        return note(f"{http} cannot be had ({reason}); without it nobody sees metrics", remedy)
    server.close()
    return good(f"{http} is free")


async def _is_ours(place: Address) -> bool:
    """Whether a mab that runs already has the address."""
    seconds = aiohttp.ClientTimeout(total=ASKING_SECONDS)
    host = f"[{place.host}]" if ":" in place.host else place.host
    try:
        async with (
            aiohttp.ClientSession(timeout=seconds) as session,
            session.get(f"http://{host}:{place.port}/healthz") as answer,
        ):
            return "last_poll_seconds" in await answer.json()
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        return False


def _version(present: tuple[int, int], oldest: tuple[int, int], remedy: str) -> Verdict:
    shown = f"{present[0]}.{present[1]}"
    if present >= oldest:
        return good(shown)
    return bad(f"{shown} is too old; {oldest[0]}.{oldest[1]} is needed", remedy)


def _bundled_cli() -> Path | None:
    """The CLI that the SDK brings along, found without loading the SDK."""
    package = find_spec("claude_agent_sdk")
    places = (package and package.submodule_search_locations) or []
    found = (Path(place) / "_bundled" / "claude" for place in places)
    return next((cli for cli in found if cli.is_file()), None)


def _unopened(source: Path, said: str) -> Verdict:
    """Why git does not take a directory for a repository."""
    shown = shlex.quote(str(source))
    if "dubious ownership" in said:
        return bad(said, f"git config --global --add safe.directory {shown}")
    if "cannot change to" in said:
        return bad(f"{source} does not exist", f"git clone URL {shown}")
    return bad(f"{source} is no git repository", f"git -C {shown} init")
