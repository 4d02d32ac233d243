"""`python -m tests.bench [name …] [--json FILE] [--quick] [--repeat 3] [--side PART …]`."""

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bot import logs
from bot.secrets import Secrets
from tests.bench.backlog import backlog
from tests.bench.bill import bill
from tests.bench.drain import drain
from tests.bench.footprint import footprint
from tests.bench.graph import graph
from tests.bench.ground import Ground, ground
from tests.bench.latency import latency
from tests.bench.machine import Machine
from tests.bench.measure import QUICK, Extent
from tests.bench.overhead import overhead
from tests.bench.process import SideFailed
from tests.bench.recovery import recovery
from tests.bench.report import Report
from tests.bench.rows import Row
from tests.bench.slack import slack
from tests.bench.waiting import waiting
from tests.bench.worktree import worktree

Bench = Callable[[Ground, Extent], AsyncIterator[Row]]
BENCHES: Mapping[str, Bench] = {
    "drain": drain,
    "latency": latency,
    "backlog": backlog,
    "graph": graph,
    "footprint": footprint,
    "waiting": waiting,
    "bill": bill,
    "worktree": worktree,
    "overhead": overhead,
    "recovery": recovery,
    "slack": slack,
}


def main() -> int:
    """Measure, print what was found; 1 when a bench could not measure what it says."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=", ".join(BENCHES))
    parser.add_argument("--json", type=Path, metavar="FILE", help="keeps what other benches found")
    parser.add_argument("--quick", action="store_true", help="a thousandth: does it run at all?")
    parser.add_argument("--part", type=float, default=1.0, help="of jobs, files, rows: 0 … 1")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--side", nargs="*", default=[], metavar="PART", help="parts of names")
    given = parser.parse_args()
    if unknown := sorted({*given.names} - {*BENCHES}):
        parser.error(f"there is no bench {unknown[0]}; there are {', '.join(BENCHES)}")
    logs.configure("error", Secrets({}))
    extent = Extent(given.repeat, QUICK if given.quick else given.part, tuple(given.side))
    report = asyncio.run(_run(given.names or tuple(BENCHES), extent))
    print(report.table())  # noqa: T201 - it is what this program is for
    if given.json:
        given.json.write_text(report.json(given.json.read_text() if given.json.exists() else ""))
    return 1 if report.failed else 0


async def _run(names: Sequence[str], extent: Extent) -> Report:
    """Every bench after the other; one that fails does not keep the others from being run."""
    machine = await asyncio.to_thread(Machine.here)
    began = datetime.now(UTC).isoformat(timespec="seconds")
    report = Report(machine, began, extent.repeat, extent.part)
    async with ground() as stands:
        for name in names:
            try:
                async for row in BENCHES[name](stands, extent):
                    report.rows.append(row)
                    _progress(row)
            except (SideFailed, AssertionError, TimeoutError) as why:
                report.failed[name] = f"{type(why).__name__}: {why}"
    return report


def _progress(row: Row) -> None:
    print(f"{row.bench} · {row.side} · {row.metric}: {row.median:.4g} {row.unit}", file=sys.stderr)  # noqa: T201 - people wait for it


if __name__ == "__main__":
    sys.exit(main())
