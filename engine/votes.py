"""An inquiry as people are shown it, and how their votes decide it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from engine.matters import Matter, Question, Tool
from engine.spec import Origin, Person
from engine.states import Decision, InquiryKind, InquiryStatus
from engine.views import NodeView

CHOICES: dict[InquiryKind, tuple[Decision, ...]] = {
    InquiryKind.PLAN: (Decision.APPROVE, Decision.REJECT),
    InquiryKind.GATE: (Decision.APPROVE, Decision.REJECT, Decision.SEND_BACK),
    InquiryKind.PUSH: (Decision.APPROVE, Decision.REJECT),
    InquiryKind.CONFLICT: (Decision.RESOLVE, Decision.RETRY, Decision.REJECT),
    InquiryKind.FAILURE: (Decision.RETRY, Decision.SKIP, Decision.REJECT),
    InquiryKind.MERGE: (Decision.APPROVE, Decision.REJECT),
    InquiryKind.TOOL: (Decision.APPROVE, Decision.ALWAYS, Decision.REJECT),
    InquiryKind.QUESTION: (Decision.ANSWER, Decision.REJECT),
    InquiryKind.BUDGET: (Decision.APPROVE, Decision.REJECT),
}


@dataclass(frozen=True)
class Vote:
    """What one person said to one revision of an inquiry."""

    by: Person
    decision: Decision
    comment: str = ""
    at: datetime | None = None
    # gate: the key of the node that it is sent back to; tool, question: which one, from "1" on
    target: str = ""


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
    target: str = ""  # as of a vote; tool, question: "" = all that are not decided yet
    answers: Mapping[str, str] = field(default_factory=dict)  # to several questions, by target


@dataclass(frozen=True)
class Tally:
    """How the votes of one revision stand."""

    approvals: int = 0
    decided: Decision | None = None
    comments: tuple[str, ...] = field(default=())


def parts(matter: Matter) -> tuple[str, ...]:
    """What is decided one by one, as targets of votes; nothing where one decision settles all."""
    match matter:
        case Tool(calls):
            return tuple(str(number) for number in range(1, len(calls) + 1))
        case Question(asks):
            return tuple(str(number) for number in range(1, len(asks) + 1))
        case _:
            return ()


def undecided(inquiry: Inquiry) -> tuple[str, ...]:
    """Those of its parts that nobody has decided yet."""
    decided = {vote.target for vote in inquiry.votes}
    return tuple(part for part in parts(inquiry.matter) if part not in decided)


def tally(inquiry: Inquiry) -> Tally:
    """Count: how an inquiry stands after the votes that it holds.

    Where there are parts, each is decided by one vote, and the whole when all are. Otherwise one
    vote against decides at once, approvals when there are enough of them.
    """
    votes, quorum = inquiry.votes, inquiry.quorum
    if parts(inquiry.matter):
        favourable = [vote for vote in votes if vote.decision is not Decision.REJECT]
        whole = favourable[0].decision if favourable else Decision.REJECT
        return Tally(len(favourable), None if undecided(inquiry) else whole)
    approvals = sum(vote.decision is Decision.APPROVE for vote in votes)
    others = [vote.decision for vote in votes if vote.decision is not Decision.APPROVE]
    decided = others[0] if others else Decision.APPROVE if approvals >= quorum else None
    return Tally(approvals, decided, tuple(vote.comment for vote in votes if vote.comment))
