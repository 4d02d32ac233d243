"""`python -m tests.chaos --database sqlite|postgresql --seed N --minutes M [--only KIND …]`."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from tests.chaos.report import Report
from tests.chaos.storm import storm
from tests.chaos.weather import Weather


def main() -> int:
    """Let a storm blow, print what it did; 1 when a promise was not kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--only", nargs="*", default=[], metavar="KIND", help="words of kinds")
    parser.add_argument("--lanes", type=int, default=1, help="strikes at a time")
    parser.add_argument("--asks", type=float, default=4.0, help="seconds between requests")
    parser.add_argument("--lease", type=float, default=6.0, help="seconds")
    parser.add_argument("--limits", action="store_true", help="Slack's rate limits are on")
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    weather = Weather(
        given.database,
        given.seed,
        given.minutes * 60,
        tuple(given.only),
        given.lanes,
        asks=(given.asks * 0.5, given.asks * 1.5),
        lease=given.lease,
        limits=given.limits,
    )
    report = asyncio.run(_blown(weather))
    print(report.table())  # noqa: T201 - it is what this program is for
    if given.json:
        given.json.write_text(report.json())
    return 1 if report.violations else 0


async def _blown(weather: Weather) -> Report:
    """The storm; what asks this program to end has it clean up first."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await storm(weather)


if __name__ == "__main__":
    sys.exit(main())
