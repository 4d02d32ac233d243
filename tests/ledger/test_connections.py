"""Connections that end in the middle of something."""

import asyncio
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError

from engine.commands import Incoming, record
from engine.sqlite import BUSY_SECONDS
from engine.store import IDLE_SECONDS, Database, is_passing

ALIVE = text("SELECT count(*) FROM pg_stat_activity WHERE pid = :pid")


ROWS = [{"id": number, "text": "row"} for number in (1, 2)]


@pytest.mark.parametrize("rows", [[], ROWS])
@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
async def test_who_stands_still_in_a_transaction_loses_it_and_may_try_again(
    db: Database, rows: list[dict[str, object]]
) -> None:
    async with db.reading() as session:
        limit = await session.scalar(text("SHOW idle_in_transaction_session_timeout"))
    assert limit == f"{IDLE_SECONDS}s"
    with pytest.raises(DBAPIError) as lost:
        await _stand_still(db, rows)
    assert is_passing(lost.value)
    async with db.writing() as session:
        assert await session.scalar(text("SELECT 1")) == 1


async def _stand_still(db: Database, rows: list[dict[str, object]]) -> None:
    async with db.writing() as session:
        await session.execute(text("SET LOCAL idle_in_transaction_session_timeout = '50ms'"))
        pid = await session.scalar(text("SELECT pg_backend_pid()"))
        if rows:  # several rows by one statement
            await session.execute(text("CREATE TEMPORARY TABLE rows (id int, text text)"))
            await session.execute(text("INSERT INTO rows VALUES (:id, :text)"), rows)
        async with asyncio.timeout(60):
            while await _lives(db, pid):  # noqa: ASYNC110 - the server tells nobody
                await asyncio.sleep(0.02)
        await session.execute(text("SELECT 1"))


async def _lives(db: Database, pid: int | None) -> bool:
    async with db.reading() as session:  # the view is one of its transaction's beginning
        return bool(await session.scalar(ALIVE, {"pid": pid}))


async def test_the_inbox_knows_what_it_has(db: Database) -> None:
    incoming = Incoming("command:1", "command", {}, "U1")
    assert await record(db, incoming)
    assert not await record(db, incoming)


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_who_is_ended_in_the_middle_of_a_statement_keeps_nobody_from_writing(
    db: Database,
) -> None:
    async with db.engine.connect() as connection:
        await connection.execute(text("CREATE TEMPORARY TABLE rows (id int)"))
        driver: Any = (await connection.get_raw_connection()).driver_connection
        cursor = await driver.execute("INSERT INTO rows VALUES (1), (2) RETURNING id")
        await connection.invalidate()
    async with asyncio.timeout(10), db.writing() as session:  # else it waits for 30 seconds
        assert await session.scalar(text("SELECT 1")) == 1
    assert cursor is not None  # as an exception's traceback would keep it


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_writer_does_not_sleep_through_the_moments_in_which_the_lock_is_free(
    db: Database,
) -> None:
    """By SQLite's own pauses they take a hundred turns of the other program, or never come."""
    hog = Hog(Path(make_url(db.url).database or ""))
    async with asyncio.TaskGroup() as group:
        holding = group.create_task(asyncio.to_thread(hog.write))
        try:
            for number in range(WRITES):
                hog.begun.clear()
                assert await asyncio.to_thread(hog.begun.wait, BUSY_SECONDS)
                assert await record(db, Incoming(f"command:{number}", "command", {}, "U1"))
        finally:
            hog.enough.set()
    assert holding.result() <= 3 * WRITES
    async with db.writing() as session:
        assert await session.scalar(text("PRAGMA busy_timeout")) == 1000 * BUSY_SECONDS


WRITES = 5


class Hog:
    """Another program, which has the file locked nearly always."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.begun, self.enough = threading.Event(), threading.Event()

    def write(self) -> int:
        """Lock it again and again until told to end; how often that was."""
        connection, turns = sqlite3.connect(self.file, isolation_level=None, timeout=60), 0
        while not self.enough.is_set():
            connection.execute("BEGIN IMMEDIATE")
            self.begun.set()
            self.enough.wait(0.15)
            connection.execute("ROLLBACK")
            turns += 1
            self.enough.wait(0.01)
        connection.close()
        return turns
