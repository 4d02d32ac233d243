"""Doing what people ask for: access, then the engine's verbs; or the answer to a question."""

from dataclasses import dataclass, replace
from typing import assert_never

from bot import grammar, messages
from bot.about import About
from bot.access import Action
from bot.asked import Asked, Done, Outcome
from bot.directory import Directory
from bot.gatekeeper import Gatekeeper
from bot.grammar import Command, Refusal
from bot.growing import Growing
from bot.messages import Message
from bot.planning import Planning
from bot.replies import packed
from bot.roster import arrange
from bot.settings import BotSettings
from bot.starting import Starter
from engine import AgentSpec, Engine, MabError, Settled

LISTED = 30


@dataclass(frozen=True)
class Acts:
    """Carries out commands, each as the person who gave it."""

    engine: Engine
    directory: Directory
    settings: BotSettings
    starter: Starter
    gate: Gatekeeper
    about: About
    planning: Planning
    growing: Growing
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
            case grammar.Spawn() | grammar.Then():
                return await self._agent(command, asked)
            case grammar.Workflow() | grammar.Run() | grammar.Plan():
                return await self._workflow(command, asked)
            case grammar.Pause() | grammar.Resume():
                return await self._brake(command, asked)
            case _:
                return await self.about.do(command, asked)

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

    async def _agent(self, command: grammar.Spawn | grammar.Then, asked: Asked) -> Outcome:
        match command:
            case grammar.Then(spec):
                return await self.growing.then(spec, asked)
            case grammar.Spawn(spec, grammar.Ref() as parent):
                return await self.growing.after(spec, parent, asked)
            case grammar.Spawn(spec):
                return await self._spawn(spec, asked)

    async def _spawn(self, spec: AgentSpec, asked: Asked) -> Outcome:
        if refusal := await self._may_begin(asked):
            return refusal
        repo = await self.starter.repository(spec.repo, asked)
        if isinstance(repo, Message):
            return repo
        placed = replace(spec, repo=repo)
        return await self.starter.start(placed, self.engine.workflows.start, messages.queued, asked)

    async def _workflow(
        self, command: grammar.Workflow | grammar.Run | grammar.Plan, asked: Asked
    ) -> Outcome:
        if refusal := await self._may_begin(asked):
            return refusal
        match command:
            case grammar.Workflow(spec):
                return await self.planning.propose(spec, asked)
            case grammar.Run():
                return await self.planning.run(command, asked)
            case grammar.Plan(goal):
                return await self.planning.think(goal, asked)

    async def _may_begin(self, asked: Asked) -> Message | None:
        """The refusal when the asker may not start anything, or nothing could be told of it."""
        if refusal := await self.gate.refusal(Action.SPAWN, asked):
            return refusal
        if not await self.directory.can_post(asked.payload["channel"]):
            return messages.not_in_channel(self.bot_name, asked.typed)
        return None

    async def _list(self, asked: Asked) -> Outcome:
        if refusal := await self.gate.refusal(Action.READ, asked):
            return refusal
        mine = await self.engine.ledger.recent(asked.by.id, LISTED)
        here = await self.engine.ledger.unfinished_in(asked.place)
        actor = await self.directory.actor(asked.by.id)
        waiting = await self.engine.ledger.waiting_for(asked.by.id)
        known = arrange([*waiting, *mine, *here], actor, self.settings.access)
        return messages.listing(known.waiting, known.mine, known.here)

    async def _brake(self, command: grammar.Pause | grammar.Resume, asked: Asked) -> Outcome:
        if refusal := await self.gate.refusal(Action.ADMIN, asked):
            return refusal
        match command:
            case grammar.Pause(now):
                told = packed(messages.paused(ends_runs=now))
                await self.engine.workflows.pause(asked.wish(lambda _: told), ends_runs=now)
            case grammar.Resume():
                wish = asked.wish(lambda _: packed(messages.resumed()))
                await self.engine.workflows.resume(wish)
        return Done.SETTLED
