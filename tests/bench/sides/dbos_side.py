"""DBOS, as its documentation begins; tuned: its queue is polled twenty times a second."""

import asyncio
from time import perf_counter
from typing import Any

from dbos import DBOS, DBOSConfig

from tests.bench.sides.work import Count, Work, answer

QUEUE = "jobs"
POLL = 0.05  # seconds, tuned
LEFT = ("ENQUEUED", "PENDING", "DELAYED")
count = Count(1)


async def nothing(number: int) -> None:
    """Do nothing."""
    count()


job = DBOS.workflow(name="job")(nothing)


def _config(work: Work) -> DBOSConfig:
    made = DBOSConfig(name="bench", system_database_url=work.url, log_level="WARNING")
    made["application_version"] = "bench"
    made["executor_id"] = work.do
    return made


async def fill(work: Work) -> Any:
    """Make the tables and put the jobs in."""
    DBOS(config=_config(work))
    DBOS.listen_queues([])
    DBOS.launch()
    await DBOS.register_queue_async(QUEUE, worker_concurrency=work.concurrency)
    began = perf_counter()
    for number in range(work.jobs):
        await DBOS.enqueue_workflow_async(QUEUE, job, number)
    found = {"seconds": perf_counter() - began}
    DBOS.destroy()
    return found


async def drain(work: Work) -> Any:
    """Carry out what is there."""
    count.jobs = work.jobs
    poll: dict[str, Any] = {"polling_interval_sec": POLL} if work.tuned else {}

    async def left() -> int:
        return len(await DBOS.list_workflows_async(status=list(LEFT), limit=1))

    DBOS(config=_config(work))
    began = perf_counter()
    DBOS.launch()
    await DBOS.register_queue_async(
        QUEUE, worker_concurrency=work.concurrency, on_conflict="always_update", **poll
    )
    found = await count.acknowledged(left, began)
    DBOS.destroy()
    return found


if __name__ == "__main__":
    given = Work.given()
    answer(asyncio.run({"fill": fill, "drain": drain}[given.do](given)))
