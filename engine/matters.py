"""What people are asked: the matter of each kind of inquiry, and how votes decide it. Pure."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from engine.dag import WorkflowSpec
from engine.spec import Origin, Person
from engine.states import Decision, InquiryKind, InquiryStatus
from engine.views import Handed, NodeView


@dataclass(frozen=True)
class Plan:
    """A workflow that may start. `text` is what was typed, for whoever edits it."""

    workflow: WorkflowSpec
    text: str = ""
    planner: int = 0  # the agent that proposed it, which changes it as well; 0 = a person did


@dataclass(frozen=True)
class Gate:
    """Whether a workflow goes on, in the light of what its nodes did."""

    question: str
    parents: tuple[Handed, ...] = ()
    ancestors: tuple[str, ...] = ()  # keys of the agents that can be sent back to
    since: str = ""  # the commit from which the gate's own diff goes, if it has one


@dataclass(frozen=True)
class Push:
    """A branch that touches protected paths."""

    branch: str
    commit: str
    paths: tuple[str, ...]  # that are protected


@dataclass(frozen=True)
class Conflict:
    """Commits that cannot be merged by themselves."""

    files: tuple[str, ...]
    commits: tuple[str, ...]
    branch: str  # where a person may push the resolution
    lacks: str = ""  # why what was pushed did not settle it


@dataclass(frozen=True)
class Failure:
    """A node failed, and the workflow asks what to do."""

    error: str = ""


@dataclass(frozen=True)
class Merge:
    """Work that may go into the base branch."""

    commit: str
    onto: str  # the branch
    agent_id: int = 0  # whose work it is


Matter = Plan | Gate | Push | Conflict | Failure | Merge
MATTERS: dict[InquiryKind, TypeAdapter[Any]] = {
    InquiryKind.PLAN: TypeAdapter(Plan),
    InquiryKind.GATE: TypeAdapter(Gate),
    InquiryKind.PUSH: TypeAdapter(Push),
    InquiryKind.CONFLICT: TypeAdapter(Conflict),
    InquiryKind.FAILURE: TypeAdapter(Failure),
    InquiryKind.MERGE: TypeAdapter(Merge),
}
KINDS: dict[type[Matter], InquiryKind] = {
    Plan: InquiryKind.PLAN,
    Gate: InquiryKind.GATE,
    Push: InquiryKind.PUSH,
    Conflict: InquiryKind.CONFLICT,
    Failure: InquiryKind.FAILURE,
    Merge: InquiryKind.MERGE,
}
CHOICES: dict[InquiryKind, tuple[Decision, ...]] = {
    InquiryKind.PLAN: (Decision.APPROVE, Decision.REJECT),
    InquiryKind.GATE: (Decision.APPROVE, Decision.REJECT, Decision.SEND_BACK),
    InquiryKind.PUSH: (Decision.APPROVE, Decision.REJECT),
    InquiryKind.CONFLICT: (Decision.RESOLVE, Decision.RETRY, Decision.REJECT),
    InquiryKind.FAILURE: (Decision.RETRY, Decision.SKIP, Decision.REJECT),
    InquiryKind.MERGE: (Decision.APPROVE, Decision.REJECT),
}


@dataclass(frozen=True)
class Vote:
    """What one person said to one revision of an inquiry."""

    by: Person
    decision: Decision
    comment: str = ""
    at: datetime | None = None
    target: str = ""  # gate: the key of the node that it is sent back to


@dataclass(frozen=True)
class Inquiry:
    """A question put to people, as they are shown it."""

    id: int
    kind: InquiryKind
    revision: int
    workflow_id: int
    origin: Origin
    requester: Person  # whose request waits for it
    matter: Matter
    node: NodeView | None = None  # that waits; None: the plan of a workflow
    approvers: tuple[str, ...] = ()  # named for this one; empty = whoever may approve here
    quorum: int = 1
    status: InquiryStatus = InquiryStatus.OPEN
    decision: Decision | None = None
    votes: tuple[Vote, ...] = ()
    opened_at: datetime | None = None
    expires_at: datetime | None = None

    @property
    def value(self) -> str:
        """What a button carries, so that exactly what was shown is decided."""
        return f"{self.id}.{self.revision}"


@dataclass(frozen=True)
class Click:
    """What somebody decides about which revision of which inquiry."""

    inquiry_id: int
    revision: int
    decision: Decision
    comment: str = ""
    target: str = ""  # gate: the key of the node that it is sent back to


@dataclass(frozen=True)
class Tally:
    """How the votes of one revision stand."""

    approvals: int = 0
    decided: Decision | None = None
    comments: tuple[str, ...] = field(default=())


def tally(votes: Sequence[Vote], quorum: int) -> Tally:
    """Count: one vote against decides at once, approvals when there are enough of them."""
    approvals = sum(vote.decision is Decision.APPROVE for vote in votes)
    others = [vote.decision for vote in votes if vote.decision is not Decision.APPROVE]
    decided = others[0] if others else Decision.APPROVE if approvals >= quorum else None
    return Tally(approvals, decided, tuple(vote.comment for vote in votes if vote.comment))


def packed(matter: Matter) -> dict[str, Any]:
    """A matter as JSON."""
    return MATTERS[KINDS[type(matter)]].dump_python(matter, mode="json")  # type: ignore[no-any-return]


def unpacked(kind: InquiryKind, content: dict[str, Any]) -> Matter:
    """A matter from JSON."""
    return MATTERS[kind].validate_python(content)  # type: ignore[no-any-return]


def digest(content: dict[str, Any]) -> str:
    """What identifies the content of an inquiry: it changes when what is shown changes."""
    plain = json.dumps(content, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(plain.encode()).hexdigest()[:32]
