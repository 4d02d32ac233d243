"""All kinds of trouble that there are, and which one comes next."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from engine.settings import async_url
from tests.chaos import (
    trouble_clock,
    trouble_database,
    trouble_disk,
    trouble_git,
    trouble_model,
    trouble_processes,
    trouble_slack,
)
from tests.chaos.fault import Fault
from tests.chaos.place import Place

ALL: Sequence[Fault] = (
    *trouble_processes.FAULTS,
    *trouble_database.FAULTS,
    *trouble_slack.FAULTS,
    *trouble_model.FAULTS,
    *trouble_git.FAULTS,
    *trouble_disk.FAULTS,
    *trouble_clock.FAULTS,
)
LONG: Sequence[Fault] = trouble_slack.LONG  # for storms of many minutes
SERVER_ONLY = ("database connections", "database read-only", "database stopped")
FILE_ONLY = ("database locked",)


def possible(place: Place, kinds: Sequence[str], *, long: bool) -> list[Fault]:
    """The faults whose kinds contain one of these words (all, without words) and can be here."""
    lacks = FILE_ONLY if async_url(place.url).startswith("postgresql") else SERVER_ONLY
    if place.disk is None:
        lacks = (*lacks, "disk full")
    there = [f for f in (*ALL, *(LONG if long else ())) if not f.kind.startswith(lacks)]
    return [fault for fault in there if not kinds or any(kind in fault.kind for kind in kinds)]


@dataclass
class Tally:
    """How often each kind was tried, and how often it struck."""

    faults: Sequence[Fault]
    chance: Random
    tried: Counter[str] = field(default_factory=Counter)
    struck: Counter[str] = field(default_factory=Counter)
    busy: set[str] = field(default_factory=set)  # kinds that are at it now

    def next(self) -> Fault:
        """One of those that have struck least often; what hardly can comes less and less."""
        free = [fault for fault in self.faults if fault.kind not in self.busy] or self.faults
        least = min(self._weight(fault.kind) for fault in free)
        return self.chance.choice([f for f in free if self._weight(f.kind) == least])

    def _weight(self, kind: str) -> int:
        return self.struck[kind] + (self.tried[kind] - self.struck[kind]) // 6

    def count(self, kind: str, *, struck: bool) -> None:
        """It has been tried."""
        self.tried[kind] += 1
        self.struck[kind] += struck
