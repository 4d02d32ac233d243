"""Trouble with the ledger's database: cut off, read-only, stopped, locked by another program."""

import asyncio
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import psycopg
from psycopg.sql import SQL, Identifier
from sqlalchemy.engine import make_url

from tests.chaos.fault import Fault
from tests.chaos.grip import grip
from tests.chaos.ordered import BRIEF, PAST_A_LEASE, Span
from tests.chaos.place import Place

SERVER = "database"
AGAIN, PATIENCE = 0.2, 60.0
# Beside what is read-only for everybody, we are not.
WRITING = "-c default_transaction_read_only=off"
CUT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
READ_ONLY = SQL("ALTER DATABASE {} SET default_transaction_read_only = on")
WRITABLE = SQL("ALTER DATABASE {} RESET default_transaction_read_only")


def postgresql(place: Place) -> bool:
    """Whether the ledger lies on a server."""
    return make_url(place.url).get_backend_name() == "postgresql"


@dataclass(frozen=True)
class Cut:
    """Every connection is cut; new ones can be had at once."""

    kind: str = "database connections cut"

    async def strike(
        self,
        place: Place,
        chance: Random,  # noqa: ARG002 - the protocol's
    ) -> bool:
        """Cut them; whether there were any."""
        if not postgresql(place):
            return False
        with grip(place, SERVER) as free:
            return free and await _cut(place.url) > 0


@dataclass(frozen=True)
class ReadOnly:
    """The database takes no writes, as a standby that is not yet promoted."""

    kind: str
    lasts: Span

    async def strike(self, place: Place, chance: Random) -> bool:
        """Let every new session be read-only for a while, and cut the old ones."""
        if not postgresql(place):
            return False
        with grip(place, SERVER) as free:
            if free:
                await self._closed(place, self.lasts.seconds(place, chance))
            return free

    async def _closed(self, place: Place, seconds: float) -> None:
        await _alter(place.url, READ_ONLY)
        try:
            await _cut(place.url)
            await asyncio.sleep(seconds)
        finally:
            await _surely(place.url, WRITABLE)
            await _cut(place.url)


@dataclass(frozen=True)
class Down:
    """The server is stopped at once, and started again."""

    kind: str
    lasts: Span

    async def strike(self, place: Place, chance: Random) -> bool:
        """Stop it, wait, start it."""
        stop, start = place.stop_database, place.start_database
        if stop is None or start is None:
            return False
        with grip(place, SERVER) as free:
            if free:
                await stop()
                try:
                    await asyncio.sleep(self.lasts.seconds(place, chance))
                finally:
                    await start()
            return free


@dataclass(frozen=True)
class Locked:
    """Another program holds the write lock of the file."""

    kind: str
    lasts: Span

    async def strike(self, place: Place, chance: Random) -> bool:
        """Take the lock, hold it, and give it back; False when it could not be had."""
        if postgresql(place):
            return False
        with grip(place, SERVER) as free:
            return free and await self._held(place, self.lasts.seconds(place, chance))

    async def _held(self, place: Place, seconds: float) -> bool:
        file = Path(str(make_url(place.url).database))
        other = await asyncio.to_thread(sqlite3.connect, file, check_same_thread=False)
        other.isolation_level = None
        try:
            await asyncio.to_thread(other.execute, "BEGIN IMMEDIATE")
            await asyncio.sleep(seconds)
        except sqlite3.OperationalError:
            return False  # others were faster, again and again
        finally:
            other.close()  # and so gives the lock back
        return True


async def _cut(url: str) -> int:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as admin:
        return len(await (await admin.execute(CUT)).fetchall())


async def _surely(url: str, statement: SQL) -> None:
    """Alter the database, also when it has no connection to spare for now."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await _alter(url, statement)
            except psycopg.OperationalError:
                await asyncio.sleep(AGAIN)


async def _alter(url: str, statement: SQL) -> None:
    async with await psycopg.AsyncConnection.connect(
        url, autocommit=True, options=WRITING
    ) as admin:
        await admin.execute(statement.format(Identifier(admin.info.dbname)))


FAULTS: Sequence[Fault] = (
    Cut(),
    ReadOnly("database read-only", BRIEF),
    ReadOnly("database read-only for longer than a lease", PAST_A_LEASE),
    Down("database stopped", BRIEF),
    Down("database stopped for longer than a lease", PAST_A_LEASE),
    Locked("database locked", BRIEF),
    Locked("database locked for longer than a lease", PAST_A_LEASE),
)
