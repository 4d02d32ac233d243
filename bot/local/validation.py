"""What Slack refuses before it does anything: bad messages, views and metadata. Pure."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bot.local import blocks as table
from bot.local.elements import ID, plain
from bot.local.schema import Check, Record, anything, error, flag, items, one_of, text

Json = dict[str, Any]

TEXT_SHOWN = 40_000
TEXT_OF_UPDATE = 4_000
MARKDOWN = 12_000
BLOCKS_TEXT = 13_200
METADATA = 16_000
VIEW_BYTES = 250_000


class Refused(Exception):
    """Slack's answer is `ok: false` with this error code."""

    def __init__(self, code: str, messages: Sequence[str] = (), **more: Any) -> None:
        super().__init__(code)
        self.code = code
        self.messages = list(messages)
        self.more = more

    def as_slack(self) -> Json:
        """The body of the answer."""
        body: Json = {"ok": False, "error": self.code, **self.more}
        if self.messages:
            body["response_metadata"] = {"messages": self.messages}
            body["errors"] = self.messages
        return body


def check_blocks(blocks: Any) -> None:
    """Refuse blocks of a message that Slack would refuse."""
    if not isinstance(blocks, list) or not all(isinstance(b, dict) for b in blocks):
        raise Refused("invalid_blocks_format")
    wrong = [*items(table.MESSAGE_BLOCK, 50, 0)(blocks, "/blocks")]
    _refuse("invalid_blocks", wrong or [*_across(blocks)])
    if sum(map(len, strings(blocks))) > BLOCKS_TEXT:
        raise Refused("msg_blocks_too_long")


def check_message(args: Mapping[str, Any], limit: int | None = None) -> None:
    """Refuse a message; `limit` bounds its text (`chat.update`). Longer posts are cut by Slack."""
    if args.get("markdown_text"):
        _markdown(args)
    if not isinstance(args.get("text") or "", str):
        raise Refused("invalid_arguments", [error("must be a string", "/text")])
    if not any(args.get(key) for key in ("text", "blocks", "attachments", "markdown_text")):
        raise Refused("no_text")
    if limit is not None and len(str(args.get("text") or "")) > limit:
        raise Refused("msg_too_long")
    if len(args.get("attachments") or []) > 100:
        raise Refused("too_many_attachments")
    check_blocks(args.get("blocks") or [])
    check_metadata(args.get("metadata"))


def check_metadata(metadata: Any) -> None:
    """Refuse metadata that is not an event type with a flat payload, or is too large."""
    if metadata is None or metadata == {}:
        return
    if not isinstance(metadata, dict) or not set(metadata) <= {
        "event_type",
        "event_payload",
        "entities",
    }:
        raise Refused("invalid_metadata_format")
    payload = metadata.get("event_payload")
    if "entities" not in metadata and not _is_event(metadata.get("event_type"), payload):
        raise Refused("invalid_metadata_format")
    if not all(map(_is_flat, (payload or {}).values())):
        raise Refused("invalid_metadata_schema")
    if len(json.dumps(metadata).encode()) > METADATA:
        raise Refused("metadata_too_large")


def check_view(view: Any) -> None:
    """Refuse a modal that Slack would refuse."""
    if not isinstance(view, dict):
        raise Refused("invalid_arguments", [error("must be an object", "/view")])
    _refuse("invalid_arguments", [*_VIEW(view, "/view")])
    _refuse("invalid_arguments", [*table.duplicates(view["blocks"])])
    if _takes_input(view) and not view.get("submit"):
        raise Refused("invalid_arguments", [error("missing required field: submit", "/view")])
    if len(json.dumps(view).encode()) > VIEW_BYTES:
        raise Refused("view_too_large")


def strings(value: Any, key: str = "") -> Iterator[str]:
    """All text that people can read in blocks."""
    match value:
        case str() if key in ("text", "title"):
            yield value
        case dict():
            for name, inner in value.items():
                yield from strings(inner, name)
        case list():
            for inner in value:
                yield from strings(inner, key)


def _markdown(args: Mapping[str, Any]) -> None:
    if args.get("text") or args.get("blocks"):
        raise Refused("markdown_text_conflict")
    if len(args["markdown_text"]) > MARKDOWN:
        raise Refused("msg_too_long")


def _is_event(kind: Any, payload: Any) -> bool:
    return isinstance(kind, str) and 0 < len(kind) <= 255 and isinstance(payload, dict)


def _is_flat(value: Any) -> bool:
    if value is None:
        return False
    inner = list(value.values()) if isinstance(value, dict) else value
    return not (isinstance(inner, list) and any(isinstance(e, dict | list) for e in inner))


def _across(blocks: Sequence[Json]) -> Iterator[str]:
    """What no single block shows: sums, doubles and kinds that exclude each other."""
    yield from table.duplicates(blocks)
    kinds = [str(b.get("type")) for b in table.flattened(blocks)]
    top = [str(b.get("type")) for b in blocks]
    if kinds.count("table") > 1:
        yield error("only one table allowed", "/blocks")
    if "plan" in top and "task_card" in top:
        yield error("plan and task_card are mutually exclusive", "/blocks")
    total = sum(len(b["text"]) for b in table.flattened(blocks) if b.get("type") == "markdown")
    if total > MARKDOWN:
        yield error(f"markdown blocks must be less than {MARKDOWN + 1} characters", "/blocks")


def _refuse(code: str, wrong: Sequence[str]) -> None:
    if wrong:
        raise Refused(code, wrong)


def _takes_input(view: Json) -> bool:
    return any(b.get("type") == "input" for b in view["blocks"])


def _blocks_of_view(value: Any, path: str) -> Iterator[str]:
    check: Callable[[Any, str], Iterator[str]] = items(table.VIEW_BLOCK, 100, 0)
    yield from check(value, path)


_KEYS: Mapping[str, Check] = {
    "type": one_of("modal"),
    "title": plain(24),
    "submit": plain(24),
    "close": plain(24),
    "blocks": _blocks_of_view,
    "private_metadata": text(3000, 0),
    "callback_id": text(255, 0),
    "external_id": ID,
    "clear_on_close": flag,
    "notify_on_close": flag,
    "submit_disabled": flag,
}
_VIEW = Record({**_KEYS, "team_id": anything}, ("type", "title", "blocks"))
