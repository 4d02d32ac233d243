"""A local workspace with the real Bolt stack connected to it."""

import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bot.local import LocalSlack, Timing
from bot.local.assembly import BOT_SCOPES

# What the workspace can do, and our manifest does not ask for.
MORE_SCOPES = frozenset({"channels:join", "reactions:read", "team:read"})
PATIENT = Timing(ack=15.0)  # who stands still for seconds has not failed to answer
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy")


@pytest.fixture(autouse=True)
def _no_proxy() -> Iterator[None]:
    """The SDK would send even loopback calls through a proxy."""
    kept = {name: os.environ.pop(name) for name in PROXIES if name in os.environ}
    yield
    os.environ.update(kept)


@pytest.fixture
async def slack() -> AsyncIterator[LocalSlack]:
    scopes = BOT_SCOPES | MORE_SCOPES
    async with LocalSlack(limits=False, scopes=scopes, timing=PATIENT) as workspace:
        yield workspace


@pytest.fixture
def client(slack: LocalSlack) -> AsyncWebClient:
    """A client that does not retry."""
    return AsyncWebClient(slack.bot_token, base_url=slack.api_url, retry_handlers=[])


def bolt(slack: LocalSlack) -> AsyncApp:
    """A Bolt app for the workspace; it acknowledges unknown events."""
    client = AsyncWebClient(slack.bot_token, base_url=slack.api_url)
    return AsyncApp(client=client)


@asynccontextmanager
async def connected(
    slack: LocalSlack, app: AsyncApp, *, catch_all: bool = True
) -> AsyncIterator[AsyncSocketModeHandler]:
    """The app, with one Socket Mode connection; leaves nothing behind."""
    if catch_all:
        app.event(re.compile(".*"))(_ignore)
    handler = AsyncSocketModeHandler(app, slack.app_token, web_client=app.client, ping_interval=2)
    await handler.connect_async()  # type: ignore[no-untyped-call] # Bolt's
    await slack.settled(lambda: slack.connections)
    try:
        yield handler
    finally:
        await handler.close_async()  # type: ignore[no-untyped-call] # Bolt's


async def _ignore() -> None:
    """An event that nobody asked for."""
