"""Socket Mode: tickets, connections, envelopes and their acknowledgements."""

import asyncio
import json
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from bot.local.changes import Changes
from bot.local.faults import Faults, Kind
from bot.local.timing import Timing

Json = dict[str, Any]
MOST_CONNECTIONS = 10
PING_SECONDS = 10.0


@dataclass(frozen=True)
class Ack:
    """What came back for an envelope; `reason` says why nothing did."""

    acked: bool
    payload: Json = field(default_factory=dict)
    reason: str = ""


@dataclass(frozen=True)
class Delivery:
    """An envelope that was sent, for tests to read: its type, payload, attempt and outcome."""

    kind: str
    payload: Json
    attempt: int
    ack: Ack


TIMED_OUT = Ack(acked=False, reason="timeout")
NOT_CONNECTED = Ack(acked=False, reason="connection_failed")


@dataclass(frozen=True)
class Waiting:
    """An envelope whose ack is outstanding; `kinds` are what faults pick it by."""

    socket: web.WebSocketResponse
    future: "asyncio.Future[Ack]"
    kinds: tuple[str, ...]


@dataclass
class Sockets:
    """The app's connections. Every envelope goes to one of them, chosen at random."""

    app_id: str
    changes: Changes
    faults: Faults
    timing: Timing
    clock: Callable[[], float]
    connections: list[web.WebSocketResponse] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    greeted: int = 0
    _tickets: dict[str, float] = field(default_factory=dict)
    _waiting: dict[str, Waiting] = field(default_factory=dict)

    def ticket(self) -> str:
        """A ticket for one connection, good for a short time."""
        ticket = secrets.token_urlsafe(24)
        self._tickets[ticket] = self.clock() + self.timing.ticket
        return ticket

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One connection, from hello to its end; a stale or used ticket gets 408."""
        until = self._tickets.pop(request.query.get("ticket", ""), 0.0)
        if until <= self.clock() or self.faults.take(Kind.STALE_TICKET):
            return web.Response(status=408, text="stale ticket")
        socket = web.WebSocketResponse(heartbeat=PING_SECONDS)
        await socket.prepare(request)
        if len(self.connections) >= MOST_CONNECTIONS:
            await socket.send_json(self._goodbye("too_many_websockets"))
            await socket.close()
            return socket
        await self._hello(socket)
        try:
            await self._listen(socket)
        finally:
            self._forget(socket)
        return socket

    async def send(self, kind: str, payload: Json, attempt: int = 0, reason: str = "") -> Ack:
        """Send an envelope and wait for its ack, at most the time that Slack gives."""
        ack = await self._send(_envelope(kind, payload, attempt, reason))
        self.deliveries.append(Delivery(kind, payload, attempt, ack))
        self.changes.wake()
        return ack

    async def disconnect(self, reason: str, *, close: bool) -> None:
        """Tell every connection to go; with `close` the server hangs up as well."""
        for socket in list(self.connections):
            await socket.send_json(self._goodbye(reason))
            if close:
                await socket.close()

    async def hang_up(self) -> None:
        """Close every connection without a word."""
        for socket in list(self.connections):
            await socket.close()

    def hurry(self) -> None:
        """Give up waiting for the acks that are outstanding."""
        for waiting in self._waiting.values():
            _settle(waiting.future, TIMED_OUT)

    async def _send(self, envelope: Json) -> Ack:
        live = [socket for socket in self.connections if not socket.closed]
        if not live:
            return NOT_CONNECTED
        socket = secrets.choice(live)
        future: asyncio.Future[Ack] = asyncio.get_running_loop().create_future()
        kinds = (envelope["type"], _about(envelope["payload"]))
        self._waiting[envelope["envelope_id"]] = Waiting(socket, future, kinds)
        try:
            await socket.send_json(envelope)
            return await asyncio.wait_for(future, self.timing.ack)
        except TimeoutError:
            return TIMED_OUT
        except ConnectionError:
            return NOT_CONNECTED
        finally:
            self._waiting.pop(envelope["envelope_id"], None)

    async def _hello(self, socket: web.WebSocketResponse) -> None:
        self.connections.append(socket)
        self.greeted += 1
        seconds = int(self.timing.connection)
        await socket.send_json(
            {
                "type": "hello",
                "num_connections": len(self.connections),
                "connection_info": {"app_id": self.app_id},
                "debug_info": {**_DEBUG, "approximate_connection_time": seconds},
            }
        )
        self.changes.wake()

    async def _listen(self, socket: web.WebSocketResponse) -> None:
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                self._acknowledged(message.data)

    def _acknowledged(self, data: str) -> None:
        try:
            body = json.loads(data)
            waiting = self._waiting[body["envelope_id"]]
        except (ValueError, KeyError, TypeError):
            return
        payload = body.get("payload")
        lost = self.faults.take(Kind.DROP_ACK, *waiting.kinds)
        ack = Ack(acked=True, payload=payload if isinstance(payload, dict) else {})
        _settle(waiting.future, TIMED_OUT if lost else ack)

    def _forget(self, socket: web.WebSocketResponse) -> None:
        self.connections.remove(socket)
        for waiting in self._waiting.values():
            if waiting.socket is socket:
                _settle(waiting.future, NOT_CONNECTED)
        self.changes.wake()

    def _goodbye(self, reason: str) -> Json:
        return {"type": "disconnect", "reason": reason, "debug_info": dict(_DEBUG)}


_DEBUG = {"host": "local", "build_number": 1}


def _about(payload: Json) -> str:
    return str(payload.get("event", {}).get("type") or payload.get("type") or "")


def _envelope(kind: str, payload: Json, attempt: int, reason: str) -> Json:
    envelope: Json = {
        "type": kind,
        "envelope_id": str(uuid.uuid4()),
        "accepts_response_payload": kind != "events_api",
        "payload": payload,
    }
    if kind == "events_api":
        envelope |= {"retry_attempt": attempt, "retry_reason": reason}
    return envelope


def _settle(future: "asyncio.Future[Ack]", ack: Ack) -> None:
    if not future.done():
        future.set_result(ack)
