"""How secrets reach the program without staying where an agent's shell could read them.

`/proc/<pid>/environ` shows for ever what a process was started with. So a program that finds
secrets in its environment hands them to itself through a pipe and starts over, as the same
process, with an environment that has none. This module imports nothing else of the project:
the first life of the program should be short.
"""

import os
import re
import sys
from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import unquote

# Taken by name, from the environment or from the file that `<name>_FILE` names.
NAMED = frozenset(
    {
        *("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET"),
        *("DATABASE_URL", "TEST_DATABASE_URL", "PGPASSWORD"),
        *("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_CUSTOM_HEADERS"),
        *("CLAUDE_CODE_OAUTH_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
        *("AWS_SESSION_TOKEN", "AWS_BEARER_TOKEN_BEDROCK"),
        *("GH_TOKEN", "GITHUB_TOKEN", "GITLAB_TOKEN"),
    }
)
# Taken from the environment as well: whatever is named like a secret, or is a URL with a password.
_LIKE = re.compile(
    r"(^|_)(TOKEN|SECRET|SECRETS|PASSWORD|PASSWD|PASSPHRASE|API_?KEY|ACCESS_?KEY|SECRET_?KEY"
    r"|PRIVATE_?KEY|DSN)$",
    re.IGNORECASE,
)
_URL_PASSWORD = re.compile(r"^[a-z][a-z0-9+.-]*://[^/\s@]*?:([^/\s]+)@", re.IGNORECASE)
_OWN = re.compile(r"^(SLACK_|(TEST_)?DATABASE_URL$|PGPASSWORD$|ANTHROPIC_|CLAUDE_)")
_HANDED = "MAB_SECRETS_FD"
_MAX_FILE = 64 * 1024  # bytes
_MIN_MASKED = 8  # characters; masking shorter ones would spoil ordinary words
_MASK = "[secret]"


class BadSecret(Exception):
    """A secret was given in a way that cannot be used."""


@dataclass(frozen=True)
class Secrets:
    """What the program was told in confidence; its repr tells nothing."""

    values: Mapping[str, str] = field(repr=False)
    files: tuple[Path, ...] = ()  # where values were read from; to be hidden from agents

    @cached_property
    def pattern(self) -> re.Pattern[str] | None:
        """Matches each value that is long enough to be masked, the longest first."""
        masked = {text for value in self.values.values() for text in _spellings(value)}
        long = sorted((text for text in masked if len(text) >= _MIN_MASKED), key=len)
        return re.compile("|".join(map(re.escape, reversed(long)))) if long else None


@dataclass(frozen=True)
class Redaction:
    """A structlog processor that masks secrets in whatever is logged."""

    secrets: Secrets

    def __call__(
        self, _logger: object, _method: str, event: MutableMapping[str, Any]
    ) -> Mapping[str, Any]:
        """Mask every value of the event, nested ones as well."""
        return {key: _masked(value, self.secrets) for key, value in event.items()}


def take(environ: MutableMapping[str, str]) -> Secrets:
    """Take the secrets out of `environ` and out of the files that it names.

    To be called with os.environ, once, first thing in the program and before any thread: when
    the process was started with secrets it starts over and this call does not return.
    Raises BadSecret with the sentence to show.
    """
    received = _receive(environ.pop(_HANDED, ""))
    found = {name: value for name, value in environ.items() if _is_secret(name, value)}
    both = sorted(name for name in found if environ.get(f"{name}_FILE") and name in NAMED)
    if both:
        raise BadSecret(f"{both[0]} and {both[0]}_FILE are both set; unset one of them")
    for name in found:
        del environ[name]
    if found:
        _start_over({**received, **found}, environ)
    files = _files(environ)
    contents = {name: _read(name, file) for name, file in files.items()}
    return Secrets({**received, **contents}, tuple(files.values()))


def redact(text: str, secrets: Secrets) -> str:
    """The text with every secret of at least eight characters masked."""
    return secrets.pattern.sub(_MASK, text) if secrets.pattern else text


def git_environment(values: Mapping[str, str]) -> dict[str, str]:
    """The secrets that the worker's own git may need (credential helpers read them).

    Everything but Slack's, the database's and the model's; never for an agent's processes.
    """
    return {name: value for name, value in values.items() if not _OWN.match(name)}


def _is_secret(name: str, value: str) -> bool:
    if not value or name.upper().endswith("_PROXY"):  # git, Slack's client and the CLI need these
        return False
    return name in NAMED or bool(_LIKE.search(name)) or bool(_URL_PASSWORD.match(value))


def _start_over(values: Mapping[str, str], environ: Mapping[str, str]) -> None:
    """Become the same program, with the values in a pipe instead of the environment."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    payload = "\0".join(f"{name}={value}" for name, value in values.items())
    content = os.fsencode(payload)
    if _write(writing, content) < len(content):
        raise BadSecret("the environment holds more secrets than fit; give them as files")
    os.close(writing)
    os.set_inheritable(reading, True)  # noqa: FBT003 - takes no keywords
    sys.stdout.flush()
    sys.stderr.flush()
    arguments = [sys.executable, *sys.orig_argv[1:]]
    os.execve(sys.executable, arguments, {**environ, _HANDED: str(reading)})  # noqa: S606 - meant


def _write(descriptor: int, content: bytes) -> int:
    try:
        return os.write(descriptor, content)
    except BlockingIOError:
        return -1


def _receive(descriptor: str) -> dict[str, str]:
    """What the program's first life left in the pipe."""
    if not descriptor:
        return {}
    try:
        with os.fdopen(int(descriptor), "rb") as pipe:
            content = os.fsdecode(pipe.read())
    except (OSError, ValueError) as error:
        raise BadSecret(f"{_HANDED} is not for you to set; unset it") from error
    pairs = (entry.partition("=") for entry in content.split("\0") if entry)
    return {name: value for name, _, value in pairs}


def _files(environ: MutableMapping[str, str]) -> dict[str, Path]:
    named = {name: environ.pop(f"{name}_FILE", "") for name in sorted(NAMED)}
    return {name: Path(path) for name, path in named.items() if path}


def _read(name: str, file: Path) -> str:
    try:
        with file.open("rb") as opened:
            content = opened.read(_MAX_FILE + 1)
        value = content.decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise BadSecret(f"{name}_FILE names {file}, which cannot be read: {reason}") from error
    if not value or len(content) > _MAX_FILE:
        raise BadSecret(f"{name}_FILE names {file}, which is empty or too long")
    return value


def _spellings(value: str) -> Iterable[str]:
    """The value, its lines, and the password in it when it is a URL."""
    yield value
    yield from (line.strip() for line in value.splitlines())
    if match := _URL_PASSWORD.match(value):
        yield from (match[1], unquote(match[1]))


def _masked(value: Any, secrets: Secrets) -> Any:
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return redact(value, secrets)
        case Mapping():
            return {str(key): _masked(item, secrets) for key, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_masked(item, secrets) for item in value]
        case BaseException():
            return redact(repr(value), secrets)
        case _:
            return redact(str(value), secrets)
