"""Hints to the other processes on one PostgreSQL: there are news, look now.

The polls stay the truth. A hint may get lost, or come twice: it only says that it is worth looking.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import psycopg
import structlog
from sqlalchemy import text

from engine.store import KEEPALIVE, Database, is_passing, told

CHANNEL = "mab"
AGAIN_SECONDS = 2.0  # until one who cannot listen tries again
# A hint is worth no wait for the disk, which each transaction would have to wait for.
GIVE = text(f"SELECT set_config('synchronous_commit', 'off', true), pg_notify('{CHANNEL}', :name)")
log = structlog.get_logger()


@dataclass(frozen=True)
class Hints:
    """What one process gives and hears; nothing on SQLite, which tells nobody."""

    db: Database
    name: str = field(default_factory=lambda: uuid4().hex)  # its own hints are not for it

    async def give(self) -> None:
        """Tell the others. That the database is away is no matter here."""
        if self.db.is_sqlite:
            return
        try:
            async with self.db.writing() as session:
                await session.execute(GIVE, {"name": self.name})
        except Exception as error:
            if not is_passing(error):
                raise
            log.debug("no hint given", error=told(error))

    async def listen(self, heard: Callable[[], None]) -> None:
        """Call `heard` for others' hints, for ever, and when there may have been some unheard."""
        if self.db.is_sqlite:
            return
        _, where = self.db.engine.dialect.create_connect_args(self.db.engine.url)
        while True:
            try:
                await self._listen({**KEEPALIVE, **where}, heard)
            except (psycopg.Error, OSError) as error:
                log.debug("no hints heard", error=told(error))
            except Exception:
                log.exception("no hints heard")
            await asyncio.sleep(AGAIN_SECONDS)

    async def _listen(self, where: dict[str, Any], heard: Callable[[], None]) -> None:
        connection = await psycopg.AsyncConnection.connect(**where, autocommit=True)
        async with connection:
            await connection.execute(f"LISTEN {CHANNEL}")
            heard()
            async for hint in connection.notifies():
                if hint.payload != self.name:
                    heard()
