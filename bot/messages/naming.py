"""What nodes, workflows and people are called. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime

from bot.messages import words
from engine import NodeView, is_key

TITLE = 40  # characters
MENTIONED = 10  # people and groups
EVERYONE = "*"


def workflow(workflow_id: int, title: str) -> str:
    """A workflow in a notification: `w5 “calculator”`."""
    short = words.bounded(words.flat(title), TITLE)
    return f"w{workflow_id} “{short}”" if short else f"w{workflow_id}"


def titled(workflow_id: int, title: str) -> str:
    """The same in mrkdwn, after a word like Workflow."""
    named = f" {words.code(title, TITLE)}" if title.strip() else ""
    return f"w{workflow_id}*{named}"


def node(view: NodeView) -> str:
    """A node by its key within its workflow, or else by its number."""
    return f"w{view.workflow_id}.{view.key}" if is_key(view.key) else f"agent {view.id}"


def short(view: NodeView) -> str:
    """A node where it is clear which workflow is meant."""
    return view.key if is_key(view.key) else f"agent {view.id}"


def first(name: str) -> str:
    """A node's name at the beginning of a sentence; keys stay as they are typed."""
    return f"Agent {rest}" if (rest := name.removeprefix("agent ")) != name else name


def people(ids: Sequence[str], most: int = MENTIONED) -> str:
    """Mentions of those who can act, in mrkdwn; at most 10, the rest counted."""
    if EVERYONE in ids:
        return "every full member of this workspace"
    more = len(ids) - most
    named = ", ".join(_mention(each) for each in ids[:most])
    return f"{named} and {more:,} more" if more > 0 else named


def _mention(each: str) -> str:
    if not words.USER.fullmatch(each) and not each.startswith("S"):
        return words.code(each, 40)
    safe = words.escaped(each, 40).replace("|", "")
    return f"<!subteam^{safe}>" if each.startswith("S") else f"<@{safe}>"


def day(at: datetime) -> str:
    """A date with its time in mrkdwn, which every reader sees in their own time zone."""
    form = "{date_short_pretty} at {time}"
    return f"<!date^{int(at.timestamp())}^{form}|{at.astimezone(UTC):%d %b %H:%M} UTC>"
