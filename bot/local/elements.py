"""What stands inside blocks: text objects, options, and the elements people act on (a table)."""

from collections.abc import Mapping
from typing import Any

from bot.local.schema import (
    Check,
    Record,
    Wrong,
    anything,
    error,
    flag,
    items,
    number,
    one_of,
    text,
)
from bot.local.schema import variant as variant_of

ID = text(255)
URL = text(3000)


def plain(at_most: int) -> Check:
    """A plain_text object."""
    keys = {"type": one_of("plain_text"), "text": text(at_most), "emoji": flag}
    return Record(keys, ("type", "text"))


def markup(at_most: int) -> Check:
    """A mrkdwn object."""
    keys = {"type": one_of("mrkdwn"), "text": text(at_most), "verbatim": flag}
    return Record(keys, ("type", "text"))


def any_text(at_most: int) -> Check:
    """A plain_text or a mrkdwn object."""
    return variant_of({"plain_text": plain(at_most), "mrkdwn": markup(at_most)})


OPTION = Record(
    {"text": any_text(75), "value": text(150), "description": any_text(75), "url": URL},
    ("text", "value"),
)
GROUP = Record({"label": plain(75), "options": items(OPTION, 100)}, ("label", "options"))
CONFIRM = Record(
    {
        "title": plain(100),
        "text": any_text(300),
        "confirm": plain(30),
        "deny": plain(30),
        "style": one_of("primary", "danger"),
    },
    ("title", "text", "confirm", "deny"),
)
DISPATCH = Record(
    {
        "trigger_actions_on": items(one_of("on_enter_pressed", "on_character_entered"), 2),
    }
)
IMAGE = Record(
    {
        "type": anything,
        "image_url": URL,
        "alt_text": text(2000),
        "slack_file": anything,
    },
    ("alt_text",),
    ("image_url", "slack_file"),
)


def element(required: tuple[str, ...] = (), /, **keys: Check) -> Check:
    """An interactive element: its own keys and those that all of them have."""
    common: Mapping[str, Check] = {"type": anything, "action_id": ID, "confirm": CONFIRM}
    return Record({**common, **keys}, required)


def _entry(**keys: Check) -> Check:
    """An element that takes an entry, with a placeholder and a focus."""
    return element((), placeholder=plain(150), focus_on_load=flag, **keys)


def _static(**keys: Check) -> Check:
    chosen: Mapping[str, Check] = {
        "options": items(OPTION, 100),
        "option_groups": items(GROUP, 100),
    }
    select = _entry(**chosen, **keys)

    def check(value: Any, path: str) -> Wrong:
        yield from select(value, path)
        if isinstance(value, dict) and not (value.get("options") or value.get("option_groups")):
            yield error("missing required field: options or option_groups", path)

    return check


_BUTTON = element(
    ("text",),
    text=plain(75),
    value=text(2000, 0),
    url=URL,
    style=one_of("primary", "danger"),
    accessibility_label=text(75),
    agent_prompt=text(4000),
    visible_to_user_ids=items(ID, 10),
)
_FEEDBACK_BUTTON = Record(
    {"text": plain(75), "value": text(2000), "accessibility_label": text(75)}, ("text", "value")
)
_MANY = {"max_selected_items": number}
_CONVERSATION = {
    "filter": anything,
    "default_to_current_conversation": flag,
    "response_url_enabled": flag,
}
SELECTS: Mapping[str, Check] = {
    "static_select": _static(initial_option=OPTION),
    "external_select": _entry(initial_option=OPTION, min_query_length=number),
    "users_select": _entry(initial_user=ID),
    "channels_select": _entry(initial_channel=ID, response_url_enabled=flag),
    "conversations_select": _entry(initial_conversation=ID, **_CONVERSATION),
}
MULTI_SELECTS: Mapping[str, Check] = {
    "multi_static_select": _static(initial_options=items(OPTION, 100), **_MANY),
    "multi_external_select": _entry(
        initial_options=items(OPTION, 100), min_query_length=number, **_MANY
    ),
    "multi_users_select": _entry(initial_users=items(ID, 100), **_MANY),
    "multi_channels_select": _entry(initial_channels=items(ID, 100), **_MANY),
    "multi_conversations_select": _entry(
        initial_conversations=items(ID, 100), filter=anything, **_MANY
    ),
}
PICKERS: Mapping[str, Check] = {
    "datepicker": _entry(initial_date=text(10)),
    "timepicker": _entry(initial_time=text(5), timezone=text(100)),
    "datetimepicker": _entry(initial_date_time=number),
    "checkboxes": element(
        ("options",),
        options=items(OPTION, 10),
        initial_options=items(OPTION, 10),
        focus_on_load=flag,
    ),
    "radio_buttons": element(
        ("options",), options=items(OPTION, 10), initial_option=OPTION, focus_on_load=flag
    ),
}
TEXTS: Mapping[str, Check] = {
    "plain_text_input": _entry(
        initial_value=text(3000, 0),
        multiline=flag,
        min_length=number,
        max_length=number,
        dispatch_action_config=DISPATCH,
    ),
    "rich_text_input": _entry(initial_value=anything, dispatch_action_config=DISPATCH),
    "email_text_input": _entry(initial_value=text(3000), dispatch_action_config=DISPATCH),
    "url_text_input": _entry(initial_value=text(3000), dispatch_action_config=DISPATCH),
    "number_input": _entry(
        initial_value=number,
        is_decimal_allowed=flag,
        min_value=number,
        max_value=number,
        dispatch_action_config=DISPATCH,
    ),
    "file_input": element(filetypes=items(text(20), 100), max_files=number),
}
BUTTONS: Mapping[str, Check] = {
    "button": _BUTTON,
    "overflow": element(("options",), options=items(OPTION, 5)),
    "workflow_button": element(
        ("text", "workflow"), text=plain(75), workflow=anything,
        style=one_of("primary", "danger"), accessibility_label=text(75),
    ),
}  # fmt: skip
CONTEXT_ACTIONS: Mapping[str, Check] = {
    "feedback_buttons": element(
        ("positive_button", "negative_button"),
        positive_button=_FEEDBACK_BUTTON,
        negative_button=_FEEDBACK_BUTTON,
    ),
    "icon_button": element(
        ("icon", "text"),
        icon=one_of("trash"),
        text=plain(75),
        value=text(2000),
        accessibility_label=text(75),
        visible_to_user_ids=items(ID, 10),
    ),
}
