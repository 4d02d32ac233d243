"""The budgets of an agent, its workflow and its person, in the ledger: used, noted, raised."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_UP, Decimal
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, case, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from engine import models as m
from engine.clock import now
from engine.matters import Budget, Whose
from engine.policy import Policy
from engine.settings import Limits

DAY = 24 * 3600.0  # seconds
LEAST = Decimal("0.01")  # US dollars that are worth beginning with
NEAR = Decimal("0.8")  # of a budget, from which on people are told
LEAST_MORE = Decimal(1)  # US dollars by which a budget is raised
OF_DAY = f"{Whose.PERSON}:"  # how the keys of purses begin that are counted within 24 hours


@dataclass(frozen=True)
class Purse:
    """A budget that runs share, in US dollars."""

    key: str  # in the ledger
    whose: Whose
    setting: str  # that says how much it is
    given: Decimal  # by the setting
    spent: Decimal
    reserved: Decimal  # by runs that have not ended, beyond what they have spent
    raised: Decimal = Decimal(0)  # by people, beyond the setting
    noted: Decimal = Decimal(0)  # the budget of which people were told that it is nearly used up

    @property
    def budget(self) -> Decimal:
        """What may be spent."""
        return self.given + self.raised

    @property
    def left(self) -> Decimal:
        """What nobody has spent or set aside."""
        return self.budget - self.spent - self.reserved

    @property
    def used_up(self) -> bool:
        """Whether all of it is spent."""
        return self.budget - self.spent < LEAST

    @property
    def nearing(self) -> bool:
        """Whether people should be told now; when it is used up, they are asked instead."""
        near = self.budget * NEAR <= self.spent and not self.used_up
        return near and self.noted < self.budget

    def matter(self) -> Budget:
        """What people are asked when no run may go on with what is left.

        An approval adds what is overspent and the setting's own amount, at least $1. Where
        others that run have set aside what is left, that counts as spent.
        """
        over = max(self.spent - self.budget, Decimal(0))
        more = max(self.given + over, LEAST_MORE).quantize(LEAST, ROUND_UP)
        spent = max(self.spent, min(self.spent + self.reserved, self.budget))
        return Budget(self.key, self.whose, self.budget, spent, more)


def tightest(purses: Sequence[Purse]) -> Purse:
    """The one that lets a run do least; one that is used up before one that others hold."""
    return min(purses, key=lambda purse: (not purse.used_up, purse.left))


async def purses_of(session: AsyncSession, node: m.Node, limits: Limits) -> list[Purse]:
    """All that the runs of an agent are paid from: its own first, then what it shares."""
    found = [await _agents(session, node)]
    if node.graph_id is not None:
        found.append(await _workflows(session, node.graph_id, limits))
    found.append(await _persons(session, node.requested_by, limits))
    return await _with_history(session, found)


async def _agents(session: AsyncSession, node: m.Node) -> Purse:
    """Its own, for all attempts since people last let it begin again."""
    since = int(node.policy.get(Policy.SINCE, 0))
    used = await _used(session, m.Run.node_id == node.id, m.Run.attempt >= since)
    key = f"{Whose.AGENT}:{node.id}" + (f":{since}" if since else "")
    setting = "its --budget or `[limits] budget_usd`"
    return Purse(key, Whose.AGENT, setting, Decimal(str(node.policy[Policy.BUDGET])), *used)


async def _workflows(session: AsyncSession, graph_id: int, limits: Limits) -> Purse:
    asked = (await session.get_one(m.Request, graph_id)).budget
    setting = "its --budget" if asked else "`[limits] workflow_budget_usd`"
    used = await _used(session, m.Node.graph_id == graph_id)
    key = f"{Whose.WORKFLOW}:{graph_id}"
    return Purse(key, Whose.WORKFLOW, setting, asked or limits.workflow_budget_usd, *used)


async def _persons(session: AsyncSession, person: str, limits: Limits) -> Purse:
    # What runs have begun since is what to look at: not all that a person ever asked for, hence no
    # index of theirs; and a server plans for these few only if it is given the moment itself.
    mine = func.coalesce(m.Node.requested_by, "") == person
    since = await session.scalar(select(now(-DAY)))
    used = await _used(session, mine, m.Run.started_at > since)
    setting = "`[limits] daily_budget_usd`"
    return Purse(f"{OF_DAY}{person}", Whose.PERSON, setting, limits.daily_budget_usd, *used)


async def _used(session: AsyncSession, *of: ColumnElement[bool]) -> tuple[Decimal, Decimal]:
    """What some runs have spent together, and what they have set aside beyond that."""
    beyond = case((m.Run.reserved > m.Run.cost, m.Run.reserved - m.Run.cost), else_=Decimal(0))
    sums = select(func.sum(m.Run.cost), func.sum(beyond)).join(m.Node, m.Node.id == m.Run.node_id)
    spent, reserved = (await session.execute(sums.where(*of))).one()
    return Decimal(spent or 0), Decimal(reserved or 0)


async def _with_history(session: AsyncSession, purses: Sequence[Purse]) -> list[Purse]:
    """With what people did to them, and were told of them."""
    raised = case((_lasts(m.Purse.raised_at), m.Purse.raised), else_=Decimal(0))
    noted = case((_lasts(m.Purse.noted_at), m.Purse.noted), else_=Decimal(0))
    known = select(m.Purse.key, raised, noted).where(m.Purse.key.in_([p.key for p in purses]))
    history = {key: changed for key, *changed in await session.execute(known)}
    return [
        replace(p, raised=history[p.key][0], noted=history[p.key][1]) if p.key in history else p
        for p in purses
    ]


def _lasts(at: SQLColumnExpression[datetime | None]) -> ColumnElement[bool]:
    """Whether what was done to a purse then still counts."""
    return or_(~m.Purse.key.startswith(OF_DAY), at > now(-DAY))


async def raise_budget(session: AsyncSession, matter: Budget) -> None:
    """Let a purse hold so much more, a person's for 24 hours; raises add up.

    In the transaction of the decision, after its workflow was locked.
    """
    so_far = case((_lasts(m.Purse.raised_at), m.Purse.raised), else_=Decimal(0))
    row = _insert(session).values(key=matter.purse, raised=matter.more, raised_at=now())
    more = row.on_conflict_do_update(
        index_elements=[m.Purse.key],
        set_={"raised": so_far + row.excluded.raised, "raised_at": now()},
    )
    await session.execute(more)


async def note(session: AsyncSession, purse: Purse) -> bool:
    """Write down that people are told of this budget; False when they were already."""
    row = _insert(session).values(key=purse.key, noted=purse.budget, noted_at=now())
    first = row.on_conflict_do_update(
        index_elements=[m.Purse.key],
        set_={"noted": row.excluded.noted, "noted_at": now()},
        where=or_(m.Purse.noted < row.excluded.noted, ~_lasts(m.Purse.noted_at)),
    )
    return await session.scalar(first.returning(m.Purse.key)) is not None


def _insert(session: AsyncSession) -> Any:
    """An INSERT that may say ON CONFLICT, in the database's own words."""
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    return dialect.insert(m.Purse)


async def begin_anew(session: AsyncSession, ids: Collection[int]) -> None:
    """What agents have cost so far does not count towards their own budgets any more."""
    began = select(m.Node).where(m.Node.id.in_(ids), m.Node.attempt > 0)
    for node in list(await session.scalars(began.execution_options(populate_existing=True))):
        node.policy = {**node.policy, Policy.SINCE: node.attempt + 1}
    await session.flush()
