"""Files that come with a plan reach the agents that begin, and are not kept for ever."""

from dataclasses import replace

from sqlalchemy import func, select

from engine import files
from engine.dag import NodeSpec, WorkflowSpec
from engine.decisions import Decisions
from engine.matters import Plan
from engine.models import File as Row
from engine.plans import Plans
from engine.spec import AgentSpec, File
from engine.states import Decision
from engine.votes import Click
from tests.ledger.conftest import LedgerWorld

NOTES = File("notes.txt", "text/plain", b"add and subtract")
DO = AgentSpec("x", repo="shop")
SPEC = WorkflowSpec(
    "demo",
    (NodeSpec("a", DO), NodeSpec("b", replace(DO, task="y")), NodeSpec("c", DO, ("a", "b"))),
    files=(NOTES,),
)


async def test_the_agents_that_begin_get_them(ledger: LedgerWorld) -> None:
    await Plans(ledger.workflows).propose(Plan(SPEC), await ledger.wish())
    await Decisions(ledger.workflows).decide(Click(1, 1, Decision.APPROVE), await ledger.wish())
    async with ledger.db.reading() as session:
        assert [await files.attached(session, node) for node in (1, 2, 3)] == [
            (NOTES,),
            (NOTES,),
            (),
        ]
        assert await session.scalar(select(func.count()).select_from(Row)) == 2


async def test_those_of_a_discarded_plan_are_gone(ledger: LedgerWorld) -> None:
    await Plans(ledger.workflows).propose(Plan(SPEC), await ledger.wish())
    await Decisions(ledger.workflows).decide(Click(1, 1, Decision.REJECT), await ledger.wish())
    async with ledger.db.reading() as session:
        assert await session.scalar(select(func.count()).select_from(Row)) == 0
