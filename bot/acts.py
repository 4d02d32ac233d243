"""Doing what people ask for: access, then the engine's verbs; or the answer to a question."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any, assert_never

from bot import grammar, messages
from bot.access import Action, Denied, decide
from bot.directory import Directory
from bot.grammar import Command, Refusal
from bot.intake import Kind
from bot.messages import Message
from bot.replies import packed
from bot.repository import Ask, Chosen, Unknown, choose
from bot.settings import BotSettings
from bot.surroundings import Surveyor
from engine import (
    AgentSpec,
    AgentView,
    AlreadyStarted,
    Engine,
    MabError,
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
class Acts:
    """Carries out commands, each as the person who gave it."""

    engine: Engine
    directory: Directory
    settings: BotSettings
    surveyor: Surveyor
    bot_name: str = "agent"

    async def do(self, command: Command | Refusal, asked: Asked) -> Outcome:
        """Carry out a command; what cannot be done is answered with a sentence."""
        try:
            return await self._do(command, asked)
        except MabError as error:
            if isinstance(error, Settled):
                raise
            return messages.failed(error, asked.typed)

    async def _do(self, command: Command | Refusal, asked: Asked) -> Outcome:
        match command:
            case Refusal() | grammar.Help() | grammar.Whoami():
                return await self._explain(command, asked)
            case grammar.List():
                return await self._list(asked)
            case grammar.Spawn(spec):
                return await self._spawn(spec, asked)
            case grammar.Pause() | grammar.Resume():
                return await self._brake(command, asked)
            case _:
                return await self._about(command, asked)

    async def _explain(
        self, command: Refusal | grammar.Help | grammar.Whoami, asked: Asked
    ) -> Outcome:
        match command:
            case Refusal():
                return messages.refused(command, asked.recorded.key)
            case grammar.Help(topic):
                return messages.helped(topic)
            case grammar.Whoami():
                actor = await self.directory.actor(asked.by.id)
                return messages.whoami(actor, self.settings.access)
            case _:
                assert_never(command)

    async def _spawn(self, spec: AgentSpec, asked: Asked) -> Outcome:
        if refusal := await self._may(Action.SPAWN, asked):
            return refusal
        if not await self.directory.can_post(asked.payload["channel"]):
            return messages.not_in_channel(self.bot_name, asked.typed)
        match await self._repository(spec, asked):
            case Chosen(repo):
                return await self._start(replace(spec, repo=repo), asked)
            case Ask(among):
                return messages.which_repo(among, asked.typed, asked.recorded.key)
            case Unknown(named, usable):
                return messages.unknown_repo(named, usable, asked.typed)

    async def _repository(self, spec: AgentSpec, asked: Asked) -> Chosen | Ask | Unknown:
        thread = [agent.repo for agent in await self._here(asked)]
        return choose(spec.repo, asked.payload["channel"], thread, self.settings.repos)

    async def _start(self, spec: AgentSpec, asked: Asked) -> Outcome:
        around = await self.surveyor.survey(asked.payload)
        spec = replace(spec, context=around.context, files=around.files)
        try:
            wish = asked.wish(lambda agent: packed(messages.queued(agent, around.lacks)))
            await self.engine.workflows.start(spec, wish)
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

    async def _brake(self, command: grammar.Pause | grammar.Resume, asked: Asked) -> Outcome:
        if refusal := await self._may(Action.ADMIN, asked):
            return refusal
        match command:
            case grammar.Pause(now):
                told = packed(messages.paused(ends_runs=now))
                await self.engine.workflows.pause(asked.wish(lambda _: told), ends_runs=now)
            case grammar.Resume():
                wish = asked.wish(lambda _: packed(messages.resumed()))
                await self.engine.workflows.resume(wish)
        return Done.SETTLED

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
