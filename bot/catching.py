"""Catching up: what people said while nobody heard it, looked up once for each gap.

Slack sends an event again for some minutes. What was said in a longer gap, or while the ledger
was away, is read from the history of the channels that the bot is in, and recorded under the key
that its event would have had. Commands and buttons are not looked up: Slack has shown people that
they did not work. Of questions that wait it is looked up whether their messages are still there.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Any

import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.connection import Sockets
from bot.pace import Bucket
from bot.places import channel_of
from bot.posting import Failure, Trouble, understood
from engine import Engine

NOTE_SECONDS = 10.0  # between two notes that people are heard
MARGIN = 60.0  # seconds before a gap that are read as well: its beginning is not known exactly
PAGE = 200  # messages
PAGES = 5  # of one channel or thread
CHANNELS = 100  # of each sort, beside those where agents have worked
SORTS = ("im", "public_channel,private_channel")
QUESTIONS = 200  # that are open, and looked for
CALLS = 30.0  # a minute; Slack allows about 50
BURST = 10.0
CANNOT_BE_READ = frozenset({Trouble.CLOSED, Trouble.UNTHREADED, Trouble.GONE})
# An installation that lists no channels: an older app, or one for a whole organisation.
CANNOT_BE_LISTED = frozenset({"missing_scope", "missing_argument"})
Said = Mapping[str, Any]
Method = Callable[..., Awaitable[Any]]
log = structlog.stdlib.get_logger(__name__)


class Unheard(Exception):
    """Something that was missed could not be recorded; it is looked up again."""


@dataclass
class CatchUp:
    """Notes that people are heard, and looks up what was missed when they were not."""

    engine: Engine
    client: AsyncWebClient
    sockets: Sockets
    record: Callable[[dict[str, Any]], Awaitable[bool]]  # an event, as Slack would have sent it
    pace: Bucket = field(default_factory=lambda: Bucket(CALLS, BURST))
    _noted: float = float("-inf")

    async def tick(self) -> None:
        """Note that people are heard, if they are, and catch up."""
        if monotonic() - self._noted < NOTE_SECONDS or not await self.sockets.connected():
            return
        self._noted = monotonic()
        since = await self.engine.hearing.heard()
        if since is not None:
            await self._catch_up(since)

    async def _catch_up(self, since: datetime) -> None:
        oldest = since.timestamp() - MARGIN
        said = [event async for event in self._missed(oldest)]
        for event in sorted(said, key=lambda event: float(event["ts"])):
            if not await self.record({"type": "event_callback", "event": event}):
                raise Unheard(event["ts"])
        await self._look_for_questions()
        await self.engine.hearing.caught_up()
        log.info("caught up", since=since.isoformat(), messages=len(said))

    async def _look_for_questions(self) -> None:
        """Have those asked again whose messages were deleted meanwhile: nobody could press them."""
        for thread, receipt in await self.engine.decisions.standing(QUESTIONS):
            ts = str(receipt.get("ts", ""))
            answer = await self._call(
                self.client.conversations_replies,
                channel=channel_of(thread.place),
                ts=thread.thread,
                oldest=ts,
                inclusive=True,
                limit=10,  # the root is always among them
            )
            there = answer.get("messages")
            if there is not None and all(message["ts"] != ts for message in there):
                await self.engine.decisions.ask_again(thread.place, receipt)

    async def _missed(self, oldest: float) -> AsyncIterator[dict[str, Any]]:
        """What was said in our channels, and in the threads that are of today."""
        threads = {(channel_of(o.place), o.thread) for o in await self.engine.hearing.threads()}
        ours = [channel_of(place) for place in await self.engine.hearing.places()]
        for channel in dict.fromkeys([*ours, *await self._joined()]):
            where = {"channel": channel, "oldest": f"{oldest:.6f}"}
            async for said in self._pages(self.client.conversations_history, **where):
                yield _event(said, channel)
                if said.get("reply_count") and (channel in ours or _may_be_to_us(said, channel)):
                    threads.add((channel, str(said["ts"])))
        for channel, thread in sorted(threads, key=str):
            where = {"channel": channel, "oldest": f"{oldest:.6f}"}
            async for said in self._pages(self.client.conversations_replies, ts=thread, **where):
                if said["ts"] != thread:
                    yield _event(said, channel)

    async def _joined(self) -> list[str]:
        """The channels and direct messages that the bot is in, as many as are looked at."""
        found: list[str] = []
        for sort in SORTS:
            options = {"types": sort, "exclude_archived": True}
            pages = self._pages(self.client.users_conversations, "channels", **options)
            some = [str(channel["id"]) async for channel in pages]
            if len(some) > CHANNELS:
                log.warning("not all channels are looked up", sort=sort, channels=len(some))
            found += some[:CHANNELS]
        return found

    async def _pages(
        self, read: Method, key: str = "messages", **where: Any
    ) -> AsyncIterator[Said]:
        """What Slack lists; of what is closed to us there is nothing."""
        cursor = ""
        for _ in range(PAGES):
            options = {**where, "cursor": cursor} if cursor else where
            answer = await self._call(read, limit=PAGE, **options)
            for each in answer.get(key) or ():
                yield each
            cursor = str((answer.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                return

    async def _call(self, read: Method, **options: Any) -> Mapping[str, Any]:
        """Ask Slack, as often as it lets us; {} for what cannot be read any more."""
        while True:
            if wait := self.pace.wait():
                await asyncio.sleep(wait)
                continue
            await self.sockets.probe()  # or else there is another gap, which includes this one
            await self.engine.hearing.catching()
            try:
                answer: Mapping[str, Any] = (await read(**options)).data
            except Exception as error:
                failure = understood(error)
                if failure and _is_closed(failure):
                    where = options.get("channel") or options.get("types")
                    log.info("not looked up", where=where, reason=failure.reason)
                    return {}
                if not (failure and failure.retry_after):
                    raise
                self.pace.empty(failure.retry_after)
            else:
                return answer


def _is_closed(failure: Failure) -> bool:
    return failure.trouble in CANNOT_BE_READ or failure.reason in CANNOT_BE_LISTED


def _may_be_to_us(said: Said, channel: str) -> bool:
    """Where no agent has worked, most threads are other people's: we are not mentioned there."""
    return channel.startswith("D") or "<@" in str(said.get("text"))


def _event(said: Said, channel: str) -> dict[str, Any]:
    """A message of the history, as the event that told of it.

    A message that was edited meanwhile is taken as it is now; one that has got replies was in no
    thread when it was said.
    """
    kept = {key: value for key, value in said.items() if key != "edited"}
    if kept.get("thread_ts") == kept["ts"]:
        del kept["thread_ts"]
    kind = "im" if channel.startswith("D") else "channel"
    return {**kept, "type": "message", "channel": channel, "channel_type": kind}
