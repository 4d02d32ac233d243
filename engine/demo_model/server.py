"""The Messages API on the loopback, spoken by a brain instead of a model."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

from aiohttp import web

from engine.demo_model import conversation, wire
from engine.demo_model.brain import answer
from engine.demo_model.faults import Faults, Kind
from engine.demo_model.turns import Brain, Cut, Fail, Turn, say

_MAX_BODY = 64 * 1024 * 1024  # bytes; whole conversations travel with every request


@dataclass(frozen=True)
class Request:
    """One request for an answer, as it came."""

    session: str
    body: dict[str, Any]
    side: bool  # the CLI's own question (a title, a summary), not the agent's


class DemoModel:
    """A loopback Messages API: `async with DemoModel() as model`, then `model.environment`.

    Answers only requests that carry `token` as key. `requests` keeps what was asked;
    `tokens_in` and `tokens_out` count what was charged, by session. `faults` go wrong on purpose,
    whatever the brain says.
    """

    def __init__(self, brain: Brain = answer) -> None:
        self.token = f"demo-{secrets.token_urlsafe(24)}"
        self.requests: list[Request] = []
        self.tokens_in: Counter[str] = Counter()
        self.tokens_out: Counter[str] = Counter()
        self.faults = Faults()
        self._brain = brain
        self._asked: Counter[tuple[str, str, int, int]] = Counter()
        self._runner: web.AppRunner | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """What `ANTHROPIC_BASE_URL` must be."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def environment(self) -> dict[str, str]:
        """The variables that lead the CLI here, past any proxy."""
        return {
            "ANTHROPIC_BASE_URL": self.url,
            "ANTHROPIC_API_KEY": self.token,
            "NO_PROXY": "127.0.0.1",
            "no_proxy": "127.0.0.1",
        }

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=_MAX_BODY)
        app.router.add_post("/v1/messages", self._messages)
        app.router.add_post("/v1/messages/count_tokens", self._count)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._runner:
            await self._runner.cleanup()

    def _known(self, request: web.Request) -> bool:
        headers = request.headers
        given = headers.get("x-api-key") or headers.get("Authorization", "").removeprefix("Bearer ")
        return secrets.compare_digest(given.encode(), self.token.encode())

    async def _count(self, request: web.Request) -> web.StreamResponse:
        if not self._known(request):
            return _error(401, "invalid x-api-key")
        return web.json_response({"input_tokens": len(await request.text()) // 4})

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        if not self._known(request):
            return _error(401, "invalid x-api-key")
        if failing := self.faults.take(Kind.FAIL):
            return _error(failing.status, "ordered failure", failing.headers)
        if slow := self.faults.take(Kind.SLOW):
            await slow.over.wait()
        body = await request.json()
        turn = self._turn(body)
        if turn.after:
            await turn.after.wait()
        await asyncio.sleep(turn.pause)
        if isinstance(turn.fault, Fail):
            return _error(turn.fault.status, turn.fault.message)
        return await self._spoken(request, body, turn)

    def _turn(self, body: dict[str, Any]) -> Turn:
        talk = conversation.read(body)
        side = not body.get("tools")
        self.requests.append(Request(talk.session, body, side))
        if side:
            return say("Demo")
        turn = self._brain(talk)
        place = (talk.session, talk.task, len(talk.earlier), talk.turn)
        asked = self._asked[place]
        self._asked[place] += 1
        return turn if _lasts(turn.fault, asked) else _healthy(turn)

    async def _spoken(
        self, request: web.Request, body: dict[str, Any], turn: Turn
    ) -> web.StreamResponse:
        whole = wire.message(turn, body.get("model", ""))
        if isinstance(turn.fault, Cut) or self.faults.take(Kind.CUT):
            return await _cut(request, wire.stream(whole))
        self._charge(body, turn)
        if not body.get("stream"):
            return web.json_response(whole)
        return web.Response(body=wire.stream(whole), content_type="text/event-stream")

    def _charge(self, body: dict[str, Any], turn: Turn) -> None:
        session = conversation.read(body).session
        self.tokens_in[session] += turn.tokens_in
        self.tokens_out[session] += turn.tokens_out


def _lasts(fault: Fail | Cut | None, asked: int) -> bool:
    return fault is None or fault.times is None or asked < fault.times


def _healthy(turn: Turn) -> Turn:
    return replace(turn, fault=None)


async def _cut(request: web.Request, data: bytes) -> web.StreamResponse:
    """Say half, then hang up."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    await response.write(data[: len(data) // 2])
    if request.transport:
        request.transport.abort()
    return response


def _error(status: int, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.json_response(wire.error(status, message), status=status, headers=headers)
