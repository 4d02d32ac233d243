"""The text of a recipe: YAML whose values know their lines. Pure.

A scalar is the text that was written (`1.10` stays `1.10` and `no` stays `no`), or None for
nothing. What no recipe needs is refused: aliases, tags, repeated keys, several documents, depth.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import yaml
from yaml.reader import ReaderError

from engine.errors import InvalidSpec

MAX_BYTES = 64 * 2**10
MAX_DEPTH = 8
MAX_PARTS = 5_000  # keys, values, beginnings and ends
MAX_WORD = 60  # characters of the file's own words in an error
NOTHING = frozenset({"", "~", "null", "Null", "NULL"})
UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")  # not for databases, terminals

Value: TypeAlias = "dict[str, Value] | list[Value] | str | None"
Place: TypeAlias = tuple[str | int, ...]  # keys and indexes on the way to a value


class BadRecipe(InvalidSpec):
    """The file of a workflow cannot be used as it is."""

    def __init__(self, file: str, line: int, key: str, said: str) -> None:
        self.file, self.line, self.key, self.said = file, line, key, said
        where = (short(file, 200), f"line {line}" if line else "", key)
        super().__init__(f"{', '.join(filter(None, where))}: {said}")


@dataclass(frozen=True)
class Written:
    """What a file says, and in which line each value begins."""

    file: str
    value: Value
    lines: Mapping[Place, int] = field(default_factory=dict)  # counted from 1

    def fault(self, place: Place, said: str) -> BadRecipe:
        """What is wrong at a place; a value that is missing is wrong where it should be."""
        known = next(
            place[:n] for n in range(len(place), -1, -1) if not n or place[:n] in self.lines
        )
        return BadRecipe(self.file, self.lines.get(known, 1), dotted(place), said)


def short(text: str, limit: int = MAX_WORD) -> str:
    """A file's own words for an error: on one line, and bounded."""
    flat = " ".join(UNSAFE.sub("�", text).split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def dotted(place: Place) -> str:
    """The keys on the way to a value."""
    return ".".join(short(part) for part in place if isinstance(part, str))


def parse(text: str, file: str) -> Written:
    """Read a file's text; raises BadRecipe."""
    size = len(text.encode("utf-8", "replace"))
    if size > MAX_BYTES:
        said = f"the file has {size:,} bytes; at most {MAX_BYTES:,} are possible"
        raise BadRecipe(file, 0, "", said)
    try:
        return _Reading(file, yaml.parse(text, Loader=yaml.SafeLoader)).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = f"this is not YAML: {short(error.problem or error.context or 'it breaks off', 200)}"
        raise BadRecipe(file, mark.line + 1 if mark else 1, "", said) from error
    except ReaderError as error:
        said = "a character here is not possible in YAML"
        raise BadRecipe(file, text.count("\n", 0, error.position) + 1, "", said) from error
    except (ValueError, OverflowError) as error:  # PyYAML itself stumbles, e.g. over "\UFFFFFFFF"
        said = "this is not YAML: an escape sequence or a number in it is out of bounds"
        raise BadRecipe(file, 0, "", said) from error


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1


class _Reading:
    """One pass over the events of a file."""

    def __init__(self, file: str, events: Iterator[yaml.Event]) -> None:
        self.file, self.events = file, events
        self.lines: dict[Place, int] = {}
        self.parts = 0

    def document(self) -> Written:
        self._next(())
        if isinstance(self._next(()), yaml.StreamEndEvent):
            raise BadRecipe(self.file, 1, "", "the file is empty; it needs at least `nodes`")
        value = self._value(self._next(()), ())
        self._next(())
        after = self._next(())
        if not isinstance(after, yaml.StreamEndEvent):
            raise self._fault(after, (), "a second document begins; a file has one workflow")
        return Written(self.file, value, self.lines)

    def _next(self, place: Place) -> yaml.Event:
        event = next(self.events)
        self.parts += 1
        if self.parts > MAX_PARTS or len(place) > MAX_DEPTH:
            raise self._fault(event, place[:MAX_DEPTH], "this holds more than a workflow can need")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            said = "anchors and aliases (& and *) are not possible; write it out, or quote it"
            raise self._fault(event, place, said)
        if isinstance(event, yaml.NodeEvent) and getattr(event, "tag", None):
            said = "tags (words with !) are not possible; leave it out, or quote it"
            raise self._fault(event, place, said)
        return event

    def _value(self, event: yaml.Event, place: Place) -> Value:
        self.lines.setdefault(place, _line(event))
        match event:
            case yaml.MappingStartEvent():
                return self._mapping(place)
            case yaml.SequenceStartEvent():
                return self._sequence(place)
            case yaml.ScalarEvent(value=text, style=style):
                return None if not style and text in NOTHING else self._text(event, text, place)
            case _:
                raise self._fault(event, place, "this is not YAML: a value is missing")

    def _mapping(self, place: Place) -> Value:
        made: dict[str, Value] = {}
        while not isinstance(event := self._next(place), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise self._fault(
                    event, place, "a key must be a word; quote what begins with [ or {"
                )
            key = self._text(event, event.value, place)
            inner = (*place, key)
            if key in made:
                said = f"this key stands in line {self.lines[inner]} already; give it once"
                raise self._fault(event, inner, said)
            self.lines[inner] = _line(event)
            made[key] = self._value(self._next(inner), inner)
        return made

    def _sequence(self, place: Place) -> Value:
        made: list[Value] = []
        while not isinstance(event := self._next((*place, len(made))), yaml.SequenceEndEvent):
            made.append(self._value(event, (*place, len(made))))
        return made

    def _text(self, event: yaml.Event, text: str, place: Place) -> str:
        if UNSAFE.search(text):
            raise self._fault(event, place, "control characters are not possible")
        return text

    def _fault(self, event: yaml.Event, place: Place, said: str) -> BadRecipe:
        return BadRecipe(self.file, _line(event), dotted(place), said)
