"""Runs a repository's own commands as confined as the agent's shell: bubblewrap, no network.

The whole disk is read-only, without the places of sockets and what is hidden; the workspace
and a private /tmp are writable. Domains are reached through a proxy on a unix socket.
"""

import asyncio
import os
import shutil
import stat
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from engine import processes, programs
from engine.errors import MabError
from engine.executor import Confinement, Sandbox
from engine.programs import CommandResult, Started
from engine.proxy import Proxy
from engine.scratch import prefix
from engine.views import Note, NoteKind

PROBE_SECONDS = 10.0
PROXY_PORT = 3128  # inside; the sandbox has a loopback of its own
SOCKET = "/tmp/.mab-proxy"  # noqa: S108 - inside the sandbox, where /tmp is private
# Sockets of daemons and of the user's session live here: docker's is the way to root.
PRIVATE = ("/tmp", "/var/tmp", "/run")  # noqa: S108 - they are replaced, not written to
NEEDED_OF_RUN = ("/run/current-system", "/run/wrappers")  # NixOS has its programs there
SEALED = (
    *("--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL"),
    *("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"),
)
BRIDGE = (
    f"socat TCP-LISTEN:{PROXY_PORT},bind=127.0.0.1,fork,reuseaddr UNIX-CONNECT:{SOCKET} & "
    f"for try in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do "
    f"socat -u OPEN:/dev/null TCP:127.0.0.1:{PROXY_PORT} 2>/dev/null && break; sleep 0.1; done; "
    'exec "$@"'
)


class SandboxMissing(MabError):
    """Commands cannot be confined on this host."""


@dataclass(frozen=True)
class Shell:
    """Where and how confined commands run."""

    workspace: Path
    confinement: Confinement
    environment: Mapping[str, str]  # the whole of it

    async def run(
        self, command: str, timeout: float, started: Started | None = None
    ) -> CommandResult:
        """Run a command line until it ends or `timeout` seconds are over.

        No process of it is left, also when the caller is cancelled. `started` is told the pid
        of its root. Raises SandboxMissing when the confinement asks for a sandbox and this
        host has none.
        """
        if problem := await trouble(self.confinement):
            raise SandboxMissing(problem)
        async with self._arguments(command) as (arguments, environment):
            return await programs.run(arguments, self._dressed(environment), timeout, started)

    @asynccontextmanager
    async def _arguments(self, command: str) -> AsyncIterator[tuple[list[str], dict[str, str]]]:
        """The program to start, with what it needs beside it."""
        wanted = [_program("bash", "sh"), "-c", command]
        confined = self.confinement
        if confined.sandbox is Sandbox.OFF:
            # bash's own chdir: a directory that is missing is then the command's error
            enter = [wanted[0], "-c", 'cd -- "$0" && exec "$@"', str(self.workspace)]
            yield [*enter, *wanted], {}
            return
        workspace = await asyncio.to_thread(self.workspace.resolve)
        walls = [_program("bwrap"), *SEALED, "--chdir", str(workspace)]
        walls += await asyncio.to_thread(mounts, workspace, confined)
        if not confined.network:
            yield [*walls, "--", *wanted], {}
            return
        mine = prefix(self.environment)
        place = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix=mine))
        try:
            async with Proxy(place / "s", confined.network):
                walls += ["--bind", str(place / "s"), SOCKET]
                bridge = [_program("sh"), "-c", BRIDGE, "sh"]
                yield [*walls, "--", *bridge, *wanted], _proxied()
        finally:
            await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)

    def _dressed(self, more: dict[str, str]) -> dict[str, str]:
        """The environment, marked so that every process can be found and ended."""
        marker = self.environment.get(processes.MARKER) or processes.new_marker()
        confined = self.confinement.sandbox is not Sandbox.OFF
        private = {"TMPDIR": "/tmp"} if confined else {}  # noqa: S108 - private inside
        return {**self.environment, **more, **private, processes.MARKER: marker}


def sandbox_tools() -> tuple[str, ...]:
    """The programs that the CLI's sandbox needs and this host lacks."""
    if sys.platform == "darwin":
        return ()
    return tuple(name for name in ("bwrap", "socat") if shutil.which(name) is None)


def restrictions(sandbox: Sandbox) -> list[Note]:
    """What people should know of how this agent is confined; looks for programs, so it blocks."""
    if sandbox is Sandbox.OFF:
        return [Note(NoteKind.UNCONFINED)]
    missing = sandbox_tools()
    return [Note(NoteKind.BASH_OFF, ", ".join(missing))] if missing else []


async def trouble(confinement: Confinement) -> str:
    """Why commands cannot be confined as asked, and what to do; "" when they can."""
    if confinement.sandbox is Sandbox.OFF:
        return ""
    if sys.platform == "darwin":
        return (
            "setup and check commands cannot be confined on macOS; leave them out, "
            'or write sandbox = "off" in [agent]'
        )
    programs = ("bwrap", "socat") if confinement.network else ("bwrap",)
    if missing := [program for program in programs if not shutil.which(program)]:
        packages = " and ".join("bubblewrap" if name == "bwrap" else name for name in missing)
        return f'the sandbox needs {packages}: install it, or write sandbox = "off" in [agent]'
    return await _probe()


def mounts(workspace: Path, confinement: Confinement) -> list[str]:
    """The arguments that hide and open paths; the most specific path decides. Blocks."""
    at: dict[Path, list[str]] = {Path(path): ["--tmpfs", path] for path in _there(PRIVATE)}
    at |= {Path(path): ["--ro-bind", path, path] for path in _there(NEEDED_OF_RUN)}
    for path in map(Path.resolve, confinement.hidden):
        if path.exists():
            empty = ["--tmpfs"] if path.is_dir() else ["--ro-bind", "/dev/null"]
            at[path] = [*empty, str(path)]
    at |= {path: _bind("--ro-bind-try", path) for path in map(Path.resolve, confinement.readable)}
    at |= {path: _bind("--bind-try", path) for path in map(Path.resolve, confinement.writable)}
    at[workspace] = _bind("--bind", workspace)
    dot = workspace / ".git"
    with suppress(OSError):
        if not stat.S_ISLNK(dot.lstat().st_mode):
            at[dot] = _bind("--ro-bind", dot)
    ordered = sorted(at, key=lambda path: len(path.parts))
    return [word for path in ordered for word in at[path]]


def _program(*names: str) -> str:
    """The first of these programs that is installed, by the worker's PATH, not the command's."""
    return next(filter(None, map(shutil.which, names)), names[-1])


def _there(paths: tuple[str, ...]) -> list[str]:
    return [path for path in paths if Path(path).is_dir() and not Path(path).is_symlink()]


def _bind(how: str, path: Path) -> list[str]:
    return [how, str(path), str(path)]


def _proxied() -> dict[str, str]:
    address = f"http://127.0.0.1:{PROXY_PORT}"
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
    proxied = {case: address for name in names for case in (name, name.lower())}
    return {**proxied, "NO_PROXY": "localhost,127.0.0.1", "no_proxy": "localhost,127.0.0.1"}


async def _probe() -> str:
    """Whether the kernel lets bubblewrap do its work here."""
    path = {"PATH": os.environ.get("PATH", os.defpath)}
    result = await programs.run([_program("bwrap"), *SEALED, "--", "true"], path, PROBE_SECONDS)
    if result.exit_code == 0:
        return ""
    return (
        f"bubblewrap cannot make a sandbox on this host ({result.tail[-200:] or 'no answer'}): "
        'allow unprivileged user namespaces, or write sandbox = "off" in [agent]'
    )
