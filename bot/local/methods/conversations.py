"""conversations.*: where the app is and what was said there."""

from collections.abc import Sequence
from typing import Any

from bot.local import rendering
from bot.local.calls import Args
from bot.local.desk import Desk, Methods, page
from bot.local.state import Channel, Message
from bot.local.validation import Refused

Json = dict[str, Any]
_KINDS = {"channel": "public_channel", "group": "private_channel", "im": "im"}


def listing(desk: Desk, args: Args) -> Json:
    """conversations.list: public channels, and the others that the bot sits in."""
    kinds = args.text("types", "public_channel").replace(" ", "").split(",")
    if not set(kinds) <= {*_KINDS.values(), "mpim"}:
        raise Refused("invalid_types")
    found = [c for c in desk.state.channels.values() if _KINDS[c.kind] in kinds]
    found = [c for c in found if c.kind == "channel" or desk.bot.id in c.members]
    if args.flag("exclude_archived"):
        found = [c for c in found if not c.is_archived]
    rows, more = page(args, found, 100)
    return {"channels": [c.as_slack(desk.bot.id) for c in rows], "response_metadata": more}


def joined(desk: Desk, args: Args) -> Json:
    """users.conversations: those of conversations.list that the bot sits in."""
    everything = Args({**args.given, "limit": 1000, "cursor": ""})
    ours = [c for c in listing(desk, everything)["channels"] if c.get("is_member", True)]
    rows, more = page(args, ours, 100)
    return {"channels": rows, "response_metadata": more}


def info(desk: Desk, args: Args) -> Json:
    """conversations.info."""
    return {"channel": desk.channel(args).as_slack(desk.bot.id)}


def members(desk: Desk, args: Args) -> Json:
    """conversations.members."""
    rows, more = page(args, sorted(desk.channel(args).members), 100)
    return {"members": rows, "response_metadata": more}


def join(desk: Desk, args: Args) -> Json:
    """conversations.join: public channels only."""
    channel = desk.channel(args)
    if channel.is_private or channel.is_im:
        raise Refused("method_not_supported_for_channel_type")
    if channel.is_archived:
        raise Refused("is_archived")
    desk.board.join(channel, desk.bot)
    return {"channel": channel.as_slack(desk.bot.id)}


def open_direct(desk: Desk, args: Args) -> Json:
    """conversations.open: direct messages with one person."""
    known = bool(args.text("channel"))
    channel = desk.channel(args) if known else desk.state.direct(desk.user(args, "users"))
    body = {"id": channel.id, **({"is_im": True} if args.flag("return_im") else {})}
    return {"channel": body, "no_op": False, "already_open": False}


def history(desk: Desk, args: Args) -> Json:
    """conversations.history: newest first, without what stands in threads only."""
    channel = desk.readable(args)
    kept = [m for m in _between(desk, channel, args) if _on_top(m)]
    rows, more = page(args, kept[::-1], 100)
    shown = _shown(desk, rows, args)
    return {"messages": shown, "has_more": bool(more["next_cursor"]), "response_metadata": more}


def replies(desk: Desk, args: Args) -> Json:
    """conversations.replies: the root first, then its replies, oldest first."""
    channel = desk.readable(args)
    message = desk.state.find(channel.id, args.need("ts"))
    if message is None:
        raise Refused("thread_not_found")
    root = desk.state.find(channel.id, message.root) or message
    wanted = [m for m in _between(desk, channel, args) if m.thread_ts == root.ts]
    rows, more = page(args, [root, *wanted], 1000)
    shown = _shown(desk, rows, args)
    return {"messages": shown, "has_more": bool(more["next_cursor"]), "response_metadata": more}


def _on_top(message: Message) -> bool:
    return message.thread_ts is None or message.subtype == "thread_broadcast"


def _between(desk: Desk, channel: Channel, args: Args) -> list[Message]:
    oldest, latest = args.text("oldest", "0"), args.text("latest") or "9999999999.0"
    exact = args.flag("inclusive")
    try:
        low, high = float(oldest), float(latest)
    except ValueError:
        raise Refused("invalid_ts_oldest") from None
    messages = desk.state.channel_messages(channel.id)
    edges = {oldest, latest} if exact else set()
    return [m for m in messages if low < float(m.ts) < high or m.ts in edges]


def _shown(desk: Desk, messages: Sequence[Message], args: Args) -> list[Json]:
    metadata = args.flag("include_all_metadata")
    return [rendering.as_slack(m, desk.state, metadata=metadata) for m in messages]


METHODS: Methods = {
    "conversations.list": listing,
    "users.conversations": joined,
    "conversations.info": info,
    "conversations.members": members,
    "conversations.join": join,
    "conversations.open": open_direct,
    "conversations.history": history,
    "conversations.replies": replies,
}
