"""The referee itself: good payloads pass, each kind of bad one is caught."""

from typing import Any

import pytest

from tests.referee.referee import check, check_manifest, check_view


def text(length: int = 5, kind: str = "plain_text") -> dict[str, Any]:
    return {"type": kind, "text": "x" * length}


def button(label: int = 5, **more: Any) -> dict[str, Any]:
    return {"type": "button", "action_id": "a", "text": text(label), **more}


def section(**more: Any) -> dict[str, Any]:
    return {"type": "section", **more}


def plan(*ids: str) -> dict[str, Any]:
    tasks = [{"type": "task_card", "task_id": i, "title": "t", "status": "pending"} for i in ids]
    return {"type": "plan", "title": "p", "tasks": tasks}


GOOD: dict[str, list[dict[str, Any]]] = {
    "no blocks": [],
    "section": [section(text=text(3000, "mrkdwn"))],
    "fields": [section(fields=[text(2000)] * 3)],
    "accessory": [section(text=text(), accessory=button())],
    "actions": [{"type": "actions", "elements": [button(), button(action_id="b", style="danger")]}],
    "same action in two blocks": [section(text=text(), accessory=button())] * 2,
    "context": [{"type": "context", "elements": [text(9, "mrkdwn")] * 10}],
    "markdown": [{"type": "markdown", "text": "x" * 12_000}],
    "preformatted": [
        {
            "type": "rich_text",
            "elements": [
                {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "x"}]}
            ],
        }
    ],
    "plan": [plan("1", "2")],
    "image": [{"type": "image", "image_url": "https://example.org/a.png", "alt_text": "a"}],
    "50 blocks": [{"type": "divider"}] * 50,
}

BAD: dict[str, list[Any]] = {
    "unknown block": [{"type": "banner", "text": "x"}],
    "no type": [{"text": "x"}],
    "not a block": ["x"],
    "51 blocks": [{"type": "divider"}] * 51,
    "empty section": [section()],
    "section with empty text": [section(text=text(0))],
    "section with a bare string": [section(text="x")],
    "section too long": [section(text=text(3001))],
    "field too long": [section(fields=[text(2001)])],
    "11 fields": [section(fields=[text()] * 11)],
    "unknown key": [section(text=text(), colour="red")],
    "mrkdwn in a header": [{"type": "header", "text": text(5, "mrkdwn")}],
    "header too long": [{"type": "header", "text": text(151)}],
    "button label too long": [{"type": "actions", "elements": [button(76)]}],
    "button value too long": [{"type": "actions", "elements": [button(value="x" * 2001)]}],
    "number as a value": [{"type": "actions", "elements": [button(value=12)]}],
    "unknown style": [{"type": "actions", "elements": [button(style="success")]}],
    "26 buttons": [{"type": "actions", "elements": [button(action_id=str(i)) for i in range(26)]}],
    "no buttons": [{"type": "actions", "elements": []}],
    "image among actions": [
        {"type": "actions", "elements": [{"type": "image", "image_url": "x", "alt_text": "x"}]}
    ],
    "duplicate action_id": [{"type": "actions", "elements": [button(), button()]}],
    "duplicate block_id": [{"type": "divider", "block_id": "b"}] * 2,
    "block_id too long": [{"type": "divider", "block_id": "b" * 256}],
    "11 context elements": [{"type": "context", "elements": [text()] * 11}],
    "empty context": [{"type": "context", "elements": []}],
    "markdown too long": [{"type": "markdown", "text": "x" * 12_001}],
    "markdown too long in sum": [{"type": "markdown", "text": "x" * 6_001}] * 2,
    "markdown too long in UTF-16": [{"type": "markdown", "text": "😀" * 6_001}],
    "empty markdown": [{"type": "markdown", "text": " "}],
    "text too long in sum": [section(text=text(3000))] * 5,
    "confirm title too long": [
        {"type": "actions", "elements": [button(confirm={"title": text(101), "text": text()})]}
    ],
    "confirm button too long": [
        {"type": "actions", "elements": [button(confirm={"text": text(), "deny": text(31)})]}
    ],
    "51 tasks": [plan(*(str(i) for i in range(51)))],
    "duplicate task": [plan("1", "1")],
    "anything as a task": [{"type": "plan", "title": "p", "tasks": [{"bogus": 1}]}],
    "task status": [{"type": "task_card", "task_id": "1", "title": "t", "status": "completed"}],
    "plan and card": [
        plan("1"),
        {"type": "task_card", "task_id": "2", "title": "t", "status": "complete"},
    ],
    "two tables": [{"type": "table", "rows": [[{"type": "raw_text", "text": "x"}]]}] * 2,
    "empty rich text": [{"type": "rich_text", "elements": []}],
}


@pytest.mark.parametrize("blocks", GOOD.values(), ids=GOOD)
def test_a_good_message_passes(blocks: list[Any]) -> None:
    assert check({"text": "x", "blocks": blocks}) == []


@pytest.mark.parametrize("blocks", BAD.values(), ids=BAD)
def test_a_bad_message_is_caught(blocks: list[Any]) -> None:
    assert check({"text": "x", "blocks": blocks})


@pytest.mark.parametrize(
    "message",
    [
        {"blocks": []},
        {"text": ""},
        {"text": "x" * 4001},
        {"text": "x", "colour": "red"},
        {"text": "x", "metadata": {"event_type": "x"}},
        {"text": "x", "metadata": {"event_type": "x", "event_payload": {"a": {"b": {"c": 1}}}}},
    ],
    ids=str,
)
def test_bad_arguments_of_a_message_are_caught(message: dict[str, Any]) -> None:
    assert check(message)


def view(**more: Any) -> dict[str, Any]:
    return {"type": "modal", "title": text(24), "blocks": [section(text=text())], **more}


def test_a_good_view_passes() -> None:
    assert check_view(view()) == []


@pytest.mark.parametrize(
    "bad",
    [
        view(title=text(25)),
        view(blocks=[section()]),
        view(blocks=[{"type": "banner"}]),
        view(blocks=[{"type": "divider"}] * 101),
        view(private_metadata="x" * 3001),
        view(size="huge"),
        view(type="drawer"),
    ],
    ids=range(7),
)
def test_a_bad_view_is_caught(bad: dict[str, Any]) -> None:
    assert check_view(bad)


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"display_information": {"name": "x" * 36}},
        {"display_information": {"name": "x"}, "colour": "red"},
        {"display_information": {"name": "x"}, "oauth_config": {"scopes": {"bot": ["chat:shout"]}}},
        {
            "display_information": {"name": "x"},
            "settings": {"event_subscriptions": {"bot_events": ["message.everywhere"]}},
        },
    ],
    ids=range(5),
)
def test_a_bad_manifest_is_caught(bad: dict[str, Any]) -> None:
    assert check_manifest(bad)
