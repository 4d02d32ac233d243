"""Who asked and who decided what, for `audit`. Pure."""

from collections.abc import Mapping, Sequence

from bot.messages import blocks, words
from bot.messages.blocks import Attachment, Message
from engine import AuditEntry

DID: Mapping[str, str] = {
    "asked": "asked",
    "decided": "decided",
    "changed_plan": "changed the plan",
    "stopped": "stopped it",
    "retried": "had it tried again",
    "skipped": "skipped it",
    "said": "said",
}
INLINE = 20  # entries
WIDTH = 160  # characters of an entry that is shown; in the file it is whole


def audit(workflow_id: int, entries: Sequence[AuditEntry]) -> Message:
    """Who did what about a workflow: the last entries, and a file with all of them."""
    title = f"Who did what about w{workflow_id}: {words.count(len(entries), 'act')}"
    if not entries:
        return Message(title, [blocks.mrkdwn(f"Nobody has done anything about w{workflow_id}.")])
    shown = [words.bounded(_line(entry), WIDTH) for entry in entries[-INLINE:]]
    seen = [
        blocks.mrkdwn(f"*{title}*"),
        blocks.preformatted("\n".join(shown), INLINE * (WIDTH + 1)),
        blocks.context("UTC time. The file in your direct messages has digests and messages, too."),
    ]
    return Message(title, seen, _file(workflow_id, entries))


def _line(entry: AuditEntry) -> str:
    about = f" agent {entry.node_id}" if entry.node_id else ""
    asked = f" question {entry.inquiry_id}.{entry.revision}" if entry.inquiry_id else ""
    said = f": {entry.detail}" if entry.detail else ""
    did = DID.get(entry.did, entry.did)
    who = f"{entry.who.name} ({entry.who.id})"
    return words.flat(f"{entry.at:%Y-%m-%d %H:%M:%S} {who} {did}{about}{asked}{said}")


def _file(workflow_id: int, entries: Sequence[AuditEntry]) -> Attachment:
    lines = [
        f"{_line(entry)} [shown {entry.digest or '-'}] [{words.flat(entry.command) or '-'}]"
        for entry in entries
    ]
    whole = "\n".join(lines) + "\n"
    return Attachment(f"w{workflow_id}-audit.txt", f"The audit of w{workflow_id}", whole)
