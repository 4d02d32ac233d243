"""The states of a node, the moves between them, and the causes of failure. Pure."""

from enum import StrEnum


class Status(StrEnum):
    """Where a node stands; the words are explained in the README's design notes."""

    BLOCKED = "blocked"
    PENDING = "pending"
    ACTIVE = "active"
    WAITING = "waiting"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


class Kind(StrEnum):
    """What a node is: an agent works, at a gate people decide."""

    AGENT = "agent"
    GATE = "gate"


class Direction(StrEnum):
    """Which way a file goes."""

    IN = "in"  # people gave it to an agent
    OUT = "out"  # an agent hands it out


class Cause(StrEnum):
    """Why an attempt of an agent failed."""

    BAD_KEY = "bad_key"
    RATE_LIMIT = "rate_limit"
    OVERLOADED = "overloaded"
    CONNECTION = "connection"
    TIMEOUT = "timeout"
    BUDGET = "budget"
    TURNS = "turns"
    MODEL = "model"
    CLI_MISSING = "cli_missing"
    CLI_CRASHED = "cli_crashed"
    REPOSITORY = "repository"
    WORKTREE = "worktree"
    SETUP = "setup"
    SANDBOX = "sandbox"
    DISK = "disk"
    LOST = "lost"
    INTERNAL = "internal"


S = Status
MOVES: dict[Status, frozenset[Status]] = {
    S.BLOCKED: frozenset({S.PENDING, S.WAITING, S.SKIPPED, S.CANCELLED}),
    S.PENDING: frozenset({S.ACTIVE, S.BLOCKED, S.SKIPPED, S.CANCELLED}),
    S.ACTIVE: frozenset({S.COMPLETED, S.FAILED, S.PENDING, S.WAITING, S.CANCELLED}),
    S.WAITING: frozenset({S.PENDING, S.COMPLETED, S.FAILED, S.BLOCKED, S.SKIPPED, S.CANCELLED}),
    S.FAILED: frozenset({S.BLOCKED, S.SKIPPED}),
    S.CANCELLED: frozenset({S.BLOCKED, S.SKIPPED}),
    S.SKIPPED: frozenset({S.BLOCKED}),
    S.COMPLETED: frozenset({S.BLOCKED}),
}
TERMINAL = frozenset({S.COMPLETED, S.FAILED, S.CANCELLED, S.SKIPPED})
ADMITTED = frozenset({S.PENDING, S.ACTIVE})
TRANSIENT = frozenset({Cause.RATE_LIMIT, Cause.OVERLOADED, Cause.CONNECTION, Cause.LOST})


def sources(target: Status) -> frozenset[Status]:
    """The states from which a node may move to `target`."""
    return frozenset(status for status, targets in MOVES.items() if target in targets)
