"""files.*: the three steps of an upload, and looking a file up."""

from typing import Any

from bot.local import rendering
from bot.local.calls import Args
from bot.local.desk import Desk, Methods
from bot.local.modals import named_blocks
from bot.local.schema import error
from bot.local.state import Channel, File, Message
from bot.local.validation import Refused, check_blocks

Json = dict[str, Any]


def ask(desk: Desk, args: Args) -> Json:
    """files.getUploadURLExternal."""
    name = args.need("filename")
    ticket, file = desk.uploads.ask(name, args.number("length", 0))
    return {"upload_url": f"{desk.state.address}/upload/v1/{ticket}", "file_id": file.id}


def complete(desk: Desk, args: Args) -> Json:
    """files.completeUploadExternal: shares in one message when a channel is given."""
    channel = _channel(desk, args)
    thread = desk.thread(channel, args) if channel else None
    blocks = args.given.get("blocks") or []
    check_blocks(blocks)
    files = [desk.uploads.complete(f["id"], f.get("title") or "") for f in _wanted(args)]
    if channel is not None:
        message = _message(desk, channel, args, files)
        message.thread_ts = thread
        message.blocks = named_blocks(blocks, desk.state.ids)
        desk.board.post(message)
    return {"files": [_shown(desk, f) for f in files]}


def info(desk: Desk, args: Args) -> Json:
    """files.info."""
    file = desk.state.files.get(args.need("file"))
    if file is None:
        raise Refused("file_not_found")
    return {"file": _shown(desk, file), "comments": [], "response_metadata": {"next_cursor": ""}}


def _channel(desk: Desk, args: Args) -> Channel | None:
    wanted = args.text("channel_id") or args.text("channels")
    if not wanted:
        return None
    return desk.writable(Args({"channel": wanted}))


def _wanted(args: Args) -> list[Json]:
    files = args.given.get("files")
    if not isinstance(files, list) or not files or not all(map(_is_reference, files)):
        raise Refused("invalid_arguments", [error("must be a list of files", "/files")])
    return files


def _is_reference(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("id"), str)


def _message(desk: Desk, channel: Channel, args: Args, files: list[File]) -> Message:
    return Message(
        ts=desk.state.ids.ts(),
        channel=channel.id,
        user=desk.bot.id,
        bot_id=desk.state.bot_id,
        text=args.text("initial_comment"),
        files=files,
    )


def _shown(desk: Desk, file: File) -> Json:
    shares: Json = {}
    for channel, ts in file.shares:
        kind = "private" if desk.state.channels[channel].kind != "channel" else "public"
        shares.setdefault(kind, {}).setdefault(channel, []).append({"ts": ts})
    return {**rendering.file_as_slack(file, desk.state), "shares": shares}


METHODS: Methods = {
    "files.getUploadURLExternal": ask,
    "files.completeUploadExternal": complete,
    "files.info": info,
}
