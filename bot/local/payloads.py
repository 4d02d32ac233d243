"""The payloads of interactions, as Slack words them. Pure."""

from dataclasses import dataclass, replace
from typing import Any

from bot.local import forms, rendering
from bot.local.modals import View, acting
from bot.local.state import TEAM, Channel, Message, State, User
from bot.local.validation import Refused

Json = dict[str, Any]
DOMAIN = "local"


@dataclass(frozen=True)
class Used:
    """An element that a person used: where it stands, and what was chosen in it."""

    block_id: str
    element: Json
    chosen: Any = None


def pick(blocks: list[Json], wanted: str, block_id: str = "") -> Used:
    """What has this action id or visible text. LookupError names what is there."""
    for owner, element in acting(blocks):
        used = _match(Used(owner, element), wanted)
        if used is not None and block_id in ("", owner):
            return used
    raise LookupError(f"nothing to press named {wanted!r}; there is {labels(blocks)}")


def labels(blocks: list[Json]) -> list[str]:
    """What people can read on everything that they can press."""
    return [text for _, element in acting(blocks) for text in _texts(element)]


def slash(user: User, channel: Channel, command: str, text: str) -> Json:
    """A slash command, without its trigger and response_url."""
    names = {"im": "directmessage", "group": "privategroup", "channel": channel.name}
    return {
        "token": "local",
        "team_id": user.team_id,
        "team_domain": DOMAIN,
        "channel_id": channel.id,
        "channel_name": names[channel.kind],
        "user_id": user.id,
        "user_name": user.name,
        "command": command,
        "text": text,
        "is_enterprise_install": "false",
    }


def interaction(kind: str, user: User, state: State) -> Json:
    """What every interactive payload opens with."""
    person = {"id": user.id, "username": user.name, "name": user.name, "team_id": user.team_id}
    return {
        "type": kind,
        "team": {"id": TEAM, "domain": DOMAIN},
        "user": person,
        "api_app_id": state.app_id,
        "token": "local",
        "enterprise": None,
        "is_enterprise_install": False,
    }


def place_of_message(message: Message, channel: Channel, state: State) -> Json:
    """Container, channel and message; of an ephemeral message Slack does not send the text."""
    whispered = message.seen_by is not None
    container: Json = {
        "type": "message",
        "message_ts": message.ts,
        "channel_id": channel.id,
        "is_ephemeral": whispered,
    }
    if message.thread_ts:
        container["thread_ts"] = message.thread_ts
    place: Json = {
        "container": container,
        "channel": {"id": channel.id, "name": channel.name},
    }
    if not whispered:
        place["message"] = rendering.as_slack(message, state, metadata=True)
    return place


def place_of_view(view: View, state: State) -> Json:
    """Container and view."""
    return {"container": {"type": "view", "view_id": view.id}, "view": view.as_slack(state)}


def action(used: Used, ts: str) -> Json:
    """One entry of `actions`."""
    element = used.element
    kept: Json = {k: element[k] for k in ("type", "action_id", "text", "style") if k in element}
    body: Json = {**kept, "block_id": used.block_id, "action_ts": ts}
    match element["type"]:
        case "button" | "icon_button":
            if "value" in element:
                body["value"] = element["value"]
        case "feedback_buttons":
            body["value"] = used.chosen
        case _:
            body |= forms.entry(element, used.chosen)
    return body


def _match(used: Used, wanted: str) -> Used | None:
    element = used.element
    if wanted == element["action_id"] or wanted == _label(element):
        return used
    for key in _FEEDBACK:
        if _label(element.get(key) or {}) == wanted:
            return replace(used, chosen=element[key].get("value"))
    try:
        return replace(used, chosen=forms.option(element, wanted))
    except Refused:
        return None


def _texts(element: Json) -> list[str]:
    shown = [_label(element), *(_label(element.get(key) or {}) for key in _FEEDBACK)]
    shown += [option["text"]["text"] for option in forms.options(element)]
    return [text for text in shown if text is not None]


def _label(element: Json) -> str | None:
    label = element.get("text")
    return label.get("text") if isinstance(label, dict) else None


_FEEDBACK = ("positive_button", "negative_button")
