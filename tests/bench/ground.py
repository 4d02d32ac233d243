"""The ground that all sides stand on: one PostgreSQL server, and a fresh database for each run."""

import asyncio
import shutil
import sqlite3
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.database_server import DatabaseServer

DURABLE = ("fsync=on", "synchronous_commit=on", "full_page_writes=on")  # as it comes
WRITTEN = (
    "SELECT xact_commit, tup_inserted + tup_updated + tup_deleted FROM pg_stat_database"
    " WHERE datname = "
)


@dataclass(frozen=True)
class Written:
    """What has been written into a database so far."""

    commits: int
    rows: int

    def since(self, before: "Written") -> "Written":
        """What was written after that."""
        return Written(self.commits - before.commits, self.rows - before.rows)


@dataclass(frozen=True)
class Copy:
    """A database of one repetition: a PostgreSQL one, or a file."""

    ground: "Ground"
    name: str  # "" = the file
    file: Path
    before: Written

    @property
    def url(self) -> str:
        """Its URL."""
        return self.ground.server.named(self.name) if self.name else f"sqlite:///{self.file}"

    async def counted(self, query: str) -> int:
        """What a query counts, asked from outside."""
        [(many,)] = await self.rows(query, query)
        return int(many)

    async def rows(self, on_server: str, in_file: str) -> list[tuple[Any, ...]]:
        """What a query gives, in the words of the database that it is."""
        if self.name:
            return await self.ground.server.execute(on_server, database=self.name)
        return await asyncio.to_thread(_rows, self.file, in_file)

    async def written(self) -> Written | None:
        """What has been written since it was copied, by sessions that have ended; SQLite: None."""
        if not self.name:
            return None
        return (await self.ground.written(self.name)).since(self.before)

    async def removed(self) -> None:
        """Remove it."""
        if self.name:
            await self.ground.drop(self.name)


@dataclass
class Ground:
    """A PostgreSQL server that keeps what it is told, and a directory for SQLite's files."""

    server: DatabaseServer
    root: Path
    made: int = 0

    async def fresh(self, like: str = "template1") -> str:
        """The name of a new PostgreSQL database, a copy of another one to which nobody speaks."""
        self.made += 1
        name = f"bench_{self.made}"
        await self.server.execute(f"CREATE DATABASE {name} TEMPLATE {like}", "CHECKPOINT")
        return name

    async def drop(self, *names: str) -> None:
        """Remove databases."""
        for name in names:
            await self.server.execute(f"DROP DATABASE {name} WITH (FORCE)")

    async def written(self, name: str) -> Written:
        """What has been written into a database by sessions that have ended."""
        [(commits, rows)] = await self.server.execute(f"{WRITTEN}'{name}'")
        return Written(int(commits), int(rows))

    async def copy(self, database: str, file: Path) -> Copy:
        """A copy of a database, or if it has no name of an SQLite file."""
        if not database:
            return Copy(self, "", await asyncio.to_thread(self.file, file), Written(0, 0))
        name = await self.fresh(database)
        return Copy(self, name, file, await self.written(name))

    def file(self, like: Path | None = None) -> Path:
        """A new SQLite file, empty or a copy; its directory is its alone."""
        self.made += 1
        place = self.root / f"sqlite-{self.made}" / "mab.db"
        place.parent.mkdir()
        if like:
            with closing(sqlite3.connect(like)) as old, closing(sqlite3.connect(place)) as new:
                old.backup(new)
        return place

    def home(self) -> Path:
        """A new MAB_HOME."""
        self.made += 1
        place = self.root / f"home-{self.made}"
        place.mkdir()
        return place


def _rows(file: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(file)) as opened:
        return opened.execute(query).fetchall()


@asynccontextmanager
async def ground() -> AsyncIterator[Ground]:
    """A server that runs during the block."""
    root = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="mab-bench-"))
    try:
        async with DatabaseServer(settings=DURABLE) as server:
            yield Ground(server, root)
    finally:
        await asyncio.to_thread(shutil.rmtree, root, ignore_errors=True)
