"""The field: every side that can run a queue of jobs, and the databases that they begin with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.bench.ground import Ground
from tests.bench.process import told

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

    def jobs(self, wanted: int, concurrency: int) -> int:
        """How many it is given: what only polls would need hours for all of them."""
        return min(wanted, round(20 * concurrency / self.polls)) if self.polls else wanted


_ENDED = "SELECT count(*) FROM events WHERE name = 'request.ended' AND notify"
_JOBS = "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'job' AND status = 'succeeded'"
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
