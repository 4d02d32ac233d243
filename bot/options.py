"""The options in front of a task, and what their values may be. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from difflib import get_close_matches

from bot.messages import refusals
from engine import OnFailure

# What `spawn` can be told, with a value that shows the form.
EXAMPLES = {
    "role": "developer",
    "repo": "NAME",
    "base": "main",
    "model": "MODEL",
    "timeout": "30m",
    "budget": "2.50",
    "parent": "12",
}
OF_THEN = {name: example for name, example in EXAMPLES.items() if name != "parent"}
# The same for `workflow`; its budget is that of all steps together.
OF_WORKFLOW = {
    **{name: example for name, example in OF_THEN.items() if name != "role"},
    "on-failure": "stop",
}
OF_PLAN = {name: example for name, example in OF_THEN.items() if name != "role"}
FORMS = EXAMPLES | OF_WORKFLOW
# A dash of a phone's keyboard means two, but only where the name of an option follows.
LONG_DASH = rf"[\u2013-\u2015]-?(?=(?:{'|'.join(FORMS)})(?:[=\s]|\Z))"
NAME = re.compile(rf"(?:--|{LONG_DASH})(?P<name>[A-Za-z][\w-]*)(?P<is>=)?", re.IGNORECASE)
END = re.compile(r"--(?=\s|\Z)")
# Openers of a quotation around a whole task, with their closers.
AROUND = {'"': '"', "'": "'", "“": "”", "„": "“”", "‘": "’", "«": "»"}  # noqa: RUF001 - as phones write them
QUOTES = {'"': '"', "'": "'", "“": "”", "”": "”", "„": "“”", "‘": "’", "’": "’", "«": "»"}  # noqa: RUF001 - as phones write them
DURATION = re.compile(
    r"(?:(\d{1,6})h)?(?:(\d{1,6})m(?:in)?)?(?:(\d{1,6})s)?", re.ASCII | re.IGNORECASE
)
MONEY = re.compile(r"\$?(\d{1,9})(?:[.,](\d{1,2}))?\$?", re.ASCII)
WORD = re.compile(r"[^\s\x00-\x1f\x7f-][^\s\x00-\x1f\x7f]{0,199}")
NODE = re.compile(
    r"#?0*[1-9][0-9]{0,17}|w[0-9]{1,18}\.[a-z][a-z0-9_-]{0,39}", re.IGNORECASE | re.ASCII
)
PHRASE = re.compile(r"[^\s\x00-\x1f\x7f-][^\x00-\x1f\x7f]{0,79}")
SHORTEST, LONGEST = timedelta(seconds=10), timedelta(hours=24)
MOST = Decimal(1000)  # US dollars

Value = str | timedelta | Decimal


@dataclass(frozen=True)
class Options:
    """The options that stood in front, and the text after them as it was typed."""

    values: dict[str, Value]
    rest: str


@dataclass(frozen=True)
class Fault:
    """What is wrong with an option; `repaired` is the text put right where that is likely."""

    reason: str
    repaired: str = ""


def read(text: str, known: Mapping[str, str] = EXAMPLES) -> Options | Fault:
    """Read the options in front of `text`; `--` ends them, and so does a word that is none.

    `known` are those that there are, with examples; the rest is the end of `text` as it is.
    """
    values: dict[str, Value] = {}
    rest = text.lstrip()
    while found := NAME.match(rest):
        name = found["name"].lower()
        if name not in known:
            return _unknown(text, rest, found, known)
        if name in values:
            return Fault(refusals.repeated(name))
        taken = _take(name, rest[found.end() :], glued=bool(found["is"]))
        if isinstance(taken, Fault):
            return taken
        value = VALUES[name](name, taken[0])
        if isinstance(value, Fault):
            return value
        values[name] = value
        rest = taken[1].lstrip()
    return Options(values, END.sub("", rest, count=1) if END.match(rest) else rest)


def unquoted(task: str) -> str:
    """The task without the one pair of quotation marks around the whole of it."""
    inner = task[1:-1]
    closers = AROUND.get(task[:1])
    if len(task) < 2 or not closers or task[-1] not in closers:
        return task
    return task if any(mark in inner for mark in (task[0], *closers)) else inner


def _unknown(text: str, rest: str, found: re.Match[str], known: Mapping[str, str]) -> Fault:
    near = get_close_matches(found["name"].lower(), known, n=1, cutoff=0.7)
    if not near:
        return Fault(refusals.unknown_option(f"--{found['name']}", "", known))
    before = text[: len(text) - len(rest)]
    after = rest[found.end("name") :]
    reason = refusals.unknown_option(f"--{found['name']}", near[0], known)
    return Fault(reason, f"{before}--{near[0]}{after}")


def _take(name: str, text: str, *, glued: bool) -> tuple[str, str] | Fault:
    """The value in front of `text`, and what follows it."""
    rest = text if glued else text.lstrip()
    missing = Fault(refusals.no_value(name, FORMS[name]))
    if not rest or rest[0].isspace() or (not glued and (NAME.match(rest) or END.match(rest))):
        return missing
    if closers := QUOTES.get(rest[0]):
        return _quoted(name, rest, closers) or missing
    value = re.match(r"\S+", rest)
    return (value[0], rest[value.end() :]) if value else missing


def _quoted(name: str, text: str, closers: str) -> tuple[str, str] | Fault | None:
    ends = [end for closer in closers if (end := text.find(closer, 1)) > 0]
    if not ends:
        return Fault(refusals.open_quote(name, text[0]))
    value = text[1 : min(ends)].strip()
    return (value, text[min(ends) + 1 :]) if value else None


def _matching(form: re.Pattern[str]) -> Callable[[str, str], Value | Fault]:
    """A reader of text values, none with a dash in front that a program would obey."""

    def value(name: str, typed: str) -> Value | Fault:
        if form.fullmatch(typed):
            return typed
        return Fault(refusals.bad_value(name, typed, FORMS[name]))

    return value


def _duration(_name: str, typed: str) -> Value | Fault:
    found = DURATION.fullmatch(typed)
    if not found or not any(found.groups()):
        return Fault(refusals.bad_duration(typed))
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    duration = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    in_bounds = SHORTEST <= duration <= LONGEST
    return duration if in_bounds else Fault(refusals.timeout_bounds(typed))


def _money(_name: str, typed: str) -> Value | Fault:
    found = MONEY.fullmatch(typed)
    if not found:
        return Fault(refusals.bad_money(typed))
    amount = Decimal(f"{found[1]}.{found[2] or 0}")
    return amount if 0 < amount <= MOST else Fault(refusals.budget_bounds(typed))


def _on_failure(name: str, typed: str) -> Value | Fault:
    plain = typed.lower()
    if plain in set(OnFailure):
        return OnFailure(plain)
    return Fault(refusals.bad_choice(name, typed, OnFailure))


VALUES: dict[str, Callable[[str, str], Value | Fault]] = {
    "role": _matching(PHRASE),
    "repo": _matching(WORD),
    "base": _matching(WORD),
    "model": _matching(WORD),
    "timeout": _duration,
    "budget": _money,
    "on-failure": _on_failure,
    "parent": _matching(NODE),
}
