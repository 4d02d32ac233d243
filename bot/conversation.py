"""What a recorded command means: one meaning each, in one place."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from bot import grammar, messages, slack_text
from bot.acts import AboutOne, Acts, Asked, Done, Outcome
from bot.directory import Directory
from bot.grammar import Command, Refusal
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
EARLIER = frozenset({messages.AGAIN, messages.REPAIR, messages.PICK})


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
        if recorded.kind == Kind.ACTION:
            return await self._press(asked)
        return await self.acts.do(_read(asked), asked)

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
        if action in EARLIER:
            return await self._earlier(action, asked)
        meaning = BUTTONS.get(action)
        if meaning is None or not value.isdecimal():
            return Done.IGNORED
        return await self.acts.do(meaning(int(value)), asked)

    async def _earlier(self, action: str, asked: Asked) -> Outcome:
        """Carry out what the same person typed before, mended as the button says."""
        value = str(asked.payload["value"])
        key = str(asked.payload["block"]) if action == messages.PICK else value
        typed = await self.engine.inbox.find(key)
        if typed is None or typed.author != asked.recorded.author:
            return Done.IGNORED
        meant = await self._asked(typed)
        command = _read(meant)
        match action, command:
            case messages.REPAIR, Refusal(suggestion=suggestion) if suggestion:
                command = parse(suggestion, default="refuse")
            case messages.PICK, grammar.Spawn(spec):
                command = grammar.Spawn(replace(spec, repo=value))
        payload = {**typed.payload, "response_url": asked.payload["response_url"]}
        pressed = replace(asked.recorded, payload={**payload, "ephemeral": True})
        again = action == messages.AGAIN
        return await self.acts.do(command, Asked(pressed, meant.by, meant.typed, again))


def _read(asked: Asked) -> Command | Refusal:
    """The command that a typed text is."""
    match asked.recorded.kind:
        case Kind.COMMAND:
            return parse(asked.typed, default="refuse")
        case Kind.SHORTCUT:
            return parse(f"spawn -- {asked.typed}", default="spawn")
        case _:
            return parse(asked.typed, default="spawn")
