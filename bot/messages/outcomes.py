"""How inquiries stand: who decided what, and when. Pure."""

from collections.abc import Mapping, Sequence

from bot.messages import blocks, naming, words
from bot.messages.blocks import Block
from engine import Decision, Inquiry, InquiryKind, InquiryStatus, Vote, parts, undecided

COMMENTS = 5  # that are shown
COMMENT = 300  # characters
SAID: Mapping[InquiryKind, Mapping[Decision, str]] = {
    InquiryKind.PLAN: {Decision.APPROVE: "Started", Decision.REJECT: "Discarded"},
    InquiryKind.GATE: {
        Decision.APPROVE: "Approved",
        Decision.REJECT: "Rejected",
        Decision.SEND_BACK: "Sent back",
    },
    InquiryKind.PUSH: {Decision.APPROVE: "Push approved", Decision.REJECT: "Not pushed"},
    InquiryKind.CONFLICT: {
        Decision.RESOLVE: "Given to an agent",
        Decision.RETRY: "Resolved by hand",
        Decision.REJECT: "Stopped",
    },
    InquiryKind.FAILURE: {
        Decision.RETRY: "Tried again",
        Decision.SKIP: "Skipped",
        Decision.REJECT: "Stopped",
    },
    InquiryKind.MERGE: {Decision.APPROVE: "Merge approved", Decision.REJECT: "Not merged"},
    InquiryKind.TOOL: {
        Decision.APPROVE: "Allowed",
        Decision.ALWAYS: "Allowed for this agent",
        Decision.REJECT: "Denied",
    },
    InquiryKind.QUESTION: {
        Decision.ANSWER: "Answered",
        Decision.REJECT: "Left to the agent",
    },
    InquiryKind.BUDGET: {Decision.APPROVE: "Raised", Decision.REJECT: "Stopped here"},
}
PARTS: Mapping[Decision, str] = {  # of one call or question
    Decision.APPROVE: "Allowed once",
    Decision.ALWAYS: "Allowed for this agent",
    Decision.ANSWER: "Answered",
}
LAPSE: Mapping[InquiryKind, str] = {
    InquiryKind.PLAN: "the plan is discarded",
    InquiryKind.PUSH: "the branch stays where it is",
    InquiryKind.FAILURE: "it stays failed",
    InquiryKind.MERGE: "nothing is merged",
    InquiryKind.TOOL: "it is denied, and the agent is told",
    InquiryKind.QUESTION: "the agent decides itself",
    InquiryKind.BUDGET: "the agent stops here",
}


def word(inquiry: Inquiry) -> str:
    """How an inquiry was closed, in a word or two."""
    to = target(inquiry)
    return f"{_word(inquiry)} to {words.flat(to)}" if to else _word(inquiry)


def _word(inquiry: Inquiry) -> str:
    match inquiry.status:
        case InquiryStatus.OPEN:
            return "Changed"
        case InquiryStatus.EXPIRED:
            return "Not decided in time"
        case InquiryStatus.WITHDRAWN:
            return "Not asked any more"
        case _:
            return _in_part(inquiry) or _decided(inquiry)


def _decided(inquiry: Inquiry) -> str:
    named = SAID.get(inquiry.kind, {})
    return named.get(inquiry.decision, "Decided") if inquiry.decision else "Decided"


def _in_part(inquiry: Inquiry) -> str:
    """How many of several calls or questions were decided in favour; "" where all are alike."""
    total = len(parts(inquiry.matter))
    favourable = sum(vote.decision is not Decision.REJECT for vote in inquiry.votes)
    once = {vote.decision for vote in inquiry.votes}
    if total < 2 or len(once) < 2:
        return ""
    return f"{favourable} of {total} {_past(inquiry)}"


def _past(inquiry: Inquiry) -> str:
    return "answered" if inquiry.kind is InquiryKind.QUESTION else "allowed"


def part(vote: Vote, kind: InquiryKind) -> str:
    """How one of several calls or questions was decided, in a word or two."""
    return PARTS.get(vote.decision) or SAID[kind][Decision.REJECT]


def progress(inquiry: Inquiry) -> str:
    """How many of several calls or questions are decided."""
    total = len(parts(inquiry.matter))
    return f"{total - len(undecided(inquiry))} of {total} decided"


def target(inquiry: Inquiry) -> str:
    """The key of the step that it was sent back to; "" for every other decision."""
    if inquiry.decision is not Decision.SEND_BACK:
        return ""
    return next((words.bounded(vote.target, 40) for vote in deciding(inquiry) if vote.target), "")


def closing(inquiry: Inquiry) -> str:
    """How an inquiry was closed, by whom and when, in mrkdwn."""
    to = target(inquiry)
    said = f"*{_word(inquiry)}*{f' to {words.code(to, 40)}' if to else ''}"
    match inquiry.status:
        case InquiryStatus.OPEN:
            return f"{said}: see the newer one below"
        case InquiryStatus.EXPIRED:
            return f"{said}: {lapse(inquiry)}"
        case InquiryStatus.WITHDRAWN:
            return f"{said}: what it was about is gone"
        case _:
            return said + _by(deciding(inquiry))


def by(said: str, votes: Sequence[Vote]) -> str:
    """How something was decided, by whom and when, in mrkdwn."""
    return f"*{said}*{_by(votes)}"


def _by(votes: Sequence[Vote]) -> str:
    """Who decided, and when the last of them did."""
    if not votes:
        return ""
    people = naming.people([*dict.fromkeys(vote.by.id for vote in votes)])
    at = votes[-1].at
    return f" by {people}" + (f" on {naming.day(at)}" if at else "")


def deciding(inquiry: Inquiry) -> tuple[Vote, ...]:
    """The votes that led to the decision."""
    if parts(inquiry.matter):
        return inquiry.votes
    return tuple(vote for vote in inquiry.votes if vote.decision is inquiry.decision)


def lapse(inquiry: Inquiry) -> str:
    """What it means that nobody decides."""
    return LAPSE.get(inquiry.kind, "that is a no")


def votes(inquiry: Inquiry, most: int = naming.MENTIONED) -> str:
    """How many of the approvals that are needed are there, and whose; "" where one decides."""
    given = [vote.by.id for vote in inquiry.votes if vote.decision is Decision.APPROVE]
    if inquiry.quorum < 2:
        return ""
    counted = f"{len(given)} of {words.count(inquiry.quorum, 'approval')}"
    return f"{counted}: {naming.people(given, most)}" if given else counted


def comments(inquiry: Inquiry) -> list[Block]:
    """What those who decided had to say; of several calls or questions each has its own place."""
    if parts(inquiry.matter):
        return []
    spoken = [vote for vote in inquiry.votes if vote.comment.strip()][-COMMENTS:]
    lines = [(vote.by.name or vote.by.id, vote.comment) for vote in spoken]
    return [blocks.plain(f"{words.bounded(words.flat(n), 60)}: {c}", COMMENT) for n, c in lines]
