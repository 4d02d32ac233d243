"""What a recorded command means: one meaning each, in one place."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal, assert_never

from bot import grammar, messages, slack_text
from bot.acts import AboutOne, Acts, Asked, Done, Outcome
from bot.directory import Directory
from bot.intake import Kind
from bot.messages import Message
from bot.parsing import parse
from bot.replies import packed
from engine import Engine, Recorded, Settled

BUTTONS: Mapping[str, Callable[[int], AboutOne]] = {
    messages.STOP: grammar.Cancel,
    messages.RETRY: grammar.Retry,
    messages.VIEW_DIFF: grammar.Diff,
}


@dataclass(frozen=True)
class Conversation:
    """Carries out commands; every one ends settled, with an effect or a reply."""

    engine: Engine
    directory: Directory
    acts: Acts

    async def take(self, recorded: Recorded) -> None:
        """Carry out one command."""
        with suppress(Settled):  # by another process, in the meantime
            match await self._meaning(recorded):
                case Message() as reply:
                    await self._settle(recorded, reply)
                case Done.IGNORED:
                    await self.engine.workflows.settle(recorded.key, "ignored", None)
                case Done.SETTLED:
                    pass

    async def apologise(self, recorded: Recorded) -> None:
        """Settle a command that could not be carried out, whatever was tried."""
        await self._settle(recorded, messages.unavailable(str(recorded.payload.get("text", ""))))

    async def _settle(self, recorded: Recorded, reply: Message) -> None:
        await self.engine.workflows.settle(recorded.key, reply.text, packed(reply))

    async def _meaning(self, recorded: Recorded) -> Outcome:
        asked = await self._asked(recorded)
        kind = Kind(recorded.kind)
        match kind:
            case Kind.COMMAND:
                return await self.acts.do(parse(asked.typed, default="refuse"), asked)
            case Kind.MESSAGE:
                return await self.acts.do(parse(asked.typed, default="spawn"), asked)
            case Kind.SHORTCUT:
                return await self.acts.do(parse(f"spawn -- {asked.typed}", default="spawn"), asked)
            case Kind.ACTION:
                return await self._press(asked)
            case _:
                assert_never(kind)

    async def _asked(self, recorded: Recorded) -> Asked:
        text = str(recorded.payload.get("text", ""))
        if recorded.kind == Kind.MESSAGE:
            text = slack_text.without_mention(text, await self.directory.bot_user())
        names = await self.directory.names(slack_text.users(text))
        by = (await self.directory.account(recorded.author)).person
        return Asked(recorded, by, slack_text.meaning(text, names))

    async def _press(self, asked: Asked) -> Outcome:
        """A button was pressed; its value says on what."""
        action, value = asked.payload["action"], str(asked.payload["value"])
        if action == messages.AGAIN:
            return await self._again(value, asked)
        meaning = BUTTONS.get(action)
        if meaning is None or not value.isdecimal():
            return Done.IGNORED
        return await self.acts.do(meaning(int(value)), asked)

    async def _again(self, key: str, asked: Asked) -> Outcome:
        """Carry out an earlier command of the same person once more, though it repeats another."""
        earlier = await self.engine.inbox.find(key)
        if earlier is None or earlier.author != asked.recorded.author:
            return Done.IGNORED
        meant = await self._asked(earlier)
        default: Literal["refuse", "spawn"] = "refuse" if earlier.kind == Kind.COMMAND else "spawn"
        payload = {**earlier.payload, "response_url": asked.payload["response_url"]}
        repeated = replace(asked.recorded, payload={**payload, "ephemeral": True})
        return await self.acts.do(
            parse(meant.typed, default=default), Asked(repeated, meant.by, meant.typed, again=True)
        )
