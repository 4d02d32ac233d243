"""What becomes of an agent when an attempt has ended. Pure."""

from dataclasses import dataclass, replace
from enum import StrEnum

from engine.executor import AgentResult
from engine.matters import Push
from engine.states import TRANSIENT, Cause, Status
from engine.views import Check, Work

FIRST_DELAY = 10.0  # seconds before a second attempt; doubled each time
LONGEST_DELAY = 600.0


class Halt(StrEnum):
    """Why an attempt was ended from outside."""

    CANCEL = "cancel"
    TIMEOUT = "timeout"
    HANDOVER = "handover"  # this worker stops; another one goes on
    LOST = "lost"  # its worker was not heard of for a lease


class RunOutcome(StrEnum):
    """How an attempt ended."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"
    HANDED_OVER = "handed_over"
    ASKED = "asked"  # people decide how it goes on


@dataclass(frozen=True)
class Standing:
    """What the ledger says about the agent when its attempt ends."""

    failures: int
    max_failures: int
    cancelled: bool
    redo: bool = False  # it begins again as soon as it has stopped
    asks: bool = False  # the attempt ended with a question


@dataclass(frozen=True)
class Verdict:
    """Where the agent goes."""

    status: Status
    outcome: RunOutcome
    cause: Cause | None = None
    counts: bool = False  # as a failure
    delay: float = 0.0  # seconds before the next attempt


def checked(result: AgentResult, check: Check) -> AgentResult:
    """The result of an agent whose task names a check: work that fails it is not done."""
    if check.passed:
        return result
    why = check.tail.strip() or _silent(check)
    return replace(result, success=False, error=why, cause=Cause.CHECK)


def _silent(check: Check) -> str:
    if check.exit_code is None:
        return f"{check.command} did not end in time"
    return f"{check.command} ended with exit code {check.exit_code} and said nothing"


def leave_for(result: AgentResult, work: Work) -> Push | None:
    """What people are asked when work may leave only after somebody has looked at it."""
    if not (result.success and work.protected):
        return None
    return Push(work.branch, work.commit, work.protected)


def judge(standing: Standing, halt: Halt | None, result: AgentResult) -> Verdict:
    """Decide what becomes of an agent after an attempt."""
    if halted := _halted(standing, halt):
        return halted
    if standing.asks:
        return Verdict(Status.WAITING, RunOutcome.ASKED)
    if result.success:
        return Verdict(Status.COMPLETED, RunOutcome.COMPLETED)
    return _failed(standing, result.cause or Cause.INTERNAL, RunOutcome.FAILED)


def _halted(standing: Standing, halt: Halt | None) -> Verdict | None:
    """What people or circumstances made of it, whatever the result is."""
    if standing.cancelled or (halt is Halt.CANCEL and not standing.redo):
        return Verdict(Status.CANCELLED, RunOutcome.CANCELLED)
    if standing.redo or halt is Halt.HANDOVER:
        return Verdict(Status.PENDING, RunOutcome.HANDED_OVER)
    if halt is Halt.LOST:
        return _failed(standing, Cause.LOST, RunOutcome.LOST)
    if halt is Halt.TIMEOUT:
        return _failed(standing, Cause.TIMEOUT, RunOutcome.FAILED)
    return None


def _failed(standing: Standing, cause: Cause, outcome: RunOutcome) -> Verdict:
    again = cause in TRANSIENT and standing.failures + 1 < standing.max_failures
    if not again:
        return Verdict(Status.FAILED, outcome, cause, counts=True)
    delay = 0.0 if cause is Cause.LOST else FIRST_DELAY * 2**standing.failures
    return Verdict(Status.PENDING, outcome, cause, counts=True, delay=min(delay, LONGEST_DELAY))
