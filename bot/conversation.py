"""What a recorded command means, and having it done."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any, Literal, assert_never

from bot import grammar, messages, slack_text
from bot.access import Action, Denied, decide
from bot.directory import Directory
from bot.grammar import Command, Refusal
from bot.intake import Kind
from bot.messages import Message
from bot.parsing import parse
from bot.replies import packed
from bot.settings import BotSettings
from engine import (
    AgentSpec,
    AgentView,
    AlreadyStarted,
    Engine,
    NotFound,
    Origin,
    Person,
    Recorded,
    Settled,
    StaleMove,
    Wish,
)

LISTED = 30
Told = Callable[[int], dict[str, Any] | None]
AboutOne = grammar.Status | grammar.Logs | grammar.Diff | grammar.Cancel | grammar.Retry
ACTIONS: Mapping[type, Action] = {grammar.Cancel: Action.CANCEL, grammar.Retry: Action.RETRY}
BUTTONS: Mapping[str, Callable[[int], AboutOne]] = {
    messages.STOP: grammar.Cancel,
    messages.RETRY: grammar.Retry,
    messages.VIEW_DIFF: grammar.Diff,
}


@dataclass(frozen=True)
class Asked:
    """A command, the one who gave it, and where."""

    recorded: Recorded
    by: Person
    typed: str  # what the person meant, without Slack's markup
    again: bool = False

    @property
    def payload(self) -> Mapping[str, Any]:
        """What Slack sent of it."""
        return self.recorded.payload

    @property
    def place(self) -> str:
        """The channel, in the engine's words."""
        return f"{self.payload['team']}/{self.payload['channel']}"

    @property
    def origin(self) -> Origin:
        """The thread that it belongs to; a slash command has none yet."""
        return Origin(self.place, self.payload.get("thread") or None)

    def wish(self, told: Told) -> Wish:
        """The engine's form of it; `told` gives the reply once the agent's number is known."""
        return Wish(self.origin, self.by, self.recorded.key, told, self.again)


class Done(Enum):
    """How a command ended that needs no reply."""

    SETTLED = auto()  # in the transaction of its effect
    IGNORED = auto()  # it meant nothing


Outcome = Message | Done


@dataclass(frozen=True)
class Conversation:
    """Carries out commands; every one ends settled, with an effect or a reply."""

    engine: Engine
    directory: Directory
    settings: BotSettings
    bot_name: str = "agent"

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
                return await self._do(parse(asked.typed, default="refuse"), asked)
            case Kind.MESSAGE:
                return await self._do(parse(asked.typed, default="spawn"), asked)
            case Kind.SHORTCUT:
                return await self._do(parse(f"spawn -- {asked.typed}", default="spawn"), asked)
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
        return await self._do(meaning(int(value)), asked)

    async def _again(self, key: str, asked: Asked) -> Outcome:
        """Carry out an earlier command of the same person once more, though it repeats another."""
        earlier = await self.engine.inbox.find(key)
        if earlier is None or earlier.author != asked.recorded.author:
            return Done.IGNORED
        meant = await self._asked(earlier)
        default: Literal["refuse", "spawn"] = "refuse" if earlier.kind == Kind.COMMAND else "spawn"
        payload = {**earlier.payload, "response_url": asked.payload["response_url"]}
        repeated = replace(asked.recorded, payload={**payload, "ephemeral": True})
        return await self._do(
            parse(meant.typed, default=default), Asked(repeated, meant.by, meant.typed, again=True)
        )

    async def _do(self, command: Command | Refusal, asked: Asked) -> Outcome:
        try:
            return await self._act(command, asked)
        except NotFound as error:
            return messages.failed(error, "")

    async def _act(self, command: Command | Refusal, asked: Asked) -> Outcome:
        match command:
            case Refusal():
                return messages.refused(command)
            case grammar.Help(topic):
                return messages.helped(topic)
            case grammar.Whoami():
                actor = await self.directory.actor(asked.by.id)
                return messages.whoami(actor, self.settings.access)
            case grammar.List():
                return await self._list(asked)
            case grammar.Spawn(spec):
                return await self._spawn(spec, asked)
            case _:
                return await self._about(command, asked)

    async def _spawn(self, spec: AgentSpec, asked: Asked) -> Outcome:
        if refusal := await self._may(Action.SPAWN, asked):
            return refusal
        if not await self.directory.can_post(asked.payload["channel"]):
            return messages.not_in_channel(self.bot_name, asked.typed)
        repo = spec.repo or (self.engine.repos[0] if len(self.engine.repos) == 1 else "")
        if repo not in self.engine.repos:
            return messages.which_repo(self.engine.repos, asked.typed, repo)
        try:
            wish = asked.wish(lambda agent: packed(messages.queued(agent)))
            await self.engine.workflows.start(replace(spec, repo=repo), wish)
        except AlreadyStarted as started:
            twin = await self.engine.ledger.agent(started.agent_id)
            return messages.already_started(twin, asked.recorded.key)
        return Done.SETTLED

    async def _list(self, asked: Asked) -> Outcome:
        if refusal := await self._may(Action.READ, asked):
            return refusal
        mine = await self.engine.ledger.recent(asked.by.id, LISTED)
        here = await self.engine.ledger.unfinished_in(asked.place)
        known = {agent.id for agent in mine}
        return messages.listing([*mine, *(agent for agent in here if agent.id not in known)])

    async def _about(self, command: AboutOne, asked: Asked) -> Outcome:
        """A command about one agent; without a number, the one agent of the thread."""
        verb = type(command).__name__.lower()
        agent = await self._agent(command, asked)
        if agent is None:
            return messages.which_agent(await self._here(asked), verb)
        action = ACTIONS.get(type(command), Action.READ)
        if refusal := await self._may(action, asked, agent):
            return refusal
        return await self._tell_or_change(command, agent, asked)

    async def _tell_or_change(self, command: AboutOne, agent: AgentView, asked: Asked) -> Outcome:
        match command:
            case grammar.Status():
                return messages.status(agent, await self.engine.ledger.runs(agent.id))
            case grammar.Logs():
                return messages.logs(agent, await self.engine.ledger.log(agent.id))
            case grammar.Diff():
                wish = asked.wish(_unless_pressed(asked, messages.diff_follows))
                await self.engine.workflows.show_diff(agent.id, wish)
                return Done.SETTLED
            case grammar.Cancel():
                return await self._cancel(agent, asked)
            case grammar.Retry():
                return await self._retry(agent, asked)
            case _:
                assert_never(command)

    async def _cancel(self, agent: AgentView, asked: Asked) -> Outcome:
        try:
            wish = asked.wish(_unless_pressed(asked, messages.stopping))
            await self.engine.workflows.cancel(agent.id, wish)
        except Settled:
            raise
        except StaleMove:
            return messages.has_ended(await self.engine.ledger.agent(agent.id))
        return Done.SETTLED

    async def _retry(self, agent: AgentView, asked: Asked) -> Outcome:
        try:
            wish = asked.wish(lambda agent_id: packed(messages.retried(agent_id)))
            await self.engine.workflows.retry(agent.id, wish)
        except Settled:
            raise
        except StaleMove:
            return messages.not_ended(await self.engine.ledger.agent(agent.id))
        return Done.SETTLED

    async def _agent(self, command: AboutOne, asked: Asked) -> AgentView | None:
        if command.id is not None:
            return await self.engine.ledger.agent(command.id)
        here = await self._here(asked)
        return here[0] if len(here) == 1 else None

    async def _here(self, asked: Asked) -> list[AgentView]:
        if asked.origin.thread is None:
            return []
        return await self.engine.ledger.of_thread(asked.origin)

    async def _may(
        self, action: Action, asked: Asked, agent: AgentView | None = None
    ) -> Message | None:
        """The refusal when the asker may not."""
        channel = agent.origin.place.partition("/")[2] if agent else ""
        actor = await self.directory.actor(asked.by.id, channel)
        owner = agent.requester.id if agent else ""
        decision = decide(action, actor, self.settings.access, owner=owner)
        return messages.denied(decision, asked.by.id) if isinstance(decision, Denied) else None


def _unless_pressed(asked: Asked, said: Callable[[int], Message]) -> Told:
    """A button's effect is seen in the thread; a typed command is answered as well."""
    if asked.recorded.kind == Kind.ACTION:
        return lambda _: None
    return lambda agent: packed(said(agent))
