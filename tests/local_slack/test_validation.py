"""What Slack refuses before it does anything (tables)."""

from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.local import LocalSlack, Refused
from bot.local.validation import check_blocks, check_message, check_metadata, check_view

Json = dict[str, Any]


def plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}


def mrkdwn(text: str) -> Json:
    return {"type": "mrkdwn", "text": text}


def button(**more: Any) -> Json:
    return {"type": "button", "action_id": "go", "text": plain("Go"), **more}


def actions(*elements: Json) -> Json:
    return {"type": "actions", "elements": list(elements)}


def task(number: int, **more: Any) -> Json:
    return {
        "type": "task_card", "task_id": f"t{number}", "title": "Read", "status": "complete", **more
    }  # fmt: skip


def rich(text: str) -> Json:
    line = {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}
    return {"type": "rich_text", "elements": [line]}


def select(count: int) -> Json:
    options = [{"text": plain(f"o{n}"), "value": f"v{n}"} for n in range(count)]
    return {"type": "static_select", "action_id": "s", "options": options}


SECTION = {"type": "section", "text": mrkdwn("x")}
TABLE: Json = {"type": "table", "rows": [[{"type": "raw_text", "text": "x"}]]}
CONFIRM = {"title": plain("t"), "text": mrkdwn("x"), "confirm": plain("y"), "deny": plain("n")}
GOOD: dict[str, list[Json]] = {
    "all kinds of a card": [
        {"type": "header", "text": plain("Agent 12")},
        {"type": "section", "fields": [mrkdwn("*Repo*"), plain("x")], "accessory": button()},
        {"type": "context", "elements": [mrkdwn("3 files"), plain("now")]},
        {"type": "divider"},
        actions(button(value="1", style="danger", confirm=CONFIRM), select(100)),
        {"type": "markdown", "text": "# x"},
        rich("x"),
        TABLE,
    ],
    "a plan": [{"type": "plan", "title": "Work", "tasks": [task(n) for n in range(50)]}],
    "a task with details": [task(1, details=rich("x"), output=rich("y"))],
    "fifty": [SECTION] * 50,
    "longest": [{"type": "section", "text": mrkdwn("x" * 3000)}],
    "an alert": [{"type": "alert", "text": plain("x"), "level": "warning"}],
}
BAD: dict[str, list[Json]] = {
    "too many": [SECTION] * 51,
    "unknown type": [{"type": "sections"}],
    "no type": [{"text": plain("x")}],
    "type is no word": [{"type": ["section"]}],
    "empty section": [{"type": "section"}],
    "section too long": [{"type": "section", "text": mrkdwn("x" * 3001)}],
    "empty text": [{"type": "section", "text": mrkdwn("")}],
    "text is a string": [{"type": "section", "text": "x"}],
    "eleven fields": [{"type": "section", "fields": [plain("x")] * 11}],
    "field too long": [{"type": "section", "fields": [plain("x" * 2001)]}],
    "header in mrkdwn": [{"type": "header", "text": mrkdwn("x")}],
    "header too long": [{"type": "header", "text": plain("x" * 151)}],
    "unknown key": [{**SECTION, "colour": "red"}],
    "unknown key in text": [{"type": "section", "text": {**mrkdwn("x"), "bold": True}}],
    "emoji in mrkdwn": [{"type": "section", "text": {**mrkdwn("x"), "emoji": True}}],
    "no elements": [actions()],
    "too many elements": [actions(*[button(action_id=f"a{n}") for n in range(26)])],
    "button label too long": [actions(button(text=plain("x" * 76)))],
    "button in mrkdwn": [actions(button(text=mrkdwn("x")))],
    "value too long": [actions(button(value="x" * 2001))],
    "unknown style": [actions(button(style="success"))],
    "action_id too long": [actions(button(action_id="x" * 256))],
    "double action_id": [actions(button(), button())],
    "double block_id": [{**SECTION, "block_id": "b"}, {**SECTION, "block_id": "b"}],
    "block_id too long": [{**SECTION, "block_id": "x" * 256}],
    "select without options": [actions({"type": "static_select", "action_id": "s"})],
    "select too long": [actions(select(101))],
    "overflow too long": [actions({**select(6), "type": "overflow"})],
    "input element in actions": [actions({"type": "plain_text_input", "action_id": "a"})],
    "eleven in context": [{"type": "context", "elements": [plain("x")] * 11}],
    "button in context": [{"type": "context", "elements": [button()]}],
    "markdown too long": [{"type": "markdown", "text": "x" * 12_001}],
    "markdown too long in sum": [{"type": "markdown", "text": "x" * 6001}] * 2,
    "two tables": [TABLE, TABLE],
    "table too wide": [{**TABLE, "rows": [TABLE["rows"][0] * 21]}],
    "status completed": [task(1, status="completed")],
    "task without a title": [{"type": "task_card", "task_id": "t", "status": "complete"}],
    "51 tasks": [{"type": "plan", "title": "x", "tasks": [task(n) for n in range(51)]}],
    "double task": [{"type": "plan", "title": "x", "tasks": [task(1), task(1)]}],
    "bogus task": [{"type": "plan", "title": "x", "tasks": [{"do": "it"}]}],
    "details are a string": [task(1, details="x")],
    "plan and task": [{"type": "plan", "title": "x"}, task(1)],
    "confirm too long": [actions(button(confirm={**CONFIRM, "confirm": plain("x" * 31)}))],
}


@pytest.mark.parametrize("name", GOOD)
def test_good_blocks(name: str) -> None:
    check_blocks(GOOD[name])


@pytest.mark.parametrize("name", BAD)
def test_bad_blocks(name: str) -> None:
    with pytest.raises(Refused) as refused:
        check_blocks(BAD[name])
    assert refused.value.code == "invalid_blocks"
    assert "[json-pointer:/blocks" in refused.value.messages[0]


@pytest.mark.parametrize("blocks", ["x", {"type": "divider"}, ["divider"], [[]]])
def test_blocks_that_are_no_list_of_objects(blocks: Any) -> None:
    with pytest.raises(Refused, match="invalid_blocks_format"):
        check_blocks(blocks)


MESSAGES: dict[str, tuple[str, Json]] = {
    "nothing": ("no_text", {}),
    "blocks too long in sum": (
        "msg_blocks_too_long",
        {"blocks": [{"type": "section", "text": mrkdwn("x" * 3000)}] * 5},
    ),
    "two texts": ("markdown_text_conflict", {"text": "x", "markdown_text": "y"}),
    "markdown": ("msg_too_long", {"markdown_text": "x" * 12_001}),
    "attachments": ("too_many_attachments", {"attachments": [{}] * 101}),
    "text is no text": ("invalid_arguments", {"text": {"a": 1}}),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_bad_messages(name: str) -> None:
    code, message = MESSAGES[name]
    with pytest.raises(Refused) as refused:
        check_message(message)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("code", "metadata"),
    [
        ("invalid_metadata_format", "x"),
        ("invalid_metadata_format", {"event_type": "x"}),
        ("invalid_metadata_format", {"event_payload": {}}),
        ("invalid_metadata_format", {"event_type": "x", "event_payload": {}, "more": 1}),
        ("invalid_metadata_schema", {"event_type": "x", "event_payload": {"a": {"b": {"c": 1}}}}),
        ("invalid_metadata_schema", {"event_type": "x", "event_payload": {"a": None}}),
    ],
)
def test_bad_metadata(code: str, metadata: Any) -> None:
    with pytest.raises(Refused) as refused:
        check_metadata(metadata)
    assert refused.value.code == code


def test_good_metadata() -> None:
    for payload in ({}, {"a": 1, "b": [1, 2], "c": {"d": "e"}}):
        check_metadata({"event_type": "notice", "event_payload": payload})


INPUT = {
    "type": "input",
    "block_id": "b",
    "label": plain("Task"),
    "element": {"type": "plain_text_input", "action_id": "a"},
}
VIEW = {"type": "modal", "title": plain("Edit"), "submit": plain("Save"), "blocks": [INPUT]}
BAD_VIEWS: dict[str, Any] = {
    "no object": "x",
    "no blocks": {"type": "modal", "title": plain("x")},
    "title too long": {**VIEW, "title": plain("x" * 25)},
    "no submit": {key: VIEW[key] for key in VIEW if key != "submit"},
    "metadata too long": {**VIEW, "private_metadata": "x" * 3001},
    "too many blocks": {**VIEW, "blocks": [{"type": "divider"}] * 101},
    "plan": {**VIEW, "blocks": [{"type": "plan", "title": "x"}]},
    "unknown key": {**VIEW, "colour": "red"},
    "double": {**VIEW, "blocks": [INPUT, INPUT]},
}


@pytest.mark.parametrize("name", BAD_VIEWS)
def test_bad_views(name: str) -> None:
    with pytest.raises(Refused, match="invalid_arguments"):
        check_view(BAD_VIEWS[name])


def test_view_too_large() -> None:
    options = [{"text": plain("x" * 75), "value": f"{n:0150}"} for n in range(100)]
    blocks = [actions({**select(1), "options": options}) for _ in range(10)]
    check_view({**VIEW, "blocks": [INPUT]})
    with pytest.raises(Refused, match="view_too_large"):
        check_view({**VIEW, "blocks": blocks})


async def test_app_is_told_what_is_wrong(slack: LocalSlack, client: AsyncWebClient) -> None:
    channel = slack.channel("general").id
    blocks = [{"type": "section", "text": mrkdwn("x" * 3001)}]
    arguments = {"channel": channel, "text": "x", "blocks": blocks}
    for method in ("chat.postMessage", "blocks.validate"):
        with pytest.raises(Exception, match="invalid_blocks") as error:
            await client.api_call(method, json=arguments)
        lines = error.value.response["response_metadata"]["messages"]  # type: ignore[attr-defined]
        wrong = "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"
        assert lines == [f"[ERROR] {wrong}"]
    assert slack.messages("general") == []
    assert (await client.blocks_validate(view=VIEW))["ok"]
