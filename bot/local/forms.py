"""What people enter: the state of fields, and what Slack itself finds wrong with it. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from bot.local.modals import acting
from bot.local.validation import Refused

Json = dict[str, Any]
_OPTION, _OPTIONS = "selected_option", "selected_options"
FIELDS: Mapping[str, str] = {
    "static_select": _OPTION,
    "external_select": _OPTION,
    "radio_buttons": _OPTION,
    "overflow": _OPTION,
    "checkboxes": _OPTIONS,
    "multi_static_select": _OPTIONS,
    "multi_external_select": _OPTIONS,
    "users_select": "selected_user",
    "multi_users_select": "selected_users",
    "channels_select": "selected_channel",
    "multi_channels_select": "selected_channels",
    "conversations_select": "selected_conversation",
    "multi_conversations_select": "selected_conversations",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
    "datetimepicker": "selected_date_time",
    "rich_text_input": "rich_text_value",
}
_INITIAL: Mapping[str, str] = {
    "value": "initial_value",
    "rich_text_value": "initial_value",
    **{name: name.replace("selected", "initial") for name in FIELDS.values() if "selected" in name},
}
STATELESS = ("button", "overflow", "feedback_buttons", "icon_button", "workflow_button")


def field(element: Json) -> str:
    """The key under which an element's entry is found."""
    return FIELDS.get(element["type"], "value")


def entry(element: Json, given: Any) -> Json:
    """The entry of one element; options may be given by value or by what people see."""
    name = field(element)
    if isinstance(given, dict) and given.get("type") == element["type"]:
        given = given.get(name)
    if name == _OPTION and isinstance(given, str):
        given = option(element, given)
    if name == _OPTIONS and isinstance(given, list):
        given = [option(element, each) if isinstance(each, str) else each for each in given]
    return {"type": element["type"], name: given}


def option(element: Json, wanted: str) -> Json:
    """The option with this value or visible text. Refused when there is none."""
    for each in options(element):
        if wanted in (each.get("value"), each["text"]["text"]):
            return each
    raise Refused("option_not_found", [f"no option {wanted}"])


def options(element: Json) -> list[Json]:
    """All options of an element, also those in groups."""
    groups = element.get("option_groups") or []
    return [*(element.get("options") or []), *(o for g in groups for o in g["options"])]


def values(blocks: list[Json], given: Mapping[str, Any]) -> Json:
    """`state.values` of a form: what is given by block id or action id, else the initial values."""
    state: Json = {}
    for block_id, element in acting(blocks):
        if element["type"] not in STATELESS:
            action_id = element["action_id"]
            state.setdefault(block_id, {})[action_id] = entry(
                element, _given(element, given, block_id)
            )
    return state


def _given(element: Json, given: Mapping[str, Any], block_id: str) -> Any:
    action_id = element["action_id"]
    raw = given.get(block_id, given.get(action_id))
    if isinstance(raw, dict) and action_id in raw:
        raw = raw[action_id]
    if raw is not None:
        return raw
    empty: Any = [] if field(element) == _OPTIONS else None
    return element.get(_INITIAL[field(element)], empty)


def problems(blocks: list[Json], state: Json) -> Json:
    """Sentences by block id, for what Slack does not let people submit."""
    return {block_id: text for block in blocks for block_id, text in _wrong(block, state)}


def _wrong(block: Json, state: Json) -> Iterator[tuple[str, str]]:
    if block.get("type") != "input":
        return
    element, block_id = block["element"], block["block_id"]
    value = state[block_id][element["action_id"]][field(element)]
    if value in (None, "", []):
        if not block.get("optional"):
            yield block_id, "Please complete this required field."
    elif isinstance(value, str) and element["type"].endswith("_input"):
        if len(value) < int(element.get("min_length") or 0):
            yield block_id, f"Enter at least {element['min_length']} characters."
        if len(value) > int(element.get("max_length") or 3000):
            yield block_id, f"Enter at most {element.get('max_length', 3000)} characters."
