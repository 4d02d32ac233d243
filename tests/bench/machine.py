"""What the machine is that a run measured, and how busy it was beside."""

import os
import platform
import sqlite3
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

PEERS = ("procrastinate", "pgqueuer", "dbos", "asyncpg", "psycopg", "sqlalchemy", "aiosqlite")


@dataclass(frozen=True)
class Machine:
    """A machine, and what the numbers were made with."""

    cores: int
    processor: str
    memory_gb: float
    system: str
    python: str
    sqlite: str
    load: float  # of the last minute, before anything was measured: 0 is a quiet machine
    versions: dict[str, str]

    @classmethod
    def here(cls) -> "Machine":
        """This one, now; blocks for a moment."""
        return cls(
            cores=os.cpu_count() or 0,
            processor=_processor(),
            memory_gb=round(psutil.virtual_memory().total / 2**30, 1),
            system=f"{platform.system()} {platform.release()}",
            python=sys.version.split()[0],
            sqlite=sqlite3.sqlite_version,
            load=round(os.getloadavg()[0], 1),
            versions={name: _version(name) for name in ("multi-agent-builder", *PEERS)},
        )

    def __str__(self) -> str:
        """A line for above a table."""
        return (
            f"{self.cores} cores ({self.processor}), {self.memory_gb} GiB, {self.system}, "
            f"Python {self.python}, SQLite {self.sqlite}; load before: {self.load}"
        )


def _processor() -> str:
    cpus = Path("/proc/cpuinfo")
    if cpus.exists():
        for line in cpus.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
