"""Whether a long line, and a long history, make a worker slower: claim, tick, and what follows.

The ledger is made once for each database, by the database itself, and measured again and again:
each value is the median of so many calls. What was claimed is put back before the next call.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter

from sqlalchemy import text

from engine.figures import figures
from engine.settings import async_url
from engine.store import Database
from engine.worker import Worker
from tests.bench.ground import Copy, Ground, Written
from tests.bench.line import line_up
from tests.bench.measure import Extent
from tests.bench.rows import Row, is_ours
from tests.bench.sides.here import Endless, handed_back, worker_here
from tests.ledger.crowd import Crowd

FINISHED = 1_000_000
PENDING = (1_000, 100_000, 1_000_000)
CALLS = 30
NOTE = "medians of 30 calls; a million finished agents lie behind the line"
BACK = (
    "DELETE FROM runs WHERE node_id IN (SELECT id FROM nodes WHERE status = 'active')",
    "UPDATE nodes SET status = 'pending', attempt = 0 WHERE status = 'active'",
)


async def backlog(ground: Ground, extent: Extent) -> AsyncIterator[Row]:
    """Milliseconds of each call by the length of the line, and the longest line's by the first's."""
    for side in ("mab PostgreSQL", "mab SQLite"):
        if not extent.takes(side):
            continue
        name = await ground.fresh() if side.endswith("PostgreSQL") else ""
        copy = Copy(ground, name, ground.file(), Written(0, 0))
        db = Database.connect(async_url(copy.url))
        try:
            async for row in _measured(Place(side, db, ground), extent):
                yield row
        finally:
            await db.close()
            await copy.removed()


@dataclass(frozen=True)
class Place:
    """A ledger that is measured."""

    side: str
    db: Database
    ground: Ground


async def _measured(place: Place, extent: Extent) -> AsyncIterator[Row]:
    db, before = place.db, extent.of(FINISHED)
    await db.upgrade()
    await Crowd(db, before).gather()
    worker = await worker_here(db, place.ground.home(), Endless())
    found: dict[str, list[tuple[float, ...]]] = {}
    there = 0
    for pending in map(extent.of, PENDING):
        await line_up(db, before + there + 1, before + pending)
        there = pending
        for call, measure in _calls(db, worker).items():
            values = tuple([await measure() for _ in extent.times])
            found.setdefault(call, []).append(values)
            yield _row(place.side, f"{call}, {pending} pending", "ms", values)
    await worker.stop()
    for call, [first, *_, last] in found.items():
        yield _row(place.side, f"{call}, longest by shortest", "x", (median(last) / median(first),))


def _calls(db: Database, worker: Worker) -> dict[str, Callable[[], Awaitable[float]]]:
    async def claim() -> None:
        assert len(await worker.leases.claim(1, worker.repos)) == 1

    async def tick() -> None:
        await worker.tick()
        assert worker.attempts

    async def counted() -> None:
        await figures(db)

    async def back() -> None:
        await handed_back(worker)
        await _put_back(db)

    flows = worker.workflows
    return {
        "claim of 1": lambda: _middle(claim, back),
        "tick that begins 1": lambda: _middle(tick, back),
        "line moved": lambda: _middle(flows.line_moved, back),
        "admit": lambda: _middle(flows.admit, back),
        "figures": lambda: _middle(counted, back),
    }


async def _middle(
    call: Callable[[], Awaitable[None]], back: Callable[[], Awaitable[None]]
) -> float:
    """The median of many calls, in milliseconds."""
    spent = []
    for _ in range(CALLS):
        began = perf_counter()
        await call()
        spent.append((perf_counter() - began) * 1000)
        await back()
    return median(spent)


async def _put_back(db: Database) -> None:
    async with db.engine.begin() as connection:
        for statement in BACK:
            await connection.execute(text(statement))


def _row(side: str, metric: str, unit: str, values: tuple[float, ...]) -> Row:
    return Row("backlog", side, metric, unit, values, NOTE, is_ours(side))
