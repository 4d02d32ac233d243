"""The steps that a text describes, as they stand in it. Pure."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from bot.marks import ARROWS, BLANK, HEAD, Broken, Cut, Marks, Then
from bot.messages import refusals
from bot.options import unquoted
from engine import is_key

TITLE = re.compile(r"(?:[\"“«](?P<quoted>[^\"“”»\n]+)[\"”»]|(?P<bare>[^\n]*?)):(?=\s)")
NEEDS = re.compile(
    rf":?(?P<list>[^()\[\]:\n]*+)(?P<end>\))?(?:[*`]{{0,2}}{BLANK}?(?P<colon>:)[*`]{{0,2}})?"
)
NEED = re.compile(r"[^\s,&+]+")
LONGEST_TITLE = 80  # characters of a first line that may be one


@dataclass(frozen=True)
class Need:
    """The key of a step that has to be finished before, and where it stands."""

    at: int
    key: str


@dataclass(frozen=True)
class Step:
    """One step: where it stands, and what was said."""

    at: int
    key: str
    key_at: int
    gate: bool
    needs: tuple[Need, ...] | None  # None: whatever stands before it
    text: str
    group: int  # steps of one group stand side by side


def find(text: str, at: int = 0) -> tuple[str, list[Step]]:
    """The title, or "", and the steps that `text` describes from `at` on.

    Raises Broken with the place of the first thing that cannot be read.
    """
    marks = Marks(text)
    title, first = _title(marks, marks.past_gap(at, bulleted=True))
    if not marks.begins(first):
        raise _without_key(marks, first)
    return title, list(_steps(marks, first))


def _title(marks: Marks, at: int) -> tuple[str, int]:
    """The title that is directly followed by a step, or "", and where the first step begins."""
    found = TITLE.match(marks.text, at)
    name = (found["quoted"] or found["bare"].strip("* ")) if found else ""
    if not found or not name or (found["bare"] and ARROWS.search(name)):
        return "", at
    after = marks.past_gap(found.end())
    arrow = ARROWS.search(marks.text, found.end(), after)
    return (name, after) if marks.begins(after) and not arrow else ("", at)


def _without_key(marks: Marks, at: int) -> Broken:
    """What stands in front of everything is no step."""
    marks.refuse_loose(at)
    cut = marks.cut(at)
    said = marks.text[at : cut.end].rstrip()
    if cut.then is Then.END or not said:
        return Broken(None, refusals.no_step())
    below = "\n" in marks.text[cut.end : cut.next] and "\n" not in said
    if below and len(said) <= LONGEST_TITLE:
        end = at + len(said)
        return Broken(at, refusals.no_key(), marks.spliced(end, end, ":"))
    word = NEED.search(said)
    return Broken(at, refusals.no_key(), marks.spliced(at, at, f"{_usable(word)}: "))


def _steps(marks: Marks, at: int) -> Iterator[Step]:
    group = 0
    while at < len(marks.text):
        opened = at if marks.text[at] == "[" else None
        if opened is not None:
            at = marks.past_gap(at + 1, bulleted=True)
        cut = Cut(at, at, Then.MEMBER)
        while cut.then is Then.MEMBER:
            step, cut = _step(marks, cut.next, group, opened)
            yield step
        at = cut.next if opened is None else _after_brackets(marks, opened, cut)
        group += 1


def _after_brackets(marks: Marks, opened: int, cut: Cut) -> int:
    if cut.then is not Then.CLOSE:
        raise Broken(opened, refusals.open_bracket(), _closed(marks, opened))
    after = marks.past_gap(cut.next)
    if after < len(marks.text) and not marks.begins(after):
        marks.refuse_loose(after)
        raise Broken(after, refusals.after_brackets())
    return after


def _closed(marks: Marks, opened: int) -> str:
    """The text with the bracket closed at its end, where that is likely to be meant."""
    text = marks.text.rstrip()
    ended = text.rstrip(".,;!")
    if ended.endswith("]"):
        return ended if marks.closes(opened) and ended != text else ""
    return "" if "\n" in text[opened:] else f"{text}]"


def _step(marks: Marks, at: int, group: int, opened: int | None) -> tuple[Step, Cut]:
    head = HEAD.match(marks.text, at)
    if not head:
        raise Broken(at, refusals.nested_brackets())
    key, gate = head["key"].lower(), bool(head["gate"])
    if not is_key(key):
        renamed = marks.spliced(*head.span("key"), _usable(head))
        raise Broken(at, refusals.unsafe_key(head["key"]), renamed)
    needs, end, colon = _needs(marks, head)
    start = marks.past_blank(end)
    cut = marks.cut(start, opened)
    said = marks.text[start : cut.end].strip()
    if cut.then is Then.CLOSE:
        said = said.removesuffix(",").rstrip()
    if said and not colon:
        after = start + said.startswith(":")
        raise Broken(at, refusals.no_colon(key), marks.spliced(end, after, ": "))
    if not said and not gate:
        raise Broken(at, refusals.empty_task(key))
    return Step(at, key, head.start("key"), gate, needs, unquoted(said), group), cut


def _needs(marks: Marks, head: re.Match[str]) -> tuple[tuple[Need, ...] | None, int, bool]:
    """The needs that are named, where the text after them begins, and whether a colon stands."""
    if not head["needs"]:
        return None, head.end(), bool(head["colon"] or head["inner"])
    found = NEEDS.match(marks.text, head.end())
    if not found or not found["end"]:
        end = found.end("list") if found else head.end()
        closed = marks.spliced(end, end, ")") if marks.text.startswith(":", end) else ""
        raise Broken(head.start(), refusals.open_needs(head["key"]), closed)
    named = NEED.finditer(marks.text, *found.span("list"))
    needs = [Need(one.start(), one[0].lower().removeprefix("?")) for one in named]
    return tuple(needs), found.end(), bool(found["colon"])


def _usable(said: re.Match[str] | None) -> str:
    """A key that is like a word which cannot be one."""
    word = said["key"] if said and "key" in said.re.groupindex else said[0] if said else ""
    latin = unicodedata.normalize("NFKD", word.casefold()).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^a-z0-9_-]", "", latin).strip("-_")[:40]
    return plain if is_key(plain) else f"step-{plain}"[:40].rstrip("-")
