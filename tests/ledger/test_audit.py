"""The audit says who did what, and nothing takes it back."""

import pytest
from sqlalchemy import delete, update
from sqlalchemy.exc import DBAPIError

from engine import audit
from engine.dag import GateSpec, NodeSpec, WorkflowSpec
from engine.decisions import Decisions
from engine.matters import Plan
from engine.models import Audit, Inquiry
from engine.plans import Plans
from engine.spec import AgentSpec
from engine.states import Decision
from engine.votes import Click
from tests.ledger.conftest import BOB, LedgerWorld

SPEC = WorkflowSpec(
    "demo", (NodeSpec("ok", GateSpec("?")), NodeSpec("a", AgentSpec("x", repo="shop"), ("ok",)))
)


async def test_who_asked_and_who_decided_what_was_shown(ledger: LedgerWorld) -> None:
    asking = await ledger.wish()
    workflow = await Plans(ledger.workflows).propose(Plan(SPEC), asking)
    decisions = Decisions(ledger.workflows)
    await decisions.decide(Click(1, 1, Decision.APPROVE), await ledger.wish())
    deciding = await ledger.wish(BOB)
    await decisions.decide(Click(2, 1, Decision.REJECT, "too vague"), deciding)
    async with ledger.db.reading() as session:
        told = await audit.entries(session, workflow)
        shown = (await session.get_one(Inquiry, 2)).digest
    assert [(entry.who.id, entry.did) for entry in told] == [
        ("U1", "asked"), ("U1", "decided"), ("U2", "decided"),
    ]  # fmt: skip
    assert told[0].command == asking.key
    assert (told[2].command, told[2].digest) == (deciding.key, shown)
    assert "too vague" in told[2].detail


async def test_the_database_refuses_to_change_or_to_delete_it(ledger: LedgerWorld) -> None:
    await ledger.spawn()
    for undoing in (update(Audit).values(who="U9"), delete(Audit)):
        with pytest.raises(DBAPIError, match="the audit only grows"):
            async with ledger.db.writing() as session:
                await session.execute(undoing)
