"""Workflows before they start: described, put to people as a plan, changed."""

from dataclasses import dataclass, replace

from bot import grammar, messages
from bot.access import Action, possible
from bot.asked import Asked, Done, Outcome, in_time
from bot.messages import Message
from bot.replies import packed
from bot.settings import BotSettings
from bot.starting import Starter
from engine import (
    AgentSpec,
    Engine,
    GateSpec,
    Inquiry,
    Plan,
    Wish,
    WorkflowSpec,
)


@dataclass(frozen=True)
class Planning:
    """Puts plans to people; who may ask for one is the caller's to say."""

    engine: Engine
    settings: BotSettings
    starter: Starter

    async def propose(self, spec: WorkflowSpec, asked: Asked) -> Outcome:
        """Show a plan in its thread, where it waits to be started."""
        placed = await self._placed(spec, asked)
        if not isinstance(placed, WorkflowSpec):
            return placed
        if refusal := self._undecidable(placed, asked.by.id, asked):
            return refusal
        around = await self.starter.surveyor.survey(asked.payload)
        plan = Plan(replace(placed, context=around.context, files=around.files), asked.typed)
        wish = asked.wish(lambda workflow: packed(messages.planned(workflow)))
        await self.engine.plans.propose(plan, wish)
        return Done.SETTLED

    async def think(self, goal: AgentSpec, asked: Asked) -> Outcome:
        """Have an agent propose a plan, with gates where somebody could decide at them."""
        repo = await self.starter.repository(goal.repo, asked)
        if isinstance(repo, Message):
            return repo
        access, owner = self.settings.access, asked.by.id
        if not possible(access, owner, action=Action.CONFIRM):
            return messages.nobody_could(asked.typed, Action.CONFIRM)
        gates = possible(access, owner)

        async def think(spec: AgentSpec, wish: Wish) -> int:
            return await self.engine.plans.think(spec, wish, gates=gates)

        placed = replace(goal, repo=repo)
        return await self.starter.start(placed, think, messages.thinking, asked)

    async def run(self, run: grammar.Run, asked: Asked) -> Outcome:
        """Show the plan of a workflow from a file; or, without a name, what there is."""
        repo = await self.starter.repository(run.repo, asked)
        if isinstance(repo, Message):
            return repo
        if not run.name:
            return messages.recipes_listed(await self.engine.recipes.listed(repo))
        access = self.settings.access
        allowed = (*access.approvers, *access.admin)
        spec = await self.engine.recipes.plan(repo, run.name, run.values, allowed)
        return await self.propose(spec, asked)

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
        plan = Plan(placed, asked.typed)
        if await in_time(self.engine.plans.edit(inquiry.id, revision, plan, wish)):
            return Done.SETTLED
        return messages.decided_late(await self.engine.ledger.inquiry(inquiry.id))

    async def _placed(self, spec: WorkflowSpec, asked: Asked) -> WorkflowSpec | Message:
        """The plan with a repository for every agent, or what is to be answered instead."""
        named = [node.does.repo for node in spec.agents if isinstance(node.does, AgentSpec)]
        chosen = spec
        for name in dict.fromkeys(named):
            repo = await self.starter.repository(name, asked)
            if isinstance(repo, Message):
                return repo
            chosen = chosen if name else chosen.in_repo(repo)
        return chosen

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
