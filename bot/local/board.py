"""What is written on the wall: posts, edits, deletions and reactions, by people and by the app.

Every change is told to the open pages, and to the app as the event that Slack would send.
"""

from dataclasses import dataclass, fields
from typing import Any

from bot.local import rendering
from bot.local.changes import Changes
from bot.local.events import Events
from bot.local.state import Channel, Message, State, User

Json = dict[str, Any]


@dataclass(frozen=True)
class Board:
    """The only place that changes messages."""

    state: State
    changes: Changes
    events: Events

    def post(self, message: Message) -> Message:
        """Show a new message; an app_mention goes beside the message event."""
        self.state.messages.setdefault(message.channel, {})[message.ts] = message
        for file in message.files:
            file.shares.append((message.channel, message.ts))
        self._tell("posted", message)
        self._tell_root(message)
        channel = self._channel(message)
        self.events.emit(rendering.message_event(message, channel, self.state), channel)
        self._mention(message, channel)
        return message

    def edit(self, message: Message, **new: Any) -> None:
        """Change fields of a message."""
        before = message.copy()
        old = rendering.as_slack(before, self.state, metadata=True)
        for name in {f.name for f in fields(message)} & set(new):
            setattr(message, name, new[name])
        self._tell("changed", message)
        now = rendering.as_slack(message, self.state, metadata=True)
        self._emit_hidden(message, "message_changed", {"message": now, "previous_message": old})
        if not self._mentions_bot(before):
            self._mention(message, self._channel(message))

    def delete(self, message: Message) -> None:
        """Take a message away; of a root with replies a tombstone stays."""
        if self.state.replies(message.channel, message.ts):
            gone = {"text": "This message was deleted.", "subtype": "tombstone"}
            self.edit(message, **gone, blocks=[], files=[], metadata=None, reactions={})
            return
        old = rendering.as_slack(message, self.state, metadata=True)
        del self.state.messages[message.channel][message.ts]
        self._tell("deleted", message)
        self._tell_root(message)
        more = {"previous_message": old, "deleted_ts": message.ts}
        self._emit_hidden(message, "message_deleted", more)

    def react(self, message: Message, user: User, name: str, *, on: bool) -> bool:
        """Put a reaction or take it back; False when it was so already."""
        users = message.reactions.setdefault(name, [])
        if (user.id in users) == on:
            return False
        if on:
            users.append(user.id)
        else:
            users.remove(user.id)
        self._tell("changed", message)
        self.events.emit(self._reaction(message, user, name, on=on), self._channel(message))
        return True

    def whisper(self, message: Message, action: str = "posted") -> Message:
        """Show, change or take away an ephemeral message."""
        if action == "posted":
            self.state.ephemerals.append(message)
        if action == "deleted":
            self.state.ephemerals.remove(message)
        self.changes.tell({"type": "ephemeral", "action": action, **whispered(message)})
        return message

    def notice(self, user: User, text: str) -> None:
        """A line that Slack itself shows to one person, in answer to what they did."""
        self.state.notices.setdefault(user.id, []).append(text)
        self.changes.wake()

    def join(self, channel: Channel, user: User) -> None:
        """Make somebody a member of a channel."""
        if user.id in channel.members:
            return
        channel.members.add(user.id)
        self.tell_channel(channel)
        event = {"type": "member_joined_channel", "user": user.id, "channel": channel.id}
        self.events.emit({**event, "event_ts": self.state.ids.ts()}, channel)

    def leave(self, channel: Channel, user: User) -> None:
        """Make somebody no member of a channel; the bot is told that it left."""
        if user.id not in channel.members:
            return
        channel.members.remove(user.id)
        self.tell_channel(channel)
        event = {"channel": channel.id, "event_ts": self.state.ids.ts()}
        if user.id == self.state.bot.id:
            self.events.emit({"type": "channel_left", **event})
        else:
            self.events.emit({"type": "member_left_channel", "user": user.id, **event}, channel)

    def archive(self, channel: Channel, *, on: bool) -> None:
        """Put a channel away, or bring it back; its members stay."""
        channel.is_archived = on
        self.tell_channel(channel)
        kind = "channel_archive" if on else "channel_unarchive"
        self.events.emit(
            {"type": kind, "channel": channel.id, "event_ts": self.state.ids.ts()}, channel
        )

    def tell_channel(self, channel: Channel) -> None:
        """Show a new or changed channel."""
        self.changes.tell({"type": "channel", "channel": channel_for_page(channel)})

    def _channel(self, message: Message) -> Channel:
        return self.state.channels[message.channel]

    def _mentions_bot(self, message: Message) -> bool:
        return f"<@{self.state.bot.id}>" in message.text

    def _mention(self, message: Message, channel: Channel) -> None:
        own = message.user == self.state.bot.id
        if self._mentions_bot(message) and not own and not channel.is_im:
            self.events.emit(rendering.mention_event(message, channel, self.state), channel)

    def _emit_hidden(self, message: Message, subtype: str, more: Json) -> None:
        channel, ts = self._channel(message), self.state.ids.ts()
        event = {"type": "message", "subtype": subtype, "hidden": True, "channel": channel.id}
        kind = {"ts": ts, "event_ts": ts, "channel_type": channel.kind}
        self.events.emit({**event, **kind, **more}, channel)

    def _reaction(self, message: Message, user: User, name: str, *, on: bool) -> Json:
        item = {"type": "message", "channel": message.channel, "ts": message.ts}
        kind = "reaction_added" if on else "reaction_removed"
        body = {"type": kind, "user": user.id, "reaction": name, "item": item}
        return {**body, "item_user": message.user, "event_ts": self.state.ids.ts()}

    def _tell(self, action: str, message: Message) -> None:
        shown = rendering.for_page(message, self.state)
        where = {"type": "message", "action": action, "channel": message.channel}
        self.changes.tell({**where, "message": shown})

    def _tell_root(self, message: Message) -> None:
        root = self.state.find(message.channel, message.root)
        if root is not None and root is not message:
            self._tell("changed", root)


def whispered(message: Message) -> Json:
    """An ephemeral message in the page protocol, with its reader and its place."""
    shown = {"ts": message.ts, "text": message.text, "blocks": message.blocks}
    where = {"channel": message.channel, "thread_ts": message.thread_ts}
    return {"user": message.seen_by, **where, "message": shown}


def channel_for_page(channel: Channel) -> Json:
    """The channel of the page protocol."""
    return {
        "id": channel.id,
        "name": channel.name,
        "is_private": channel.is_private,
        "is_im": channel.is_im,
        "user": channel.user,
        "is_archived": channel.is_archived,
        "members": sorted(channel.members),
    }
