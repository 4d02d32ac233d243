"""What an agent did, step by step, for `logs`. Pure."""

from collections.abc import Sequence

from bot.messages import blocks, words
from bot.messages.blocks import Attachment, Message
from engine import LogEntry, NodeView

NAMES = {
    "agent.spawned": "Asked for",
    "agent.blocked": "Waits for others",
    "agent.pending": "In the queue",
    "agent.active": "Taken by a worker",
    "agent.opened": "Has a branch of its own:",
    "agent.waiting": "Waits for people",
    "agent.cancelling": "Somebody pressed Stop",
    "agent.completed": "Is done",
    "agent.failed": "Failed:",
    "agent.cancelled": "Was stopped",
    "agent.skipped": "Was skipped",
    "agent.retried": "Asked for again",
    "agent.taken_over": "Its worker was lost",
    "agent.rescued": "Its work beside its branch was found",
    "budget.nearing": "A budget is nearly used up",
    "request.ended": "The thread is told",
    "diff.asked": "The diff was asked for",
}
INLINE = 30  # entries
WIDTH = 160  # characters of an entry that is shown; in the file it is whole


def logs(agent: NodeView, entries: Sequence[LogEntry]) -> Message:
    """What an agent did: the last steps, and a file with all of them when there are more."""
    title = f"What agent {agent.id} did, {words.count(len(entries), 'event')}"
    text = words.notification(title, agent.task)
    if not entries:
        gone = f"What agent {agent.id} did is so long ago that it is not kept any more."
        none = f"Agent {agent.id} has done nothing yet."
        return Message(text, [blocks.plain(gone if agent.ended_at else none)])
    shown = [words.bounded(_entry(entry), WIDTH) for entry in entries[-INLINE:]]
    cut = len(entries) > INLINE or any(len(_entry(entry)) > WIDTH for entry in entries)
    more = " The file in your direct messages has everything." if cut else ""
    small = f"UTC time, #attempt, step.{more}"
    seen = [
        blocks.mrkdwn(f"*{title}*"),
        blocks.preformatted("\n".join(shown), INLINE * (WIDTH + 1)),
    ]
    return Message(text, [*seen, blocks.context(small)], _file(agent, entries) if cut else None)


def _file(agent: NodeView, entries: Sequence[LogEntry]) -> Attachment:
    whole = "\n".join(_entry(entry) for entry in entries) + "\n"
    return Attachment(f"agent-{agent.id}-log.txt", f"What agent {agent.id} did", whole)


def _entry(entry: LogEntry) -> str:
    attempt = f" #{entry.attempt}" if entry.attempt else ""
    return f"{entry.at:%H:%M:%S}{attempt} {_what(entry)}"


def _what(entry: LogEntry) -> str:
    if entry.step is None:
        return words.flat(f"{NAMES.get(entry.name, entry.name)} {entry.detail}").rstrip(":")
    failed = " (failed)" if entry.step.failed else ""
    if not entry.step.tool:
        return f"Says: {words.flat(entry.step.subject)}{failed}"
    doing, subject = words.doing(entry.step)
    return f"{doing} {subject}{failed}".rstrip()
