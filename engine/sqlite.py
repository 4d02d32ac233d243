"""SQLite, made fit for several processes that write."""

import sqlite3
from contextlib import suppress
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

BUSY_SECONDS = 30  # for so long a lock is waited for
LOOK_SECONDS = 0.002
PATIENT = f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}"
PRAGMAS = (
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    PATIENT,
)
BEGIN, BEGIN_WRITING = "BEGIN", "BEGIN IMMEDIATE"


def connect(url: str) -> AsyncEngine:
    """An engine whose transactions take the write lock at once.

    So no two can read first and then fail to write. Those with the option `mab_reading` take none.
    """
    given = {"factory": _Considerate}
    # Parameters are what people said.
    engine = create_async_engine(url, hide_parameters=True, connect_args=given)
    event.listen(engine.sync_engine, "connect", _prepare)
    event.listen(engine.sync_engine, "begin", _begin)
    return engine


class _Considerate(sqlite3.Connection):
    """Neither sleeps through its turn, nor keeps it once it is closed."""

    def cursor(self, factory: Any = None) -> Any:
        """A cursor that takes the write lock as soon as it is free."""
        return super().cursor(factory or _Prompt)

    def close(self) -> None:
        """Roll back, then close, also in the middle of a statement.

        A task that is cancelled there leaves a cursor behind, and until that is collected SQLite
        keeps a closed connection, its transaction and the lock that keeps everybody from writing.
        """
        with suppress(sqlite3.Error):
            self.rollback()
        super().close()


class _Prompt(sqlite3.Cursor):
    """Looks all the time whether the write lock is free.

    SQLite's own pauses grow to 0.1 s, and whoever looks at the right moment passes: beside a
    worker that wrote 33 times a second a bot acknowledged one command in 100 after 0.14 s.
    """

    def execute(self, sql: str, parameters: Any = (), /) -> "_Prompt":
        """Execute it; raises OperationalError when others have kept the lock for too long."""
        if sql != BEGIN_WRITING:
            return super().execute(sql, parameters)
        taking = Retrying(
            retry=retry_if_exception(_is_busy),
            wait=wait_fixed(LOOK_SECONDS),
            stop=stop_after_delay(BUSY_SECONDS),
            reraise=True,
        )
        self.connection.execute("PRAGMA busy_timeout=0").close()
        try:
            return taking(super().execute, sql)
        finally:
            self.connection.execute(PATIENT).close()


def _is_busy(error: BaseException) -> bool:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
    return bool(code & 0xFF == sqlite3.SQLITE_BUSY)  # the low byte; the others say why


def _prepare(connection: Any, _: object) -> None:
    connection.isolation_level = None  # BEGIN is ours, see _begin
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(pragma)
    cursor.close()


def _begin(connection: Connection) -> None:
    reading = connection.get_execution_options().get("mab_reading")
    connection.exec_driver_sql(BEGIN if reading else BEGIN_WRITING)
