"""The card of a graph: every step with its state, who is waited for, what it cost so far. Pure."""

from collections.abc import Sequence

from bot.messages import blocks, buttons, naming, outcomes, standing, words
from bot.messages.answer import harmless
from bot.messages.blocks import Block, Confirm, Message
from bot.messages.graph import STATES
from engine import (
    TERMINAL,
    Card,
    Inquiry,
    InquiryKind,
    InquiryStatus,
    Kind,
    NodeView,
    Plan,
    Status,
)

ROOM = 4_500  # characters of all titles
WIDTH = 140  # of a title
SHOWN = 50  # nodes of a workflow; of a larger one, some
SOME = 20
STATE = 110  # characters
WAITING = 6  # inquiries
NAMED = 3  # people of each
MARKS = {
    Status.BLOCKED: "pending",
    Status.PENDING: "pending",
    Status.ACTIVE: "in_progress",
    Status.WAITING: "in_progress",
    Status.COMPLETED: "complete",
    Status.FAILED: "error",
    Status.CANCELLED: "error",
    Status.SKIPPED: "pending",
}
AT = {
    InquiryKind.PLAN: "for the start of a plan",
    InquiryKind.GATE: "for approval at",
    InquiryKind.PUSH: "for approval of the push of",
    InquiryKind.MERGE: "for approval of the merge of",
    InquiryKind.CONFLICT: "at a merge conflict of",
    InquiryKind.FAILURE: "for what becomes of",
    InquiryKind.TOOL: "for a permission of",
    InquiryKind.QUESTION: "for an answer to",
    InquiryKind.BUDGET: "for more budget of",
}


def unstarted(shown: Card) -> Message:
    """The card of a workflow of which nothing has been started."""
    plans = [inquiry for inquiry in shown.inquiries if isinstance(inquiry.matter, Plan)]
    said = "the plan waits to be started" if plans else "nothing was started"
    seen = [blocks.mrkdwn(f"*Workflow {_titled(shown)}: {said}"), *waiting(shown)]
    return Message(words.notification(f"Workflow {_named(shown)}: {said}"), seen)


def card(shown: Card) -> Message:
    """The card of a graph as it is now."""
    counted = standing.counted(standing.counts(shown))
    seen = [
        blocks.mrkdwn(f"*Workflow {_titled(shown)}: {counted}"),
        *waiting(shown),
        *_summarised(shown),
        *_steps(shown),
        blocks.context(_totals(shown)),
        *_buttons(shown),
    ]
    said = ", ".join(filter(None, [counted, _waits(shown)]))
    return Message(words.notification(f"Workflow {_named(shown)}: {said}"), seen)


def _named(shown: Card) -> str:
    return naming.workflow(shown.workflow_id, shown.title)


def _titled(shown: Card) -> str:
    return naming.titled(shown.workflow_id, shown.title)


def _waits(shown: Card) -> str:
    """What people are waited for, for the phone."""
    match shown.inquiries:
        case []:
            return ""
        case [inquiry]:
            return f"waiting {_at(inquiry)}"
        case several:
            return f"waiting for {words.count(len(several), 'decision')}"


def _at(inquiry: Inquiry) -> str:
    at = AT[inquiry.kind]
    if inquiry.node is None:
        return at
    return f"{at} {naming.short(inquiry.node)}"


def waiting(shown: Card) -> list[Block]:
    """Who is waited for, one line for each question that is open."""
    asked = [each for each in shown.inquiries if each.status is InquiryStatus.OPEN]
    more = len(asked) - WAITING
    lines = [_line(inquiry) for inquiry in asked[:WAITING]]
    lines += [f"and {more} more"] if more > 0 else []
    return [blocks.mrkdwn(line) for line in lines]


def _line(inquiry: Inquiry) -> str:
    since = f" since {naming.day(inquiry.opened_at)}" if inquiry.opened_at else ""
    named = naming.people(inquiry.approvers, NAMED) if inquiry.approvers else ""
    parts = [f"✋ Waits {_at(inquiry)}{since}", named, outcomes.votes(inquiry, NAMED)]
    return " · ".join(filter(None, parts))


def _summarised(shown: Card) -> list[Block]:
    """How many nodes there are of each state, where not all of them are listed."""
    counts = standing.counts(shown)
    if sum(counts.values()) <= SHOWN:
        return []
    said = [f"{counts[status]:,} {STATES[status]}" for status in Status if status in counts]
    return [blocks.context(" · ".join(said))]


def _steps(shown: Card) -> list[Block]:
    total = sum(standing.counts(shown).values())
    listed = _first(shown.nodes) if total > SHOWN else shown.nodes[:SHOWN]
    if not listed:
        return []
    width = min(WIDTH, ROOM // len(listed))
    tasks = [_task(node, shown, width) for node in listed]
    more = total - len(listed)
    rest = [blocks.context(f"and {more:,} more; `list` shows agents")] if more > 0 else []
    return [blocks.plan(_now(shown), tasks), *rest]


def _now(shown: Card) -> str:
    """What goes on, as the heading of the steps."""
    counts = standing.counts(shown)
    if said := _waits(shown):
        return f"{said[0].upper()}{said[1:]}"
    if counts.get(Status.ACTIVE):
        return "Working"
    live = any(number for status, number in counts.items() if status not in TERMINAL)
    return "Queued" if live else f"Ended: {standing.counted(counts)}"


def _first(nodes: Sequence[NodeView]) -> Sequence[NodeView]:
    """The nodes of a large graph that are shown: those about which there is news."""
    news = [Status.WAITING, Status.ACTIVE, Status.FAILED, Status.PENDING, Status.CANCELLED]
    rank = {status: place for place, status in enumerate(news)}
    first = sorted(nodes, key=lambda node: (rank.get(node.status, len(news)), node.id))[:SOME]
    return sorted(first, key=lambda node: node.id)


def _task(node: NodeView, shown: Card, width: int) -> Block:
    number = f" · agent {node.id}" if node.key and node.kind is Kind.AGENT else ""
    gate = " · gate" if node.kind is Kind.GATE else ""
    title = f"{naming.node(node)}{number}{gate}"
    task = harmless(words.flat(node.task))
    whole = f"{title}: {task}" if task else title
    return {
        "type": "task_card",
        "task_id": f"node-{node.id}",
        "title": words.bounded(whole, width),
        "status": MARKS[node.status],
        "details": blocks.rich(*_details(node, shown)),
    }


def _details(node: NodeView, shown: Card) -> list[Block]:
    head, subject = standing.state(node, shown)
    parts = [blocks.run(words.bounded(head, STATE))]
    if subject:
        room = max(20, STATE - len(head))
        parts += [blocks.run(" "), blocks.run(words.bounded(subject, room), "code")]
    if node.status is Status.ACTIVE and node.started_at:
        parts += [blocks.run(" · since "), blocks.moment(node.started_at)]
    if node.status not in TERMINAL and node.usage.cost:
        parts.append(blocks.run(f" · {words.money(node.usage.cost)} so far"))
    return parts


def _totals(shown: Card) -> str:
    used = shown.usage
    tokens = used.tokens_in + used.tokens_out
    return (
        f"Together {words.money(used.cost)} · {words.count(used.turns, 'turn')} · "
        f"{words.count(tokens, 'token')}"
    )


def _buttons(shown: Card) -> list[Block]:
    live = [node for node in shown.nodes if standing.stoppable(node)]
    stop = [buttons.stop_all(shown.workflow_id)] if live else []
    one = [_stop_one(live)] if len(live) > 1 else []
    return [blocks.actions(buttons.graph(shown.workflow_id), *one, *stop)]


def _stop_one(live: Sequence[NodeView]) -> Block:
    """Stops a step and nothing beside it, after a question."""
    asked = Confirm("Stop this step?", buttons.KEPT, "Stop", "Let it go on")
    choice = blocks.select(
        "Stop a step…", buttons.STOP, [(naming.node(node), str(node.id)) for node in live]
    )
    return {**choice, "confirm": blocks.asking(asked)}
