"""How fast a backlog of work that does nothing is worked off: what the ledger itself costs.

The clock runs from the start of the worker in a fresh process, its imports done, until the end of
the last job is recorded durably: for us the terminal notice of the last agent. The jobs are put
in before, by each library's own way for many; what that takes is a row of its own.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.ground import Ground, Written
from tests.bench.measure import Extent
from tests.bench.process import SideFailed, told
from tests.bench.rows import Row, collected, is_ours

JOBS = 10_000
CONCURRENCIES = (1, 10, 50)
NO_WORKTREES = "no worktrees and no model; the rest is the worker program as it comes"


@dataclass(frozen=True)
class Side:
    """A program, and how it is set."""

    name: str
    program: str
    recorded: str  # a query: how many jobs are recorded as ended well
    note: str = ""
    given: Mapping[str, Any] = field(default_factory=dict)
    polls: float = 0.0  # takes a concurrency of jobs at most every so many seconds

    @property
    def on_sqlite(self) -> bool:
        """Whether its database is a file."""
        return self.name.endswith("SQLite")

    def jobs(self, extent: Extent, concurrency: int) -> int:
        """How many it is given: what only polls would need hours for all of them."""
        jobs = extent.of(JOBS)
        return min(jobs, round(20 * concurrency / self.polls)) if self.polls else jobs


_ENDED = "SELECT count(*) FROM events WHERE name = 'request.ended' AND notify"
_JOBS = "SELECT count(*) FROM procrastinate_jobs WHERE status = 'succeeded'"
_LOG = "SELECT count(*) FROM pgqueuer_log WHERE status = 'successful'"
_FLOWS = "SELECT count(*) FROM dbos.workflow_status WHERE status = 'SUCCESS'"
_ASYNCPG = {"driver": "asyncpg"}
SIDES = (
    Side("mab PostgreSQL", "mab_side", _ENDED, NO_WORKTREES),
    Side("mab SQLite", "mab_side", _ENDED, NO_WORKTREES),
    Side("procrastinate", "procrastinate_side", _JOBS, "defaults"),
    Side("procrastinate tuned", "procrastinate_side", _JOBS, "a pool of concurrency + 4", {"tuned": True}),
    Side("pgqueuer psycopg", "pgqueuer_side", _LOG, "batches of at most 10"),
    Side("pgqueuer psycopg tuned", "pgqueuer_side", _LOG, "batches of the concurrency, twice as many jobs at a time", {"tuned": True}),
    Side("pgqueuer asyncpg", "pgqueuer_side", _LOG, "batches of at most 10", _ASYNCPG),
    Side("pgqueuer asyncpg tuned", "pgqueuer_side", _LOG, "batches of the concurrency, twice as many jobs at a time", {"tuned": True, **_ASYNCPG}),
    Side("dbos", "dbos_side", _FLOWS, "defaults, polls once a second; fewer jobs", polls=1.0),
    Side("dbos tuned", "dbos_side", _FLOWS, "polls every 0.05 s; fewer jobs", {"tuned": True}, polls=0.05),
)  # fmt: skip


async def drain(ground: Ground, extent: Extent) -> AsyncIterator[Row]:
    """The rows of every side, for each concurrency; raises SideFailed."""
    for side in SIDES:
        if not extent.takes(side.name):
            continue
        stocks: dict[int, Stock] = {}
        for concurrency in CONCURRENCIES:
            jobs = side.jobs(extent, concurrency)
            if jobs not in stocks:
                stocks[jobs] = await stocked(ground, side, jobs)
            found = [await _drained(ground, stocks[jobs], concurrency) for _ in extent.times]
            for row in collected("drain", found, side=side.name, note=side.note):
                yield row
        for stock in stocks.values():
            yield Row(
                "drain",
                side.name,
                "entered before",
                "/s",
                (stock.entered,),
                side.note,
                is_ours(side.name),
            )
            await stock.cleared(ground)


@dataclass(frozen=True)
class Stock:
    """A database full of jobs, of which each repetition gets a copy."""

    side: Side
    jobs: int
    database: str  # "" = the file
    file: Path
    errors: Path  # what the programs write to stderr
    entered: float  # jobs per second

    async def cleared(self, ground: Ground) -> None:
        """Remove it."""
        if self.database:
            await ground.drop(self.database)


async def stocked(ground: Ground, side: Side, jobs: int) -> Stock:
    """Have a side enter its jobs."""
    database = "" if side.on_sqlite else await ground.fresh()
    file, errors = ground.file(), ground.root / "errors"
    url = f"sqlite:///{file}" if side.on_sqlite else ground.server.named(database)
    work = {"do": "fill", "url": url, "jobs": jobs, "home": str(ground.home()), **side.given}
    entered = await told(side.program, errors, **work)
    return Stock(side, jobs, database, file, errors, jobs / entered["seconds"])


async def _drained(ground: Ground, stock: Stock, concurrency: int) -> dict[str, float]:
    """One repetition, on a copy; raises SideFailed unless every job was carried out once."""
    side, jobs = stock.side, stock.jobs
    work = {"do": "drain", "jobs": jobs, "concurrency": concurrency, "home": str(ground.home())}
    copy = await ground.copy(stock.database, stock.file)
    found = await told(side.program, stock.errors, url=copy.url, **work, **side.given)
    recorded = await copy.counted(side.recorded)
    if not recorded == found["carried_out"] == jobs:
        raise SideFailed(f"{side.name}: of {jobs} {found['carried_out']} ran, {recorded} recorded")
    measured = _measured(found["seconds"], jobs, concurrency, await copy.written())
    await copy.removed()
    return measured


def _measured(seconds: float, jobs: int, at: int, written: Written | None) -> dict[str, float]:
    rate = {f"drained at {at} /s": jobs / seconds}
    if written is None:
        return rate
    return rate | {
        f"rows written at {at} /s": written.rows / seconds,
        f"rows for a job at {at} rows": written.rows / jobs,
        f"commits for a job at {at} commits": written.commits / jobs,
    }
