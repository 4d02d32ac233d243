"""What goes wrong on purpose: each fault strikes a number of times, or until it is cleared."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """The ways in which Slack, or the way to it, can fail an app."""

    DROP_ACK = "drop_ack"
    DUPLICATE = "duplicate"
    HOLD = "hold"
    RESET = "reset"
    UNAVAILABLE = "unavailable"
    RATE_LIMIT = "rate_limit"
    SERVER_ERROR = "server_error"
    LOST_ANSWER = "lost_answer"
    DELAY = "delay"
    STALE_TICKET = "stale_ticket"


@dataclass
class Fault:
    """One fault; `times` None is until cleared, `method` "" is every method or envelope type."""

    kind: Kind
    method: str = ""
    times: int | None = 1
    amount: int = 0
    over: asyncio.Event = field(default_factory=asyncio.Event)  # what hangs, hangs until then
    struck: int = 0

    def strikes(self, kind: Kind, method: str) -> bool:
        """Whether it strikes now."""
        return kind is self.kind and self.method in ("", method) and self.times != 0


@dataclass
class Faults:
    """The faults that are set. Injecting one returns it, `clear` ends all or one.

    `method` is a Web API method (`chat.postMessage`) or, for acks and events, an envelope type
    (`slash_commands`, `interactive`, `events_api`) or an event type (`app_mention`).
    """

    wake: Callable[[], None]
    active: list[Fault] = field(default_factory=list)

    def drop_acks(self, method: str = "", times: int | None = 1) -> Fault:
        """The app's ack does not arrive."""
        return self._add(Fault(Kind.DROP_ACK, method, times))

    def duplicate_events(self, copies: int = 2, event: str = "", times: int | None = 1) -> Fault:
        """An event is delivered `copies` times with the same event_id."""
        return self._add(Fault(Kind.DUPLICATE, event, times, copies))

    def hold_events(self, event: str = "", times: int | None = None) -> Fault:
        """Events are kept back until `LocalSlack.release_events`."""
        return self._add(Fault(Kind.HOLD, event, times))

    def reset_connections(self, method: str = "", times: int | None = None) -> Fault:
        """The connection is reset before anything is done."""
        return self._add(Fault(Kind.RESET, method, times))

    def unavailable(self, method: str = "", times: int | None = None) -> Fault:
        """503 without a JSON body; nothing is done."""
        return self._add(Fault(Kind.UNAVAILABLE, method, times))

    def server_errors(self, method: str = "", times: int | None = 1) -> Fault:
        """500 without a JSON body; nothing is done."""
        return self._add(Fault(Kind.SERVER_ERROR, method, times))

    def rate_limits(self, method: str = "", retry_after: int = 1, times: int | None = 1) -> Fault:
        """429 with Retry-After; nothing is done."""
        return self._add(Fault(Kind.RATE_LIMIT, method, times, retry_after))

    def lose_answers(
        self, method: str = "chat.postMessage", times: int | None = 1, *, hang: bool = False
    ) -> Fault:
        """The call has its effect, then the connection is closed without an answer.

        With `hang` nothing more is heard on it, and it is closed once `over` is set.
        """
        fault = Fault(Kind.LOST_ANSWER, method, times)
        if not hang:
            fault.over.set()
        return self._add(fault)

    def delays(self, method: str = "chat.postMessage", times: int | None = 1) -> Fault:
        """The call is on its way until `over` is set, and then has its effect."""
        return self._add(Fault(Kind.DELAY, method, times))

    def stale_tickets(self, times: int | None = None) -> Fault:
        """The addresses that apps.connections.open gives are no longer valid when they are used."""
        return self._add(Fault(Kind.STALE_TICKET, times=times))

    def clear(self, fault: Fault | None = None) -> None:
        """End one fault, or all."""
        self.active = [f for f in self.active if fault is not None and f is not fault]
        self.wake()

    def take(self, kind: Kind, *methods: str) -> Fault | None:
        """The fault that strikes one of the methods now; its count goes down."""
        for fault in self.active:
            if any(fault.strikes(kind, method) for method in methods or ("",)):
                fault.struck += 1
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None

    def _add(self, fault: Fault) -> Fault:
        self.active.append(fault)
        return fault
