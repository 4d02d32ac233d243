"""DBOS, as its documentation begins; tuned: its queue is polled twenty times a second.

Without its Conductor, workflows of a worker that is gone are gone on with by one that is started
with the name of the first: here every worker has the same.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from dbos import DBOS, DBOSConfig

from tests.bench.sides.peer import Does, Peer, run
from tests.bench.sides.work import Work

QUEUE = "jobs"
POLL = 0.05  # seconds, tuned
LEFT = ["ENQUEUED", "PENDING", "DELAYED"]
ONLY_ENTERS = frozenset({"fill", "send"})
told: list[Does] = []  # workflows are functions of a module; one hears of them


async def nothing(number: int) -> None:
    """What is done: say so."""
    for hears in told:
        await hears(number)


job = DBOS.workflow(name="job")(nothing)


@dataclass(frozen=True)
class Dbos:
    """See `Peer`."""

    work: Work

    async def install(self) -> None:
        """Make the queue; the tables are there."""
        await DBOS.register_queue_async(QUEUE, worker_concurrency=self.work.concurrency)

    async def enter(self, numbers: Sequence[int]) -> None:
        """Put jobs in; there is no way for many."""
        for number in numbers:
            await DBOS.enqueue_workflow_async(QUEUE, job, number)

    async def left(self) -> int:
        """Whether one has not ended."""
        return len(await DBOS.list_workflows_async(status=LEFT, limit=1))

    async def carry_out(self, does: Does) -> None:
        """Be a worker."""
        told.append(does)
        DBOS.launch()  # here, not in a thread: it runs workflows in the loop that it is launched in
        poll: dict[str, Any] = {"polling_interval_sec": POLL} if self.work.tuned else {}
        await DBOS.register_queue_async(
            QUEUE,
            worker_concurrency=self.work.concurrency,
            on_conflict="always_update",
            **poll,
        )
        await asyncio.Event().wait()


@asynccontextmanager
async def opened(work: Work) -> AsyncIterator[Peer]:
    """With its database open; what only enters is launched, and listens to no queue."""
    config = DBOSConfig(name="bench", system_database_url=work.url, log_level="WARNING")
    DBOS(config={**config, "application_version": "bench", "executor_id": work.do})
    if work.do in ONLY_ENTERS:
        DBOS.listen_queues([])
        DBOS.launch()  # here, not in a thread: it runs workflows in the loop that it is launched in
    yield Dbos(work)
    await asyncio.to_thread(DBOS.destroy)


if __name__ == "__main__":
    run(opened)
