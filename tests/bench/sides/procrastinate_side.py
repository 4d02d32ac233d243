"""Procrastinate, as its documentation begins; tuned: a pool with room for every job."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from procrastinate import App, PsycopgConnector

from tests.bench.sides.peer import Peer, run
from tests.bench.sides.work import Work

LEFT = "SELECT count(*) AS left FROM procrastinate_jobs WHERE status IN ('todo', 'doing')"


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

    async def carry_out(self, done: Callable[[int], None]) -> None:
        """Be a worker."""

        async def job(number: int) -> None:
            done(number)

        self.app.task(name="job")(job)
        many = self.work.concurrency
        await self.app.run_worker_async(concurrency=many, install_signal_handlers=False)


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
