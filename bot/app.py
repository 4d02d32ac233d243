"""The Bolt app: verify, record, acknowledge. Nothing else happens while Slack waits."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog
from prometheus_client import Histogram
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.intake import Kind, Ours, incoming, reopened
from bot.places import place_of
from engine import Engine, Incoming, Origin, is_passing

RECORD_SECONDS = 2.5  # of Slack's 3; what is not committed by then is not acknowledged
log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True)
class Intake:
    """Records what comes in, and has somebody look at it."""

    engine: Engine
    ours: Callable[[], Awaitable[Ours]]
    recorded: Callable[[], None]
    seconds: Histogram

    async def __call__(self, body: dict[str, Any]) -> bool:
        """Record it; False when that was not possible in time, and Slack must send it again."""
        try:
            with self.seconds.time():
                await asyncio.wait_for(self._record(body), RECORD_SECONDS)
        except Exception as error:
            defect = not is_passing(error)
            log.error("not recorded, so not acknowledged", error=repr(error), exc_info=defect)  # noqa: TRY400 - a traceback of an absent database tells nothing
            return False
        self.recorded()
        return True

    async def _record(self, body: dict[str, Any]) -> None:
        ours = await self.ours()
        if place := reopened(body, ours):
            await self.engine.outbox.reopen(place)
        command = incoming(body, ours)
        if command is None or not await self._concerns_us(command):
            return
        if await self.engine.inbox.record(command):
            log.info("recorded", command=command.key, kind=command.kind)

    async def _concerns_us(self, command: Incoming) -> bool:
        """Most of what people say to each other does not: only what is said in our threads."""
        if command.kind not in {Kind.REPLY, Kind.EDIT, Kind.ERASED}:
            return True
        said = command.payload
        origin = Origin(place_of(said["team"], said["channel"]), said["thread"])
        if await self.engine.ledger.workflow_in(origin) is not None:
            return True
        # What began the thread may be in the inbox still, and come to something.
        return await self.engine.inbox.find(f"message:{origin.place}:{origin.thread}") is not None


def build(client: AsyncWebClient, intake: Intake) -> AsyncApp:
    """The app: one middleware records and acknowledges; there is nothing for listeners to do.

    It stands before Bolt's authorization, which asks Slack who we are at the first request, and
    acknowledges that unheard when Slack does not answer.
    """

    async def record(req: AsyncBoltRequest) -> BoltResponse:
        # Socket Mode acknowledges nothing but 200
        return BoltResponse(status=200 if await intake(req.body) else 503)

    return AsyncApp(
        name="mab",  # without one Bolt reads the sources of all its callers to find one
        client=client,
        before_authorize=record,
        request_verification_enabled=False,
    )
