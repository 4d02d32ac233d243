"""How much of the tables a statement reads, as the databases tell."""

import json
import re
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from sqlalchemy import make_url

from engine import models
from engine.store import Database

STILL_SMALL = {"clock", "brake", "workers", "people", "alembic_version"}
GROWING = set(models.Node.metadata.tables) - STILL_SMALL
ROWS = 1_500  # that one part of a plan may look at: a batch is 250
SCANNED = 100  # rows of a table that is looked at as a whole
STEPS = 60_000  # instructions of SQLite's machine for one statement
STEPS_OF_SCAN = 10_000  # a batch from the head of a table
EVERY = 100  # instructions between two counts


@dataclass(frozen=True)
class Asked:
    """A statement that a tick sent."""

    tick: str
    statement: str
    parameters: Any


async def faults(db: Database, asked: Sequence[Asked]) -> list[str]:
    """Which statements read more than they should, with what the database says."""
    look = _sqlite(db, asked) if db.is_sqlite else _postgresql(db, asked)
    return [f"{each.tick}: {why}\n{each.statement}" async for each, why in look]


async def _postgresql(db: Database, asked: Sequence[Asked]) -> AsyncIterator[tuple[Asked, str]]:
    async with db.engine.connect() as connection:
        for each in asked:
            explaining = f"EXPLAIN (ANALYZE, FORMAT JSON) {each.statement}"
            [(found,)] = await connection.exec_driver_sql(explaining, each.parameters)
            await connection.rollback()
            plan = found if isinstance(found, list) else json.loads(found)
            for why in _too_much(plan[0]["Plan"]):
                yield each, why


def _too_much(plan: dict[str, Any]) -> Iterator[str]:
    table, way = plan.get("Relation Name", ""), plan["Node Type"]
    removed = sum(plan[key] for key in plan if key.startswith("Rows Removed by"))
    read = (plan["Actual Rows"] + removed) * plan["Actual Loops"]
    most = SCANNED if way == "Seq Scan" and table not in STILL_SMALL else ROWS
    if table and way != "ModifyTable" and read > most:
        yield f"{way} on {table} {plan.get('Index Name', '')} reads {read:.0f} rows"
    for part in plan.get("Plans", ()):
        yield from _too_much(part)


async def _sqlite(db: Database, asked: Sequence[Asked]) -> AsyncIterator[tuple[Asked, str]]:
    file = make_url(db.url).database
    with closing(sqlite3.connect(f"file:{file}", uri=True, isolation_level=None)) as connection:
        for each in asked:
            plan = connection.execute(f"EXPLAIN QUERY PLAN {each.statement}", each.parameters)
            ways = [way for *_, way in plan.fetchall()]
            steps = _steps(connection, each)
            if steps > (STEPS_OF_SCAN if any(map(_scans, ways)) else STEPS):
                yield each, f"takes {steps} steps: {ways}"


def _scans(way: str) -> bool:
    """Whether a table is looked at from its beginning, perhaps not to its end."""
    scanned = re.match(r"SCAN (\w+)(?! USING (COVERING )?INDEX)", way)
    return scanned is not None and scanned[1] in GROWING


def _steps(connection: sqlite3.Connection, asked: Asked) -> int:
    """How many instructions a statement takes."""
    counted = 0

    def count() -> int:
        nonlocal counted
        counted += EVERY
        return 0

    connection.execute("BEGIN")
    connection.set_progress_handler(count, EVERY)
    connection.execute(asked.statement, asked.parameters).fetchall()
    connection.set_progress_handler(None, 0)
    connection.execute("ROLLBACK")
    return counted
