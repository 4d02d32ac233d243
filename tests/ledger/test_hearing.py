"""Until when people were heard: a gap is found once, and looked up by one."""

import pytest
from sqlalchemy import select

from engine.hearing import GAP, LEASE, LONGEST, Hearing
from engine.models import Hearing as HearingRow
from engine.spec import Origin
from tests.ledger.conftest import LedgerWorld


async def test_a_gap_is_looked_up_by_one_who_may_die_over_it(ledger: LedgerWorld) -> None:
    one, other = Hearing(ledger.db), Hearing(ledger.db)
    assert await one.heard() is None  # the first time ever
    await ledger.pass_time(GAP - 1)
    assert await one.heard() is None
    await ledger.pass_time(GAP + 1)
    since = await one.heard()
    assert since is not None
    assert await other.heard() is None
    await ledger.pass_time(LEASE + 1)  # the one has died
    assert await other.heard() == since
    await other.caught_up()
    assert await one.heard() is None


async def test_of_a_long_gap_only_the_last_day_is_looked_up(ledger: LedgerWorld) -> None:
    hearing = Hearing(ledger.db)
    await hearing.heard()
    before = await hearing.heard()
    assert before is None
    await ledger.pass_time(3 * LONGEST)
    since = await hearing.heard()
    async with ledger.db.reading() as session:
        row = (await session.scalars(select(HearingRow))).one()
    assert since is not None
    assert row.heard_at is not None
    assert (row.heard_at - since).total_seconds() == pytest.approx(LONGEST)


async def test_where_something_may_have_been_said_to_us(ledger: LedgerWorld) -> None:
    hearing = Hearing(ledger.db)
    await ledger.spawn(thread="works")
    await ledger.spawn(thread="ended")
    for claim in await ledger.claim():
        await ledger.finish(claim)
    assert await hearing.places() == ["T1/C1"]
    both = {Origin("T1/C1", "works"), Origin("T1/C1", "ended")}
    assert set(await hearing.threads()) == both
    await ledger.pass_time(2 * LONGEST)
    assert await hearing.threads() == []
    await ledger.spawn(thread="waits")
    await ledger.pass_time(2 * LONGEST)
    assert await hearing.threads() == [Origin("T1/C1", "waits")]
