"""How a node fares, in a few words. Pure."""

from collections import Counter
from collections.abc import Mapping

from bot.messages import calls, causes, naming, words
from bot.messages.graph import STATES
from engine import (
    TERMINAL,
    Card,
    Cause,
    InquiryKind,
    Kind,
    NodeView,
    Question,
    Status,
    Tool,
)

NEEDS = 3  # that are named
WANTED: Mapping[InquiryKind, str] = {
    InquiryKind.PLAN: "the start of its plan",
    InquiryKind.GATE: "approval",
    InquiryKind.TOOL: "permission",
    InquiryKind.QUESTION: "an answer to its question",
    InquiryKind.BUDGET: "more budget, since it is used up",
    InquiryKind.PUSH: "approval of its push",
    InquiryKind.MERGE: "approval of its merge",
    InquiryKind.CONFLICT: "somebody to resolve a merge conflict",
    InquiryKind.FAILURE: "a decision, since it failed",
}
STEPS_ENDED = frozenset({Status.COMPLETED, Status.SKIPPED})


def wanted(node: NodeView) -> str:
    """What a waiting node waits for."""
    return WANTED[node.asks] if node.asks else "you"


def state(node: NodeView, shown: Card) -> tuple[str, str]:
    """How a node fares, in plain words, and what it is about in the agent's, or ""."""
    if node.cancelling and node.status not in TERMINAL:
        return "Stopping", ""
    match node.status:
        case Status.ACTIVE:
            return words.doing(node.step)
        case Status.PENDING:
            return _queued(node, shown), ""
        case Status.BLOCKED:
            return _blocked(node, shown), ""
        case Status.WAITING:
            return f"Waiting for {wanted(node) if node.asks else 'people'}", _about(node, shown)
        case _:
            return _ended(node), ""


def _about(node: NodeView, shown: Card) -> str:
    """What a node wants to be allowed or to know, as far as there is room; "" of all else."""
    asked = [each for each in shown.inquiries if each.node and each.node.id == node.id]
    match asked[0].matter if asked else None:
        case Tool(wanted):
            return "; ".join(calls.subject(call) for call in wanted[:NEEDS])
        case Question(asks):
            return words.flat(asks[0].text) if asks else ""
        case _:
            return ""


def counts(shown: Card) -> Mapping[Status, int]:
    """How many nodes there are of each state, listed on the card or not."""
    return shown.counts or Counter(node.status for node in shown.nodes)


def counted(counts: Mapping[Status, int]) -> str:
    """How many nodes are done, and how many ended otherwise."""
    parts = [f"{counts.get(Status.COMPLETED, 0):,} of {sum(counts.values()):,} done"]
    otherwise = (Status.FAILED, Status.CANCELLED, Status.SKIPPED)
    parts += [f"{counts[status]:,} {STATES[status]}" for status in otherwise if counts.get(status)]
    return ", ".join(parts)


def _blocked(node: NodeView, shown: Card) -> str:
    by_id = {other.id: other for other in shown.nodes}
    # One that is not on the card has ended: those that have not come first.
    first = [by_id[need] for need in node.needs if need in by_id]
    open_needs = [need for need in first if need.status not in STEPS_ENDED]
    if not open_needs:
        return "Queued: starts when one of your other agents has ended"
    named = [naming.short(need) for need in open_needs]
    more = len(named) - NEEDS
    return f"After {', '.join(named[:NEEDS])}{f' and {more} more' if more > 0 else ''}"


def _queued(node: NodeView, shown: Card) -> str:
    if node.failures and node.available_at:
        why = causes.advice(node.cause).short
        return f"Trying again at {node.available_at:%H:%M} UTC: {why}"
    if shown.paused_by:
        return f"Queued: {words.bounded(words.flat(shown.paused_by), 40)} has paused all agents"
    if shown.workers and not shown.slots:
        return "Queued: the worker's disk is full; it goes on when there is room (`mab doctor`)"
    if not shown.slots:
        return "Queued: no worker is running at the moment"
    ahead = f"{node.ahead} ahead of you" if node.ahead else "next in line"
    return f"Queued: {ahead}, {shown.slots_busy} of {words.count(shown.slots, 'slot')} busy"


def _ended(node: NodeView) -> str:
    said = outcome(node).removeprefix("is ").removeprefix("was ")
    first = f"{said[0].upper()}{said[1:]}"
    return first if node.kind is Kind.GATE else f"{first} · {spent(node)}"


def spent(node: NodeView) -> str:
    """What a node has cost, in money and time."""
    return f"{words.money(node.usage.cost)} · {words.duration(node.duration_ms)}"


def outcome(node: NodeView) -> str:
    """How a node ended, as the end of a sentence that begins with its name."""
    match node.status:
        case Status.COMPLETED | Status.FAILED if node.kind is Kind.GATE:
            return _decided(node)
        case Status.COMPLETED:
            idle = node.work.branch and not (node.work.changed or node.lands)
            return "is done and changed nothing" if idle else "is done"
        case Status.FAILED:
            return f"failed, {causes.advice(node.cause).short}"
        case Status.CANCELLED:
            return "was stopped"
        case Status.SKIPPED:
            return "was skipped"
        case _:
            return "has not ended"


def _decided(gate: NodeView) -> str:
    """How a gate ended."""
    if gate.status is Status.COMPLETED:
        return "was approved"
    return "was rejected, nobody decided" if gate.cause is Cause.EXPIRED else "was rejected"


def stoppable(node: NodeView) -> bool:
    """Whether a Stop button makes sense."""
    return node.status not in TERMINAL and not node.cancelling
