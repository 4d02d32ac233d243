"""The connections to Slack: one HTTP session for all calls, two sockets, and a watchdog."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, cast

import aiohttp
import structlog
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest

from bot.discretion import DiscreetClient
from engine import Mask

SOCKETS = 2  # while one is replaced, the other hears
WATCH_SECONDS = 5.0
REFUSED = 408  # what Slack answers to an address that is no longer valid
STUCK_SECONDS = 15.0  # without a connection, before a new address is asked for
CALL_SECONDS = 30
log = structlog.stdlib.get_logger(__name__)


@asynccontextmanager
async def web_client(
    token: str, api_url: str, trace: aiohttp.TraceConfig, secrets: Iterable[str] = ()
) -> AsyncIterator[DiscreetClient]:
    """The client for every Web API call.

    It tells none of the `secrets`. It repeats nothing by itself: a call whose outcome is not
    known is looked up before it is made again, and that only its caller can do.
    """
    async with aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=CALL_SECONDS), trace_configs=[trace]
    ) as session:
        base = api_url if api_url.endswith("/") else f"{api_url}/"
        mask = Mask.of(secrets)
        yield DiscreetClient(mask, token=token, base_url=base, session=session, retry_handlers=[])


@dataclass(frozen=True)
class Fresh:
    """A session of the SDK's; an address that is refused is replaced at once, one time.

    The SDK by itself waits 10 seconds, and then tries the same address again.
    """

    session: aiohttp.ClientSession
    renew: Callable[[], Awaitable[str]]  # asks Slack for an address

    async def ws_connect(self, url: str, **options: Any) -> Any:
        """Connect to an address, or to a new one."""
        try:
            return await self.session.ws_connect(url, **options)
        except aiohttp.WSServerHandshakeError as error:
            if error.status != REFUSED:
                raise
        log.info("address refused; asking for a new one")
        return await self.session.ws_connect(await self.renew(), **options)

    @property
    def closed(self) -> bool:
        """Whether it is closed."""
        return self.session.closed

    async def close(self) -> None:
        """Close it."""
        await self.session.close()


class Listener(AsyncSocketModeHandler):
    """What hears on one connection."""

    async def handle(  # type: ignore[override] # as in the class itself
        self, client: SocketModeClient, req: SocketModeRequest
    ) -> None:
        """Hear and acknowledge; when the connection ends in between, Slack sends it again."""
        try:
            await super().handle(client, req)
        except ConnectionError:
            log.info("connection lost before the acknowledgement", envelope=req.envelope_id)


def connection(app: AsyncApp, app_token: str) -> AsyncSocketModeHandler:
    """One connection, not made yet."""
    made = Listener(app, app_token)
    client = made.client
    fresh = Fresh(client.aiohttp_client_session, client.issue_new_wss_url)
    client.aiohttp_client_session = cast(aiohttp.ClientSession, fresh)
    return made


@dataclass
class Sockets:
    """Socket Mode connections that are looked after."""

    app: AsyncApp
    app_token: str
    handlers: list[AsyncSocketModeHandler] = field(default_factory=list)
    _heard: dict[int, float] = field(default_factory=dict)  # when each was last seen connected

    async def open(self) -> None:
        """Connect; returns when the first attempt has been made on each."""
        self.handlers = [connection(self.app, self.app_token) for _ in range(SOCKETS)]
        opening = [handler.connect_async() for handler in self.handlers]  # type: ignore[no-untyped-call]
        await asyncio.gather(*opening)

    async def connected(self) -> int:
        """How many connections stand."""
        states = [await handler.client.is_connected() for handler in self.handlers]
        return sum(states)

    async def probe(self) -> None:
        """Raise ConnectionError unless Slack can be heard."""
        if not await self.connected():
            raise ConnectionError("no connection to Slack")

    async def watch(self) -> None:
        """Heal connections that hang, for ever.

        The SDK's aiohttp client tries an address that is no longer valid again and again; once
        it is forgotten, the client asks for a new one.
        """
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            for number, handler in enumerate(self.handlers):
                if await handler.client.is_connected():
                    self._heard[number] = monotonic()
                elif monotonic() - self._heard.setdefault(number, monotonic()) > STUCK_SECONDS:
                    log.warning("socket without a connection; asking for a new address")
                    handler.client.wss_uri = None
                    self._heard[number] = monotonic()

    async def close(self) -> None:
        """Close every connection."""
        for handler in self.handlers:
            with suppress(aiohttp.ClientError, OSError, TimeoutError):
                await handler.close_async()  # type: ignore[no-untyped-call]


@asynccontextmanager
async def sockets(app: AsyncApp, app_token: str) -> AsyncIterator[Sockets]:
    """Listen to Slack while the block runs."""
    made = Sockets(app, app_token)
    opening = asyncio.create_task(made.open())  # it tries for as long as Slack is away
    watching = asyncio.create_task(made.watch())
    try:
        yield made
    finally:
        for task in (opening, watching):
            task.cancel()
        await asyncio.gather(opening, watching, return_exceptions=True)
        await made.close()
