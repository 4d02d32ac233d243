"""Words and figures: untrusted text made harmless and short, amounts, times, steps. Pure.

Untrusted text stands in plain text, in code or in the answer (`answer`), never in bare mrkdwn:
there `*`, `_` and `~` cannot be escaped.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal

from engine import Person, Step

# Escape sequences of terminals (CSI, OSC and the two-character ones), then what is left of
# control characters, and the marks that turn the direction of writing.
TERMINAL = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_])|\x9b[0-?]*[ -/]*[@-~]"
)
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
USER = re.compile(r"[UWB][A-Z0-9_]+")
CODE_MARK = "\N{MODIFIER LETTER GRAVE ACCENT}"  # looks like a backtick and ends no code
MINUS = "\N{MINUS SIGN}"
NOTIFICATION = 120  # characters that a phone shows
MINUTE, HOUR = 60, 3600  # seconds

DOING = {
    "Read": "Reading",
    "NotebookRead": "Reading",
    "Edit": "Editing",
    "MultiEdit": "Editing",
    "NotebookEdit": "Editing",
    "Write": "Writing",
    "Bash": "Running",
    "Glob": "Searching for",
    "Grep": "Searching for",
    "LS": "Looking through",
    "WebSearch": "Searching the web for",
    "WebFetch": "Reading",
    "Task": "Asking a helper:",
    "Agent": "Asking a helper:",
}
WITHOUT_SUBJECT = {"TodoWrite": "Planning", "BashOutput": "Waiting for a command"}


def clean(text: str) -> str:
    """`text` without what terminals obey, what hides text, and what UTF-8 cannot hold."""
    if text.replace("\n", " ").isprintable():
        return text  # as nearly all is; the rest takes many times as long
    unix = TERMINAL.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    return CONTROL.sub("", unix).encode("utf-8", "replace").decode("utf-8")


def flat(text: str) -> str:
    """`text`, clean and on one line."""
    return " ".join(clean(text).split())


def units(text: str) -> int:
    """The length of `text` as Slack may count it: in UTF-16 units."""
    return len(text.encode("utf-16-le", "replace")) // 2


def bounded(text: str, limit: int) -> str:
    """`text`, or its beginning with an ellipsis, in at most `limit` UTF-16 units."""
    if units(text) <= limit:
        return text
    kept = text.encode("utf-16-le", "replace")[: 2 * (limit - 1)]
    return kept.decode("utf-16-le", "ignore").rstrip() + "…"


def escaped(text: str, limit: int) -> str:
    """`text` on one line with Slack's three characters escaped, in at most `limit` units."""
    whole = flat(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    cut = bounded(whole, limit)
    in_entity = cut != whole and cut.rfind("&") > cut.rfind(";")
    return cut[: cut.rfind("&")].rstrip() + "…" if in_entity else cut


def code(text: str, limit: int = 120) -> str:
    """`text` as inline code of mrkdwn, in about `limit` characters."""
    return f"`{escaped(text.replace('`', CODE_MARK), limit) or ' '}`"


def notification(head: str, task: str = "") -> str:
    """What a phone shows: `head` and as much of the task as fits into 120 characters."""
    start = escaped(head, NOTIFICATION) or "…"
    room = NOTIFICATION - len(start) - 2
    shown = escaped(task, room) if room > 10 else ""
    return f"{start}: {shown}" if shown else start


def who(person: Person) -> str:
    """A mention of a person in mrkdwn, or the name of one who is not from Slack."""
    return f"<@{person.id}>" if USER.fullmatch(person.id) else code(person.name or person.id, 60)


def moment(at: datetime) -> str:
    """A time of day in mrkdwn, which every reader sees in their own time zone."""
    return f"<!date^{int(at.timestamp())}^{{time}}|{at.astimezone(UTC):%H:%M} UTC>"


def money(amount: Decimal) -> str:
    """An amount of US dollars."""
    if 0 < amount < Decimal("0.005"):
        return "<$0.01"
    return f"${amount:,.2f}"


def duration(milliseconds: int) -> str:
    """A time span, as exact as people care to know."""
    seconds = max(0, milliseconds) // 1000
    if seconds < MINUTE:
        return f"{seconds} s"
    if seconds < HOUR:
        return f"{round(seconds / MINUTE)} min"
    return f"{seconds // HOUR} h {seconds % HOUR // MINUTE} min"


def count(number: int, noun: str) -> str:
    """A number with its noun, which takes an s in the plural."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def doing(step: Step | None) -> tuple[str, str]:
    """What an agent is doing: plain words, and the file or command that they are about, or ""."""
    if step is None:
        return "Starting", ""
    if not step.tool:
        return "Thinking", ""
    if words := WITHOUT_SUBJECT.get(step.tool):
        return words, ""
    subject = flat(step.subject)
    known = DOING.get(step.tool)
    if known and subject:
        return known, subject
    return "Using", flat(f"{step.tool} {subject}")
