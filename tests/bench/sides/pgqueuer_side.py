"""PgQueuer on psycopg or asyncpg; tuned: batches as large as the
concurrency, and twice as many jobs at a time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any

import asyncpg
import psycopg
from pgqueuer.db import AsyncpgDriver, Driver, PsycopgDriver
from pgqueuer.models import Job
from pgqueuer.qm import QueueManager
from pgqueuer.queries import Queries

from tests.bench.sides.work import Count, Work, answer

CHUNK = 1000
LEFT = "SELECT count(*) AS left FROM pgqueuer"


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


async def fill(work: Work) -> Any:
    """Make the tables and put the jobs in."""
    async with _driver(work) as driver:
        queries = Queries(driver)
        await queries.install()
        began = perf_counter()
        for first in range(0, work.jobs, CHUNK):
            many = min(CHUNK, work.jobs - first)
            await queries.enqueue(["job"] * many, [None] * many, [0] * many)
        return {"seconds": perf_counter() - began}


async def drain(work: Work) -> Any:
    """Carry out what is there."""
    count = Count(work.jobs)
    async with _driver(work) as driver, _driver(work) as beside:
        manager = QueueManager(Queries(driver))

        async def job(job: Job) -> None:
            count()

        manager.entrypoint("job")(job)

        async def left() -> int:
            rows: list[dict[str, Any]] = await beside.fetch(LEFT)
            return int(rows[0]["left"])

        began = perf_counter()
        running = asyncio.create_task(manager.run(**settings(work)))
        found = await count.acknowledged(left, began, running)
        manager.shutdown.set()
        await running
    return found


def settings(work: Work) -> dict[str, Any]:
    """The concurrency, of which a batch may take a half; of its own it takes batches of 10."""
    if work.tuned:
        return {"batch_size": work.concurrency, "max_concurrent_tasks": 2 * work.concurrency}
    batch = min(10, max(work.concurrency // 2, 1))
    return {"batch_size": batch, "max_concurrent_tasks": max(work.concurrency, 2)}


if __name__ == "__main__":
    given = Work.given()
    answer(asyncio.run({"fill": fill, "drain": drain}[given.do](given)))
