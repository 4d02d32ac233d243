"""Slack's blocks, as far as our messages need them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bot.messages.words import bounded, clean, notification, units

Block = dict[str, Any]

SECTION = 3000
PREFORMATTED = 3000
TOTAL = 13_000  # text of a message; Slack refuses somewhat more than 13,200
BUTTON = 75
OPTION = 75
OPTION_VALUE = 150
OPTIONS = 100
BLOCK_ID = 255
TASKS = 50  # of a plan


@dataclass(frozen=True)
class Attachment:
    """A file that goes with a message."""

    name: str
    title: str
    content: str


@dataclass(frozen=True)
class Message:
    """What is posted: a text for notifications, the blocks that are seen, perhaps a file."""

    text: str  # at most 120 characters, on one line, meaningful alone; escaped
    blocks: list[Block]
    file: Attachment | None = None


@dataclass(frozen=True)
class Item:
    """A line of a list: its runs of text, and how far it is moved in."""

    parts: tuple[Block, ...]
    indent: int = 0


@dataclass(frozen=True)
class Confirm:
    """What is asked before a button counts."""

    title: str
    text: str
    yes: str
    no: str


def plain(text: str, limit: int = SECTION, *, accessory: Block | None = None) -> Block:
    """A section of plain text, the place for what others wrote."""
    shown = bounded(clean(text).strip(), limit) or "…"
    section: Block = {"type": "section", "text": {"type": "plain_text", "text": shown}}
    return section if accessory is None else {**section, "accessory": accessory}


def mrkdwn(text: str) -> Block:
    """A section of our own words; what others wrote is escaped or in code."""
    return {"type": "section", "text": _mrkdwn(text)}


def line(said: str) -> Message:
    """A message that is one sentence, in plain text."""
    return Message(notification(said), [plain(said)])


def context(*texts: str) -> Block:
    """Small print of our own words, one element each."""
    return {"type": "context", "elements": [_mrkdwn(text) for text in texts if text][:10]}


def preformatted(text: str, limit: int = PREFORMATTED) -> Block:
    """Text exactly as it is, in a fixed width; nothing in it can be markup."""
    shown = bounded(clean(text).strip("\n"), limit) or " "
    element = {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": shown}]}
    return {"type": "rich_text", "elements": [element]}


def markdown(text: str) -> Block:
    """Standard Markdown; only for what `answer` made harmless."""
    return {"type": "markdown", "text": text}


def actions(*buttons: Block) -> Block:
    """A row of buttons."""
    return {"type": "actions", "elements": list(buttons)}


def button(label: str, action: str, value: str) -> Block:
    """A button; `action` says what it does and `value` to which agent."""
    return {
        "type": "button",
        "action_id": action,
        "text": {"type": "plain_text", "text": bounded(label, BUTTON)},
        "value": value,
    }


def choices(names: Sequence[str]) -> list[str]:
    """The names that Slack can offer in a menu."""
    fit = (name for name in dict.fromkeys(names) if clean(name).strip() == name != "")
    return [name for name in fit if units(name) <= OPTION_VALUE][:OPTIONS]


def primary(made: Block) -> Block:
    """The button that is most likely meant."""
    return {**made, "style": "primary"}


def menu(label: str, action: str, options: Sequence[str], key: str) -> Block:
    """A choice among names (`choices`); `key` comes back with it, saying what it is about."""
    listed = [
        {"text": {"type": "plain_text", "text": bounded(name, OPTION)}, "value": name}
        for name in options
    ]
    select = {
        "type": "static_select",
        "action_id": action,
        "placeholder": {"type": "plain_text", "text": label},
        "options": listed,
    }
    return {"type": "actions", "block_id": key[:BLOCK_ID], "elements": [select]}


def select(label: str, action: str, options: Sequence[tuple[str, str]]) -> Block:
    """An element that offers a choice of names with their values."""
    listed = [
        {"text": {"type": "plain_text", "text": bounded(name, OPTION)}, "value": value}
        for name, value in options[:OPTIONS]
    ]
    return {
        "type": "static_select",
        "action_id": action,
        "placeholder": {"type": "plain_text", "text": label},
        "options": listed,
    }


def items(lines: Sequence[Item]) -> Block:
    """A list, each line at its depth; nothing in it can be markup."""
    lists: list[Block] = []
    for item in lines:
        if not lists or lists[-1]["indent"] != item.indent:
            shape = {"type": "rich_text_list", "style": "bullet", "indent": item.indent}
            lists.append({**shape, "elements": []})
        lists[-1]["elements"].append(rich_section(*item.parts))
    return {"type": "rich_text", "elements": lists}


def rich(*parts: Block) -> Block:
    """A line of rich text."""
    return {"type": "rich_text", "elements": [rich_section(*parts)]}


def quote(text: str) -> Block:
    """What somebody said, set off from our words; nothing in it can be markup."""
    return {"type": "rich_text", "elements": [{"type": "rich_text_quote", "elements": [run(text)]}]}


def rich_section(*parts: Block) -> Block:
    """The inner part of rich text."""
    return {"type": "rich_text_section", "elements": list(parts) or [run("…")]}


def run(text: str, style: str = "") -> Block:
    """Text exactly as it is, `bold`, `italic`, `code` or in no style."""
    shown: Block = {"type": "text", "text": clean(text) or " "}
    return {**shown, "style": {style: True}} if style else shown


def moment(at: datetime) -> Block:
    """A time of day in rich text, which every reader sees in their own time zone."""
    fallback = f"{at.astimezone(UTC):%H:%M} UTC"
    shown = {"timestamp": int(at.timestamp()), "format": "{time}", "fallback": fallback}
    return {"type": "date", **shown}


def plan(title: str, tasks: Sequence[Block]) -> Block:
    """Slack's own list of steps with their states."""
    return {"type": "plan", "title": title, "tasks": list(tasks[:TASKS])}


def dangerous(made: Block, confirm: Confirm) -> Block:
    """A button that ends something, and asks first."""
    return {**made, "style": "danger", "confirm": asking(confirm)}


def asking(confirm: Confirm) -> Block:
    """The question before something ends."""
    return {
        "title": {"type": "plain_text", "text": confirm.title},
        "text": {"type": "plain_text", "text": confirm.text},
        "confirm": {"type": "plain_text", "text": confirm.yes},
        "deny": {"type": "plain_text", "text": confirm.no},
        "style": "danger",
    }


def exactly(confirm: Confirm) -> Block:
    """The question before something is allowed, its text letter for letter."""
    shown = {"type": "plain_text", "text": confirm.text, "emoji": False}
    asked = {key: value for key, value in asking(confirm).items() if key != "style"}
    return {**asked, "text": shown}


def weight(made: Any) -> int:
    """How much text there is in blocks or a part of them."""
    match made:
        case {"text": str(text)}:
            return units(text)
        case dict():
            return sum(weight(part) for part in made.values())
        case list():
            return sum(weight(part) for part in made)
        case _:
            return 0


def _mrkdwn(text: str) -> Block:
    # verbatim: Slack makes no links and mentions of its own out of what it finds
    return {"type": "mrkdwn", "text": text.strip() or "…", "verbatim": True}
