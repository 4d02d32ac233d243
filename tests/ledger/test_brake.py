"""While the brake is on, no agent is claimed."""

from engine.brake import paused
from engine.due import due
from tests.ledger.conftest import BOB, LedgerWorld


async def test_nothing_is_claimed_until_the_brake_is_released(ledger: LedgerWorld) -> None:
    agent = await ledger.spawn()
    await ledger.workflows.pause(await ledger.wish(BOB), ends_runs=False)
    assert await ledger.claim() == []
    found = await paused(ledger.db)
    assert found is not None
    assert (found.by, found.ends_runs) == ("Bob", False)
    await ledger.workflows.resume(await ledger.wish(BOB))
    assert [claim.agent_id for claim in await ledger.claim()] == [agent]
    assert await paused(ledger.db) is None


async def test_a_brake_becomes_harder_but_not_softer(ledger: LedgerWorld) -> None:
    await ledger.workflows.pause(await ledger.wish(), ends_runs=False)
    assert not (await due(ledger.db, [], [])).braked
    await ledger.workflows.pause(await ledger.wish(), ends_runs=True)
    await ledger.workflows.pause(await ledger.wish(), ends_runs=False)
    assert (await due(ledger.db, [], [])).braked


async def test_a_running_agent_goes_on_when_the_brake_is_pulled(ledger: LedgerWorld) -> None:
    await ledger.spawn()
    [claim] = await ledger.claim()
    await ledger.workflows.pause(await ledger.wish(), ends_runs=False)
    assert await ledger.finish(claim) == "completed"
