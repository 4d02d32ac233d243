"""Which blocks Slack knows and what each may hold (a table)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bot.local.elements import (
    BUTTONS,
    CONTEXT_ACTIONS,
    ID,
    IMAGE,
    MULTI_SELECTS,
    PICKERS,
    SELECTS,
    TEXTS,
    URL,
    any_text,
    plain,
)
from bot.local.schema import Check, Record, anything, error, flag, items, one_of, text, variant

Json = dict[str, Any]


def block(required: Sequence[str] = (), any_of: Sequence[str] = (), /, **keys: Check) -> Check:
    """A block: its own keys beside `type` and `block_id`."""
    return Record({"type": anything, "block_id": ID, **keys}, required, any_of)


_INLINE = Record(
    {
        "type": one_of(
            "text", "link", "emoji", "user", "usergroup", "channel", "broadcast", "date", "color"
        ),
        **dict.fromkeys(
            ("text", "url", "style", "unsafe", "name", "unicode", "skin_tone", "user_id"), anything
        ),
        **dict.fromkeys(
            ("usergroup_id", "channel_id", "range", "timestamp", "format", "fallback", "value"),
            anything,
        ),
    },
    ("type",),
)
_LINE = {"type": anything, "elements": items(_INLINE, 10_000, 0), "border": anything}
_SECTION = Record(_LINE, ("elements",))
_RICH = variant(
    {
        "rich_text_section": _SECTION,
        "rich_text_preformatted": Record({**_LINE, "language": text(50)}, ("elements",)),
        "rich_text_quote": _SECTION,
        "rich_text_list": Record(
            {
                **_LINE,
                "elements": items(_SECTION, 10_000, 0),
                "style": one_of("bullet", "ordered"),
                "indent": anything,
                "offset": anything,
            },
            ("elements", "style"),
        ),
    }
)
RICH_TEXT = block(("elements",), elements=items(_RICH, 10_000, 0))
_RICH_VALUE = variant({"rich_text": RICH_TEXT})
_SOURCE = Record({"type": one_of("url"), "url": URL, "text": text(3000)}, ("type", "url", "text"))
TASK_CARD = block(
    ("task_id", "title", "status"),
    task_id=ID,
    title=text(3000),
    status=one_of("pending", "in_progress", "complete", "error"),
    details=_RICH_VALUE,
    output=_RICH_VALUE,
    sources=items(_SOURCE, 100, 0),
)
_CELL = variant(
    {
        "rich_text": RICH_TEXT,
        "raw_text": Record({"type": anything, "text": text(3000)}, ("text",)),
        "raw_number": Record({"type": anything, "value": anything, "text": anything}, ("value",)),
    }
)
_IMAGES: Mapping[str, Check] = {"image": IMAGE}
_TEXTS: Mapping[str, Check] = {"plain_text": any_text(3000), "mrkdwn": any_text(3000)}
_CARD = block(
    (),
    ("hero_image", "title", "actions", "body"),
    hero_image=variant(_IMAGES),
    icon=variant(_IMAGES),
    title=any_text(150),
    subtitle=any_text(150),
    body=any_text(200),
    actions=items(variant(BUTTONS), 5),
)
_SIMPLE: Mapping[str, Check] = {
    "section": block(
        (),
        ("text", "fields"),
        text=any_text(3000),
        fields=items(any_text(2000), 10),
        accessory=variant({**BUTTONS, **SELECTS, **MULTI_SELECTS, **PICKERS, **_IMAGES}),
        expand=flag,
    ),
    "header": block(("text",), text=plain(150), level=anything),
    "divider": block(),
    "context": block(("elements",), elements=items(variant({**_IMAGES, **_TEXTS}), 10)),
    "context_actions": block(("elements",), elements=items(variant(CONTEXT_ACTIONS), 5)),
    "actions": block(
        ("elements",), elements=items(variant({**BUTTONS, **SELECTS, **PICKERS}), 25)
    ),
    "image": block(
        ("alt_text",),
        ("image_url", "slack_file"),
        image_url=URL,
        slack_file=anything,
        alt_text=text(2000),
        title=plain(2000),
    ),
    "input": block(
        ("label", "element"),
        label=plain(2000),
        hint=plain(2000),
        optional=flag,
        dispatch_action=flag,
        element=variant({**TEXTS, **SELECTS, **MULTI_SELECTS, **PICKERS}),
    ),
    "rich_text": RICH_TEXT,
    "alert": block(
        ("text",),
        text=any_text(3000),
        level=one_of("default", "info", "warning", "error", "success"),
    ),
}  # fmt: skip
_MESSAGE_ONLY: Mapping[str, Check] = {
    "markdown": block(("text",), text=text(12_000)),
    "table": block(
        ("rows",), rows=items(items(_CELL, 20), 100), column_settings=items(anything, 20)
    ),
    "task_card": TASK_CARD,
    "plan": block(
        ("title",), title=text(3000), tasks=items(variant({"task_card": TASK_CARD}), 50, 0)
    ),
    "card": _CARD,
    "carousel": block(("elements",), elements=items(variant({"card": _CARD}), 10)),
    "video": Record(
        {
            **dict.fromkeys(("type", "description", "provider_icon_url"), anything),
            **dict.fromkeys(("provider_name", "author_name"), text(50)),
            **dict.fromkeys(("video_url", "thumbnail_url", "title_url"), URL),
            "block_id": ID,
            "alt_text": text(2000),
            "title": plain(200),
        },
        ("video_url", "thumbnail_url", "alt_text", "title"),
    ),
    "file": block(("external_id", "source"), external_id=ID, source=one_of("remote")),
}  # fmt: skip
_CONTAINER = block(
    ("child_blocks",),
    ("title", "rich_text_title"),
    title=plain(150),
    rich_text_title=_RICH_VALUE,
    subtitle=any_text(150),
    child_blocks=items(variant({**_SIMPLE, **_MESSAGE_ONLY}), 10),
    width=one_of("narrow", "standard", "wide", "full"),
    icon=variant(_IMAGES),
    is_collapsible=flag,
    default_collapsed=flag,
    has_header_divider=flag,
)
MESSAGE_BLOCK = variant({**_SIMPLE, **_MESSAGE_ONLY, "container": _CONTAINER})
VIEW_BLOCK = variant(_SIMPLE)


def flattened(blocks: Sequence[Json]) -> Iterator[Json]:
    """The blocks with those inside containers, plans and carousels."""
    for each in blocks:
        yield each
        for key in ("child_blocks", "tasks"):
            yield from flattened(each.get(key) or [])


def elements(block_: Json) -> Iterator[Json]:
    """The interactive elements of one block."""
    inner = [*(block_.get("elements") or []), block_.get("accessory"), block_.get("element")]
    inner += block_.get("actions") or []
    for each in inner:
        if isinstance(each, dict):
            yield each
            yield from (b for b in (each.get(k) for k in _FEEDBACK) if isinstance(b, dict))


_FEEDBACK = ("positive_button", "negative_button")


def duplicates(blocks: Sequence[Json]) -> Iterator[str]:
    """Errors for block ids and action ids that occur twice, and plans' task ids."""
    seen: set[tuple[str, str]] = set()
    for each in flattened(blocks):
        tags = [("block_id", each.get("block_id"))]
        owner = id(each)
        tags += [(f"action_id {owner}", e.get("action_id")) for e in elements(each)]
        tags += [(f"task_id {owner}", t.get("task_id")) for t in each.get("tasks") or []]
        for kind, value in tags:
            if value and (kind, value) in seen:
                yield error(f"`{kind.split()[0]}` {value} already exists", "/blocks")
            seen.add((kind, str(value)))
