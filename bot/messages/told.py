"""What people are answered about workflows, decisions and what they say to agents. Pure."""

from collections.abc import Mapping, Sequence
from datetime import UTC

from bot.messages import naming, outcomes, words
from bot.messages.blocks import Message, line
from engine import CHOICES, Decision, Inquiry, InquiryKind, InquiryStatus, parts, undecided

TYPED: Mapping[Decision, str] = {
    Decision.APPROVE: "approve",
    Decision.REJECT: "reject because …",
    Decision.SEND_BACK: "send back because …",
    Decision.RETRY: "retry",
    Decision.SKIP: "skip",
    Decision.RESOLVE: "resolve",
}
PERMITS: Mapping[Decision, str] = {
    Decision.APPROVE: "allow",
    Decision.REJECT: "deny because …",
}


def planned(workflow_id: int) -> Message:
    """A plan was taken."""
    return line(f"Plan w{workflow_id} is in the thread; it starts when somebody presses Start")


def plan_changed(workflow_id: int) -> Message:
    """A changed plan was taken."""
    return line(f"Plan w{workflow_id} is changed; the new version is in the thread")


def voted(inquiry: Inquiry) -> Message:
    """A decision was taken; whether it was enough."""
    if inquiry.status is InquiryStatus.OPEN and parts(inquiry.matter):
        return line(f"Your decision counts: {outcomes.progress(inquiry)}")
    if inquiry.status is InquiryStatus.OPEN:
        given = sum(vote.decision is Decision.APPROVE for vote in inquiry.votes)
        return line(f"Counted: {given} of {words.count(inquiry.quorum, 'approval')}")
    return line(f"Your decision counts: {_lower(outcomes.word(inquiry))}")


def decided_late(inquiry: Inquiry) -> Message:
    """A decision came too late, or for something that was changed meanwhile."""
    match inquiry.status:
        case InquiryStatus.OPEN:
            said = "This was changed meanwhile; decide about the newer version in the thread"
        case InquiryStatus.EXPIRED:
            said = f"Too late: nobody decided in time, so {outcomes.lapse(inquiry)}"
        case InquiryStatus.WITHDRAWN:
            said = "Too late: this is not asked any more, what it was about is gone"
        case _:
            said = f"Too late: {_lower(outcomes.word(inquiry))} already{_by(inquiry)}"
    return line(said)


def _by(inquiry: Inquiry) -> str:
    """Who decided, by name, for a mention does not work in every place."""
    votes = outcomes.deciding(inquiry)
    if not votes:
        return ""
    names = [words.bounded(words.flat(vote.by.name or vote.by.id), 30) for vote in votes[:3]]
    at = votes[-1].at
    when = f" at {at.astimezone(UTC):%H:%M} UTC" if at else ""
    return f" by {', '.join(names)}{when}"


def has_voted() -> Message:
    """The same person has decided about the same thing before."""
    return line("You have decided about this already; one decision of each person counts")


def which_inquiry(waiting: Sequence[Inquiry]) -> Message:
    """What was typed decides nothing of what waits: what can be typed instead."""
    if not waiting:
        return line("Nothing waits for a decision in this thread")
    first = waiting[0]
    if len(waiting) == 1:
        return line(f"That does not decide about {_name(first)}. Type {_typed(first)}")
    names = words.bounded(", ".join(_name(each) for each in waiting), 60)
    return line(f"{len(waiting)} decisions are open: {names}. Press a button, or name the step")


def _typed(inquiry: Inquiry) -> str:
    """What can be typed about it."""
    if inquiry.kind is InquiryKind.QUESTION:
        return "what the agent should know, or press Answer…"
    known = PERMITS if inquiry.kind is InquiryKind.TOOL else TYPED
    choices = [known[each] for each in CHOICES[inquiry.kind] if each in known]
    return f"{' or '.join(choices)} and nothing else"


def has_been_decided() -> Message:
    """One of several calls or questions has been decided by somebody, who may be the same."""
    return line("That one has been decided already")


def must_be_read(inquiry: Inquiry) -> Message:
    """Calls were to be allowed by a word that the message does not show whole, or several."""
    left = len(undecided(inquiry))
    if left > 1:
        said = (
            f"{left} calls wait, and a word allows none of them. Press Allow at each, or type deny"
        )
        return line(said)
    return line("It is too long for the message: press Read it all…, and allow it there")


def must_be_answered(inquiries: Sequence[Inquiry]) -> Message:
    """A reply could be the answer to several questions."""
    left = sum(len(undecided(each)) for each in inquiries)
    return line(f"{words.count(left, 'question')} are open, so a reply is no answer. Press Answer…")


def asked_since(inquiry: Inquiry) -> Message:
    """A reply was written before the question was there to be read."""
    return line(f"You wrote that before {_name(inquiry)} asked this. Answer again if you mean it")


def nothing_answered() -> Message:
    """A form was sent off without an answer in it."""
    return line("That form held no answer. Press Answer… and choose or write one")


def _name(inquiry: Inquiry) -> str:
    return naming.node(inquiry.node) if inquiry.node else f"plan w{inquiry.workflow_id}"


def passed_on(agent_id: int) -> Message:
    """Something was said to an agent that works, or is about to."""
    return line(f"Agent {agent_id} gets this at its next step")


def goes_on(agent_id: int) -> Message:
    """Something was said to an agent that has ended; another one goes on."""
    return line(f"Agent {agent_id} goes on with it")


def skipped(node_id: int) -> Message:
    """A node is left out."""
    return line(f"Agent {node_id} is skipped; what waited for it goes on without it")


def graph_follows(workflow_id: int) -> Message:
    """The graph was asked for."""
    return line(f"The graph of w{workflow_id} follows in its thread")


def workflow_stopping(workflow_id: int) -> Message:
    """A whole workflow is stopped."""
    return line(f"Workflow w{workflow_id} is being stopped; what was done is kept")


def workflow_ended(workflow_id: int) -> Message:
    """There is nothing left to stop in a workflow."""
    return line(f"Workflow w{workflow_id} has ended; there is nothing to stop")


def _lower(said: str) -> str:
    return said[:1].lower() + said[1:]
