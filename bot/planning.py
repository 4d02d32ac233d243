"""Workflows before they start: described, put to people as a plan, changed."""

from dataclasses import dataclass, replace

from bot import grammar, messages
from bot.access import Action, possible
from bot.asked import Asked, Done, Outcome
from bot.messages import Message
from bot.replies import packed
from bot.repository import Ask, Chosen, Unknown, choose
from bot.settings import BotSettings
from bot.surroundings import Surveyor
from engine import (
    AgentSpec,
    AlreadyStarted,
    Engine,
    GateSpec,
    Inquiry,
    NodeView,
    Plan,
    Settled,
    StaleMove,
    WorkflowSpec,
)


@dataclass(frozen=True)
class Planning:
    """Puts plans to people; who may ask for one is the caller's to say."""

    engine: Engine
    settings: BotSettings
    surveyor: Surveyor

    async def propose(self, spec: WorkflowSpec, asked: Asked) -> Outcome:
        """Show a plan in its thread, where it waits to be started."""
        placed = await self._placed(spec, asked)
        if not isinstance(placed, WorkflowSpec):
            return placed
        if refusal := self._undecidable(placed, asked.by.id, asked):
            return refusal
        around = await self.surveyor.survey(asked.payload)
        plan = Plan(replace(placed, context=around.context, files=around.files), asked.typed)
        wish = asked.wish(lambda workflow: packed(messages.planned(workflow)))
        await self.engine.plans.propose(plan, wish)
        return Done.SETTLED

    async def think(self, goal: AgentSpec, asked: Asked) -> Outcome:
        """Have an agent propose a plan, with gates where somebody could decide at them."""
        repo = await self._repository(goal.repo, asked)
        if isinstance(repo, Message):
            return repo
        access, owner = self.settings.access, asked.by.id
        if not possible(access, owner, action=Action.CONFIRM):
            return messages.nobody_could(asked.typed, Action.CONFIRM)
        around = await self.surveyor.survey(asked.payload)
        goal = replace(goal, repo=repo, context=around.context, files=around.files)
        try:
            wish = asked.wish(lambda agent: packed(messages.thinking(agent, around.lacks)))
            await self.engine.plans.think(goal, wish, gates=possible(access, owner))
        except AlreadyStarted as started:
            twin = await self.engine.ledger.agent(started.agent_id)
            return messages.already_started(twin, asked.recorded.key)
        return Done.SETTLED

    async def run(self, run: grammar.Run, asked: Asked) -> Outcome:
        """Show the plan of a workflow from a file; or, without a name, what there is."""
        repo = await self._repository(run.repo, asked)
        if isinstance(repo, Message):
            return repo
        if not run.name:
            return messages.recipes_listed(await self.engine.recipes.listed(repo))
        access = self.settings.access
        allowed = (*access.approvers, *access.admin)
        spec = await self.engine.recipes.plan(repo, run.name, run.values, allowed)
        return await self.propose(spec, asked)

    async def _repository(self, named: str, asked: Asked) -> str | Message:
        """The repository that is meant, or what is to be answered instead."""
        thread = [node.repo for node in await self._here(asked) if node.repo]
        match choose(named, asked.payload["channel"], thread, self.settings.repos):
            case Chosen(repo):
                return repo
            case Ask(among):
                return messages.which_repo(among, asked.typed, asked.recorded.key)
            case Unknown(unknown, usable):
                return messages.unknown_repo(unknown, usable, asked.typed)

    async def edit(
        self, inquiry: Inquiry, revision: int, spec: WorkflowSpec, asked: Asked
    ) -> Outcome:
        """Put a changed plan in the place of one that waits."""
        placed = await self._placed(spec, asked)
        if not isinstance(placed, WorkflowSpec):
            return placed
        if refusal := self._undecidable(placed, inquiry.requester.id, asked):
            return refusal
        wish = asked.wish(lambda _: packed(messages.plan_changed(inquiry.workflow_id)))
        try:
            await self.engine.plans.edit(inquiry.id, revision, Plan(placed, asked.typed), wish)
        except Settled:
            raise
        except StaleMove:
            late = await self.engine.ledger.inquiry(inquiry.id)
            return messages.decided_late(late)
        return Done.SETTLED

    async def _placed(self, spec: WorkflowSpec, asked: Asked) -> WorkflowSpec | Message:
        """The plan with a repository for every agent, or what is to be answered instead."""
        named = [node.does.repo for node in spec.agents if isinstance(node.does, AgentSpec)]
        chosen = spec
        for name in dict.fromkeys(named):
            repo = await self._repository(name, asked)
            if isinstance(repo, Message):
                return repo
            chosen = chosen if name else chosen.in_repo(repo)
        return chosen

    async def _here(self, asked: Asked) -> list[NodeView]:
        if asked.origin.thread is None:
            return []
        return await self.engine.ledger.of_thread(asked.origin)

    def _undecidable(self, spec: WorkflowSpec, owner: str, asked: Asked) -> Message | None:
        """The refusal of a plan of `owner` with a decision that nobody could take."""
        access = self.settings.access
        if not possible(access, owner, action=Action.CONFIRM):
            return messages.nobody_could(asked.typed, Action.CONFIRM)
        for gate in spec.gates:
            does = gate.does
            if isinstance(does, GateSpec) and not possible(
                access, owner, does.approvers or None, quorum=does.quorum
            ):
                return messages.nobody_could(asked.typed)
        return None
