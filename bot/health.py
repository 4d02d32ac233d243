"""What an operator is told over HTTP: /healthz, /readyz, /metrics."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

import structlog
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

log = structlog.stdlib.get_logger(__name__)

Probe = Callable[[], Awaitable[object]]  # raises when what it looks at cannot be used
_SHUTDOWN_SECONDS = 2.0


@dataclass(frozen=True)
class Address:
    """Where to listen."""

    host: str
    port: int  # 0: any free one


def address(text: str) -> Address | None:
    """What MAB_HTTP means: `host:port`, `:port` (loopback), or `off` (None).

    Raises ValueError with the sentence to show.
    """
    if text.strip().lower() == "off":
        return None
    host, colon, port = text.strip().rpartition(":")
    if not (colon and port.isascii() and port.isdigit() and int(port) < 65536):
        raise ValueError(f"MAB_HTTP={text} is no address; write host:port, or off")
    return Address(host.strip("[]") or "127.0.0.1", int(port))


@dataclass
class Health:
    """The server, as an async context manager; an address that cannot be had is a warning."""

    address: Address | None
    poll_age: Callable[[], float | None]  # seconds since the last poll; None: does not poll
    probes: Mapping[str, Probe]
    registry: CollectorRegistry
    stuck_after: float = 30.0  # seconds without a poll
    probe_seconds: float = 5.0  # for each probe
    port: int | None = field(default=None, init=False)  # where it listens
    _runner: web.AppRunner | None = field(default=None, init=False, repr=False)

    async def __aenter__(self) -> Self:
        if self.address:
            await self._listen(self.address)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner:
            await self._runner.cleanup()
        self._runner, self.port = None, None

    async def _listen(self, place: Address) -> None:
        app = web.Application()
        app.router.add_get("/healthz", self._alive)
        app.router.add_get("/readyz", self._ready)
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, place.host, place.port).start()
        except OSError as error:
            await log.awarning(
                "health_off", address=f"{place.host}:{place.port}", reason=str(error)
            )
        else:
            self.port = int(self._runner.addresses[0][1])

    async def _alive(self, _: web.Request) -> web.Response:
        age = self.poll_age()
        stuck = age is not None and age > self.stuck_after
        shown = None if age is None else round(age, 1)
        return web.json_response(
            {"status": "stuck" if stuck else "ok", "last_poll_seconds": shown},
            status=503 if stuck else 200,
        )

    async def _ready(self, _: web.Request) -> web.Response:
        looks = (_probe(probe, self.probe_seconds) for probe in self.probes.values())
        answers = await asyncio.gather(*looks)
        return web.json_response(
            dict(zip(self.probes, answers, strict=True)),
            status=200 if all(answer == "ok" for answer in answers) else 503,
        )

    async def _metrics(self, _: web.Request) -> web.Response:
        body = generate_latest(self.registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _probe(probe: Probe, seconds: float) -> str:
    """The name of what went wrong and no more: messages of drivers hold addresses and names."""
    try:
        await asyncio.wait_for(probe(), seconds)
    except TimeoutError:
        return "timeout"
    except Exception as error:  # noqa: BLE001 - whatever it is, the answer is: not ready
        return type(error).__name__
    return "ok"
