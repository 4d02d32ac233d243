"""How fast a backlog of work that does nothing is worked off: what the ledger itself costs.

The clock runs from the start of the worker in a fresh process, its imports done, until the end of
the last job is recorded durably: for us the terminal notice of the last agent. The jobs are put
in before, by each library's own way for many; what that takes is a row of its own.
"""

from collections.abc import AsyncIterator

from tests.bench.field import SIDES, Stock, stocked
from tests.bench.ground import Ground, Written
from tests.bench.measure import Extent
from tests.bench.process import SideFailed, told
from tests.bench.rows import Row, collected, is_ours

JOBS = 10_000
CONCURRENCIES = (1, 10, 50)


async def drain(ground: Ground, extent: Extent) -> AsyncIterator[Row]:
    """The rows of every side, for each concurrency; raises SideFailed."""
    for side in SIDES:
        if not extent.takes(side.name):
            continue
        stocks: dict[int, Stock] = {}
        for concurrency in CONCURRENCIES:
            jobs = side.jobs(extent.of(JOBS), concurrency)
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
