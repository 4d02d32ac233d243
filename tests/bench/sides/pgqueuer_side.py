"""PgQueuer on psycopg or asyncpg; tuned: batches as large as the concurrency, twice as many jobs.

Its own limit of concurrency is that of all jobs that were picked, and has to be two batches.
A job whose worker has fallen silent is taken by whoever looks for work: every 30 seconds where
nothing wakes it, tuned: every second.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg
import psycopg
from pgqueuer.db import AsyncpgDriver, Driver, PsycopgDriver
from pgqueuer.models import Job
from pgqueuer.qm import QueueManager
from pgqueuer.queries import Queries

from tests.bench.sides.peer import Does, Peer, run
from tests.bench.sides.work import Work

LEFT = "SELECT count(*) AS left FROM pgqueuer"


@dataclass(frozen=True)
class PgQueuer:
    """See `Peer`."""

    work: Work
    driver: Driver  # the worker's
    beside: Driver  # of whoever enters and looks

    async def install(self) -> None:
        """Make the tables."""
        await Queries(self.beside).install()

    async def enter(self, numbers: Sequence[int]) -> None:
        """Put jobs in."""
        many = len(numbers)
        payload: list[bytes | None] = [str(number).encode() for number in numbers]
        await Queries(self.beside).enqueue(["job"] * many, payload, [0] * many)

    async def left(self) -> int:
        """How many have not ended."""
        rows: list[dict[str, Any]] = await self.beside.fetch(LEFT)
        return int(rows[0]["left"])

    async def carry_out(self, does: Does) -> None:
        """Be a worker."""

        async def job(job: Job) -> None:
            await does(int(job.payload or b"0"))

        manager = QueueManager(Queries(self.driver))
        manager.entrypoint("job")(job)
        await manager.run(**settings(self.work), **beats(self.work))


def settings(work: Work) -> dict[str, Any]:
    """The concurrency, of which a batch may take a half; of its own it takes batches of 10."""
    if work.tuned:
        return {"batch_size": work.concurrency, "max_concurrent_tasks": 2 * work.concurrency}
    batch = min(10, max(work.concurrency // 2, 1))
    return {"batch_size": batch, "max_concurrent_tasks": max(work.concurrency, 2)}


def beats(work: Work) -> dict[str, Any]:
    """After how long a silence a job is another one's, and how often an idle worker looks."""
    if not work.lease:
        return {}
    silent = {"heartbeat_timeout": timedelta(seconds=work.lease)}
    return {**silent, "dequeue_timeout": timedelta(seconds=1)} if work.tuned else silent


@asynccontextmanager
async def opened(work: Work) -> AsyncIterator[Peer]:
    """With its database open, for whoever works and for whoever enters."""
    async with _driver(work) as driver, _driver(work) as beside:
        yield PgQueuer(work, driver, beside)


@asynccontextmanager
async def _driver(work: Work) -> AsyncIterator[Driver]:
    if work.driver == "asyncpg":
        connection = await asyncpg.connect(work.url)
        try:
            yield AsyncpgDriver(connection)
        finally:
            await connection.close()
        return
    async with await psycopg.AsyncConnection.connect(work.url, autocommit=True) as opened:
        yield PsycopgDriver(opened)


if __name__ == "__main__":
    run(opened)
