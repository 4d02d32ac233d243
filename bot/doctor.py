"""`mab doctor`: what is in order, what is not, and what to type about it.

Every check stands alone and is bounded, so that one that fails or hangs hides none of the others.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import gettempdir
from typing import NamedTuple

import yaml
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot import host
from bot.census import Registry
from bot.host import Host, Verdict, bad, good, note
from bot.model_key import model_key
from bot.policies import Rules
from bot.rules import Examined
from bot.secrets import Secrets, git_environment, redact
from bot.storage import disk, temporary
from engine import DatabaseAway, MabError, is_passing

_MARKS = {True: "✓", False: "✗", None: "!"}
_MAX_DETAIL = 300  # characters of what programs say
_MAX_NAMES = 10_000  # of what a list of the configuration holds
_REPOS = "cd into a git repository, or write to mab.toml:\n[repos.NAME]\npath = …"


@dataclass(frozen=True)
class Finding:
    """What one check saw; ok = None: worth knowing, but not wrong by itself."""

    ok: bool | None
    what: str
    detail: str = ""
    remedy: str = ""  # what to type


@dataclass(frozen=True)
class Installation:
    """What is examined."""

    home: Path
    repos: Mapping[str, Path | str]  # a directory, or the URL of a remote
    database: Callable[[], Awaitable[str]]  # says what is there; raises when it cannot be used
    secrets: Secrets
    environ: Mapping[str, str]  # without the secrets
    manifest: Path
    slack_url: str  # of the Web API, with a slash at its end
    http: str  # as MAB_HTTP has it
    config: Path = Path("mab.toml")
    rules: Rules | None = None  # who may do what, and where
    sandbox_required: bool = False
    keep_free: float = 1.0  # GiB of the disk; with less no agent begins
    temporary: Path = Path(gettempdir())
    broker: bool = True  # agents are to get tokens of their own
    silent: Callable[[], Awaitable[Sequence[str]]] | None = None  # threads that cannot be told
    seconds: float = 20.0  # for each check


class _Check(NamedTuple):
    what: str
    look: Callable[[], Awaitable[Verdict]]
    remedy: str = ""  # when it breaks or hangs


async def examine(subject: Installation) -> list[Finding]:
    """Look at everything, side by side; no failure is raised, and no finding holds a secret."""
    here = Host({**subject.environ, **git_environment(subject.secrets.values)})
    checks = [*_host_checks(here, subject), *_repo_checks(here, subject), *_checks(subject)]
    looks = asyncio.gather(*(_bounded(check, subject) for check in checks))
    found, ruled = await asyncio.gather(looks, _ruled(subject))
    return [*found, *ruled]


def render(findings: list[Finding]) -> str:
    """One line a finding (✓ in order, ✗ wrong, ! worth knowing), and below it what to type."""
    return "\n".join(line for finding in findings for line in _lines(finding))


def _lines(finding: Finding) -> list[str]:
    said = f"{_MARKS[finding.ok]} {finding.what}: {finding.detail}"
    return [said, *(f"    {line}" for line in finding.remedy.splitlines())]


def _host_checks(here: Host, subject: Installation) -> list[_Check]:
    sandbox = partial(here.sandbox, required=subject.sandbox_required)
    return [
        _Check("Python", here.python),
        _Check("Git", here.git, host.install("git")),
        _Check("Claude CLI", here.cli, host.REINSTALL_CLI),
        _Check("Sandbox", sandbox, host.install("bubblewrap socat")),
        _Check("Disk", partial(asyncio.to_thread, disk, subject.home, subject.keep_free)),
        _Check("Temporary files", partial(asyncio.to_thread, temporary, subject.temporary)),
        _Check("HTTP", partial(host.listening, subject.http)),
    ]


def _repo_checks(here: Host, subject: Installation) -> list[_Check]:
    if not subject.repos:
        return [_Check("Repositories", _no_repo)]
    return [
        check
        for name, source in subject.repos.items()
        for check in (
            _Check(f"Repository {name}", partial(here.repo, source)),
            _Check(f"Remote of {name}", partial(here.remote, source)),
        )
    ]


def _given(subject: Installation) -> Mapping[str, str]:
    return {**subject.environ, **subject.secrets.values}


def _checks(subject: Installation) -> list[_Check]:
    reach = f"curl -sS {subject.slack_url}api.test"
    return [
        _Check("Database", partial(_database, subject), "mab db upgrade"),
        _Check("Threads", partial(_threads, subject)),
        _Check("Model key", partial(model_key, _given(subject), broker=subject.broker)),
        _Check("Slack bot token", partial(_bot_token, subject), reach),
        _Check("Slack app token", partial(_app_token, subject), reach),
    ]


async def _bounded(check: _Check, subject: Installation) -> Finding:
    try:
        seen = await asyncio.wait_for(check.look(), subject.seconds)
    except TimeoutError:
        seen = bad(f"no answer within {subject.seconds:g} s", check.remedy)
    except Exception as error:  # noqa: BLE001 - a check that breaks is a finding like others
        seen = bad(f"{type(error).__name__}: {error}", check.remedy)
    return _finding(check.what, seen, subject)


async def _ruled(subject: Installation) -> list[Finding]:
    """The people and channels of the configuration, by name; bounded by itself."""
    if subject.rules is None:
        return []
    token = subject.secrets.values.get("SLACK_BOT_TOKEN")
    client = AsyncWebClient(token, base_url=subject.slack_url)
    asked = Registry(client, subject.seconds) if token else None
    seen = await Examined(subject.rules, subject.config, asked).findings()
    return [_finding(what, verdict, subject, _MAX_NAMES) for what, verdict in seen]


def _finding(what: str, seen: Verdict, subject: Installation, most: int = _MAX_DETAIL) -> Finding:
    hide = partial(_hidden, secrets=subject.secrets)
    return Finding(seen.ok, what, _one_line(hide(seen.detail))[:most], hide(seen.remedy))


def _hidden(text: str, secrets: Secrets) -> str:
    """Without secrets, and without credentials in URLs that git, say, took from its own files."""
    return re.sub(r"://[^/@\s]+@", "://[secret]@", redact(text, secrets))


def _one_line(text: str) -> str:
    printable = "".join(sign if sign.isprintable() else " " for sign in text)
    return " ".join(printable.split())


async def _no_repo() -> Verdict:
    return bad("none", _REPOS)


async def _database(subject: Installation) -> Verdict:
    try:
        return good(await subject.database())
    except DatabaseAway as error:
        return bad(error.detail, "start its server, or give another DATABASE_URL")


async def _threads(subject: Installation) -> Verdict:
    """Threads in which Slack lets nothing be said any more."""
    try:
        silent = await subject.silent() if subject.silent else ()
    except Exception as error:
        if isinstance(error, MabError) or is_passing(error):
            return note("the database cannot be asked")
        raise
    if not silent:
        return good("all can be told what happens")
    again = "tried again every 10 minutes, and when the bot is invited or the channel is unarchived"
    return note(f"{len(silent)} cannot be told anything: {', '.join(silent)}", again)


async def _bot_token(subject: Installation) -> Verdict:
    """Whether Slack knows the token, and has granted it what the manifest asks for."""
    token = subject.secrets.values.get("SLACK_BOT_TOKEN")
    remedy = "export SLACK_BOT_TOKEN=xoxb-…"
    if not token:
        return note("not set; only the demo works without", remedy)
    try:
        answer = await AsyncWebClient(token, base_url=subject.slack_url).auth_test()
    except SlackApiError as error:
        return _refusal(error, remedy)
    granted = set(re.split(r"[,\s]+", answer.headers.get("x-oauth-scopes", "")))
    missing = await asyncio.to_thread(_wanted_scopes, subject.manifest) - granted
    if missing:
        again = "mab manifest   # update the app with it and install it again"
        return bad(f"lacks the scopes {', '.join(sorted(missing))}", again)
    return good(f"{answer.get('user')} in {answer.get('team')}, all scopes granted")


def _wanted_scopes(manifest: Path) -> set[str]:
    content = yaml.safe_load(manifest.read_text(encoding="utf-8"))
    return set(content["oauth_config"]["scopes"]["bot"])


async def _app_token(subject: Installation) -> Verdict:
    token = subject.secrets.values.get("SLACK_APP_TOKEN")
    remedy = "export SLACK_APP_TOKEN=xapp-…"
    if not token:
        return note("not set; only the demo works without", remedy)
    try:
        client = AsyncWebClient(base_url=subject.slack_url)
        await client.apps_connections_open(app_token=token)
    except SlackApiError as error:
        return _refusal(error, remedy)
    return good("opens Socket Mode connections")


def _refusal(error: SlackApiError, remedy: str) -> Verdict:
    code = error.response.get("error")
    if code == "ratelimited":
        return note("Slack wants to be asked again later", "mab doctor")
    return bad(f"Slack refuses it: {code or error.response.status_code}", remedy)
