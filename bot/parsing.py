"""From what a person typed to a command, or to a refusal that says what to type. Pure."""

import re
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, Literal

from bot import options
from bot.grammar import (
    Cancel,
    Command,
    Diff,
    Help,
    List,
    Logs,
    Pause,
    Refusal,
    Resume,
    Retry,
    Spawn,
    Status,
    Verb,
    Whoami,
)
from bot.messages import refusals
from bot.slack_text import storable
from engine import AgentSpec, InvalidSpec

PREFIX = re.compile(r"\s*/agent(?:\s+|\Z)", re.IGNORECASE)
FIRST = re.compile(r"(\S+)\s*(.*)", re.DOTALL)
ID = re.compile(r"(?:agent\s*)?#?\s*([0-9]{1,18})[.!]?", re.IGNORECASE)
ALIASES = {"stop": Verb.CANCEL}
# Openers of a quotation around a whole task, with their closers.
AROUND = {'"': '"', "'": "'", "“": "”", "„": "“”", "‘": "’", "«": "»"}  # noqa: RUF001 - as phones write them
ABOUT: dict[Verb, Callable[[int | None], Command]] = {
    Verb.STATUS: Status,
    Verb.LOGS: Logs,
    Verb.DIFF: Diff,
    Verb.CANCEL: Cancel,
    Verb.RETRY: Retry,
}

ALONE: dict[Verb, Callable[[], Command]] = {
    Verb.LIST: List,
    Verb.WHOAMI: Whoami,
    Verb.PAUSE: Pause,
    Verb.RESUME: Resume,
}
DASHES = re.compile(r"^[—–]")  # noqa: RUF001 - as phones write them

Default = Literal["spawn", "refuse"]


def parse(text: str, *, default: Default) -> Command | Refusal:
    """Read a command from `text`, in which Slack's markup is already undone (`slack_text.meaning`).

    `default` says what a text is that begins with no verb: "spawn" takes it for a task (a
    mention of the bot), "refuse" asks for a verb (a slash command). With "spawn" the agent's
    number may be left out (the id is None). Never raises.
    """
    typed = storable(text)
    words = FIRST.match(PREFIX.sub("", typed, count=1).lstrip())
    if not words:
        return Help()
    verb = _verb(words[1])
    if verb is None:
        return _without_verb(typed, words, default)
    return _with_verb(verb, words[2].rstrip(), typed, default)


def _verb(word: str) -> Verb | None:
    plain = word.lower().rstrip(":,")
    return ALIASES.get(plain) or (Verb(plain) if plain in set(Verb) else None)


def _without_verb(typed: str, words: re.Match[str], default: Default) -> Command | Refusal:
    text = words[0].rstrip()
    near = _near(words[1])
    if default == "refuse":
        if near:
            reason = refusals.near_verb(words[1], near)
            return Refusal(reason, typed, f"{near} {words[2]}".strip())
        return Refusal(refusals.unknown_verb(words[1], Verb), typed, f"spawn {text}")
    # "cancle 12" is a slip, not a task that somebody wants to pay for.
    if near in ABOUT and (not words[2].strip() or ID.fullmatch(words[2].strip())):
        return Refusal(refusals.near_verb(words[1], near), typed, f"{near} {words[2]}".strip())
    return _spawn(text, typed)


def _near(word: str) -> Verb | None:
    found = get_close_matches(word.lower()[:40], [*Verb, *ALIASES], n=1, cutoff=0.75)
    return _verb(found[0]) if found else None


def _with_verb(verb: Verb, rest: str, typed: str, default: Default) -> Command | Refusal:
    if verb is Verb.SPAWN:
        return _spawn(rest, typed)
    command = _about(verb, rest, typed, default) if verb in ABOUT else _alone(verb, rest, typed)
    # A sentence that happens to begin with a verb is offered as a task, never taken for one.
    prose = len(rest.split()) > 1 and not ID.match(rest)
    if isinstance(command, Refusal) and default == "spawn" and prose:
        return Refusal(command.reason, typed, f"spawn {typed.strip()}")
    return command


def _about(verb: Verb, rest: str, typed: str, default: Default) -> Command | Refusal:
    if not rest:
        return ABOUT[verb](None) if default == "spawn" else Refusal(refusals.no_id(verb), typed)
    found = ID.match(rest)
    if not found or not int(found[1]):
        return Refusal(refusals.bad_id(verb, rest), typed)
    if found.end() < len(rest):
        cut = rest[found.end()].isspace()
        return Refusal(refusals.bad_id(verb, rest), typed, f"{verb} {int(found[1])}" if cut else "")
    return ABOUT[verb](int(found[1]))


def _alone(verb: Verb, rest: str, typed: str) -> Command | Refusal:
    if verb is Verb.HELP:
        return _help(rest, typed)
    if verb is Verb.PAUSE and DASHES.sub("--", rest).lower() in {"--now", "now"}:
        return Pause(now=True)
    if rest:
        return Refusal(refusals.too_much(verb, rest), typed, verb)
    return ALONE[verb]()


def _help(topic: str, typed: str) -> Help | Refusal:
    if not topic:
        return Help()
    verb = _verb(topic.removeprefix("/"))
    return Help(verb) if verb else Refusal(refusals.unknown_topic(topic, Verb), typed, "help")


def _spawn(text: str, typed: str) -> Spawn | Refusal:
    given = options.read(text)
    if isinstance(given, options.Fault):
        return Refusal(given.reason, typed, f"spawn {given.repaired}" if given.repaired else "")
    task = _unquoted(given.rest.strip())
    if not task.strip():
        return Refusal(refusals.no_task(), typed)
    values: dict[str, Any] = given.values  # each value has the type of its field
    try:
        return Spawn(AgentSpec(task=task, **values))
    except InvalidSpec as error:
        return Refusal(refusals.bad_task(error.detail), typed)


def _unquoted(task: str) -> str:
    """The task without the one pair of quotation marks around the whole of it."""
    inner = task[1:-1]
    closers = AROUND.get(task[:1])
    if len(task) < 2 or not closers or task[-1] not in closers:
        return task
    return task if any(mark in inner for mark in (task[0], *closers)) else inner
