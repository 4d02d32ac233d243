"""How a workflow ended, in one message; and a node that failed while others go on. Pure."""

from collections.abc import Sequence
from datetime import datetime

from bot.messages import account, blocks, buttons, causes, naming, notes, standing, words, work
from bot.messages.blocks import Block, Item, Message
from bot.messages.terminal import LONG
from engine import Kind, NodeView, Status, Summary

RETRIES = 5
BRANCHES = 12
WIDTH = 160  # characters of a line that names one
ROOM = 7_000  # characters of all nodes together
EXCERPT = 300  # characters of a node with its answer
SHORTEST = 20  # characters of an answer
ERROR = 200  # characters
REASON = 100  # characters
MARKS = {Status.COMPLETED: "✓", Status.FAILED: "✗", Status.CANCELLED: "■", Status.SKIPPED: "»"}
SAID = {Status.COMPLETED: "is done", Status.FAILED: "failed", Status.CANCELLED: "was stopped"}


def summed_up(summary: Summary, at: datetime) -> Message:
    """The terminal message of a workflow: what came of it, what each node did, what it cost."""
    if not summary.nodes or summary.reason:
        return _never_began(summary, at)
    failed = [node for node in summary.nodes if node.status is Status.FAILED]
    above = [blocks.mrkdwn(_head(summary, at)), *_reason(summary)]
    below = [
        *_more(summary),
        *(_failure(node) for node in failed[:RETRIES]),
        *_whole(summary),
        *_branches(summary),
        *_onward(summary),
        blocks.context(_totals(summary)),
        blocks.actions(*_buttons(summary)),
    ]
    room = min(ROOM, blocks.TOTAL - blocks.weight([above, below]))
    listed = _nodes(summary.nodes, room // len(summary.nodes))
    return Message(words.notification(_title(summary)), [*above, *listed, *below])


def node_failed(agent: NodeView, at: datetime) -> Message:
    """A node failed while others of its workflow go on: why, and what can be done now."""
    name = naming.first(naming.node(agent))
    said = causes.advice(agent.cause)
    value = str(agent.id)
    seen = [
        blocks.mrkdwn(
            f"{words.who(agent.requester)} *{name} {standing.outcome(agent)}*; "
            f"the others go on. {words.code(agent.task, 150)}"
        ),
        blocks.mrkdwn(f"{said.sentence} {said.remedy}"),
        *_error(agent),
        *(account.of(agent) if agent.account else []),
        *notes.of(agent.work),
        blocks.context(
            work.where(agent.work), words.escaped(standing.spent(agent), 80), words.moment(at)
        ),
        blocks.actions(
            buttons.retry(agent.id),
            blocks.button("Retry with advice…", buttons.ADVISE, value),
            blocks.button("Skip", buttons.SKIP, value),
        ),
    ]
    title = f"{name} {standing.outcome(agent)}; the others go on (Retry?)"
    return Message(words.notification(title, agent.task), seen)


def _error(agent: NodeView) -> list[Block]:
    return [blocks.preformatted(agent.error, ERROR)] if agent.error.strip() else []


def _never_began(summary: Summary, at: datetime) -> Message:
    """Nothing was done: a plan was discarded, or its time was over."""
    reason = words.bounded(words.flat(summary.reason), REASON)
    why = f": {reason}" if reason else ""
    title = f"Workflow {naming.workflow(summary.workflow_id, summary.title)} was not started{why}"
    head = f"*Workflow {naming.titled(summary.workflow_id, summary.title)} *was not started*"
    spent = [blocks.context(_totals(summary))] if summary.usage.turns else []
    seen = [blocks.mrkdwn(f"{_called(summary, at)}{head}"), *_reason(summary), *spent]
    return Message(words.notification(title), seen)


def _reason(summary: Summary) -> list[Block]:
    reason = words.flat(summary.reason)
    return [blocks.plain(f"{reason[0].upper()}{reason[1:]}.", 300)] if reason else []


def _called(summary: Summary, at: datetime) -> str:
    """The requester is mentioned after a failure, or when they had to wait."""
    waited = at - summary.began_at > LONG
    return f"{words.who(summary.requester)} " if waited or _is_bad(summary) else ""


def _is_bad(summary: Summary) -> bool:
    return summary.status is Status.FAILED


def _verdict(summary: Summary) -> str:
    return SAID.get(summary.status, "has ended")


def _title(summary: Summary) -> str:
    named = naming.workflow(summary.workflow_id, summary.title)
    retry = " (Retry?)" if _is_bad(summary) else ""
    spent = words.money(summary.usage.cost)
    return (
        f"Workflow {named} {_verdict(summary)}: {standing.counted(summary.counts)}, {spent}{retry}"
    )


def _head(summary: Summary, at: datetime) -> str:
    named = naming.titled(summary.workflow_id, summary.title)
    by = {account.stopper(node) for node in summary.nodes} - {""}
    stopper = by.pop() if len(by) == 1 and summary.status is Status.CANCELLED else ""
    counted = standing.counted(summary.counts)
    said = f"*Workflow {named} *{_verdict(summary)}*{stopper}: {counted}"
    return f"{_called(summary, at)}{said}"


def _branches(summary: Summary) -> list[Block]:
    """Where the work lies that no one branch holds."""
    if summary.work.branch:
        return []
    kept = [node for node in summary.nodes if node.work.changed and node.work.branch]
    more = len(kept) - BRANCHES
    lines = [f"{naming.short(node)}  {words.flat(node.work.branch)}" for node in kept[:BRANCHES]]
    shown = "\n".join([*lines, *([f"and {more} more"] if more > 0 else [])])
    told = blocks.mrkdwn("What was done is kept on these branches:")
    return [told, blocks.preformatted(shown, BRANCHES * WIDTH)] if kept else []


def _nodes(nodes: Sequence[NodeView], room: int) -> list[Block]:
    """What each node did, cost and took, and the beginning of what it said.

    Where somebody has stopped nodes, each stands under how far it came.
    """
    names = {node.id: naming.short(node) for node in nodes}
    width = min(EXCERPT, room)
    stopped = any(node.status is Status.CANCELLED for node in nodes)
    found: list[Block] = []
    for heading, members in account.grouped(nodes) if stopped else [("", list(nodes))]:
        found += [blocks.mrkdwn(f"*{heading}*")] if heading else []
        found += [blocks.items([_node(node, names, width) for node in members])]
    return found


def _node(node: NodeView, names: dict[int, str], width: int) -> Item:
    name = names[node.id]
    number = f" · agent {node.id}" if node.key and node.kind is Kind.AGENT else ""
    facts = f"{number} {standing.outcome(node)}{_because(node, names)}{_spent(node)}"
    head = f"{MARKS.get(node.status, '·')} "
    said = _said(node, width - len(head) - len(name) - len(facts))
    parts = [blocks.run(head), blocks.run(name, "bold"), blocks.run(facts)]
    return Item((*parts, *([blocks.run(said)] if said else [])))


def _because(node: NodeView, names: dict[int, str]) -> str:
    if node.status is not Status.SKIPPED or node.skipped_for is None:
        return ""
    named = names.get(node.skipped_for, f"agent {node.skipped_for}")
    return f" because of {named}"


def _spent(node: NodeView) -> str:
    idle = node.kind is Kind.GATE or not (node.usage.cost or node.duration_ms)
    return "" if idle else f" · {standing.spent(node)}"


def _said(node: NodeView, room: int) -> str:
    """What a node answered or left half done, or what people said at a gate; "" without room."""
    answer = "" if node.status is Status.CANCELLED else node.result
    text = account.line(node) or answer or (node.error if node.kind is Kind.GATE else "")
    said = words.flat(text.replace("**", "").replace("`", ""))
    return f"\n{words.bounded(said, room)}" if said and room >= SHORTEST else ""


def _more(summary: Summary) -> list[Block]:
    more = sum(summary.counts.values()) - len(summary.nodes)
    return [blocks.context(f"and {words.count(more, 'step')} more")] if more > 0 else []


def _failure(node: NodeView) -> Block:
    """Why a node failed, with a button to mend it."""
    name = naming.first(naming.node(node))
    why = causes.advice(node.cause).sentence.replace("`", "")
    error = words.bounded(words.flat(node.error), ERROR)
    text = f"{name}: {why} {error}"
    return blocks.plain(text, accessory=buttons.retry(node.id))


def _whole(summary: Summary) -> list[Block]:
    """The one branch that holds everything."""
    done = summary.work
    if not done.branch:
        return []
    return [*work.changes(done), *notes.of(done), blocks.context(work.where(done))]


def _onward(summary: Summary) -> list[Block]:
    """What to type so that a stopped workflow goes on."""
    stopped = [node for node in summary.nodes if node.status is Status.CANCELLED]
    if not stopped:
        return []
    typed = words.code(f"/agent retry {naming.node(stopped[0]).removeprefix('agent ')}", WIDTH)
    return [blocks.mrkdwn(f"To go on with a step, and what waits for it, type {typed}.")]


def _totals(summary: Summary) -> str:
    used = summary.usage
    parts = [words.money(used.cost), words.duration(summary.duration_ms)]
    parts += [words.count(used.turns, "turn")] if used.turns else []
    return words.escaped(f"Together {' · '.join(parts)}", 120)


def _buttons(summary: Summary) -> list[Block]:
    final = [node for node in summary.nodes if summary.work.branch and node.work == summary.work]
    diff = [buttons.diff(final[-1].id)] if summary.work.changed and final else []
    changed = any(node.work.changed for node in summary.nodes)
    merge = buttons.merge(final[-1]) if changed and final else []
    return [*diff, *merge, buttons.graph(summary.workflow_id)]
