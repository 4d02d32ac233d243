"""A small language for the shapes that Slack accepts: a check yields what is wrong and where.

The messages are of the kind that Slack puts into `response_metadata.messages`.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Wrong = Iterator[str]
Check = Callable[[Any, str], Wrong]


def error(what: str, path: str) -> str:
    """One line as Slack writes it."""
    return f"[ERROR] {what} [json-pointer:{path}]"


def text(at_most: int, at_least: int = 1) -> Check:
    """A string with a length between the bounds."""

    def check(value: Any, path: str) -> Wrong:
        if not isinstance(value, str):
            yield error("must be a string", path)
        elif len(value) > at_most:
            yield error(f"must be less than {at_most + 1} characters", path)
        elif len(value) < at_least:
            yield error(f"must be more than {at_least - 1} characters", path)

    return check


def flag(value: Any, path: str) -> Wrong:
    """A boolean."""
    if not isinstance(value, bool):
        yield error("must be a boolean", path)


def number(value: Any, path: str) -> Wrong:
    """A number, also one that is written as a string."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        yield error("must be a number", path)


def anything(_value: Any, _path: str) -> Wrong:
    """No opinion."""
    yield from ()


def one_of(*allowed: str) -> Check:
    """One of these words."""

    def check(value: Any, path: str) -> Wrong:
        if value not in allowed:
            yield error(f"must be one of {', '.join(allowed)}", path)

    return check


def items(each: Check, at_most: int, at_least: int = 1) -> Check:
    """A list whose length is between the bounds and whose items pass the check."""

    def check(value: Any, path: str) -> Wrong:
        if not isinstance(value, list):
            yield error("must be a list", path)
            return
        if len(value) > at_most:
            yield error(f"no more than {at_most} items allowed", path)
        if len(value) < at_least:
            yield error(f"no fewer than {at_least} items allowed", path)
        for index, item in enumerate(value):
            yield from each(item, f"{path}/{index}")

    return check


@dataclass(frozen=True)
class Record:
    """An object with known keys; `required` must be there, of `any_of` at least one."""

    keys: Mapping[str, Check]
    required: Collection[str] = ()
    any_of: Collection[str] = ()

    def __call__(self, value: Any, path: str) -> Wrong:
        """Yield unknown and missing keys, then what is wrong with the values."""
        if not isinstance(value, dict):
            yield error("must be an object", path)
            return
        yield from (error(f"missing required field: {k}", path) for k in self.missing(value))
        for key, inner in value.items():
            known = self.keys.get(key)
            here = f"{path}/{key}"
            yield from known(inner, here) if known else iter([error("unknown field", here)])

    def missing(self, value: Mapping[str, Any]) -> Iterable[str]:
        """The keys that are needed and not there."""
        yield from (key for key in self.required if value.get(key) is None)
        if self.any_of and all(value.get(key) is None for key in self.any_of):
            yield " or ".join(self.any_of)


def variant(kinds: Mapping[str, Check]) -> Check:
    """An object whose `type` names the check that it must pass."""

    def check(value: Any, path: str) -> Wrong:
        kind = value.get("type") if isinstance(value, dict) else None
        if isinstance(kind, str) and kind in kinds:
            yield from kinds[kind](value, path)
        else:
            yield error(f"unsupported type: {kind}", path)

    return check
