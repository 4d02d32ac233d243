"""A repository's own commands: confined, ended whole, and with nothing of the worker's."""

import asyncio
import os
import shutil
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from engine.executor import Confinement, Sandbox
from engine.programs import TAIL_BYTES, TAIL_LINES, tail_of
from engine.proxy import Proxy, Refused, Stream, allowed, dial_public, is_public, parsed
from engine.sandbox import SandboxMissing, Shell, mounts, trouble
from tests.repositories import create, git

PYTHON = Path(sys.executable).resolve()  # an environment in /tmp is not seen in the sandbox

here = asyncio.run(trouble(Confinement(Sandbox.REQUIRED)))
confining = pytest.mark.skipif(bool(here), reason=here)
bridging = pytest.mark.skipif(bool(here) or not shutil.which("socat"), reason=here or "no socat")
PATH = {"PATH": os.environ["PATH"]}
OFF = Confinement(Sandbox.OFF)
WALLS = Confinement(Sandbox.REQUIRED)


def shell(workspace: Path, confinement: Confinement = WALLS, **environment: str) -> Shell:
    return Shell(workspace, confinement, PATH | environment)


async def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)


def alive(argument: str) -> bool:
    for process in psutil.process_iter(["cmdline", "status"]):
        gone = process.info["status"] == psutil.STATUS_ZOMBIE
        if argument in (process.info["cmdline"] or []) and not gone:
            return True
    return False


@confining
async def test_the_workspace_and_a_private_tmp_are_writable_and_nothing_else(
    tmp_path: Path,
) -> None:
    workspace, outside = tmp_path / "work ünd space", tmp_path / "outside"
    workspace.mkdir()
    outside.mkdir()
    result = await shell(workspace).run(
        f"pwd; echo made > here && echo t > /tmp/mab-private && echo t > $TMPDIR/two; "
        f"for place in '{outside}' $HOME /etc /usr; do touch $place/mab-x && echo WROTE $place; done; ls /tmp; exit 3",
        20,
    )
    assert result.exit_code == 3
    assert result.tail.startswith(str(workspace))
    assert (workspace / "here").read_text() == "made\n"
    assert "WROTE" not in result.tail
    assert "mab-private" in result.tail
    after = await shell(workspace, OFF).run("ls /tmp", 20)
    assert "mab-private" not in after.tail
    assert list(outside.iterdir()) == []


@confining
async def test_what_is_hidden_cannot_be_read_and_the_most_specific_path_decides(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    workspace, kept = home / ".worktrees" / "agent-1", home / "repos" / "shop"
    extra = home / "cache"
    for place in (workspace, kept, extra, home / ".worktrees" / "agent-2"):
        place.mkdir(parents=True)
        (place / "file").write_text(f"text of {place.name}")
    (home / "ledger.db").write_text("s3cret ledger")
    (tmp_path / "token").write_text("s3cret token")
    (workspace / ".env").write_text("s3cret env")
    confinement = Confinement(
        Sandbox.REQUIRED,
        hidden=(home, tmp_path / "token", workspace / ".env", tmp_path / "missing"),
        writable=(extra,),
        readable=(kept,),
    )
    result = await shell(workspace, confinement).run(
        f"cat file ../agent-2/file {home}/ledger.db {tmp_path}/token .env {kept}/file {extra}/file; "
        f"echo x > {extra}/new; echo x > {kept}/new; ls -a {home}",
        20,
    )
    for word in ("text of agent-1", "text of shop", "text of cache"):
        assert word in result.tail
    assert "s3cret" not in result.tail
    assert "text of agent-2" not in result.tail
    assert (extra / "new").exists()
    assert not (kept / "new").exists()


@confining
async def test_it_sees_no_other_process_no_capability_no_socket_and_no_network(
    tmp_path: Path,
) -> None:
    server = await asyncio.start_server(lambda _r, w: w.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    result = await shell(tmp_path, SECRET="not mine").run(
        "grep -c . /proc/[0-9]*/comm | wc -l; grep CapEff /proc/self/status; ls /run; "
        f"(echo > /dev/tcp/127.0.0.1/{port}) 2>&1 | tail -1; "
        f"tr '\\0' '\\n' < /proc/{os.getpid()}/environ; cat /proc/*/environ | tr '\\0' '\\n' | sort -u",
        20,
    )
    server.close()
    assert "CapEff:\t0000000000000000" in result.tail
    assert "Connection refused" in result.tail
    assert int(result.tail.split()[0]) < 10
    assert "SECRET=not mine" in result.tail
    assert f"HOME={os.environ.get('HOME')}" not in result.tail.split("\n")


@confining
async def test_git_works_in_a_worktree_and_cannot_be_changed(tmp_path: Path) -> None:
    repository = create(tmp_path / "shop")
    git(repository, "worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    confinement = Confinement(Sandbox.REQUIRED, readable=(repository / ".git",))
    result = await shell(tmp_path / "side", confinement).run(
        "git log --format=%s; echo x > .git; rm -f .git; git commit --allow-empty -m no; "
        f"git -C '{repository}' config a.b c; true",
        20,
    )
    assert result.tail.startswith("a commit")
    assert (tmp_path / "side/.git").read_text().startswith("gitdir: ")
    assert git(repository, "log", "--format=%s", "side") == "a commit"
    assert "a.b" not in git(repository, "config", "--list", "--local")


@pytest.mark.parametrize("confinement", [OFF, pytest.param(WALLS, marks=confining)])
async def test_what_does_not_end_in_time_is_ended_with_all_that_it_started(
    confinement: Confinement, tmp_path: Path
) -> None:
    mark = f"97.{os.getpid()}1"
    pids: list[int] = []

    async def started(pid: int) -> None:
        pids.append(pid)

    command = f"echo before; (setsid sleep {mark} &) ; sh -c 'trap \"\" TERM; sleep {mark}'"
    result = await shell(tmp_path, confinement).run(command, 1.0, started)
    assert (result.exit_code, result.tail) == (None, "before")
    assert len(pids) == 1
    assert not psutil.pid_exists(pids[0])
    await eventually(lambda: not alive(mark))


@pytest.mark.parametrize("confinement", [OFF, pytest.param(WALLS, marks=confining)])
async def test_what_a_command_leaves_behind_neither_lives_nor_keeps_us_waiting(
    confinement: Confinement, tmp_path: Path
) -> None:
    mark = f"98.{os.getpid()}2"
    began = time.monotonic()
    result = await shell(tmp_path, confinement).run(f"(setsid sleep {mark} &) ; echo done", 60)
    assert (result.exit_code, result.tail) == (0, "done")
    assert time.monotonic() - began < 30
    await eventually(lambda: not alive(mark))


@pytest.mark.parametrize("confinement", [OFF, pytest.param(WALLS, marks=confining)])
async def test_cancelling_ends_the_command(confinement: Confinement, tmp_path: Path) -> None:
    mark = f"99.{os.getpid()}3"
    running = asyncio.create_task(shell(tmp_path, confinement).run(f"sleep {mark}; true", 60))
    await eventually(lambda: alive(mark))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not alive(mark)


async def test_the_tail_is_the_last_lines_without_control_characters(tmp_path: Path) -> None:
    result = await shell(tmp_path, OFF).run(
        "seq 1 200000; printf '\\033[31mred\\033[0m\\a\\n'; exit 7", 30
    )
    assert result.exit_code == 7
    lines = result.tail.split("\n")
    assert lines[-2:] == ["200000", "red"]
    assert len(lines) == TAIL_LINES
    assert len(tail_of(("ü" * 9000).encode())) <= TAIL_BYTES
    assert tail_of(b"10%\r50%\r100%\r\nok\r\n\n\n") == "100%\nok"


async def test_a_missing_workspace_is_the_commands_failure(tmp_path: Path) -> None:
    result = await shell(tmp_path / "gone", OFF).run("echo ran", 20)
    assert result.exit_code != 0
    assert "ran" not in result.tail.split()


@pytest.mark.parametrize("sandbox", [Sandbox.AUTO, Sandbox.REQUIRED])
@pytest.mark.skipif(sys.platform != "linux", reason="bubblewrap is a program of Linux")
async def test_without_the_programs_nothing_runs_and_the_packages_are_named(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        SandboxMissing, match='needs bubblewrap: install it, or write sandbox = "off"'
    ):
        await shell(tmp_path, Confinement(sandbox)).run("touch ran", 5)
    assert "bubblewrap and socat" in await trouble(Confinement(sandbox, network=("a.org",)))
    assert not (tmp_path / "ran").exists()


def test_the_git_file_is_read_only_unless_it_is_a_link(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: x")
    assert mounts(tmp_path, WALLS)[-3:] == ["--ro-bind", *[str(tmp_path / ".git")] * 2]
    (tmp_path / ".git").unlink()
    (tmp_path / ".git").symlink_to("/etc")
    assert str(tmp_path / ".git") not in mounts(tmp_path, WALLS)


@pytest.mark.parametrize(
    ("host", "passes"),
    [
        ("pypi.org", True),
        ("PyPI.org.", True),
        ("files.pypi.org", False),
        ("a.example.org", True),
        ("a.b.example.org", True),
        ("example.org", False),
        ("badexample.org", False),
        ("example.org.evil.net", False),
        ("", False),
    ],
)
def test_only_listed_domains_pass(host: str, passes: bool) -> None:  # noqa: FBT001 - a table
    assert allowed(host, ("pypi.org", "*.example.org", "")) is passes


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.169.254", "0.0.0.0", "::1", "fe80::1%eth0",
        "fd00::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "224.0.0.1", "100.64.0.1",
    ],
)  # fmt: skip
def test_addresses_of_this_host_and_of_private_networks_are_not_public(address: str) -> None:
    assert not is_public(address)
    assert is_public("93.184.215.14")
    assert is_public("2606:2800:21f:cb07:6820:80da:af6b:8b2c")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1", "169.254.169.254", "2130706433"])
async def test_a_name_that_leads_to_this_host_is_not_dialled(host: str) -> None:
    with pytest.raises(Refused, match="private network"):
        await dial_public(host, 80)


@pytest.mark.parametrize(
    "head",
    [
        b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"CONNECT x HTTP/1.1\r\n\r\n",
        b"\xff\xfe a b\r\n\r\n",
    ],
)
def test_what_is_no_request_for_a_proxy_is_refused(head: bytes) -> None:
    with pytest.raises(Refused):
        parsed(head)


def test_a_plain_request_goes_on_without_the_proxys_headers() -> None:
    request = parsed(
        b"GET http://user:pw@example.org:80/a?b=c HTTP/1.1\r\nHost: other.example\r\n"
        b"Proxy-Authorization: x\r\nAccept: */*\r\nConnection: keep-alive\r\n\r\n"
    )
    assert (request.host, request.port) == ("example.org", 80)
    assert request.head == (
        b"GET /a?b=c HTTP/1.1\r\nHost: example.org:80\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    )


@asynccontextmanager
async def internet(tmp_path: Path) -> AsyncIterator[tuple[Path, list[str]]]:
    """A proxy whose internet is one server here, which answers with what it was asked."""
    dialled: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.readline()
        while (await reader.readline()).strip():
            pass
        body = b"you asked: " + first.strip()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        await writer.drain()
        writer.close()

    async def dial(host: str, port: int) -> Stream:
        dialled.append(f"{host}:{port}")
        return await asyncio.open_connection("127.0.0.1", near.sockets[0].getsockname()[1])

    near = await asyncio.start_server(answer, "127.0.0.1", 0)
    place = Path("/tmp") / f"mab-test-{os.getpid()}.sock"  # short: such paths are limited
    place.unlink(missing_ok=True)
    async with near, Proxy(place, ("example.org",), dial):
        yield place, dialled
    place.unlink(missing_ok=True)


async def ask(place: Path, request: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(place)
    writer.write(request)
    answer = await asyncio.wait_for(reader.read(), 60)
    writer.close()
    await writer.wait_closed()
    return answer


async def test_the_proxy_lets_through_what_is_listed_and_nothing_else(tmp_path: Path) -> None:
    async with internet(tmp_path) as (place, dialled):
        plain = await ask(place, b"GET http://example.org/x HTTP/1.1\r\nHost: e\r\n\r\n")
        tunnel = await ask(
            place, b"CONNECT example.org:443 HTTP/1.1\r\n\r\nGET /y HTTP/1.1\r\nHost: e\r\n\r\n"
        )
        refused = [
            await ask(place, b"CONNECT %s HTTP/1.1\r\n\r\n" % target)
            for target in (b"evil.org:443", b"example.org:22", b"127.0.0.1:80", b"[::1]:80")
        ]
        endless = await ask(place, b"x" * 60_000)
    assert plain.endswith(b"you asked: GET /x HTTP/1.1")
    assert tunnel.startswith(b"HTTP/1.1 200 ")
    assert tunnel.endswith(b"you asked: GET /y HTTP/1.1")
    assert all(answer.startswith(b"HTTP/1.1 403 ") for answer in refused)
    assert b"evil.org:443 is not in [agent] network" in refused[0]
    assert endless.startswith(b"HTTP/1.1 502 ")
    assert dialled == ["example.org:80", "example.org:443"]


@bridging
async def test_a_sandbox_reaches_the_proxy_and_only_the_proxy(tmp_path: Path) -> None:
    confinement = Confinement(Sandbox.REQUIRED, network=("127.0.0.2", "*.example.org"))
    fetch = (
        "import os, urllib.request, urllib.error\n"
        "for url in ('http://evil.invalid/', 'http://127.0.0.2/'):\n"
        "  try: print(urllib.request.urlopen(url).read())\n"
        "  except urllib.error.HTTPError as error: print(error.code, error.read().decode())\n"
    )
    (tmp_path / "fetch.py").write_text(fetch)
    result = await shell(tmp_path, confinement).run(f"{PYTHON} -I fetch.py; exit 5", 30)
    assert "403 evil.invalid:80 is not in [agent] network" in result.tail
    assert "403 127.0.0.2 is an address of this host" in result.tail
    assert result.exit_code == 5
