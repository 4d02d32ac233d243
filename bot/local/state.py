"""What a Slack workspace holds: people, channels, messages, files. In memory, without behaviour."""

import copy
import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

Json = dict[str, Any]
T = TypeVar("T")

TEAM = "T000000001"
FOREIGN_TEAM = "T000000999"


@dataclass(frozen=True)
class User:
    """A member of the workspace, a bot, a guest, or a person of another workspace (stranger)."""

    id: str
    name: str
    real_name: str
    is_bot: bool = False
    is_guest: bool = False
    is_stranger: bool = False

    @property
    def team_id(self) -> str:
        """The workspace that the person belongs to."""
        return FOREIGN_TEAM if self.is_stranger else TEAM

    def as_slack(self) -> Json:
        """The user object of `users.info`."""
        profile = {"real_name": self.real_name, "display_name": self.name}
        return {
            "id": self.id,
            "team_id": self.team_id,
            "name": self.name,
            "real_name": self.real_name,
            "profile": profile,
            "deleted": False,
            "is_bot": self.is_bot,
            "is_restricted": self.is_guest,
            "is_ultra_restricted": False,
            "is_stranger": self.is_stranger,
            "is_app_user": False,
            "tz": "Etc/UTC",
            "tz_offset": 0,
        }


@dataclass
class Channel:
    """A public or private channel, or the direct messages of the bot with `user`."""

    id: str
    name: str
    is_private: bool = False
    is_im: bool = False
    user: str | None = None
    is_archived: bool = False
    members: set[str] = field(default_factory=set)

    @property
    def kind(self) -> str:
        """The `channel_type` of Slack's message events."""
        if self.is_im:
            return "im"
        return "group" if self.is_private else "channel"

    def as_slack(self, viewer: str) -> Json:
        """The conversation object of `conversations.info` for one viewer."""
        if self.is_im:
            return {"id": self.id, "is_im": True, "user": self.user, "is_archived": False}
        return {
            "id": self.id,
            "name": self.name,
            "is_channel": not self.is_private,
            "is_group": self.is_private,
            "is_im": False,
            "is_private": self.is_private,
            "is_archived": self.is_archived,
            "is_member": viewer in self.members,
            "num_members": len(self.members),
        }


@dataclass
class File:
    """An uploaded file; `shares` are the (channel, ts) of the messages that carry it."""

    id: str
    name: str
    title: str
    mimetype: str
    content: bytes
    user: str
    shares: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Message:
    """A message or an ephemeral one (`seen_by` names its only reader)."""

    ts: str
    channel: str
    user: str
    text: str
    blocks: list[Json] = field(default_factory=list)
    bot_id: str | None = None
    username: str | None = None
    thread_ts: str | None = None
    metadata: Json | None = None
    attachments: list[Json] = field(default_factory=list)
    edited: Json | None = None
    files: list[File] = field(default_factory=list)
    reactions: dict[str, list[str]] = field(default_factory=dict)
    subtype: str | None = None
    seen_by: str | None = None

    @property
    def root(self) -> str:
        """The ts of the thread that the message belongs to (its own when it is a root)."""
        return self.thread_ts or self.ts

    @property
    def deleted(self) -> bool:
        """Whether only a tombstone is left, because a thread hangs below it."""
        return self.subtype == "tombstone"

    def copy(self) -> "Message":
        """A picture of the message as it stands now."""
        return copy.deepcopy(self)


class Ids:
    """Ids of Slack's shape and timestamps that never repeat or go back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._counter = itertools.count(1)
        self._last = 0

    def make(self, prefix: str) -> str:
        """A new id, e.g. `U000000007`."""
        return f"{prefix}{next(self._counter):09d}"

    def ts(self) -> str:
        """A new message timestamp: seconds with six digits after the point."""
        self._last = max(self._last + 1, int(self._clock() * 1_000_000))
        return f"{self._last // 1_000_000}.{self._last % 1_000_000:06d}"


@dataclass
class State:
    """Everything that the workspace remembers."""

    ids: Ids
    team: str
    bot: User
    bot_id: str = "B000000001"
    app_id: str = "A000000001"
    address: str = ""
    users: dict[str, User] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)
    messages: dict[str, dict[str, Message]] = field(default_factory=dict)
    ephemerals: list[Message] = field(default_factory=list)
    files: dict[str, File] = field(default_factory=dict)
    usergroups: dict[str, list[str]] = field(default_factory=dict)
    notices: dict[str, list[str]] = field(default_factory=dict)

    def user(self, who: str) -> User:
        """The user with this id or name. LookupError when there is none."""
        name = who.removeprefix("@")
        return _pick(self.users.values(), lambda u: who == u.id or name == u.name, f"user {who}")

    def channel(self, where: str) -> Channel:
        """The channel with this id or name. LookupError when there is none."""
        name = where.removeprefix("#")
        found = (c for c in self.channels.values() if where == c.id or name == c.name)
        return _pick(found, lambda _: True, f"channel {where}")

    def direct(self, user: User) -> Channel:
        """The direct messages of the bot and a person, made when there are none."""
        for channel in self.channels.values():
            if channel.is_im and channel.user == user.id:
                return channel
        members = {user.id, self.bot.id}
        identity = self.ids.make("D")
        channel = Channel(identity, identity, is_im=True, user=user.id, members=members)
        self.channels[channel.id] = channel
        return channel

    def channel_messages(self, channel: str) -> list[Message]:
        """All messages of a channel with those in its threads, oldest first."""
        return sorted(self.messages.get(channel, {}).values(), key=lambda m: m.ts)

    def find(self, channel: str, ts: str) -> Message | None:
        """The message, or None."""
        return self.messages.get(channel, {}).get(ts)

    def replies(self, channel: str, root: str) -> list[Message]:
        """The replies below a root, oldest first, without the root."""
        return [m for m in self.channel_messages(channel) if m.thread_ts == root]


def _pick(items: Iterable[T], fits: Callable[[T], bool], what: str) -> T:
    for item in items:
        if fits(item):
            return item
    raise LookupError(f"no {what}")
