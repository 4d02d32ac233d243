"""Procrastinate, as its documentation begins; tuned: a pool with room for every job."""

import asyncio
from time import perf_counter, time
from typing import Any

from procrastinate import App, PsycopgConnector

from tests.bench.sides.work import Count, Work, answer

CHUNK = 1000
LEFT = "SELECT count(*) AS left FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"


def _app(work: Work) -> App:
    size: dict[str, Any] = {"min_size": 4, "max_size": work.concurrency + 4} if work.tuned else {}
    return App(connector=PsycopgConnector(conninfo=work.url, **size))


async def fill(work: Work) -> Any:
    """Make the tables and put the jobs in."""
    app = _app(work)
    job = app.task(name="job")(_nothing)
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        began = perf_counter()
        for first in range(0, work.jobs, CHUNK):
            numbers = range(first, min(first + CHUNK, work.jobs))
            told: list[Any] = [{"number": number} for number in numbers]
            await job.batch_defer_async(*told)
        return {"seconds": perf_counter() - began}


async def drain(work: Work) -> Any:
    """Carry out what is there."""
    app, count = _app(work), Count(work.jobs)

    async def job(number: int) -> None:
        count()

    app.task(name="job")(job)

    async def left() -> int:
        return int((await app.connector.execute_query_one_async(LEFT))["left"])

    async with app.open_async():
        began = perf_counter()
        running = asyncio.create_task(_worker(app, work))
        found = await count.acknowledged(left, began, running)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return found


async def serve(work: Work) -> Any:
    """Be idle but for what another process puts in; give when each job began."""
    app, count, began = _app(work), Count(work.jobs), dict[int, float]()

    async def job(number: int) -> None:
        began[number] = time()
        count()

    app.task(name="job")(job)

    async with app.open_async():
        running = asyncio.create_task(_worker(app, work))
        await count.all_of(running)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return {"began": [began[number] for number in sorted(began)]}


async def _worker(app: App, work: Work) -> None:
    await app.run_worker_async(concurrency=work.concurrency, install_signal_handlers=False)


async def _nothing(number: int) -> None:
    pass


if __name__ == "__main__":
    given = Work.given()
    answer(asyncio.run({"fill": fill, "drain": drain, "serve": serve}[given.do](given)))
