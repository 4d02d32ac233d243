"""A small app in place of the product: it calls and listens all the time, and notes what it sees."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.local import LocalSlack, Refused

PAUSE = 0.02
LABEL = {"type": "plain_text", "text": "Stop"}
STOP = {"type": "actions", "elements": [{"type": "button", "action_id": "stop", "text": LABEL}]}
LOST = (aiohttp.ClientError, TimeoutError, OSError, asyncio.IncompleteReadError)


@dataclass
class Bystander:
    """What an app and the people of a workspace see; a name for everything that is not as usual."""

    slack: LocalSlack
    seen: Counter[str] = field(default_factory=Counter)
    events: list[str] = field(default_factory=list)  # their ids, as they came
    said: list[str] = field(default_factory=list)  # the ts of what people said, as it came
    slowest: float = 0.0  # seconds for a call
    card: str = ""
    done: bool = False

    @asynccontextmanager
    async def busy(self) -> AsyncIterator[None]:
        """Call, listen and speak all the time while the block runs."""
        works = (
            self.command,
            self.press,
            self.call,
            self.upload,
            self.listen,
            self.listen,
            self.speak,
        )
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._again(work)) for work in works]
            try:
                yield
            finally:
                self.done = True  # a wait that ends as it is cancelled forgets the cancellation
                for task in tasks:
                    task.cancel()

    async def _again(self, work: Callable[[], Awaitable[None]]) -> None:
        while not self.done:
            try:
                await work()
            except SlackApiError as error:
                self.seen[str(error.response.status_code)] += 1
                if isinstance(error.response.data, dict):
                    self.seen[str(error.response.get("error"))] += 1
            except Refused as refused:
                self.seen[f"people: {refused.code}"] += 1
            except LOST as error:
                self.seen[type(error).__name__] += 1
            await asyncio.sleep(PAUSE)

    @property
    def client(self) -> AsyncWebClient:
        """A client that repeats nothing."""
        return AsyncWebClient(
            self.slack.bot_token, base_url=self.slack.api_url, retry_handlers=[], timeout=5
        )

    async def call(self) -> None:
        """Post, edit and look, as the product does."""
        loop, room = asyncio.get_running_loop(), self.slack.channel("general").id
        client, since = self.client, loop.time()
        try:
            posted = await client.chat_postMessage(channel=room, text="x")
            card = str(posted["ts"])
            await client.chat_postMessage(channel=room, text="y", thread_ts=card)
            await client.chat_update(channel=room, ts=card, text="z", blocks=[STOP])
            self.card = card
            await client.reactions_add(channel=room, timestamp=card, name="eyes")
            await client.conversations_replies(channel=room, ts=card)
            await client.conversations_history(channel=room, limit=5)
        finally:
            self.slowest = max(self.slowest, loop.time() - since)

    async def upload(self) -> None:
        """Share a file."""
        room = self.slack.channel("general").id
        await self.client.files_upload_v2(channel=room, content="x", filename="a.txt")

    async def speak(self) -> None:
        """People talk."""
        await self.slack.says("you", "general", "@agent hello")

    async def command(self) -> None:
        """People command."""
        answer = await self.slack.commands("you", "general", "/agent help")
        self.seen[f"command: {answer.error}"] += not answer.ok

    async def press(self) -> None:
        """People press a button."""
        if self.card:
            answer = await self.slack.presses("you", self.card, "Stop")
            self.seen[f"button: {answer.error}"] += not answer.ok

    async def listen(self) -> None:
        """One socket, from its ticket to its end; everything is acknowledged."""
        link = await self.client.apps_connections_open(app_token=self.slack.app_token)
        async with aiohttp.ClientSession() as http, http.ws_connect(str(link["url"])) as socket:
            while (message := await socket.receive()).type is aiohttp.WSMsgType.TEXT:
                await self._heard(socket, message.json())
        self.seen["socket ended"] += 1

    async def _heard(self, socket: Any, body: dict[str, Any]) -> None:
        if body["type"] == "disconnect":
            self.seen["goodbye"] += 1
            await socket.close()
        if body["type"] == "events_api":
            payload = body["payload"]
            self.events.append(payload["event_id"])
            self.said.append(payload["event"]["event_ts"])
            self.seen["again"] += int(body["retry_attempt"] > 0)
        if "envelope_id" in body:
            with suppress(ConnectionError):
                await socket.send_json({"envelope_id": body["envelope_id"]})
