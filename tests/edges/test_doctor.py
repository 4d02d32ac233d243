"""The doctor says what is in order, what is not, and what to type; whatever is down meanwhile."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from prometheus_client import CollectorRegistry

from bot.access import Access
from bot.doctor import Finding, Installation, examine, render
from bot.health import Health, address
from bot.policies import Rules
from bot.secrets import Secrets
from bot.storage import LONGEST_TEMPORARY
from engine.claude_run import LONGEST_SCRATCH
from engine.outbox import TRY_AGAIN
from engine.processes import MARKER
from engine.scratch import prefix

BOT, APP = "xoxb-good-bot-token", "xapp-good-app-token"
UNKNOWN = {  # what Slack says of an id that it does not know
    "users.info": "user_not_found",
    "bots.info": "bot_not_found",
    "usergroups.users.list": "no_such_subteam",
    "usergroups.list": "",
    "conversations.info": "channel_not_found",
}
MANIFEST = "oauth_config: {scopes: {bot: [chat:write, commands]}}\n"


class Slack:
    """The methods of Slack's Web API that the doctor calls, on a loopback port."""

    def __init__(self) -> None:
        self.scopes = "commands,chat:write,users:read"
        self.answers: dict[str, str] = {}  # method: the error to answer with
        self.known: dict[str, dict[str, Any]] = {}  # what there is to say of an id
        self.hangs = False
        self.busy = self.busiest = 0

    async def call(self, request: web.Request) -> web.Response:
        if self.hangs:
            await asyncio.Event().wait()
        method = request.match_info["method"]
        if method in UNKNOWN:
            return await self.look(method, {**request.query, **(await request.post())})
        expected = {"auth.test": BOT, "apps.connections.open": APP}[method]
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        error = self.answers.get(method) or ("" if given == expected else "invalid_auth")
        if error:
            return web.json_response({"ok": False, "error": error})
        body = {"ok": True, "user": "agent", "team": "Team", "url": "wss://x/?ticket=t"}
        return web.json_response(body, headers={"x-oauth-scopes": self.scopes})

    async def look(self, method: str, given: Mapping[str, Any]) -> web.Response:
        """Answer a question about an id, as Slack does; not before others could be asked too."""
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        await asyncio.sleep(0.01)
        self.busy -= 1
        if error := self.answers.get(method):
            return web.json_response({"ok": False, "error": error})
        if method == "usergroups.list":
            groups = [body for body in self.known.values() if "handle" in body]
            return web.json_response({"ok": True, "usergroups": groups})
        asked = {"user", "bot", "usergroup", "channel"} & given.keys()
        found = self.known.get(str(given[asked.pop()]))
        if found is None:
            return web.json_response({"ok": False, "error": UNKNOWN[method]})
        kind = {"users.info": "user", "bots.info": "bot", "conversations.info": "channel"}
        return web.json_response({"ok": True, kind.get(method, ""): found, **found})


@pytest.fixture
def slack() -> Slack:
    return Slack()


async def _models(request: web.Request) -> web.Response:
    """The model's API, whose only valid key is the one of `sound`."""
    return web.Response(status=200 if request.headers["x-api-key"] == "sk" else 401)


@pytest.fixture
async def server(slack: Slack) -> AsyncIterator[TestServer]:
    app = web.Application()
    app.router.add_route("*", "/api/{method}", slack.call)
    app.router.add_get("/v1/models", _models)
    server = TestServer(app)
    async with server:
        yield server


def git(*arguments: str | Path) -> None:
    identity = ("-c", "user.name=Tester", "-c", "user.email=tester@example.org")
    subprocess.run(["git", *identity, *map(str, arguments)], check=True, capture_output=True)


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    path = tmp_path / "a repo"
    git("init", "--initial-branch=main", path)
    git("-C", path, "commit", "--allow-empty", "--message=First")
    return path


async def at_hand() -> str:
    return "SQLite, migrated"


@pytest.fixture
def sound(tmp_path: Path, repo: Path, server: TestServer) -> Installation:
    """An installation in which everything is in order."""
    remote = tmp_path / "remote.git"
    git("clone", "--bare", repo, remote)
    git("-C", repo, "remote", "add", "origin", remote)
    manifest = tmp_path / "manifest.yml"
    manifest.write_text(MANIFEST)
    return Installation(
        home=tmp_path / "not" / "yet there",
        repos={"one": repo},
        database=at_hand,
        secrets=Secrets(
            {"SLACK_BOT_TOKEN": BOT, "SLACK_APP_TOKEN": APP, "ANTHROPIC_API_KEY": "sk"}
        ),
        environ={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "ANTHROPIC_BASE_URL": str(server.make_url("")),
        },
        manifest=manifest,
        slack_url=str(server.make_url("/api/")),
        http="127.0.0.1:0",
        temporary=Path("/tmp"),
    )


async def found(subject: Installation, what: str) -> Finding:
    (finding,) = [finding for finding in await examine(subject) if finding.what == what]
    return finding


def names(process: psutil.Process, url: str) -> bool:
    return url in (process.info["cmdline"] or [])


def with_secrets(subject: Installation, **values: str) -> Installation:
    return replace(subject, secrets=Secrets({**subject.secrets.values, **values}))


@pytest.mark.skipif(
    sys.platform == "linux" and not (shutil.which("bwrap") and shutil.which("socat")),
    reason="the sandbox's programs are not installed",
)
async def test_everything_in_order(sound: Installation) -> None:
    findings = await examine(sound)
    assert [finding for finding in findings if finding.ok is not True] == []
    assert [finding.what for finding in findings] == [
        "Python",
        "Git",
        "Claude CLI",
        "Sandbox",
        "Disk",
        "Temporary files",
        "HTTP",
        "Repository one",
        "Remote of one",
        "Database",
        "Threads",
        "Model key",
        "Slack bot token",
        "Slack app token",
    ]
    shown = render(findings)
    assert "✓ Slack bot token: agent in Team, all scopes granted" in shown
    assert "(Claude Code)" in shown
    assert shown.count("✓") == len(findings)


async def test_scopes_of_the_manifest_that_are_not_granted_are_named(
    sound: Installation, slack: Slack
) -> None:
    slack.scopes = "users:read"
    finding = await found(sound, "Slack bot token")
    assert (finding.ok, finding.detail) == (False, "lacks the scopes chat:write, commands")
    assert finding.remedy.startswith("mab manifest")


@pytest.mark.parametrize("name", ["SLACK_BOT_TOKEN", "SLACK_APP_TOKEN"])
async def test_a_token_that_slack_refuses(sound: Installation, name: str) -> None:
    wrong = with_secrets(sound, **{name: "a-wrong-token"})
    finding = await found(wrong, "Slack bot token" if "BOT" in name else "Slack app token")
    assert (finding.ok, finding.detail) == (False, "Slack refuses it: invalid_auth")
    assert finding.remedy.startswith(f"export {name}=")


async def test_a_rate_limit_is_no_fault(sound: Installation, slack: Slack) -> None:
    slack.answers["apps.connections.open"] = "ratelimited"
    assert (await found(sound, "Slack app token")).ok is None


async def test_without_tokens_and_key_the_demo_works(sound: Installation) -> None:
    bare = replace(sound, secrets=Secrets({}))
    marks = {finding.what: finding.ok for finding in await examine(bare)}
    assert [marks[what] for what in ("Slack bot token", "Slack app token", "Model key")] == [
        None
    ] * 3


@pytest.mark.parametrize(
    ("broker", "values", "ok", "said"),
    [
        (True, {}, True, "agents get tokens of the broker's instead"),
        (False, {}, None, "agents see it"),
        (True, {"CLAUDE_CODE_USE_BEDROCK": "1"}, None, "the broker cannot stand between"),
        (True, {"ANTHROPIC_API_KEY": "", "CLAUDE_CODE_OAUTH_TOKEN": "t"}, None, "agents see it"),
    ],
)
async def test_it_says_whether_agents_see_the_models_key(
    sound: Installation,
    broker: bool,  # noqa: FBT001 - a row of the table
    values: dict[str, str],
    ok: bool | None,  # noqa: FBT001 - the same
    said: str,
) -> None:
    subject = replace(with_secrets(sound, **values), broker=broker)
    finding = await found(subject, "Model key")
    assert finding.ok is ok
    assert said in finding.detail


@pytest.mark.parametrize("key", ["sk", "sk-old"])
async def test_a_key_that_the_model_refuses_is_found_before_an_agent_is(
    sound: Installation, key: str
) -> None:
    finding = await found(with_secrets(sound, ANTHROPIC_API_KEY=key), "Model key")
    taken = key == "sk"
    assert (finding.ok, "refuses it" in finding.detail) == (taken, not taken)
    assert finding.remedy == ("" if taken else "export ANTHROPIC_API_KEY=sk-ant-…")


async def test_a_model_that_cannot_be_reached_is_named(sound: Installation) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        url = f"http://person:hidden-word@127.0.0.1:{server.getsockname()[1]}"
    away = replace(sound, environ={**sound.environ, "ANTHROPIC_BASE_URL": url})
    finding = await found(away, "Model key")
    assert (finding.ok, "cannot be reached" in finding.detail) == (False, True)
    assert finding.remedy.endswith("/v1/models")
    assert "hidden-word" not in render([finding])


async def test_slack_down_hides_nothing_else(sound: Installation) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    down = replace(sound, slack_url=f"http://127.0.0.1:{port}/api/")
    wrong = [finding for finding in await examine(down) if finding.ok is False]
    assert [finding.what for finding in wrong] == ["Slack bot token", "Slack app token"]
    assert wrong[0].remedy == f"curl -sS http://127.0.0.1:{port}/api/api.test"


async def test_what_hangs_is_given_up(sound: Installation, slack: Slack) -> None:
    slack.hangs = True
    begun = time.monotonic()
    finding = await found(replace(sound, seconds=3), "Slack bot token")
    assert (finding.ok, finding.detail) == (False, "no answer within 3 s")
    assert time.monotonic() - begun < 60


async def test_a_database_that_is_down(sound: Installation) -> None:
    url = "postgresql://mab:very-secret-word@db.example.org/mab"

    async def down() -> str:
        raise ConnectionRefusedError(f"no connection to {url}, password very-secret-word")

    broken = replace(with_secrets(sound, DATABASE_URL=url), database=down)
    findings = await examine(broken)
    assert "very-secret-word" not in render(findings)
    wrong = [finding for finding in findings if finding.ok is False]
    assert [finding.what for finding in wrong] == ["Database"]
    assert wrong[0].detail.startswith("ConnectionRefusedError: no connection to [secret]")
    assert wrong[0].remedy == "mab db upgrade"


async def test_threads_that_cannot_be_told_are_named(sound: Installation) -> None:
    async def silent() -> list[str]:
        return ["w5 (is_archived)"]

    async def away() -> list[str]:
        raise OSError("no server")

    assert (await found(sound, "Threads")).ok
    seen = await found(replace(sound, silent=silent), "Threads")
    assert (seen.ok, "w5 (is_archived)" in seen.detail) == (None, True)
    assert f"every {TRY_AGAIN / 60:.0f} minutes" in seen.remedy
    assert "invited" in seen.remedy
    assert (await found(replace(sound, silent=away), "Threads")).ok is None


async def test_tokens_never_show(sound: Installation, slack: Slack) -> None:
    slack.answers |= {"auth.test": f"bad {BOT}", "apps.connections.open": f"bad {APP}"}
    shown = render(await examine(sound))
    assert BOT not in shown
    assert APP not in shown
    assert "Slack refuses it: bad [secret]" in shown


async def test_no_repository(sound: Installation) -> None:
    finding = await found(replace(sound, repos={}), "Repositories")
    assert finding.ok is False
    assert "[repos.NAME]" in finding.remedy


async def test_repositories_that_cannot_be_used(sound: Installation, tmp_path: Path) -> None:
    plain, unborn = tmp_path / "plain", tmp_path / "un born"
    plain.mkdir()
    git("init", unborn)
    repos: dict[str, Path | str] = {"gone": tmp_path / "gone", "plain": plain, "unborn": unborn}
    findings = {finding.what: finding for finding in await examine(replace(sound, repos=repos))}
    gone, empty = findings["Repository gone"], findings["Repository unborn"]
    assert (gone.ok, gone.detail) == (False, f"{tmp_path / 'gone'} does not exist")
    assert findings["Repository plain"].detail == f"{plain} is no git repository"
    assert (empty.ok, empty.detail) == (False, f"{unborn} has no commits")
    assert empty.remedy.startswith(f"git -C '{unborn}' commit --allow-empty")
    assert findings["Remote of unborn"].ok is None
    assert "before the repository is there" in findings["Remote of gone"].detail


async def test_a_remote_that_does_not_answer(sound: Installation, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "remote.git")
    finding = await found(sound, "Remote of one")
    assert finding.ok is False
    assert "does not appear to be a git repository" in finding.detail
    assert finding.remedy.startswith("git -C ")


async def test_credentials_in_a_remotes_url_do_not_show(sound: Installation) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    url = f"http://person:hidden-word@127.0.0.1:{port}/x.git"
    finding = await found(replace(sound, repos={"far": url}), "Remote of far")
    assert finding.ok is False
    assert "hidden-word" not in render([finding])
    assert f"[secret]@127.0.0.1:{port}/x.git" in finding.remedy


async def test_a_remote_that_hangs_leaves_no_process(sound: Installation) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x.git"
        hanging = replace(sound, repos={"far": url}, seconds=3)
        finding = await found(hanging, "Remote of far")
    assert finding.detail == "no answer within 3 s"
    assert [process for process in psutil.process_iter(["cmdline"]) if names(process, url)] == []


async def test_missing_programs(sound: Installation, tmp_path: Path) -> None:
    lone = replace(sound, environ={"PATH": str(tmp_path)})
    findings = {finding.what: finding for finding in await examine(lone)}
    assert findings["Git"].ok is False
    assert findings["Git"].remedy.endswith("install git")
    assert findings["Disk"].ok is True


async def test_a_long_path_for_temporary_files_is_said_with_what_to_set(
    sound: Installation, tmp_path: Path
) -> None:
    longest = "/" + "x" * (LONGEST_TEMPORARY - 1)
    own = prefix({"HOME": "/home", MARKER: "m" * 32}) + "x" * 8  # as tempfile names it
    assert len(f"{longest}/{own}") == LONGEST_SCRATCH, "the longest that is used for sockets"
    for length, ok in ((LONGEST_TEMPORARY, True), (LONGEST_TEMPORARY + 1, None)):
        with tempfile.TemporaryDirectory(dir="/tmp") as short:
            place = tempfile.mkdtemp(prefix="x" * (length - len(short) - 9), dir=short)
            finding = await found(replace(sound, temporary=Path(place)), "Temporary files")
        assert finding.ok is ok
        assert finding.remedy == ("" if ok else "export TMPDIR=/tmp")
    gone = await found(replace(sound, temporary=tmp_path / "gone"), "Temporary files")
    assert (gone.ok, gone.remedy) == (False, "export TMPDIR=/tmp")


async def test_spare_worktrees_are_told(sound: Installation, tmp_path: Path) -> None:
    home = tmp_path / "with-spares"
    (home / ".worktrees/.spares/agent-1-x").mkdir(parents=True)
    finding = await found(replace(sound, home=home), "Disk")
    assert finding.ok is True
    assert "; 1 spare worktrees use 0.0 GiB" in finding.detail


async def test_a_disk_without_the_room_that_must_stay_free_is_wrong(sound: Installation) -> None:
    finding = await found(replace(sound, keep_free=10.0**9), "Disk")
    assert finding.ok is False
    assert "no agent begins with less than 1e+09 GiB" in finding.detail
    assert "keep_free_gb" in finding.remedy


@pytest.mark.skipif(sys.platform != "linux", reason="macOS brings its sandbox along")
@pytest.mark.parametrize(("required", "ok"), [(True, False), (False, None)])
async def test_a_missing_sandbox_is_wrong_only_where_it_is_required(
    sound: Installation, tmp_path: Path, *, ok: bool | None, required: bool
) -> None:
    bare = replace(sound, environ={"PATH": str(tmp_path)}, sandbox_required=required)
    finding = await found(bare, "Sandbox")
    assert (finding.ok, finding.detail) == (
        ok,
        "bwrap and socat not found; agents work without Bash",
    )


async def test_a_taken_port_is_worth_knowing(sound: Installation) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        finding = await found(replace(sound, http=f"127.0.0.1:{taken.getsockname()[1]}"), "HTTP")
    assert finding.ok is None
    assert (await found(replace(sound, http="off"), "HTTP")).ok is True
    assert (await found(replace(sound, http="nonsense"), "HTTP")).ok is False


async def test_a_port_where_mab_answers_is_in_order(sound: Installation) -> None:
    place = address("127.0.0.1:0")
    async with Health(place, lambda: 0.1, {}, CollectorRegistry()) as running:
        finding = await found(replace(sound, http=f"127.0.0.1:{running.port}"), "HTTP")
        assert (finding.ok, finding.detail) == (True, f"mab answers at 127.0.0.1:{running.port}")


CONFIG = """\
database_url = "postgresql://mab:very-secret-word@db.example.org/mab"
[access]
admin = ["U1"]
spawn = [
  "S1",
  "U9",  # very-secret-word
]
[repos.one]
channels = ["C1", "C2"]
"""
KNOWN: dict[str, dict[str, Any]] = {
    "U1": {"id": "U1", "profile": {"display_name": "Ann"}},
    "U2": {"id": "U2", "real_name": "Ben", "deleted": True},
    "B1": {"id": "B1", "name": "deploys"},
    "S1": {"id": "S1", "handle": "team", "date_delete": 0, "users": ["U1", "U3"]},
    "S2": {"id": "S2", "handle": "empty", "users": []},
    "S3": {"id": "S3", "handle": "old", "users": ["U1"], "date_delete": 5},
    "C1": {"id": "C1", "name": "general", "is_member": True},
    "C2": {"id": "C2", "name": "quiet", "is_member": False},
    "C3": {"id": "C3", "name": "past", "is_member": True, "is_archived": True},
}


def ruled(
    subject: Installation, access: Mapping[str, Any], channels: tuple[str, ...] = ()
) -> Installation:
    """The installation with these rules, and with a file that names some of them."""
    config = subject.home.parents[1] / "mab.toml"
    config.write_text(CONFIG)
    rules = Rules(Access.model_validate(access), {"one": channels})
    return replace(subject, rules=rules, config=config)


async def lists(subject: Installation) -> dict[str, Finding]:
    """What is said of people and channels."""
    kinds = ("Access", "Channels", "Policy")
    return {f.what: f for f in await examine(subject) if f.what.startswith(kinds)}


async def test_ids_are_shown_with_their_names(sound: Installation, slack: Slack) -> None:
    slack.known = KNOWN
    access = {"admin": ["U1", "S1"], "spawn": ["*"], "approve": ["B1", "S1"]}
    seen = await lists(ruled(sound, access, ("C1",)))
    assert {what: (finding.ok, finding.detail) for what, finding in seen.items()} == {
        "Access admin": (True, "U1 (Ann), S1 (@team)"),
        "Access spawn": (True, "* (all members of the workspace)"),
        "Access approve": (True, "B1 (deploys), S1 (@team)"),
        "Channels of one": (True, "C1 (#general)"),
        "Policy": (True, "for everything there is somebody who may"),
    }


async def test_an_id_that_slack_does_not_know_is_wrong_and_its_line_is_shown(
    sound: Installation, slack: Slack
) -> None:
    slack.known = KNOWN
    subject = ruled(sound, {"admin": ["U1"], "spawn": ["S1", "U9", "B9"]}, ("C9", "C1"))
    subject = with_secrets(subject, DATABASE_URL="very-secret-word")
    seen = await lists(subject)
    spawn, place = seen["Access spawn"], seen["Channels of one"]
    said = "U9 (unknown to Slack), B9 (unknown to Slack), S1 (@team)"
    assert (spawn.ok, spawn.detail) == (False, said)
    assert spawn.remedy == f'{subject.config}:6: "U9",  # [secret]\nthe setting that names B9'
    assert (place.ok, place.remedy) == (False, "the setting that names C9")
    assert "C9 (unknown to Slack, or private and without @agent)" in place.detail


async def test_what_is_there_and_of_no_use_is_worth_knowing(
    sound: Installation, slack: Slack
) -> None:
    slack.known = KNOWN
    access = {"admin": ["U1", "U2"], "spawn": ["S1", "S2", "S3"]}
    seen = await lists(ruled(sound, access, ("C1", "C2", "C3")))
    assert {what: (finding.ok, finding.detail) for what, finding in seen.items()} == {
        "Access admin": (None, "U2 (Ben, deactivated), U1 (Ann)"),
        "Access spawn": (
            None,
            "S2 (@empty, without members), S3 (@old, deactivated), S1 (@team)",
        ),
        "Channels of one": (
            None,
            "C2 (#quiet, without @agent), C3 (#past, archived), C1 (#general)",
        ),
        "Policy": (None, "nobody could approve anything for U1 (Ann)"),
    }
    assert seen["Channels of one"].remedy.startswith("/invite @agent   # in Slack, in #quiet\n")


@pytest.mark.parametrize("why", ["hangs", "refuses", "no token"])
async def test_without_slack_the_rules_are_judged_all_the_same(
    sound: Installation, slack: Slack, why: str
) -> None:
    slack.known, slack.hangs = KNOWN, why == "hangs"
    if why == "refuses":
        slack.answers = dict.fromkeys(UNKNOWN, "ratelimited")
    patient = replace(sound, seconds=2 if why == "hangs" else 30)
    subject = ruled(patient, {"admin": ["U1", "S1"], "spawn": []}, ("C2",))
    if why == "no token":
        subject = with_secrets(subject, SLACK_BOT_TOKEN="")
    begun = time.monotonic()
    seen = await lists(subject)
    assert time.monotonic() - begun < 60
    admin, place, policy = (seen[what] for what in ("Access admin", "Channels of one", "Policy"))
    assert (admin.ok, admin.detail) == (None, "U1 (not looked up), S1 (not looked up)")
    assert (place.ok, place.remedy) == (None, "")
    assert (policy.ok, policy.detail) == (
        False,
        "[access] spawn is empty: `mab serve` does not start",
    )


async def test_many_ids_are_asked_for_side_by_side_and_few_at_once(
    sound: Installation, slack: Slack
) -> None:
    slack.known = {f"U{n}": {"id": f"U{n}", "name": f"person\x1b[1m{n}"} for n in range(110)}
    seen = await lists(ruled(sound, {"admin": list(slack.known), "spawn": ["*"]}))
    admin = seen["Access admin"]
    assert (admin.ok, 1 < slack.busiest <= 8) == (True, True)
    assert admin.detail.startswith("U0 (person [1m0), U1 (person [1m1)")
    assert admin.detail.endswith("U99 (person [1m99) and 10 more")


def test_marks_and_remedies() -> None:
    findings = [
        Finding(ok=True, what="A", detail="fine"),
        Finding(ok=False, what="B", detail="wrong", remedy="do this\nand that"),
        Finding(ok=None, what="C", detail="by the way"),
    ]
    assert render(findings) == "✓ A: fine\n✗ B: wrong\n    do this\n    and that\n! C: by the way"
