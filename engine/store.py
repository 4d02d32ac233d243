"""Transactions on the ledger, on SQLite and PostgreSQL alike."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, ExceptionContext, event, inspect, select, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from tenacity import AsyncRetrying, retry_if_exception, wait_exponential_jitter

from engine import migrations, sqlite
from engine.errors import MabError
from engine.migrations import DatabaseAhead
from engine.models import Workflow

T = TypeVar("T")
__all__ = [
    "Database", "DatabaseAhead", "DatabaseAway", "DatabaseBehind", "DatabaseReadOnly",
    "is_away", "is_passing", "lock", "patiently", "told",
]  # fmt: skip


class DatabaseAway(MabError):
    """The database cannot be used; `mab doctor` looks at it."""


class DatabaseReadOnly(MabError):
    """The database lets nobody write at the moment."""


class DatabaseBehind(MabError):
    """The database has not been migrated to this version; run `mab db upgrade`."""


@dataclass(frozen=True)
class Database:
    """The ledger's database.

    `writing` takes SQLite's write lock at once, so that no two transactions can read first
    and then fail to write. Writers of one process take turns: SQLite itself lets whoever tries
    at the right moment pass, and some wait for seconds.
    """

    engine: AsyncEngine
    url: str
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @classmethod
    def connect(cls, url: str) -> "Database":
        """A database that connects when it is first used."""
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            if parsed.database:
                _make_room(Path(parsed.database).parent)
            engine = sqlite.connect(url)
        else:
            server = {"pool_pre_ping": True, "connect_args": KEEPALIVE}
            engine = create_async_engine(url, hide_parameters=True, **server)
            event.listen(engine.sync_engine, "connect", _prepare_postgresql)
            event.listen(engine.sync_engine, "do_executemany", _one_by_one)
            engine.dialect.supports_sane_multi_rowcount = False  # it is the last row's count then
            event.listen(engine.sync_engine, "handle_error", _leave_read_only)
        return cls(engine, url)

    @property
    def is_sqlite(self) -> bool:
        """Whether the ledger lives in a file of this host."""
        return self.engine.dialect.name == "sqlite"

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        """One transaction that may write."""
        turn = self._turn if self.is_sqlite else nullcontext()
        session = AsyncSession(self.engine, expire_on_commit=False)
        async with turn, session, session.begin():
            yield session

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """One transaction that only reads, beside whoever writes."""
        reader = self.engine.execution_options(mab_reading=True)
        async with AsyncSession(reader, expire_on_commit=False) as session, session.begin():
            yield session

    async def upgrade(self) -> None:
        """Bring the tables to this version; does nothing when they are.

        Raises DatabaseAway; DatabaseAhead when a newer program has made them.
        """
        with _reached():
            async with self.engine.connect() as connection:
                await connection.run_sync(migrations.upgrade)
                await connection.commit()

    async def prepare(self) -> None:
        """Make the tables where there are none, and in a file of this host bring them up to date.

        Raises DatabaseBehind for a server whose tables are older: others may be using them.
        Raises DatabaseAway, DatabaseAhead.
        """
        with _reached():
            async with self.engine.connect() as connection:
                empty = await connection.run_sync(_is_empty)
        if empty or self.is_sqlite:
            await self.upgrade()
        await self.check_version()

    async def check_version(self) -> None:
        """Raise `DatabaseBehind` or `DatabaseAhead` unless the tables are this version's.

        Raises DatabaseReadOnly while nothing can be written.
        """
        async with self.engine.connect() as connection:
            try:
                await connection.run_sync(_check)
            except DatabaseReadOnly:
                await self.engine.dispose()  # which may be true of our connections only
                raise

    async def close(self) -> None:
        """Give every connection back."""
        await self.engine.dispose()


KEEPALIVE = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,  # ms; keepalives say nothing while an answer is waited for
    "connect_timeout": 10,
}
IDLE_SECONDS = 10  # a process that stands still in a transaction would keep its locks for ever
UNREACHABLE = (OperationalError, InterfaceError, NoConnectionFree)
READ_ONLY = "25006"  # PostgreSQL's read_only_sql_transaction, which is no OperationalError


def is_away(error: BaseException) -> bool:
    """Whether the database cannot be used now: connection lost, locked, full, read-only."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return isinstance(error, (*UNREACHABLE, DatabaseAway, DatabaseReadOnly))


def is_passing(error: BaseException) -> bool:
    """Whether an error may go away by itself: that of a database, of a network, of a disk."""
    if isinstance(error, BaseExceptionGroup):
        return all(is_passing(each) for each in error.exceptions)
    return is_away(error) or isinstance(error, (OSError, TimeoutError))


async def patiently(ask: Callable[..., Awaitable[T]], *args: Any) -> T:
    """Ask the ledger what may be asked twice, until it answers."""
    async for trial in AsyncRetrying(
        retry=retry_if_exception(is_away),
        wait=wait_exponential_jitter(multiplier=0.2, max=5),
        reraise=True,
    ):
        with trial:
            answer = await ask(*args)
    return answer


def told(error: BaseException) -> str:
    """The first line of what the database or the system said, without the statement."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    said = str(getattr(error, "orig", None) or error) or repr(error)
    return said.partition("\n")[0]


@contextmanager
def _reached() -> Iterator[None]:
    """The driver's complaint as a sentence, for those who start a program."""
    try:
        yield
    except UNREACHABLE as error:
        raise DatabaseAway(f"the database cannot be used: {told(error)}") from error


def _make_room(directory: Path) -> None:
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)  # it holds what people said
    except OSError as error:
        raise DatabaseAway(f"there is no place for the database: {error}") from error


def _prepare_postgresql(connection: Any, _: object) -> None:
    cursor = connection.cursor()
    cursor.execute(f"SET idle_in_transaction_session_timeout = '{IDLE_SECONDS}s'")
    cursor.close()
    connection.commit()


def _one_by_one(cursor: Any, statement: str, rows: Sequence[Any], _: object) -> bool:
    """Execute a statement for each row, and say that this is done.

    The driver would do so in a pipeline, and a server does not end the transaction of a process
    that stands still in one, nor after one.
    """
    for row in rows:
        cursor.execute(statement, row)
    return True


def _leave_read_only(context: ExceptionContext) -> None:
    """Let go of connections that cannot write: a setting, or a standby, that stays theirs."""
    if getattr(context.original_exception, "sqlstate", None) == READ_ONLY:
        context.is_disconnect = True


def _is_empty(connection: Connection) -> bool:
    return not inspect(connection).has_table("alembic_version")


def _check(connection: Connection) -> None:
    if not migrations.is_current(connection):
        raise DatabaseBehind
    if connection.dialect.name == "postgresql":
        refuses = connection.scalar(text("SHOW transaction_read_only"))
        if refuses == "on":
            raise DatabaseReadOnly


async def lock(session: AsyncSession, workflow_id: int) -> Workflow | None:
    """Lock a workflow; always the first lock of a transaction (README, "Lock order")."""
    query = select(Workflow).where(Workflow.id == workflow_id)
    return (await session.scalars(query.with_for_update(key_share=True))).one_or_none()
