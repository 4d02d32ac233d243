"""Commands, buttons, forms and shortcuts: what people do, what the app is told, what it answers."""

from dataclasses import dataclass, field
from typing import Any

from bot.local import composer, forms, payloads, rendering
from bot.local.board import Board
from bot.local.modals import Modals, View, named_blocks
from bot.local.payloads import Used
from bot.local.socket_mode import Ack, Sockets
from bot.local.state import Channel, Message, State, User
from bot.local.triggers import Triggers
from bot.local.validation import Refused, check_message, check_view

Json = dict[str, Any]
NO_CONNECTION = "We had some trouble connecting. Try again?"


@dataclass(frozen=True)
class Answer:
    """How the app acknowledged: its payload, or the error that the person was shown."""

    payload: Json = field(default_factory=dict)
    error: str = ""
    shown: str = ""  # the sentence for the person, with an error

    @property
    def ok(self) -> bool:
        """Whether the app acknowledged in time."""
        return not self.error

    @property
    def text(self) -> str:
        """The text that came with the ack."""
        return str(self.payload.get("text") or "")


@dataclass(frozen=True)
class Interactions:
    """Everything people do with the app beside writing to it."""

    state: State
    board: Board
    modals: Modals
    triggers: Triggers
    sockets: Sockets
    commands: frozenset[str]

    async def command(self, user: User, channel: Channel, typed: str, thread: str | None) -> Answer:
        """A slash command; refused in threads, as Slack does."""
        name, text = [*typed.split(maxsplit=1), "", ""][:2]
        if name not in self.commands:
            return self._shown(user, f"{name} is not a valid command.", "invalid_command")
        if thread is not None:
            sorry = f"{name} is not supported in threads. Sorry!"
            return self._shown(user, sorry, "not_supported_in_threads")
        names = {u.name: u.id for u in self.state.users.values()}
        rooms = {c.name: c.id for c in self.state.channels.values() if not c.is_im}
        text = composer.command(text.strip(), names, rooms)
        payload = payloads.slash(user, channel, name, text)
        payload |= self._rights(user, channel, None) | {"api_app_id": self.state.app_id}
        ack = await self.sockets.send("slash_commands", payload)
        if not ack.acked:
            code = _failure(ack)
            return self._shown(user, f"{name} failed with the error {code}", code)
        return self._spoken(user, channel, ack.payload)

    async def press(self, user: User, message: Message, used: Used) -> Answer:
        """A button or another element in a message."""
        channel = self.state.channels[message.channel]
        payload = payloads.interaction("block_actions", user, self.state)
        payload |= payloads.place_of_message(message, channel, self.state)
        payload |= self._rights(user, channel, message) | self._acted(used, message.blocks)
        return await self._interact(user, payload)

    async def press_in_view(self, user: User, view: View, used: Used) -> Answer:
        """A button or another element in a form."""
        payload = payloads.interaction("block_actions", user, self.state)
        payload |= payloads.place_of_view(view, self.state)
        payload |= {"trigger_id": self.triggers.trigger(user.id)}
        return await self._interact(user, payload | self._acted(used, view.body["blocks"]))

    async def submit(self, user: User, view: View, given: Json) -> Answer:
        """A form is sent; the app may find errors, change it or put another on top."""
        state = forms.values(view.body["blocks"], given)
        if wrong := forms.problems(view.body["blocks"], state):
            return self._errors(view, wrong)
        shown = view.as_slack(self.state) | {"state": {"values": state}}
        payload = payloads.interaction("view_submission", user, self.state)
        payload |= {"view": shown, "response_urls": []}
        payload |= {"trigger_id": self.triggers.trigger(user.id)}
        ack = await self.sockets.send("interactive", payload)
        if not ack.acked:
            return self._shown(user, NO_CONNECTION, _failure(ack))
        try:
            return self._submitted(view, ack.payload)
        except Refused as refused:
            return self._shown(user, NO_CONNECTION, refused.code)

    async def close(self, user: User, view: View) -> None:
        """A form is closed; the app is told when it asked for that."""
        self.modals.close(view)
        if view.body.get("notify_on_close"):
            payload = payloads.interaction("view_closed", user, self.state)
            payload |= {"view": view.as_slack(self.state), "is_cleared": False}
            await self.sockets.send("interactive", payload)

    async def shortcut(self, user: User, callback_id: str, message: Message | None) -> Answer:
        """A global shortcut, or one on a message."""
        kind = "shortcut" if message is None else "message_action"
        payload = payloads.interaction(kind, user, self.state) | {"callback_id": callback_id}
        payload |= {"action_ts": self.state.ids.ts()}
        if message is None:
            payload |= {"trigger_id": self.triggers.trigger(user.id)}
        else:
            channel = self.state.channels[message.channel]
            payload |= {
                "channel": {"id": channel.id, "name": channel.name},
                "message": rendering.as_slack(message, self.state, metadata=True),
                "message_ts": message.ts,
            }
            payload |= self._rights(user, channel, None)
        return await self._interact(user, payload)

    def respond(self, token: str, body: Json) -> None:
        """What an app sends to a response_url. Refused when it is spent or the body is bad."""
        reply = self.triggers.use(token)
        user, channel = self.state.users[reply.user], self.state.channels[reply.channel]
        original = reply.original
        if body.get("delete_original") and original is not None:
            self._remove(original)
            return
        check_message(body)
        if body.get("replace_original") and original is not None:
            self._replace(original, body)
        else:
            self._say(user, channel, body)

    async def _interact(self, user: User, payload: Json) -> Answer:
        ack = await self.sockets.send("interactive", payload)
        if ack.acked:
            return Answer(ack.payload)
        return self._shown(user, NO_CONNECTION, _failure(ack))

    def _rights(self, user: User, channel: Channel, original: Message | None) -> Json:
        reply = self.triggers.reply(user.id, channel.id, original)
        url = f"{self.state.address}/response/{reply.token}"
        return {"trigger_id": self.triggers.trigger(user.id), "response_url": url}

    def _acted(self, used: Used, blocks: list[Json]) -> Json:
        now = {used.element["action_id"]: used.chosen} if used.chosen is not None else {}
        done = payloads.action(used, self.state.ids.ts())
        return {"actions": [done], "state": {"values": forms.values(blocks, now)}}

    def _spoken(self, user: User, channel: Channel, payload: Json) -> Answer:
        if payload.get("text") or payload.get("blocks"):
            try:
                check_message(payload)
            except Refused as refused:
                return self._shown(user, f"failed with the error {refused.code}", refused.code)
            self._say(user, channel, payload)
        return Answer(payload)

    def _say(self, user: User, channel: Channel, body: Json) -> None:
        public = body.get("response_type") == "in_channel"
        message = Message(
            ts=self.state.ids.ts(),
            channel=channel.id,
            user=self.state.bot.id,
            bot_id=self.state.bot_id,
            thread_ts=body.get("thread_ts"),
            text=str(body.get("text") or ""),
            blocks=named_blocks(body.get("blocks") or [], self.state.ids),
            seen_by=None if public else user.id,
        )
        (self.board.post if public else self.board.whisper)(message)

    def _replace(self, original: Message, body: Json) -> None:
        blocks = named_blocks(body.get("blocks") or [], self.state.ids)
        text = str(body.get("text") or "")
        if original.seen_by is None:
            self.board.edit(original, text=text, blocks=blocks)
        else:
            original.text, original.blocks = text, blocks
            self.board.whisper(original, "changed")

    def _remove(self, original: Message) -> None:
        if original.seen_by is None:
            self.board.delete(original)
        else:
            self.board.whisper(original, "deleted")

    def _submitted(self, view: View, payload: Json) -> Answer:
        match payload.get("response_action"):
            case "errors":
                return self._errors(view, payload.get("errors") or {}, payload)
            case "update":
                check_view(payload.get("view"))
                self.modals.update(view, payload["view"])
            case "push":
                check_view(payload.get("view"))
                self.modals.push(view.user, payload["view"])
            case "clear":
                self.modals.close_all(view.user)
            case _:
                self.modals.close(view)
        return Answer(payload)

    def _errors(self, view: View, wrong: Json, payload: Json | None = None) -> Answer:
        known = {block.get("block_id") for block in view.body["blocks"]}
        if not set(wrong) <= known:
            raise Refused("invalid_block_id")
        told = {"type": "view_errors", "user": view.user, "view_id": view.id, "errors": wrong}
        self.board.changes.tell(told)
        return Answer(payload or {"errors": wrong}, "view_errors")

    def _shown(self, user: User, text: str, code: str) -> Answer:
        self.board.notice(user, text)
        return Answer(error=code, shown=text)


def _failure(ack: Ack) -> str:
    return "operation_timeout" if ack.reason == "timeout" else "dispatch_failed"
