"""The Events API: what the app is told, and that it is told again when it does not acknowledge."""

import asyncio
import contextlib
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from bot.local.faults import Faults, Kind
from bot.local.socket_mode import Sockets
from bot.local.state import TEAM, Channel, State
from bot.local.timing import Timing

Json = dict[str, Any]
_PLURAL = {"channel": "channels", "group": "groups", "im": "im"}


@dataclass
class Events:
    """Delivers events with Slack's retries; `subscribed` None means to everything."""

    state: State
    sockets: Sockets
    faults: Faults
    timing: Timing
    subscribed: frozenset[str] | None = None
    held: list[Json] = field(default_factory=list)
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)
    _hurry: asyncio.Event = field(default_factory=asyncio.Event)

    def emit(self, event: Json, channel: Channel | None = None) -> None:
        """Tell the app, if it is subscribed and sits in the channel."""
        if channel is not None and self.state.bot.id not in channel.members:
            return
        if self.subscribed is not None and _subscription(event) not in self.subscribed:
            return
        payload = self._callback(event)
        if self.faults.take(Kind.HOLD, event["type"]):
            self.held.append(payload)
        else:
            self._start(payload)

    def release(self, *, reverse: bool = False) -> None:
        """Deliver the events that were held back, newest first if wanted."""
        held, self.held = self.held, []
        for payload in reversed(held) if reverse else held:
            self._start(payload)

    def retry_now(self) -> None:
        """Let the time of every pending ack and of every pause before a retry be over."""
        self._hurry.set()
        self._hurry = asyncio.Event()
        self.sockets.hurry()

    @property
    def under_way(self) -> int:
        """How many deliveries have not ended: sent, or to be repeated after a pause."""
        return len(self._tasks)

    def background(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside, until it is done or the workspace stops."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def stop(self) -> None:
        """End all deliveries."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, payload: Json) -> None:
        fault = self.faults.take(Kind.DUPLICATE, payload["event"]["type"])
        for _ in range(fault.amount if fault else 1):
            self.background(self._deliver(payload))

    async def _deliver(self, payload: Json) -> None:
        reason = ""
        for attempt, pause in enumerate((0.0, *self.timing.retries)):
            await self._pause(pause)
            ack = await self.sockets.send("events_api", payload, attempt, reason)
            if ack.acked:
                return
            reason = ack.reason

    async def _pause(self, seconds: float) -> None:
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), seconds)

    def _callback(self, event: Json) -> Json:
        author = self.state.users.get(event.get("user", ""))
        return {
            "token": "local",
            "team_id": TEAM,
            "api_app_id": self.state.app_id,
            "event": event,
            "type": "event_callback",
            "event_id": self.state.ids.make("Ev"),
            "event_time": int(float(event["event_ts"])),
            "authorizations": [
                {
                    "enterprise_id": None,
                    "team_id": TEAM,
                    "user_id": self.state.bot.id,
                    "is_bot": True,
                    "is_enterprise_install": False,
                }
            ],
            "is_ext_shared_channel": bool(author and author.is_stranger),
        }


def _subscription(event: Json) -> str:
    kind = event["type"]
    return f"message.{_PLURAL[event['channel_type']]}" if kind == "message" else kind
