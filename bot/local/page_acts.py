"""What the page asks for, carried out in the name of the person it acts as."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bot.local import payloads
from bot.local.desk import Desk
from bot.local.interactions import Answer, Interactions
from bot.local.modals import View, acting
from bot.local.payloads import Used
from bot.local.people import People
from bot.local.state import Channel, Message, User
from bot.local.validation import Refused

Json = dict[str, Any]
Act = Callable[["PageActs", Json], Awaitable[None]]
LONGEST = 12_000


@dataclass(frozen=True)
class PageActs:
    """One method for each `do` of the page protocol."""

    desk: Desk
    people: People
    interactions: Interactions

    async def carry_out(self, asked: Json) -> Json:
        """Do what is asked; the reply says whether it was done, or why not."""
        reply = {"type": "reply", "id": asked.get("id")}
        try:
            await self._act(asked)
        except Refused as refused:
            return {**reply, "ok": False, "error": refused.code}
        except (LookupError, TypeError, ValueError) as error:
            return {**reply, "ok": False, "error": str(error) or "invalid_request"}
        return {**reply, "ok": True}

    async def typed(
        self, user: User, channel: Channel, text: str, thread: str | None = None
    ) -> None:
        """What the composer sends: a command when it begins with a slash, else a message."""
        if len(text) > LONGEST:
            raise Refused("msg_too_long")
        if text.startswith("/invite "):
            self.people.invite(channel, text)
        elif text.startswith("/"):
            accepted(await self.interactions.command(user, channel, text, thread))
        elif text.strip():
            self.people.write(user, channel, text, thread, ())
        else:
            raise Refused("no_text")

    def user(self, asked: Mapping[str, Any]) -> User:
        """Whom the page acts as: a person of this workspace, never the bot."""
        user = self.desk.state.user(str(asked["as"]))
        if user.is_bot:
            raise Refused("user_is_bot")
        return user

    def channel(self, asked: Mapping[str, Any]) -> Channel:
        """The channel, when the person can see it."""
        channel = self.desk.state.channel(str(asked["channel"]))
        hidden = channel.is_private or channel.is_im
        if hidden and self.user(asked).id not in channel.members:
            raise Refused("channel_not_found")
        return channel

    async def _act(self, asked: Json) -> None:
        act = ACTS.get(str(asked.get("do")))
        if act is None:
            raise Refused("unknown_act")
        await act(self, asked)

    def message(self, asked: Json) -> Message:
        """The message that is meant, also an ephemeral one of this person."""
        channel, ts = self.channel(asked), str(asked["ts"])
        if not asked.get("ephemeral"):
            return self.desk.message(channel, ts)
        mine = self.user(asked).id
        for message in self.desk.state.ephemerals:
            if (message.ts, message.seen_by, message.channel) == (ts, mine, channel.id):
                return message
        raise Refused("message_not_found")

    def view(self, asked: Json) -> View:
        """The open form of this person."""
        user, view_id = self.user(asked).id, asked.get("view_id")
        view = self.desk.modals.find(lambda v: v.id == view_id and v.user == user)
        if view is None:
            raise Refused("not_found")
        return view


async def _post(acts: PageActs, asked: Json) -> None:
    thread = asked.get("thread_ts")
    await acts.typed(acts.user(asked), acts.channel(asked), str(asked["text"]), thread)


async def _edit(acts: PageActs, asked: Json) -> None:
    acts.people.edit(acts.user(asked), acts.message(asked), str(asked["text"]))


async def _delete(acts: PageActs, asked: Json) -> None:
    acts.people.delete(acts.user(asked), acts.message(asked))


async def _react(acts: PageActs, asked: Json) -> None:
    acts.people.react(acts.user(asked), acts.message(asked), str(asked["name"]))


async def _press(acts: PageActs, asked: Json) -> None:
    user = acts.user(asked)
    if asked.get("view_id"):
        view = acts.view(asked)
        used = _used(view.body["blocks"], asked)
        accepted(await acts.interactions.press_in_view(user, view, used))
    else:
        message = acts.message(asked)
        accepted(await acts.interactions.press(user, message, _used(message.blocks, asked)))


def _used(blocks: list[Json], asked: Json) -> Used:
    used = payloads.pick(blocks, str(asked["action_id"]), str(asked.get("block_id") or ""))
    chosen = asked.get("selected", asked.get("value"))
    return Used(used.block_id, used.element, chosen)


async def _submit(acts: PageActs, asked: Json) -> None:
    view = acts.view(asked)
    known = {block_id for block_id, _ in acting(view.body["blocks"])}
    values = asked.get("values") or {}
    given = {block_id: values[block_id] for block_id in known & set(values)}
    accepted(await acts.interactions.submit(acts.user(asked), view, given))


async def _close(acts: PageActs, asked: Json) -> None:
    await acts.interactions.close(acts.user(asked), acts.view(asked))


async def _shortcut(acts: PageActs, asked: Json) -> None:
    message = acts.message(asked) if asked.get("ts") else None
    user, callback_id = acts.user(asked), str(asked["callback_id"])
    accepted(await acts.interactions.shortcut(user, callback_id, message))


async def _dismiss(acts: PageActs, asked: Json) -> None:
    acts.desk.board.whisper(acts.message({**asked, "ephemeral": True}), "deleted")


async def _create(acts: PageActs, asked: Json) -> None:
    private = bool(asked.get("private"))
    acts.people.create(acts.user(asked), str(asked["name"]).strip("# "), private=private)


ACTS: Mapping[str, Act] = {
    "post": _post,
    "edit": _edit,
    "delete": _delete,
    "react": _react,
    "press": _press,
    "submit": _submit,
    "close": _close,
    "shortcut": _shortcut,
    "dismiss": _dismiss,
    "channel": _create,
}


def accepted(answer: Answer) -> None:
    """Raise Refused, with the sentence for the person, when the app did not take it."""
    if not answer.ok:
        raise Refused(answer.shown or answer.error)
