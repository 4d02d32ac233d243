"""`mab db backup|restored|upgrade`: the ledger's tables, copied, put back, brought up to date."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bot import shell
from bot.messages import words
from bot.settings import BotSettings
from engine import Database, Restoration, Returned, copy_ledger


@asynccontextmanager
async def _database(settings: BotSettings) -> AsyncIterator[Database]:
    db = Database.connect(settings.database)
    try:
        yield db
    finally:
        await db.close()


async def upgrade(settings: BotSettings) -> str:
    """Bring the tables to this version."""
    async with _database(settings) as db:
        await db.upgrade()
    return "The database is up to date."


async def backup(settings: BotSettings, file: Path) -> str:
    """Write a copy, also while the program runs; raises ConfigError."""
    await asyncio.to_thread(copy_ledger, settings.database, file)
    return f"The ledger is copied to {file}."


async def restored(settings: BotSettings) -> str:
    """Make a copy that was put back fit to go on from."""
    async with _database(settings) as db:
        await db.prepare()
        return _said(await Restoration(db).carry_out(shell.wish().by))


def _said(found: Returned) -> str:
    """What was found, and what comes next."""
    last = f"{found.last:%Y-%m-%d %H:%M} UTC" if found.last else "nothing at all"
    return (
        f"The last thing that this copy knows is of {last}.\n"
        f"{words.count(found.threads, 'unfinished thread')} will be told that it was put back, "
        f"{words.count(found.runs, 'run')} will be gone on with, "
        f"{words.count(found.asked, 'question')} will be asked again.\nNow start the program."
    )
