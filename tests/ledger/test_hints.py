"""Hints from process to process, as far as they go without processes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from sqlalchemy import text

from engine.hints import Hints
from engine.store import Database

ON_SERVER = pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
LISTENERS = "FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN %'"
SECONDS = 60.0


@dataclass
class Ear:
    """Counts what it hears."""

    times: int = 0
    heard: asyncio.Event = field(default_factory=asyncio.Event)

    def __call__(self) -> None:
        self.times += 1
        self.heard.set()

    async def hears(self) -> None:
        """Wait for the next hint."""
        async with asyncio.timeout(SECONDS):
            await self.heard.wait()
        self.heard.clear()


@asynccontextmanager
async def listening(hints: Hints) -> AsyncIterator[Ear]:
    """An ear that hears hints; it was told once, at the beginning."""
    ear = Ear()
    task = asyncio.create_task(hints.listen(ear))
    try:
        await ear.hears()
        yield ear
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@ON_SERVER
async def test_others_hear_a_hint_and_who_gave_it_does_not(db: Database) -> None:
    one, two = Hints(db), Hints(db)
    async with listening(one) as first, listening(two) as second:
        await one.give()
        await second.hears()
        await two.give()
        await first.hears()
    assert (first.times, second.times) == (2, 2)


@ON_SERVER
async def test_whose_connection_is_cut_listens_again_and_looks(db: Database) -> None:
    hints = Hints(db)
    async with listening(hints) as ear:
        async with db.writing() as session:
            cut = await session.scalars(text(f"SELECT pg_terminate_backend(pid) {LISTENERS}"))
            assert list(cut) == [True]
        await ear.hears()
        await Hints(db).give()
        await ear.hears()
    assert ear.times == 3


@ON_SERVER
async def test_nobody_listens_any_more_once_it_is_over(db: Database) -> None:
    async with listening(Hints(db)):
        pass
    async with db.reading() as session, asyncio.timeout(SECONDS):
        while await session.scalar(text(f"SELECT count(*) {LISTENERS}")):
            await session.commit()
            await asyncio.sleep(0.02)


@ON_SERVER
async def test_hints_are_not_worth_an_error(database_url: str) -> None:
    nowhere = Database.connect(database_url.replace("/mab_", "/nothing_"))
    assert nowhere.url != database_url
    await Hints(nowhere).give()
    await nowhere.close()


@ON_SERVER
async def test_after_a_hint_transactions_wait_for_the_disk_as_before(db: Database) -> None:
    async with db.writing() as session:
        before = await session.scalar(text("SHOW synchronous_commit"))
    await Hints(db).give()
    async with db.writing() as session:
        assert await session.scalar(text("SHOW synchronous_commit")) == before


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_file_tells_nobody(db: Database) -> None:
    async with asyncio.timeout(SECONDS):
        await Hints(db).give()
        await Hints(db).listen(lambda: pytest.fail("nobody could have spoken"))
