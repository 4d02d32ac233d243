"""What Slack sends, made into commands for the inbox. Pure.

Only what may mean something to us is recorded; the key makes sure that whatever is delivered
several times, or as two events, is recorded once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bot import slack_text
from bot.places import place_of
from engine import Incoming

Body = Mapping[str, Any]

FILES = 50  # that are recorded of one message; Slack takes no more than 10
NAME = 200  # characters


class Kind(StrEnum):
    """What came in."""

    COMMAND = "command"  # /agent …
    MESSAGE = "message"  # a mention, or a direct message
    REPLY = "reply"  # in a thread, without a mention
    EDIT = "edit"  # of something that was said in a thread
    ERASED = "erased"  # a message of ours in a thread
    ACTION = "action"  # a button
    FORM = "form"  # a form that was sent off
    SHORTCUT = "shortcut"  # "Spawn an agent" on a message


SAID = frozenset({"", "file_share", "thread_broadcast", "me_message"})  # subtypes of new messages


@dataclass(frozen=True)
class Ours:
    """Who we are in Slack, and which bots are listened to."""

    user: str  # the bot's own
    team: str
    bots: frozenset[str] = frozenset()  # ids that the access rules name


def incoming(body: Body, ours: Ours) -> Incoming | None:
    """The command that a request from Slack carries; None for what means nothing to us.

    In channels that several workspaces share, Slack names the team of the one who acts; a place
    is named by ours.
    """
    found = _read(body, ours)
    return found if found is None or found.author != ours.user else None


def _read(body: Body, ours: Ours) -> Incoming | None:
    if "command" in body:
        return _command(body, ours.team)
    match body.get("type"):
        case "event_callback":
            return _message(body, ours)
        case "block_actions":
            return _action(body, ours.team)
        case "message_action":
            return _shortcut(body, ours.team)
        case "view_submission":
            return _form(body, ours.team)
        case _:
            return None


def reopened(body: Body, ours: Ours) -> str:
    """The place that may be spoken in again, as an event tells: "" for all others."""
    event: Body = body.get("event") or {}
    unarchived = event.get("type") in {"channel_unarchive", "group_unarchive"}
    invited = event.get("type") == "member_joined_channel" and event.get("user") == ours.user
    return place_of(ours.team, str(event["channel"])) if unarchived or invited else ""


def _command(body: Body, team: str) -> Incoming:
    payload = {
        "text": str(body.get("text", "")),
        "team": team,
        "channel": str(body["channel_id"]),
        "response_url": str(body.get("response_url", "")),
    }
    return Incoming(f"command:{body['trigger_id']}", Kind.COMMAND, payload, str(body["user_id"]))


def _message(body: Body, ours: Ours) -> Incoming | None:
    event: Body = body.get("event") or {}
    if event.get("type") not in {"app_mention", "message"}:
        return None
    if event.get("subtype") == "message_changed":
        return _edit(event, ours.team)
    if event.get("subtype") == "message_deleted":
        return _erased(event, ours)
    if event.get("edited") and event.get("thread_ts") not in {None, event.get("ts")}:
        return None  # a mention that was edited into a reply is an edit, which came by itself
    author = _author(event, ours.bots)
    text = str(event.get("text") or "")
    addressed = event.get("channel_type") == "im" or slack_text.mentions(text, ours.user)
    replies = event.get("thread_ts") and not event.get("bot_id")
    if not author or not (addressed or replies):
        return None
    team, channel, ts = ours.team, str(event["channel"]), str(event["ts"])
    payload = {
        "text": text,
        "team": team,
        "channel": channel,
        "ts": ts,
        "thread": str(event.get("thread_ts") or ts),
        "files": _files(event),
    }
    kind = Kind.MESSAGE if addressed else Kind.REPLY
    return Incoming(f"message:{place_of(team, channel)}:{ts}", kind, payload, author)


def _author(event: Body, bots: frozenset[str]) -> str:
    """Who said it, if we listen to them: people, and bots that are named."""
    subtype, user = str(event.get("subtype") or ""), str(event.get("user") or "")
    bot = str(event.get("bot_id") or "")
    if not bot:
        return user if subtype in SAID else ""
    if subtype not in {*SAID, "bot_message"}:
        return ""
    return next((name for name in (user, bot) if name in bots), "")


def _edit(event: Body, team: str) -> Incoming | None:
    """A message in a thread was changed by the one who wrote it."""
    message: Body = event.get("message") or {}
    edited: Body = message.get("edited") or {}
    user, thread = message.get("user"), message.get("thread_ts")
    if not (edited and user and thread) or message.get("bot_id"):
        return None
    channel = str(event["channel"])
    place, ts = place_of(team, channel), str(message["ts"])
    payload = {
        "text": str(message.get("text") or ""),
        "team": team,
        "channel": channel,
        "ts": ts,
        "thread": str(thread),
        "edits": f"message:{place}:{ts}",
    }
    key = f"edit:{place}:{ts}:{edited.get('ts', '')}"
    return Incoming(key, Kind.EDIT, payload, str(user))


def _erased(event: Body, ours: Ours) -> Incoming | None:
    """A message of ours was deleted from a thread, by an administrator."""
    message: Body = event.get("previous_message") or {}
    thread, ts = message.get("thread_ts"), str(event.get("deleted_ts") or "")
    if message.get("user") != ours.user or not (thread and ts):
        return None
    channel = str(event["channel"])
    payload = {"text": "", "team": ours.team, "channel": channel, "ts": ts, "thread": str(thread)}
    return Incoming(erasure(place_of(ours.team, channel), ts), Kind.ERASED, payload, "")


def erasure(place: str, ts: str) -> str:
    """The key under which it is recorded that a message of ours was deleted."""
    return f"erased:{place}:{ts}"


def _action(body: Body, team: str) -> Incoming | None:
    actions = body.get("actions") or []
    if not actions:
        return None
    action, message = actions[0], body.get("message") or {}
    container: Body = body.get("container") or {}
    chosen: Body = action.get("selected_option") or {}
    channel = (body.get("channel") or {}).get("id") or container.get("channel_id") or ""
    payload = {
        "action": str(action.get("action_id", "")),
        "value": str(action.get("value") or chosen.get("value") or ""),
        "block": str(action.get("block_id", "")),
        "team": team,
        "channel": str(channel),
        "thread": str(message.get("thread_ts") or container.get("thread_ts") or ""),
        "response_url": str(body.get("response_url", "")),
        "ephemeral": bool(container.get("is_ephemeral")),
        "trigger": str(body.get("trigger_id", "")),
    }
    key = f"action:{body.get('trigger_id', '')}:{action.get('action_ts', '')}"
    return Incoming(key, Kind.ACTION, payload, str((body.get("user") or {}).get("id", "")))


def _shortcut(body: Body, team: str) -> Incoming | None:
    message: Body = body.get("message") or {}
    channel = str((body.get("channel") or {}).get("id", ""))
    ts = str(message.get("ts", ""))
    if not ts or not channel:
        return None
    payload = {
        "text": str(message.get("text") or ""),
        "team": team,
        "channel": channel,
        "ts": ts,
        "thread": str(message.get("thread_ts") or ts),
        "files": _files(message),
        "response_url": str(body.get("response_url", "")),
    }
    key = f"shortcut:{body.get('trigger_id', '')}"
    return Incoming(key, Kind.SHORTCUT, payload, str((body.get("user") or {}).get("id", "")))


def _form(body: Body, team: str) -> Incoming:
    """A form that was sent off; what it is about stands in its private metadata."""
    view: Body = body.get("view") or {}
    about = str(view.get("private_metadata") or "")
    payload = {
        "form": str(view.get("callback_id", "")),
        "about": about,
        "values": dict((view.get("state") or {}).get("values") or {}),
        "team": team,
        "channel": about.partition(" ")[2],
        "thread": "",
    }
    user = str((body.get("user") or {}).get("id", ""))
    return Incoming(f"view:{view.get('id', '')}", Kind.FORM, payload, user)


def _files(message: Body) -> list[dict[str, Any]]:
    """What is attached to a message, as far as fetching it needs it."""
    return [
        {
            "id": str(file.get("id", "")),
            "name": slack_text.storable(str(file.get("name") or file.get("title") or ""))[:NAME],
            "mimetype": slack_text.storable(str(file.get("mimetype") or ""))[:NAME],
            "size": int(file.get("size") or 0),
            "url": str(file.get("url_private_download") or file.get("url_private") or ""),
        }
        for file in (message.get("files") or ())[:FILES]
    ]


def message_of(key: str) -> str:
    """The ts of the message that a command came with; "" for what was no message."""
    kind, _, rest = key.partition(":")
    return rest.rpartition(":")[2] if kind == "message" else ""
