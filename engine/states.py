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


class InquiryKind(StrEnum):
    """What an inquiry puts to people."""

    PLAN = "plan"  # may this workflow start?
    GATE = "gate"  # may the workflow go on?
    TOOL = "tool"  # may the agent do this?
    QUESTION = "question"  # the agent wants to know something
    BUDGET = "budget"  # may it cost more?
    PUSH = "push"  # may a branch that touches protected paths leave this host?
    MERGE = "merge"  # may the work go into the base branch?
    CONFLICT = "conflict"  # who resolves a merge conflict?
    FAILURE = "failure"  # what becomes of a workflow whose node failed?


class InquiryStatus(StrEnum):
    """How an inquiry stands."""

    OPEN = "open"
    DECIDED = "decided"
    EXPIRED = "expired"  # nobody decided in time, which rejects
    WITHDRAWN = "withdrawn"  # what it was about is gone


class Decision(StrEnum):
    """What people answer to an inquiry."""

    APPROVE = "approve"
    REJECT = "reject"
    SEND_BACK = "send_back"  # gate: an earlier node does it again
    RETRY = "retry"  # failure, conflict: the node again
    SKIP = "skip"  # failure: go on without it
    RESOLVE = "resolve"  # conflict: an agent resolves it
    ALWAYS = "always"  # tool: this agent may do that from now on
    ANSWER = "answer"  # question


class OnFailure(StrEnum):
    """What becomes of a workflow when one of its nodes fails."""

    CONTINUE = "continue"  # what depends on it is skipped, the rest goes on
    STOP = "stop"  # nothing new is started
    ASK = "ask"  # people decide


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
    CHECK = "check"  # the command that says whether its work is good
    SANDBOX = "sandbox"
    DISK = "disk"
    LOST = "lost"
    INTERNAL = "internal"
    REJECTED = "rejected"  # by people, at a gate
    EXPIRED = "expired"  # nobody decided in time
    CONFLICT = "conflict"  # what it should start from cannot be merged
    PLAN = "plan"  # what a planning agent answered is no plan
    NOT_MERGED = "not_merged"  # it did not go into the base branch


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
