"""What the Web API methods work with, and the questions that many of them ask."""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from bot.local.board import Board
from bot.local.calls import Args
from bot.local.modals import Modals
from bot.local.socket_mode import Sockets
from bot.local.state import Channel, Message, State, User
from bot.local.timing import Timing
from bot.local.triggers import Triggers
from bot.local.uploads import Uploads
from bot.local.validation import Refused

Json = dict[str, Any]
T = TypeVar("T")
Method = Callable[["Desk", Args], Json]
Methods = Mapping[str, Method]


@dataclass(frozen=True)
class Desk:
    """The workspace as the app's calls see it."""

    state: State
    board: Board
    modals: Modals
    triggers: Triggers
    uploads: Uploads
    sockets: Sockets
    timing: Timing
    clock: Callable[[], float]
    scopes: frozenset[str]

    @property
    def bot(self) -> User:
        """The bot's own user."""
        return self.state.bot

    def channel(self, args: Args, key: str = "channel") -> Channel:
        """The channel that the app names and can see; a user's id means the direct messages."""
        wanted = args.need(key)
        if wanted in self.state.users:
            return self.state.direct(self.state.users[wanted])
        channel = self.state.channels.get(wanted) or self._named(wanted)
        hidden = channel and channel.is_private and self.bot.id not in channel.members
        if channel is None or hidden:
            raise Refused("channel_not_found")
        return channel

    def writable(self, args: Args) -> Channel:
        """The channel, when the app may post there."""
        channel = self.channel(args)
        if channel.is_archived:
            raise Refused("is_archived")
        public = not channel.is_private and not channel.is_im
        if self.bot.id not in channel.members and not (
            public and "chat:write.public" in self.scopes
        ):
            raise Refused("not_in_channel")
        return channel

    def readable(self, args: Args) -> Channel:
        """The channel, when the app may read its history."""
        channel = self.channel(args)
        if self.bot.id not in channel.members:
            raise Refused("not_in_channel")
        return channel

    def message(self, channel: Channel, ts: str) -> Message:
        """The message, or `message_not_found`."""
        message = self.state.find(channel.id, ts)
        if message is None or message.deleted:
            raise Refused("message_not_found")
        return message

    def thread(self, channel: Channel, args: Args) -> str | None:
        """The thread to write into, or None. Slack wants the ts of a root that exists."""
        ts = args.text("thread_ts")
        if not ts:
            return None
        root = self.state.find(channel.id, ts)
        if root is None:
            raise Refused("thread_not_found")
        if root.thread_ts is not None and root.thread_ts != root.ts:
            raise Refused("cannot_reply_to_message")
        return ts

    def user(self, args: Args, key: str = "user") -> User:
        """The user, or `user_not_found`."""
        user = self.state.users.get(args.need(key))
        if user is None:
            raise Refused("user_not_found")
        return user

    def _named(self, name: str) -> Channel | None:
        try:
            return self.state.channel(name)
        except LookupError:
            return None


def page(args: Args, rows: Sequence[T], default: int, most: int = 1000) -> tuple[list[T], Json]:
    """One page of rows, and the response_metadata that leads to the next."""
    limit = args.number("limit", default)
    if not 0 < limit <= most:
        raise Refused("invalid_limit")
    start = _offset(args.text("cursor"))
    after = start + limit
    cursor = base64.b64encode(f"at:{after}".encode()).decode() if after < len(rows) else ""
    return list(rows[start:after]), {"next_cursor": cursor}


def _offset(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        return int(base64.b64decode(cursor, validate=True).decode().removeprefix("at:"))
    except (ValueError, binascii.Error):
        raise Refused("invalid_cursor") from None
