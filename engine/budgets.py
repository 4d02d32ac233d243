"""What runs may cost: at most their own budget, and what is left of those that they share.

A graph has a budget, and so has each person for a day. A run that begins sets aside what it may
cost, so that those beside it do not spend the same money.
"""

import asyncio
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import ColumnElement, case, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from engine.clock import now
from engine.errors import MabError
from engine.leases import Claim, Leases
from engine.models import Node, Person, Request, Run
from engine.store import lock
from engine.workflows import Workflows

DAY = 24 * 3600.0  # seconds
LEAST = Decimal("0.01")  # US dollars that are worth beginning with
PAUSE = 1.0  # seconds between two looks whether others have left something


class OutOfBudget(MabError):
    """The budget is used up."""


@dataclass(frozen=True)
class Purse:
    """A budget that several runs share, in US dollars."""

    name: str
    setting: str  # that says how much it is
    budget: Decimal
    spent: Decimal
    reserved: Decimal  # by runs that have not ended, beyond what they have spent

    def left(self) -> Decimal:
        """What nobody has spent or set aside; raises OutOfBudget when all of it is spent."""
        if self.budget - self.spent < LEAST:
            raise OutOfBudget(
                f"{self.name} is used up: ${self.spent:.2f} of ${self.budget:.2f} are spent; "
                f"{self.setting} says how much it is"
            )
        return self.budget - self.spent - self.reserved


@dataclass(frozen=True)
class Budgets:
    """Sets money aside for the runs of one worker."""

    workflows: Workflows
    leases: Leases

    async def reserve(self, claim: Claim) -> Decimal:
        """What a run may cost, in US dollars; its end releases what it has not spent.

        Waits while others have set aside all that is left. Raises OutOfBudget when all is spent,
        LostLease.
        """
        while True:
            if (amount := await self._reserved(claim)) >= LEAST:
                return amount
            await asyncio.sleep(PAUSE)

    async def _reserved(self, claim: Claim) -> Decimal:
        """What could be set aside now."""
        async with self.workflows.db.writing() as session:
            await lock(session, claim.workflow_id)
            node = await session.get_one(Node, claim.agent_id)
            mine = select(Person.id).where(Person.id == node.requested_by)
            await session.execute(mine.with_for_update(key_share=True))
            free = [purse.left() for purse in await self._purses(session, node)]
            amount = min(Decimal(str(node.policy["budget_usd"])), *free)
            if amount >= LEAST:
                await self.leases.hold(session, claim, reserved=amount)
            return amount

    async def _purses(self, session: AsyncSession, node: Node) -> list[Purse]:
        limits = self.workflows.settings.limits
        purses = []
        if node.graph_id is not None:
            given = (await session.get_one(Request, node.graph_id)).budget
            most = given or limits.workflow_budget_usd
            setting = "its --budget" if given else "`[limits] workflow_budget_usd`"
            used = await _used(session, Node.graph_id == node.graph_id)
            purses.append(Purse("the workflow's budget", setting, most, *used))
        used = await _used(
            session, Node.requested_by == node.requested_by, Run.started_at > now(-DAY)
        )
        name = "what one person's agents may cost within 24 hours"
        setting = "`[limits] daily_budget_usd`"
        return [*purses, Purse(name, setting, limits.daily_budget_usd, *used)]


async def _used(session: AsyncSession, *of: ColumnElement[bool]) -> tuple[Decimal, Decimal]:
    """What some runs have spent together, and what they have set aside beyond that."""
    beyond = case((Run.reserved > Run.cost, Run.reserved - Run.cost), else_=Decimal(0))
    sums = select(func.sum(Run.cost), func.sum(beyond)).join(Node, Node.id == Run.node_id)
    spent, reserved = (await session.execute(sums.where(*of))).one()
    return Decimal(spent or 0), Decimal(reserved or 0)
