"""What goes wrong on purpose with the model: each fault strikes some times, or until cleared."""

import asyncio
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """The ways in which the API can fail its caller."""

    FAIL = "fail"
    SLOW = "slow"
    CUT = "cut"


@dataclass
class Fault:
    """One fault; `times` None is until it is cleared."""

    kind: Kind
    times: int | None = 1
    status: int = 0
    retry_after: int | None = None  # seconds, as the header says it
    over: asyncio.Event = field(default_factory=asyncio.Event)  # what is slow, waits for this
    struck: int = 0

    @property
    def headers(self) -> dict[str, str]:
        """What an error answer carries."""
        return {} if self.retry_after is None else {"retry-after": str(self.retry_after)}


@dataclass
class Faults:
    """The faults that are set, whoever asks. Injecting one returns it, `clear` ends one or all.

    What fails or waits is not recorded among the requests, and costs nothing.
    """

    active: list[Fault] = field(default_factory=list)

    def fails(self, status: int, times: int | None = 1, *, retry_after: int | None = None) -> Fault:
        """An HTTP error: 429 with Retry-After, 500, 529; 401 while the key is not valid."""
        return self._add(Fault(Kind.FAIL, times, status, retry_after))

    def slow(self, times: int | None = 1) -> Fault:
        """The first byte does not come until `over` is set."""
        return self._add(Fault(Kind.SLOW, times))

    def cuts(self, times: int | None = 1) -> Fault:
        """The connection breaks in the middle of the stream."""
        return self._add(Fault(Kind.CUT, times))

    def clear(self, fault: Fault | None = None) -> None:
        """End one fault, or all; what waited goes on."""
        for ended in [f for f in self.active if fault is None or f is fault]:
            ended.over.set()
            self.active.remove(ended)

    def take(self, kind: Kind) -> Fault | None:
        """The fault that strikes now; its count goes down."""
        for fault in self.active:
            if fault.kind is kind and fault.times != 0:
                fault.struck += 1
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None

    def _add(self, fault: Fault) -> Fault:
        self.active.append(fault)
        return fault
