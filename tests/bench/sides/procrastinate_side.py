"""Procrastinate, as its documentation begins; tuned: a pool with room for every job.

Jobs of a worker that has fallen silent are tried again by a task of the application's own, which
is looked for every ten minutes as in its documentation; tuned: every second.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from procrastinate import App, PsycopgConnector

from tests.bench.sides.peer import Does, Peer, run
from tests.bench.sides.work import Work

LEFT = (
    "SELECT count(*) AS left FROM procrastinate_jobs"
    " WHERE task_name = 'job' AND status IN ('todo', 'doing')"
)
LOOKS, LOOKS_TUNED = "*/10 * * * *", "* * * * * *"


@dataclass(frozen=True)
class Procrastinate:
    """See `Peer`."""

    work: Work
    app: App

    async def install(self) -> None:
        """Make the tables."""
        await self.app.schema_manager.apply_schema_async()

    async def enter(self, numbers: Sequence[int]) -> None:
        """Put jobs in."""
        job = self.app.configure_task("job")
        if len(numbers) == 1:
            await job.defer_async(number=numbers[0])
        else:
            told: list[Any] = [{"number": number} for number in numbers]
            await job.batch_defer_async(*told)

    async def left(self) -> int:
        """How many have not ended."""
        return int((await self.app.connector.execute_query_one_async(LEFT))["left"])

    async def carry_out(self, does: Does) -> None:
        """Be a worker."""

        async def job(number: int) -> None:
            await does(number)

        self.app.task(name="job")(job)
        many = self.work.concurrency
        beats = self._mended() if self.work.lease else {}
        await self.app.run_worker_async(concurrency=many, install_signal_handlers=False, **beats)

    def _mended(self) -> dict[str, Any]:
        """Have jobs of a silent worker tried again; how often a worker says that it lives."""
        lease, manager = self.work.lease, self.app.job_manager

        async def mend(timestamp: int) -> None:
            for job in await manager.get_stalled_jobs(
                task_name="job", seconds_since_heartbeat=lease
            ):
                await manager.retry_job(job)

        task = self.app.task(name="mend", queueing_lock="mend")(mend)
        self.app.periodic(cron=LOOKS_TUNED if self.work.tuned else LOOKS)(task)
        return {"update_heartbeat_interval": lease / 3, "stalled_worker_timeout": lease}


@asynccontextmanager
async def opened(work: Work) -> AsyncIterator[Peer]:
    """With its database open."""
    room = work.concurrency + 4
    size: dict[str, Any] = {"min_size": 4, "max_size": room} if work.tuned else {}
    app = App(connector=PsycopgConnector(conninfo=work.url, **size))
    async with app.open_async():
        yield Procrastinate(work, app)


if __name__ == "__main__":
    run(opened)
