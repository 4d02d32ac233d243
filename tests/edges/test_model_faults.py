"""What the real CLI makes of a model that fails in mid-run: goes on, begins again later, gives up.

Between broker and model stands what breaks: the second turn and those after it meet the fault.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

import aiohttp
import pytest
from aiohttp import web

from bot.messages.causes import advice
from engine.broker_tally import Tokens
from engine.claude import ClaudeExecutor
from engine.demo_model import DemoModel, Turn, call, say
from engine.executor import AgentResult, Sandbox, Usage
from engine.states import Cause, Status
from engine.verdicts import Standing, judge
from tests.edges.conftest import Bench, Diary, scripted
from tests.edges.test_broker import Notes, opened

Fault = Callable[["Between", web.Request, bytes], Awaitable[web.StreamResponse]]
ALWAYS = 99
FIRST = replace(call("Bash", command="echo once >> a.txt"), tokens_in=2000, tokens_out=50)
LAST = say("Done. " + "word " * 50, tokens_in=3000, tokens_out=70)
HUGE = replace(LAST, text="word " * 400_000)  # 2 MB


@dataclass
class Between:
    """A gateway on the way to the model, which breaks answers."""

    model: DemoModel
    fault: Fault
    times: int
    asked: int = 0
    port: int = 0
    _runner: web.AppRunner | None = None
    _later: list[asyncio.Task[None]] = field(default_factory=list)

    async def open(self) -> None:
        app = web.Application(client_max_size=2**26)
        app.router.add_route("*", "/{rest:.*}", self._heard)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        await asyncio.gather(*self._later)
        await self.shut()

    async def shut(self) -> None:
        assert self._runner
        await self._runner.cleanup()

    def soon(self, what: Callable[[], Awaitable[None]]) -> None:
        async def done() -> None:
            await what()

        self._later.append(asyncio.create_task(done()))

    async def _heard(self, request: web.Request) -> web.StreamResponse:
        self.asked += 1
        body = await request.read()
        if 1 < self.asked <= 1 + self.times:
            return await self.fault(self, request, body)
        data, kind = await self.answer(request, body)
        return web.Response(body=data, content_type=kind)

    async def answer(self, request: web.Request, body: bytes) -> tuple[bytes, str]:
        """What the model says."""
        headers = {"x-api-key": self.model.token, "Content-Type": "application/json"}
        url = self.model.url + request.raw_path
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=body, headers=headers) as got,
        ):
            return await got.read(), got.content_type


def fails(status: int, **headers: str) -> Fault:
    async def answered(_: Between, __: web.Request, ___: bytes) -> web.StreamResponse:
        told = {"type": "error", "error": {"type": "error", "message": "no"}}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.json_response(told, status=status, headers=named)

    return answered


async def slow(between: Between, request: web.Request, body: bytes) -> web.StreamResponse:
    """The first byte comes later than the CLI waits for it."""
    await asyncio.sleep(30)
    raise AssertionError


async def cut(between: Between, request: web.Request, body: bytes) -> web.StreamResponse:
    """The connection breaks in the midst of the answer."""
    data, kind = await between.answer(request, body)
    half = web.StreamResponse(headers={"Content-Type": kind})
    await half.prepare(request)
    await half.write(data[: len(data) // 2])
    await asyncio.sleep(0.1)  # the half gets there
    assert request.transport
    request.transport.abort()
    return half


async def unfinished(between: Between, request: web.Request, body: bytes) -> web.StreamResponse:
    """The answer ends too early, as if it were whole."""
    data, kind = await between.answer(request, body)
    return web.Response(body=data[: len(data) // 2], content_type=kind)


async def malformed(between: Between, request: web.Request, body: bytes) -> web.StreamResponse:
    """The events are none that anybody knows."""
    data, kind = await between.answer(request, body)
    return web.Response(body=data.replace(b'"delta": {"type"', b'"delta": {"ty'), content_type=kind)


async def page(between: Between, request: web.Request, body: bytes) -> web.StreamResponse:
    """A proxy answers in the model's place."""
    return web.Response(text="<html>Sign in</html>", content_type="text/html")


def away(seconds: float) -> Fault:
    async def gone(between: Between, request: web.Request, body: bytes) -> web.StreamResponse:
        async def back() -> None:
            await between.shut()
            await asyncio.sleep(seconds)
            await between.open()

        between.soon(back)
        assert request.transport
        request.transport.abort()
        return web.Response()

    return gone


@dataclass(frozen=True)
class Row:
    """A fault, and what comes of it; `told`: the tokens that the model's answers told of."""

    fault: Fault
    times: int
    cause: Cause | None  # None: the CLI goes on by itself
    told: Tokens | None = None  # None: what both turns use
    last: Turn = LAST
    variables: Mapping[str, str] = field(default_factory=dict)


ONE = Tokens(2000, 50)  # the first turn
ROWS = {
    "429 once": Row(fails(429, Retry_After="1"), 1, None),
    "429": Row(fails(429), ALWAYS, Cause.RATE_LIMIT, ONE),
    "500 once": Row(fails(500), 1, None),
    "500": Row(fails(500), ALWAYS, Cause.OVERLOADED, ONE),
    "529 once": Row(fails(529), 1, None),
    "529": Row(fails(529), ALWAYS, Cause.OVERLOADED, ONE),
    "slow first byte": Row(slow, 1, None, variables={"API_TIMEOUT_MS": "3000"}),
    "cut once": Row(cut, 1, None, Tokens(8000, 120)),  # the half answer told what went in
    "cut": Row(cut, ALWAYS, Cause.CONNECTION),
    "unfinished": Row(unfinished, ALWAYS, Cause.CONNECTION),
    "malformed": Row(malformed, ALWAYS, None, Tokens(8000, 190)),  # asked again in one piece
    "page of a proxy": Row(page, ALWAYS, Cause.CONNECTION, ONE),
    "away for a moment": Row(away(1), 1, None),
    "away": Row(away(6), 1, Cause.CONNECTION, ONE),
    "key refused": Row(fails(401), ALWAYS, Cause.BAD_KEY, ONE),
    "forbidden": Row(fails(403), ALWAYS, Cause.BAD_KEY, ONE),
    "request refused": Row(fails(400), ALWAYS, Cause.MODEL, ONE),
    "huge answer": Row(fails(500), 0, None, last=HUGE),
}


@pytest.mark.parametrize("name", ROWS)
async def test_what_comes_of_it(bench: Bench, name: str) -> None:
    row = ROWS[name]
    notes = Notes()
    async with scripted([FIRST, row.last]) as model:
        between = Between(model, row.fault, row.times)
        await between.open()
        values = {**model.environment, "ANTHROPIC_BASE_URL": f"http://127.0.0.1:{between.port}"}
        async with opened(values, notes) as way:
            variables = {**way.environment("r"), **row.variables}
            job = bench.job(model, environment=variables, sandbox=Sandbox.OFF)
            result = await ClaudeExecutor().run(job, Diary())
            used = way.used("r", result.usage)
        await between.close()
    assert (bench.workspace / "a.txt").read_text() == "once\n", "no turn is taken twice"
    assert (result.success, result.cause) == (row.cause is None, row.cause), result
    check_costs(row, used, notes)
    check_verdict(row, result)


def check_costs(row: Row, used: Usage, notes: Notes) -> None:
    """Nothing that was told is forgotten, whatever the CLI has understood of it."""
    assert used.tokens_in >= notes.tokens.taken
    assert used.tokens_out >= notes.tokens.given
    if row.told is not None or row.cause is None:
        assert Tokens(used.tokens_in, used.tokens_out) == (row.told or Tokens(5000, 120))
    if row.told == ONE:
        assert used.cost == Decimal("0.009")


def check_verdict(row: Row, result: AgentResult) -> None:
    """What passes is tried again in some seconds; the rest waits for people, and says for whom."""
    if row.cause is None:
        assert row.last.text.startswith(result.output[:100])
        return
    passing = row.cause in {Cause.RATE_LIMIT, Cause.OVERLOADED, Cause.CONNECTION}
    verdict = judge(Standing(0, 3, cancelled=False), None, result)
    assert verdict.status is (Status.PENDING if passing else Status.FAILED)
    assert (verdict.delay > 0) == passing
    assert result.error
    if row.cause is Cause.BAD_KEY:
        assert "sets a valid `ANTHROPIC_API_KEY`" in advice(result.cause).remedy
