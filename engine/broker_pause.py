"""A pause that all runs of a worker make together when the model's API is overrun."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import monotonic

LONGEST = 60.0  # seconds that one answer can make everybody wait
OVERRUN = frozenset({429, 529})
_FIRST = 1.0  # seconds, where the API does not say how long; then twice as long each time


class Pause:
    """Until when nobody asks the model."""

    def __init__(self) -> None:
        self._until = 0.0
        self._strikes = 0  # pauses in a row that did not help

    @property
    def left(self) -> float:
        """Seconds that the pause still lasts."""
        return max(0.0, self._until - monotonic())

    def heed(self, status: int, headers: Mapping[str, str]) -> bool:
        """Take in an answer; whether it asks for a pause."""
        if status not in OVERRUN:
            if status < 400:
                self._strikes = 0
            return False
        said = retry_after(headers)
        seconds = _FIRST * 2 ** min(self._strikes, 6) if said is None else said
        if not self.left:  # other answers of the same moment are no further strikes
            self._strikes += 1
        self._until = max(self._until, monotonic() + min(seconds, LONGEST))
        return True


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
