"""What runs may cost: at most what is left of the budgets that they are paid from.

An agent has a budget for all its attempts, its workflow has one, and so has its person for a day.
A run that begins sets aside what it may cost, so that those beside it do not spend the same money.
"""

import asyncio
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from tenacity import AsyncRetrying, retry_if_exception, wait_exponential_jitter

from engine import purses, reading
from engine.errors import MabError
from engine.events import tell
from engine.executor import Usage
from engine.leases import Claim, Leases
from engine.matters import Budget, Whose
from engine.models import Node, Person
from engine.notices import Nearing
from engine.purses import LEAST, Purse
from engine.store import is_passing, lock
from engine.workflows import Workflows

PAUSE = 1.0  # seconds between two looks whether others have left something
LOOKS = 50  # at the budgets, while a run uses up what it may cost
NAMES = {
    Whose.AGENT: "the agent's own budget",
    Whose.WORKFLOW: "the workflow's budget",
    Whose.PERSON: "what one person's agents may cost within 24 hours",
}


class OutOfBudget(MabError):
    """The budget is used up."""

    def __init__(self, purse: Purse) -> None:
        self.purse = purse
        super().__init__(
            f"{NAMES[purse.whose]} is used up: ${purse.spent:.2f} of ${purse.budget:.2f} are "
            f"spent; {purse.setting} says how much it is"
        )


@dataclass
class Gauge:
    """Says when a run has used so much more that a look at the budgets is worth while."""

    most: Decimal = Decimal(0)  # US dollars that the run may cost; 0 = nobody looks
    seen: Decimal = Decimal(0)  # what it had cost at the last look

    def due(self, cost: Decimal) -> bool:
        """Whether to look now, which then counts as done."""
        if not self.most or cost - self.seen < self.most / LOOKS:
            return False
        self.seen = cost
        return True


@dataclass(frozen=True)
class Budgets:
    """Sets money aside for the runs of one worker, and sees what they use."""

    workflows: Workflows
    leases: Leases

    async def reserve(self, claim: Claim) -> Decimal:
        """What a run may cost, in US dollars; its end releases what it has not spent.

        Waits while others have set aside all that is left. Raises OutOfBudget when all is spent
        (then people are asked, see `asks`), LostLease.
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
            purse = purses.tightest(await self._purses(session, node))
            if purse.used_up:
                raise OutOfBudget(purse)
            if purse.left >= LEAST:
                await self.leases.hold(session, claim, reserved=purse.left)
            return purse.left

    async def asks(self, claim: Claim, usage: Usage) -> Budget:
        """What people are asked when a run has ended because of its budget, or could not begin.

        `usage` is what the run has used in all: it is written down, and what the run has set
        aside beyond that is released. Waits while the database is away. Raises LostLease.
        """
        async for trial in AsyncRetrying(
            retry=retry_if_exception(is_passing), wait=wait_exponential_jitter(max=5), reraise=True
        ):
            with trial:
                matter = await self._asked(claim, usage)
        return matter

    async def _asked(self, claim: Claim, usage: Usage) -> Budget:
        async with self.workflows.db.writing() as session:
            await self.leases.hold(session, claim, cost=usage.cost, reserved=0)
            node = await session.get_one(Node, claim.agent_id)
            return purses.tightest(await self._purses(session, node)).matter()

    async def look(self, claim: Claim) -> None:
        """Have people told, once, of each budget that a run has nearly used up.

        Raises LostLease.
        """
        async with self.workflows.db.reading() as session:
            if not await self._nearing(session, claim):
                return  # the rule, and it takes no lock
        async with self.workflows.db.writing() as session:
            await lock(session, claim.workflow_id)
            await self.leases.hold(session, claim)
            for purse in await self._nearing(session, claim):
                if await purses.note(session, purse):
                    node = await session.get_one(Node, claim.agent_id)
                    view = await reading.agent(session, node.id)
                    fact = Nearing(view, purse.whose, purse.budget, purse.spent)
                    tell(session, claim.workflow_id, fact, node)

    async def _nearing(self, session: AsyncSession, claim: Claim) -> list[Purse]:
        node = await session.get_one(Node, claim.agent_id)
        return [purse for purse in await self._purses(session, node) if purse.nearing]

    async def _purses(self, session: AsyncSession, node: Node) -> list[Purse]:
        return await purses.purses_of(session, node, self.workflows.settings.limits)
