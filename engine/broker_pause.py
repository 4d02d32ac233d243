"""A pause that all runs of a host make together when the model's API is overrun."""

import asyncio
import hashlib
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from time import monotonic

from engine.broker_upstream import Upstream

LONGEST = 60.0  # seconds that one answer can make everybody wait
OVERRUN = frozenset({429, 529})
_FIRST = 1.0  # seconds, where the API does not say how long; then twice as long each time
_LINE = 40  # characters, more than a time has


@dataclass(frozen=True)
class Board:
    """Where the workers of one user on a host tell each other about a pause: a file.

    It holds a time of the monotonic clock, which is the same for all processes until the next
    boot. Where it cannot be written, each worker pauses for itself.
    """

    place: Path

    def read(self) -> float:
        """Until when to pause; 0 = nobody wrote anything that can be true."""
        with suppress(OSError, ValueError):
            file = os.open(self.place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(file, encoding="ascii") as text:
                mine = os.fstat(file).st_uid == os.geteuid()
                until = float(text.read(_LINE)) if mine else 0.0
                return until if until <= monotonic() + LONGEST else 0.0  # else of another boot
        return 0.0

    def write(self, until: float) -> None:
        """Let all pause until then, if they do not pause for longer already."""
        if until <= self.read():
            return
        with suppress(OSError):
            file, name = tempfile.mkstemp(prefix=f"{self.place.name}-", dir=self.place.parent)
            with os.fdopen(file, "w", encoding="ascii") as text:
                text.write(str(until))
            Path(name).replace(self.place)

    def wipe(self) -> None:
        """Leave nothing behind that is over."""
        with suppress(OSError):
            if self.read() <= monotonic():
                self.place.unlink()


def board(upstream: Upstream, values: Mapping[str, str]) -> Board:
    """The board of all who ask one API with one key: limits are a key's. `values`: environment."""
    key = [upstream.url, *(f"{name}: {upstream.headers[name]}" for name in upstream.headers)]
    told = hashlib.sha256("\n".join(key).encode()).hexdigest()[:16]
    place = values.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    return Board(Path(place) / f"mab-pause-{told}")


class Pause:
    """Until when nobody asks the model."""

    def __init__(self, shared: Board) -> None:
        self._shared = shared
        self._until = 0.0
        self._strikes = 0  # pauses in a row that did not help

    async def left(self) -> float:
        """Seconds that the pause still lasts."""
        until = max(self._until, await asyncio.to_thread(self._shared.read))
        return max(0.0, until - monotonic())

    async def heed(self, status: int, headers: Mapping[str, str]) -> bool:
        """Take in an answer; whether it asks for a pause."""
        if status not in OVERRUN:
            if status < 400:
                self._strikes = 0
            return False
        said = retry_after(headers)
        seconds = _FIRST * 2 ** min(self._strikes, 6) if said is None else said
        if self._until <= monotonic():  # other answers of the same moment are no further strikes
            self._strikes += 1
        self._until = max(self._until, monotonic() + min(seconds, LONGEST))
        await asyncio.to_thread(self._shared.write, self._until)
        return True

    async def end(self) -> None:
        """Nobody here asks any more."""
        await asyncio.to_thread(self._shared.wipe)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that an answer asks to wait for, if it does."""
    with suppress(ValueError, OverflowError):
        if text := headers.get("retry-after-ms"):
            return max(0.0, float(text) / 1000)
    text = headers.get("retry-after", "")
    with suppress(ValueError, OverflowError):
        return max(0.0, float(text))
    with suppress(ValueError, TypeError, OverflowError):
        then = parsedate_to_datetime(text)
        return max(0.0, (then.astimezone(UTC) - datetime.now(UTC)).total_seconds())
    return None
