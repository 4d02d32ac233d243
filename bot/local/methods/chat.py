"""chat.*: what the app writes."""

from typing import Any

from bot.local import rendering
from bot.local.calls import Args
from bot.local.desk import Desk, Methods
from bot.local.modals import named_blocks
from bot.local.state import Channel, Message
from bot.local.validation import TEXT_OF_UPDATE, TEXT_SHOWN, Refused, check_message

Json = dict[str, Any]


def post(desk: Desk, args: Args) -> Json:
    """chat.postMessage: text over 40,000 characters is cut, as Slack does."""
    channel = desk.writable(args)
    check_message(args.given)
    broadcast = args.flag("reply_broadcast")
    message = Message(
        ts=desk.state.ids.ts(),
        channel=channel.id,
        user=desk.bot.id,
        thread_ts=desk.thread(channel, args),
        bot_id=desk.state.bot_id,
        username=args.text("username") or None,
        subtype="thread_broadcast" if broadcast and args.text("thread_ts") else None,
        metadata=args.given.get("metadata") or None,
        attachments=args.given.get("attachments") or [],
        text=_text(args)[:TEXT_SHOWN],
        blocks=_blocks(desk, args),
    )
    desk.board.post(message)
    return _shown(desk, message)


def update(desk: Desk, args: Args) -> Json:
    """chat.update: blocks go when only a text is given; metadata stays when left out."""
    channel, message = _own(desk, args, "cant_update_message")
    check_message(args.given, limit=TEXT_OF_UPDATE)
    _still_editable(desk, message)
    new: Json = {"blocks": _blocks(desk, args)}
    if _text(args):
        new["text"] = _text(args)
        new["edited"] = {"user": desk.bot.id, "ts": desk.state.ids.ts()}
    if args.given.get("metadata") is not None:
        new["metadata"] = args.given["metadata"] or None
    if "attachments" in args.given:
        new["attachments"] = args.given["attachments"] or []
    desk.board.edit(message, **new)
    return {**_shown(desk, message), "text": message.text, "channel": channel.id}


def delete(desk: Desk, args: Args) -> Json:
    """chat.delete: the app's own messages only."""
    channel, message = _own(desk, args, "cant_delete_message")
    desk.board.delete(message)
    return {"channel": channel.id, "ts": message.ts}


def whisper(desk: Desk, args: Args) -> Json:
    """chat.postEphemeral: seen by one member of the channel, kept nowhere."""
    channel = desk.writable(args)
    user = desk.user(args)
    if user.id not in channel.members:
        raise Refused("user_not_in_channel")
    check_message(args.given)
    message = Message(
        ts=desk.state.ids.ts(),
        channel=channel.id,
        user=desk.bot.id,
        thread_ts=desk.thread(channel, args),
        bot_id=desk.state.bot_id,
        seen_by=user.id,
        text=_text(args),
        blocks=_blocks(desk, args),
    )
    desk.board.whisper(message)
    return {"message_ts": message.ts}


def permalink(desk: Desk, args: Args) -> Json:
    """chat.getPermalink."""
    channel = desk.channel(args)
    message = desk.message(channel, args.need("message_ts"))
    digits = message.ts.replace(".", "")
    link = f"{desk.state.address}/archives/{channel.id}/p{digits}"
    if message.thread_ts:
        link += f"?thread_ts={message.thread_ts}&cid={channel.id}"
    return {"channel": channel.id, "permalink": link}


def _text(args: Args) -> str:
    return args.text("markdown_text") or args.text("text")


def _blocks(desk: Desk, args: Args) -> list[Json]:
    blocks = args.given.get("blocks") or []
    if args.text("markdown_text"):
        blocks = [{"type": "markdown", "text": args.text("markdown_text")}]
    return named_blocks(blocks, desk.state.ids)


def _own(desk: Desk, args: Args, otherwise: str) -> tuple[Channel, Message]:
    channel = desk.channel(args)
    message = desk.message(channel, args.need("ts"))
    if message.user != desk.bot.id:
        raise Refused(otherwise)
    if channel.is_archived:
        raise Refused("is_inactive")
    return channel, message


def _still_editable(desk: Desk, message: Message) -> None:
    window = desk.timing.edit_window
    if window is not None and desk.clock() - float(message.ts) > window:
        raise Refused("edit_window_closed")


def _shown(desk: Desk, message: Message) -> Json:
    body = rendering.as_slack(message, desk.state, metadata=True)
    return {"channel": message.channel, "ts": message.ts, "message": body}


METHODS: Methods = {
    "chat.postMessage": post,
    "chat.update": update,
    "chat.delete": delete,
    "chat.postEphemeral": whisper,
    "chat.getPermalink": permalink,
}
