"""A workspace in the hands of a test: what people do in it, and what they see."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from bot.local import payloads
from bot.local.assembly import Parts, Person, Room, add_person, add_room
from bot.local.calls import Call
from bot.local.faults import Faults
from bot.local.interactions import Answer
from bot.local.modals import View
from bot.local.people import Content
from bot.local.socket_mode import Delivery
from bot.local.state import Channel, File, Message, User

Json = dict[str, Any]
T = TypeVar("T")
PATIENCE = 30.0


class Driving:
    """Users and channels are named by id or name; `@name` is a person's direct messages.

    What Slack would not let people do raises `Refused` with Slack's error code.
    """

    def __init__(self, parts: Parts) -> None:
        self.parts = parts

    @property
    def faults(self) -> Faults:
        """What goes wrong on purpose."""
        return self.parts.faults

    @property
    def calls(self) -> list[Call]:
        """Every Web API call so far."""
        return self.parts.api.calls

    @property
    def deliveries(self) -> list[Delivery]:
        """Every envelope so far, with what became of it."""
        return self.parts.desk.sockets.deliveries

    @property
    def connections(self) -> int:
        """How many Socket Mode connections the app has open."""
        return len(self.parts.desk.sockets.connections)

    @property
    def greeted(self) -> int:
        """How many Socket Mode connections the app has opened since the start."""
        return self.parts.desk.sockets.greeted

    @property
    def bot_user(self) -> str:
        """The bot's user id."""
        return self.parts.state.bot.id

    def user(self, who: str) -> User:
        """The user. LookupError when there is none."""
        return self.parts.state.user(who)

    def channel(self, where: str) -> Channel:
        """The channel. LookupError when there is none."""
        if where.startswith("@"):
            return self.parts.state.direct(self.user(where))
        return self.parts.state.channel(where)

    def add_user(self, person: Person) -> User:
        """Somebody new."""
        return add_person(self.parts.state, person)

    def add_channel(self, room: Room) -> Channel:
        """A new channel."""
        channel = add_room(self.parts.state, room)
        self.parts.desk.board.tell_channel(channel)
        return channel

    def add_usergroup(self, members: Sequence[str]) -> str:
        """A user group with these members; its id."""
        group = self.parts.state.ids.make("S")
        self.parts.state.usergroups[group] = [self.user(m).id for m in members]
        return group

    async def says(
        self,
        who: str,
        where: str,
        text: str,
        thread: str | None = None,
        files: Sequence[Content] = (),
    ) -> str:
        """A person posts; the ts. `files` are (name, content)."""
        user, channel = self.user(who), self.channel(where)
        return self.parts.people.write(user, channel, text, thread, files).ts

    async def uploads(
        self, who: str, where: str, files: Sequence[Content], thread: str | None = None
    ) -> str:
        """A person shares files without a text; the ts."""
        return await self.says(who, where, "", thread, files)

    async def commands(self, who: str, where: str, text: str, thread: str | None = None) -> Answer:
        """A person sends a slash command; what the ack carried, or the error that they saw."""
        user, channel = self.user(who), self.channel(where)
        return await self.parts.interactions.command(user, channel, text, thread)

    async def presses(self, who: str, on: str | Message | View, what: str) -> Answer:
        """A person uses an element, named by action id, by its label or by an option's label.

        `on` is a ts, an open form, or a picture of a message: what was shown then is pressed,
        also when the message has been edited since. LookupError when there is no such element.
        """
        user, acts = self.user(who), self.parts.interactions
        if isinstance(on, View):
            return await acts.press_in_view(user, on, payloads.pick(on.body["blocks"], what))
        shown = on if isinstance(on, Message) else self.message(on, who)
        current = self._current(shown) or shown
        return await acts.press(user, current, payloads.pick(shown.blocks, what))

    async def submits(
        self, who: str, view: str | View, values: Mapping[str, Any] | None = None
    ) -> Answer:
        """A person sends a form; values by block id or action id, options also by label."""
        shown = view if isinstance(view, View) else self.view(view)
        return await self.parts.interactions.submit(self.user(who), shown, dict(values or {}))

    async def closes(self, who: str, view: str | View) -> None:
        """A person closes a form."""
        shown = view if isinstance(view, View) else self.view(view)
        await self.parts.interactions.close(self.user(who), shown)

    async def shortcut(self, who: str, callback_id: str, ts: str | None = None) -> Answer:
        """A person picks a shortcut, with a ts one on that message."""
        message = self.message(ts, who) if ts else None
        return await self.parts.interactions.shortcut(self.user(who), callback_id, message)

    async def sends(self, kind: str, payload: Json) -> bool:
        """Slack delivers an envelope of any shape; whether the app acknowledged it.

        `kind` is `events_api`, `slash_commands` or `interactive`.
        """
        return (await self.parts.desk.sockets.send(kind, payload)).acked

    async def edits(self, who: str, ts: str, text: str) -> None:
        """A person changes their own message."""
        self.parts.people.edit(self.user(who), self.message(ts, who), text)

    async def deletes(self, who: str, ts: str) -> None:
        """A person deletes their own message."""
        self.parts.people.delete(self.user(who), self.message(ts, who))

    def erases(self, ts: str) -> None:
        """An administrator deletes a message, whoever wrote it."""
        self.parts.desk.board.delete(self.message(ts))

    async def reacts(self, who: str, ts: str, name: str) -> None:
        """A person puts a reaction, or takes it back."""
        self.parts.people.react(self.user(who), self.message(ts, who), name)

    async def invites(self, where: str, who: str) -> None:
        """Somebody, the bot for instance, becomes a member of a channel."""
        self.parts.desk.board.join(self.channel(where), self.user(who))

    async def removes(self, where: str, who: str) -> None:
        """Somebody, the bot for instance, is no member of a channel any more."""
        self.parts.desk.board.leave(self.channel(where), self.user(who))

    def archives(self, where: str) -> None:
        """A channel is archived: nobody can post there any more."""
        self.parts.desk.board.archive(self.channel(where), on=True)

    def unarchives(self, where: str) -> None:
        """A channel is as it was before it was archived."""
        self.parts.desk.board.archive(self.channel(where), on=False)

    def message(self, ts: str, seen_by: str = "") -> Message:
        """The message with this ts; ephemeral ones when `seen_by` is their reader."""
        reader = self.user(seen_by).id if seen_by else None
        for messages in self.parts.state.messages.values():
            if ts in messages:
                return messages[ts]
        for message in self.parts.state.ephemerals:
            if message.ts == ts and message.seen_by == reader:
                return message
        raise LookupError(f"no message {ts}")

    def messages(self, where: str) -> list[Message]:
        """Pictures of all messages of a channel, those in threads too, oldest first."""
        found = self.parts.state.channel_messages(self.channel(where).id)
        return [message.copy() for message in found]

    def buttons(self, on: Message | View) -> list[str]:
        """The labels that people see on what they can press, options included."""
        return payloads.labels(on.body["blocks"] if isinstance(on, View) else on.blocks)

    def thread(self, where: str, ts: str) -> list[Message]:
        """Pictures of a thread: the root, then the replies."""
        return [m for m in self.messages(where) if m.root == ts]

    def ephemerals(self, who: str) -> list[Message]:
        """Pictures of what only this person sees, oldest first."""
        user = self.user(who).id
        return [m.copy() for m in self.parts.state.ephemerals if m.seen_by == user]

    def notices(self, who: str) -> list[str]:
        """The lines that Slack itself showed to this person."""
        return list(self.parts.state.notices.get(self.user(who).id, []))

    def views(self, who: str) -> list[View]:
        """The forms that this person has open, the topmost last."""
        return list(self.parts.desk.modals.stacks.get(self.user(who).id, []))

    def view(self, view_id: str) -> View:
        """The open form with this id. LookupError when it is closed."""
        found = self.parts.desk.modals.find(lambda view: view.id == view_id)
        if found is None:
            raise LookupError(f"no form {view_id}")
        return found

    def files(self) -> list[File]:
        """Every file that was shared."""
        return list(self.parts.state.files.values())

    async def settled(self, predicate: Callable[[], T], timeout: float = PATIENCE) -> T:
        """The first true value of the predicate, asked again at every change.

        Raises TimeoutError when there is none within the seconds.
        """
        return await self.parts.changes.settled(predicate, timeout)

    def _current(self, shown: Message) -> Message | None:
        if shown.seen_by is not None:
            whispered = self.parts.state.ephemerals
            return next((m for m in whispered if m.ts == shown.ts), None)
        return self.parts.state.find(shown.channel, shown.ts)
