"""What an operator's probes are told."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import closing

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Counter
from structlog.testing import capture_logs

from bot.health import Address, Health, address

LOOPBACK = Address("127.0.0.1", 0)


class Program:
    """What the server looks at, as a real program would have it."""

    def __init__(self) -> None:
        self.age: float | None = 0.2
        self.down: Exception | None = None
        self.registry = CollectorRegistry()

    async def database(self) -> None:
        if self.down:
            raise self.down

    async def slack(self) -> None:
        await asyncio.sleep(0)

    def health(self, place: Address | None = LOOPBACK) -> Health:
        probes = {"database": self.database, "slack": self.slack}
        return Health(place, lambda: self.age, probes, self.registry)


@pytest.fixture
def program() -> Program:
    return Program()


@pytest.fixture
async def client(program: Program) -> AsyncIterator[aiohttp.ClientSession]:
    async with (
        program.health() as running,
        aiohttp.ClientSession(f"http://127.0.0.1:{running.port}") as session,
    ):
        yield session


@pytest.fixture
def taken() -> Iterator[int]:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


async def test_alive_while_it_polls(client: aiohttp.ClientSession) -> None:
    async with client.get("/healthz") as answer:
        assert (answer.status, await answer.json()) == (
            200,
            {"status": "ok", "last_poll_seconds": 0.2},
        )


async def test_stuck_when_it_has_not_polled_for_long(
    client: aiohttp.ClientSession, program: Program
) -> None:
    program.age = 31
    async with client.get("/healthz") as answer:
        assert (answer.status, (await answer.json())["status"]) == (503, "stuck")


async def test_a_program_that_does_not_poll_is_alive(
    client: aiohttp.ClientSession, program: Program
) -> None:
    program.age = None
    async with client.get("/healthz") as answer:
        assert answer.status == 200


async def test_ready_when_all_probes_pass(client: aiohttp.ClientSession) -> None:
    async with client.get("/readyz") as answer:
        assert (answer.status, await answer.json()) == (200, {"database": "ok", "slack": "ok"})


async def test_not_ready_names_what_is_down_and_tells_no_details(
    client: aiohttp.ClientSession, program: Program
) -> None:
    program.down = ConnectionRefusedError("postgresql://user:password@host")
    async with client.get("/readyz") as answer:
        assert (answer.status, await answer.json()) == (
            503,
            {"database": "ConnectionRefusedError", "slack": "ok"},
        )


async def test_metrics_are_those_of_the_registry(
    client: aiohttp.ClientSession, program: Program
) -> None:
    Counter("mab_things", "Things that happened.", registry=program.registry).inc(3)
    async with client.get("/metrics") as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        assert "mab_things_total 3.0" in await answer.text()


async def test_unknown_paths_and_methods_are_refused(client: aiohttp.ClientSession) -> None:
    async with client.get("/") as unknown, client.post("/healthz") as posted:
        assert (unknown.status, posted.status) == (404, 405)


async def test_a_taken_port_is_a_warning(program: Program, taken: int) -> None:
    with capture_logs() as logs:
        async with program.health(Address("127.0.0.1", taken)) as running:
            assert running.port is None
    assert [(entry["log_level"], entry["event"]) for entry in logs] == [("warning", "health_off")]
    assert str(taken) in logs[0]["address"]


async def test_off_listens_nowhere(program: Program) -> None:
    async with program.health(None) as running:
        assert running.port is None


async def test_the_port_is_free_again_afterwards(program: Program) -> None:
    async with program.health() as running:
        port = running.port
    assert port
    async with program.health(Address("127.0.0.1", port)) as again:
        assert again.port == port


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("127.0.0.1:3210", Address("127.0.0.1", 3210)),
        (":8080", Address("127.0.0.1", 8080)),
        ("0.0.0.0:1", Address("0.0.0.0", 1)),
        ("[::1]:3210", Address("::1", 3210)),
        ("off", None),
        (" OFF ", None),
    ],
)
def test_addresses(text: str, meaning: Address | None) -> None:
    assert address(text) == meaning


@pytest.mark.parametrize("text", ["", "3210", "localhost", "host:", "host:70000", "host:-1", "a:²"])
def test_no_addresses(text: str) -> None:
    with pytest.raises(ValueError, match="write host:port, or off"):
        address(text)


async def test_a_probe_that_hangs_is_given_up(program: Program) -> None:
    probes = {"database": asyncio.Event().wait, "slack": program.slack}
    hanging = Health(LOOPBACK, lambda: None, probes, program.registry, probe_seconds=1)
    async with (
        hanging,
        aiohttp.ClientSession(f"http://127.0.0.1:{hanging.port}") as session,
        session.get("/readyz") as answer,
    ):
        assert (answer.status, await answer.json()) == (
            503,
            {"database": "timeout", "slack": "ok"},
        )
