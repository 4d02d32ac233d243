"""How messages and files look to an app and to the page. Pure."""

from typing import Any

from bot.local.state import TEAM, Channel, File, Message, State

Json = dict[str, Any]
PREVIEW = 4_000


def message_event(message: Message, channel: Channel, state: State) -> Json:
    """The `message` event of a new message."""
    body = as_slack(message, state, metadata=True)
    kind = {"channel": channel.id, "event_ts": message.ts, "channel_type": channel.kind}
    return {**body, **kind}


def mention_event(message: Message, channel: Channel, state: State) -> Json:
    """The `app_mention` event that Slack sends beside the message event."""
    event = message_event(message, channel, state)
    event.pop("channel_type")
    return {**event, "type": "app_mention"}


def as_slack(message: Message, state: State, *, metadata: bool) -> Json:
    """The message object of history, events and payloads."""
    author = state.users.get(message.user)
    team = author.team_id if author else TEAM
    body: Json = {"type": "message", "user": message.user, "text": message.text, "ts": message.ts}
    optional: Json = {
        "team": team,
        "bot_id": message.bot_id,
        "app_id": state.app_id if message.bot_id == state.bot_id else None,
        "username": message.username,
        "subtype": message.subtype,
        "blocks": message.blocks,
        "attachments": message.attachments,
        "edited": message.edited,
        "files": [file_as_slack(f, state) for f in message.files],
        "reactions": reactions(message),
        "metadata": message.metadata if metadata else None,
    }
    return body | {k: v for k, v in optional.items() if v} | _thread(message, state)


def reactions(message: Message) -> list[Json]:
    """The reactions of a message, each with its users."""
    pairs = message.reactions.items()
    return [{"name": name, "users": list(us), "count": len(us)} for name, us in pairs if us]


def file_as_slack(file: File, state: State) -> Json:
    """The file object; its address needs the bot's token."""
    url = f"{state.address}/files-pri/{TEAM}-{file.id}/{file.name}"
    return {
        "id": file.id,
        "name": file.name,
        "title": file.title,
        "mimetype": file.mimetype,
        "filetype": file.name.rpartition(".")[2],
        "size": len(file.content),
        "user": file.user,
        "mode": "hosted",
        "is_external": False,
        "url_private": url,
        "url_private_download": url,
        "permalink": f"{state.address}/files/{file.id}",
    }


def _thread(message: Message, state: State) -> Json:
    replies = state.replies(message.channel, message.ts)
    if replies:
        return {
            "thread_ts": message.ts,
            "reply_count": len(replies),
            "reply_users": sorted({r.user for r in replies}),
            "latest_reply": replies[-1].ts,
        }
    if message.thread_ts is None:
        return {}
    root = state.find(message.channel, message.thread_ts)
    parent = {"parent_user_id": root.user} if root else {}
    return {"thread_ts": message.thread_ts, **parent}


def for_page(message: Message, state: State) -> Json:
    """The message of the page protocol."""
    who = {"bot_id": message.bot_id} if message.bot_id else {}
    optional: Json = {
        "username": message.username,
        "blocks": message.blocks,
        "thread_ts": message.thread_ts,
        "reply_count": len(state.replies(message.channel, message.ts)),
        "edited": bool(message.edited),
        "files": [_file_for_page(f) for f in message.files],
        "reactions": reactions(message),
        "deleted": message.deleted,
    }
    shown = {"ts": message.ts, "user": message.user, "text": message.text}
    return shown | who | {k: v for k, v in optional.items() if v}


def _file_for_page(file: File) -> Json:
    body: Json = {"id": file.id, "name": file.name, "mimetype": file.mimetype}
    body |= {"size": len(file.content), "url": f"/page/file/{file.id}"}
    if file.mimetype.startswith("text/"):
        body["preview"] = file.content[:PREVIEW].decode(errors="replace")
    return body
