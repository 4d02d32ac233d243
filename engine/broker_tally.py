"""The tokens of the model's answers, counted as they flow. Pure."""

import json
from dataclasses import dataclass
from typing import Any

_MOST = 8 * 2**20  # bytes of a line, or of an answer in one piece; longer ones are not counted
_TAKEN = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


@dataclass(frozen=True)
class Tokens:
    """What was used: tokens that went in (the cache's included), and that came out."""

    taken: int = 0
    given: int = 0

    def __add__(self, other: "Tokens") -> "Tokens":
        return Tokens(self.taken + other.taken, self.given + other.given)

    def __sub__(self, other: "Tokens") -> "Tokens":
        return Tokens(self.taken - other.taken, self.given - other.given)


class Tally:
    """Counts one answer of the Messages API.

    A streamed one tells its usage at its beginning and again, as totals, with its last words.
    """

    def __init__(self, *, streamed: bool) -> None:
        self._streamed = streamed
        self._rest = bytearray()  # that is not read yet
        self._lost = False  # it is too long to be read
        self._usage: dict[str, int] = {}
        self._told = Tokens()

    def news(self) -> Tokens:
        """What is known that this was not asked for yet."""
        taken = sum(self._usage.get(name, 0) for name in _TAKEN)
        before, self._told = self._told, Tokens(taken, self._usage.get("output_tokens", 0))
        return self._told - before

    def feed(self, chunk: bytes) -> None:
        """Take a piece of the answer, cut anywhere."""
        if self._streamed:
            *lines, last = chunk.split(b"\n")
            for line in lines:
                self._keep(line)
                self._read()
            self._keep(last)
        else:
            self._keep(chunk)

    def end(self) -> None:
        """The answer is complete."""
        self._read()

    def _keep(self, piece: bytes) -> None:
        self._lost = self._lost or len(self._rest) + len(piece) > _MOST
        if not self._lost:
            self._rest += piece

    def _read(self) -> None:
        """Read what was kept; in strings of the answer the word would have a backslash."""
        data, lost = bytes(self._rest).removeprefix(b"data:"), self._lost
        self._rest, self._lost = bytearray(), False
        if lost or b'"usage"' not in data:
            return
        try:
            told = json.loads(data)
        except (ValueError, RecursionError):
            return
        if isinstance(told, dict):
            self._heed(told.get("message"))
            self._heed(told)

    def _heed(self, told: Any) -> None:
        usage = told.get("usage") if isinstance(told, dict) else None
        if not isinstance(usage, dict):
            return
        for name in (*_TAKEN, "output_tokens"):
            value = usage.get(name)
            if isinstance(value, int) and 0 <= value < 2**40:
                self._usage[name] = value
