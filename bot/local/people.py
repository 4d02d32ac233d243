"""What people do in their client: write, edit, delete, react, upload, invite."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.local import composer
from bot.local.board import Board
from bot.local.state import Channel, Message, State, User
from bot.local.uploads import make_file
from bot.local.validation import Refused

Content = tuple[str, bytes]


@dataclass(frozen=True)
class People:
    """Acts in the name of a user, within what Slack lets people do."""

    state: State
    board: Board

    def write(
        self, user: User, channel: Channel, text: str, thread: str | None, files: Sequence[Content]
    ) -> Message:
        """Post; mentions by @name, channels by #name, addresses become links."""
        self._enter(user, channel)
        if thread is not None and self.state.find(channel.id, thread) is None:
            raise Refused("thread_not_found")
        kept = [make_file(self.state, name, content, user.id) for name, content in files]
        self.state.files.update({file.id: file for file in kept})
        message = Message(
            ts=self.state.ids.ts(),
            channel=channel.id,
            user=user.id,
            text=self._typed(text),
            bot_id=f"B{user.id[1:]}" if user.is_bot else None,
            thread_ts=thread,
            files=kept,
            subtype="file_share" if kept else None,
        )
        return self.board.post(message)

    def edit(self, user: User, message: Message, text: str) -> None:
        """Change one's own message."""
        self._own(user, message, "cant_update_message")
        edited = {"user": user.id, "ts": self.state.ids.ts()}
        self.board.edit(message, text=self._typed(text), edited=edited)

    def delete(self, user: User, message: Message) -> None:
        """Delete one's own message."""
        self._own(user, message, "cant_delete_message")
        self.board.delete(message)

    def react(self, user: User, message: Message, name: str) -> None:
        """Put a reaction, or take it back when it is there."""
        on = user.id not in message.reactions.get(name, [])
        self.board.react(message, user, name, on=on)

    def create(self, user: User, name: str, *, private: bool = False) -> Channel:
        """A new channel with this person in it; the bot has to be invited."""
        if not name or any(c.name == name for c in self.state.channels.values()):
            raise Refused("name_taken" if name else "invalid_name")
        identity = self.state.ids.make("C")
        channel = Channel(identity, name, is_private=private, members={user.id})
        self.state.channels[channel.id] = channel
        self.board.tell_channel(channel)
        return channel

    def invite(self, channel: Channel, typed: str) -> None:
        """`/invite @name`."""
        name = typed.partition(" ")[2].strip().removeprefix("<@").rstrip(">").partition("|")[0]
        try:
            self.board.join(channel, self.state.user(name))
        except LookupError:
            raise Refused("user_not_found") from None

    def _enter(self, user: User, channel: Channel) -> None:
        if channel.is_archived:
            raise Refused("is_archived")
        if user.id in channel.members:
            return
        if channel.is_private or channel.is_im or user.is_guest:
            raise Refused("not_in_channel")
        self.board.join(channel, user)

    def _own(self, user: User, message: Message, otherwise: str) -> None:
        if message.user != user.id:
            raise Refused(otherwise)

    def _typed(self, text: str) -> str:
        names = {u.name: u.id for u in self.state.users.values()}
        rooms = {c.name: c.id for c in self.state.channels.values() if not c.is_im}
        return composer.message(text, names, rooms)
