"""The broker between agents and their model: whose key, whose request, which piece when."""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp
import pytest
from aiohttp import web

from engine.broker import MAX_REQUESTS
from engine.broker_access import Access, access
from engine.broker_exchange import MAX_BODY, Ears
from engine.broker_pause import Board, Pause, retry_after
from engine.broker_tally import Tally, Tokens
from engine.broker_upstream import Direct, Upstream, environment, upstream
from engine.claude import ClaudeExecutor
from engine.demo_model import Cut, Fail, Turn, call, say
from engine.demo_model.wire import message, stream
from engine.executor import Usage
from engine.states import Cause
from tests.edges.conftest import Bench, Diary, scripted, until

KEY = "sk-ant-the-real-key"
WHOLE = message(say("Hello.", tokens_in=30, tokens_out=7), "some-model")
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def hello(_: web.Request) -> web.StreamResponse:
    return web.json_response(WHOLE)


@dataclass
class Api:
    """The API behind the broker: answers as it is told, and remembers what it was asked."""

    answer: Answer = hello
    asked: list[tuple[str, str, Mapping[str, str], bytes]] = field(default_factory=list)
    left: int = 0  # requests whose asker hung up before the answer's end
    url: str = ""
    _runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=2 * MAX_BODY)
        app.router.add_route("*", "/{rest:.*}", self._heard)
        self._runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=1, handler_cancellation=True
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._runner
        await self._runner.cleanup()

    async def _heard(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        self.asked.append((request.method, request.raw_path, request.headers, body))
        try:
            return await self.answer(request)
        except asyncio.CancelledError:
            self.left += 1
            raise


@dataclass
class Notes:
    """What the broker has told its ears."""

    statuses: list[int] = field(default_factory=list)
    held: list[float] = field(default_factory=list)
    tokens: Tokens = field(default_factory=Tokens)

    @property
    def ears(self) -> Ears:
        return Ears(self.statuses.append, self.held.append, self._count)

    def _count(self, tokens: Tokens) -> None:
        self.tokens += tokens


@dataclass
class Scene:
    """An API, the broker before it, and a client in the place of the CLIs."""

    api: Api
    way: Access
    notes: Notes
    client: aiohttp.ClientSession

    def asks(self, run: str, path: str = "/v1/messages", **how: Any) -> Any:
        variables = self.way.environment(run)
        given = {"x-api-key": variables["ANTHROPIC_API_KEY"], **how.pop("headers", {})}
        data = how.pop("data", b"{}")
        url = f"{variables['ANTHROPIC_BASE_URL']}{path}"
        return self.client.request(how.pop("method", "POST"), url, data=data, headers=given, **how)

    async def status(self, run: str, path: str = "/v1/messages", **how: Any) -> int:
        async with self.asks(run, path, **how) as answer:
            await answer.read()
            return int(answer.status)

    async def waiting(self, run: str) -> "asyncio.Task[int]":
        """A request that is under way; the API has it."""
        before = len(self.api.asked)
        task = asyncio.create_task(self.status(run))
        await until(lambda: len(self.api.asked) > before)
        return task


@asynccontextmanager
async def opened(values: Mapping[str, str], notes: Notes | None = None) -> AsyncIterator[Access]:
    way = access(values, (notes or Notes()).ears, wanted=True)
    await way.open()
    try:
        yield way
    finally:
        await way.close()


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    notes = Notes()
    async with Api() as api:
        values = {"ANTHROPIC_BASE_URL": f"{api.url}/gate/", "ANTHROPIC_API_KEY": KEY}
        async with opened(values, notes) as way, aiohttp.ClientSession() as client:
            yield Scene(api, way, notes, client)


async def never(_: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    raise AssertionError


async def test_the_key_takes_the_place_of_the_token(scene: Scene) -> None:
    headers = {"anthropic-beta": "some", "Connection": "keep-alive, x-hop", "x-hop": "1"}
    async with scene.asks("r", "/v1/messages?beta=true", headers=headers, data=b'{"a": 1}') as got:
        assert (got.status, await got.json()) == (200, WHOLE)
    [(method, path, heard, body)] = scene.api.asked
    assert (method, path, body) == ("POST", "/gate/v1/messages?beta=true", b'{"a": 1}')
    assert (heard["x-api-key"], heard["anthropic-beta"]) == (KEY, "some")
    assert "x-hop" not in heard
    assert "mab-run-" not in str(heard)
    assert scene.notes.statuses == [200]


async def test_a_bearer_and_headers_of_ones_own_are_put_in_as_well() -> None:
    async with Api() as api:
        values = {
            "ANTHROPIC_BASE_URL": api.url,
            "ANTHROPIC_AUTH_TOKEN": "real-bearer",
            "ANTHROPIC_CUSTOM_HEADERS": "X-Team: shop\nX-Pass: word: s",
        }
        async with opened(values) as way, aiohttp.ClientSession() as client:
            given = way.environment("r")
            assert not {"real-bearer", "word: s"} & set(given.values())
            assert not {"ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_CUSTOM_HEADERS"} & given.keys()
            token = {"Authorization": f"Bearer {given['ANTHROPIC_API_KEY']}"}
            url = f"{given['ANTHROPIC_BASE_URL']}/v1/messages"
            async with client.post(url, headers=token) as answer:
                assert answer.status == 200
    [(_, _, heard, _)] = api.asked
    assert (heard["Authorization"], heard["X-Team"], heard["X-Pass"]) == (
        *("Bearer real-bearer", "shop", "word: s"),
    )
    assert "x-api-key" not in heard


async def test_pieces_come_as_soon_as_they_are_sent_and_are_counted(scene: Scene) -> None:
    data, more = stream(WHOLE), asyncio.Event()

    async def slowly(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream", "X-Id": "7"})
        await answer.prepare(request)
        await answer.write(data[:-40])
        await more.wait()
        await answer.write(data[-40:])
        return answer

    scene.api.answer = slowly
    async with scene.asks("r") as got, asyncio.timeout(60):
        assert got.headers["X-Id"] == "7"
        first = b""
        while len(first) < len(data) - 40:
            first += await got.content.readany()
        assert scene.way.used("r", Usage()) == Usage(tokens_in=30, tokens_out=7)
        more.set()
        assert first + await got.read() == data
    await until(lambda: scene.notes.statuses)
    assert scene.notes.tokens == Tokens(30, 7)


async def test_an_answer_in_one_piece_is_counted_and_a_count_of_tokens_is_not(
    scene: Scene,
) -> None:
    assert await scene.status("r") == 200
    assert await scene.status("r", "/v1/messages/count_tokens") == 200
    assert scene.notes.tokens == Tokens(30, 7)
    assert scene.way.used("r", Usage(tokens_in=50)) == Usage(tokens_in=50, tokens_out=7)
    assert scene.way.used("other", Usage()) == Usage()


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_a_tally_reads_totals_from_pieces_cut_anywhere(size: int) -> None:
    events = [
        {"message": {"usage": {"input_tokens": 3, "cache_read_input_tokens": 40, "output_tokens": 1}}},
        {"delta": {"text": 'data: {"usage": {"output_tokens": 9999}}'}},
        {"usage": {"output_tokens": 5, "input_tokens": None}},
        {"usage": {"output_tokens": 8, "cache_creation_input_tokens": -1}},
    ]  # fmt: skip
    data = b"".join(b"event: x\r\ndata: " + json.dumps(e).encode() + b"\r\n\r\n" for e in events)
    tally, seen = Tally(streamed=True), Tokens()
    for start in range(0, len(data), size):
        tally.feed(data[start : start + size])
        seen += tally.news()
    tally.end()
    assert seen + tally.news() == Tokens(43, 8)


def test_a_tally_is_not_led_astray() -> None:
    tally = Tally(streamed=True)
    for piece in (b'data: {"usage": [1', b"]}\n", b'data: {"usage"\n', b"\xff\n", b"x" * 9 * 2**20):
        tally.feed(piece)
    tally.feed(b'\ndata: {"usage": {"output_tokens": 2}}\n')
    tally.end()
    assert tally.news() == Tokens(0, 2)


@pytest.mark.parametrize("token", ["", "wrong", KEY, "Ümlaut"])
async def test_nobody_else_is_let_in(scene: Scene, token: str) -> None:
    async with scene.asks("r", headers={"x-api-key": token}) as answer:
        told = await answer.json()
    assert (answer.status, told["error"]["type"]) == (401, "authentication_error")
    assert scene.api.asked == []


async def test_a_token_ends_with_its_run(scene: Scene) -> None:
    ended = {"x-api-key": scene.way.environment("ended")["ANTHROPIC_API_KEY"]}
    assert await scene.status("ended") == 200
    scene.way.dismiss("ended")
    assert await scene.status("other", headers=ended) == 401
    assert await scene.status("other") == 200
    assert scene.way.environment("ended")["ANTHROPIC_API_KEY"] != ended["x-api-key"]


async def test_a_halted_run_is_refused_and_what_it_asked_is_broken_off(scene: Scene) -> None:
    scene.api.answer = never
    waiting = await scene.waiting("r")
    scene.way.refuse("r")
    assert await waiting == 403
    await until(lambda: scene.api.left == 1)
    async with scene.asks("r") as answer:
        assert (answer.status, (await answer.json())["error"]["type"]) == (403, "permission_error")
    scene.way.refuse("early")
    assert await scene.status("early") == 403
    assert len(scene.api.asked) == 1


async def test_a_stream_of_a_halted_run_breaks(scene: Scene) -> None:
    async def begins(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        await answer.write(b"some")
        return await never(request)

    scene.api.answer = begins
    async with scene.asks("r") as got:
        assert await got.content.readany() == b"some"
        scene.way.refuse("r")
        with pytest.raises(aiohttp.ClientError):
            await got.read()
    await until(lambda: scene.api.left == 1)


async def test_the_request_ends_when_the_cli_goes_away(scene: Scene) -> None:
    scene.api.answer = never
    waiting = await scene.waiting("r")
    waiting.cancel()
    await asyncio.wait({waiting})
    await until(lambda: scene.api.left == 1)


async def test_all_runs_pause_together_and_go_on(scene: Scene) -> None:
    times: list[float] = []

    async def overrun_once(_: web.Request) -> web.StreamResponse:
        times.append(time.monotonic())
        if len(times) == 1:
            return web.json_response({}, status=429, headers={"Retry-After": "4"})
        return web.json_response(WHOLE)

    scene.api.answer = overrun_once
    assert await scene.status("one") == 429
    later = [asyncio.create_task(scene.status(run)) for run in ("one", "two", "three")]
    assert await asyncio.gather(*later) == [200] * 3
    assert times[1] - times[0] >= 3.95
    assert len(scene.notes.held) == 3
    assert sorted(scene.notes.statuses) == [200, 200, 200, 429]
    before = len(scene.notes.held)
    assert await scene.status("four") == 200
    assert len(scene.notes.held) == before


async def test_a_held_request_ends_with_its_run_and_the_others_wait_on(scene: Scene) -> None:
    async def overrun(_: web.Request) -> web.StreamResponse:
        return web.json_response({}, status=529, headers={"Retry-After": "50"})

    scene.api.answer = overrun
    assert await scene.status("one") == 529
    held = [asyncio.create_task(scene.status(run)) for run in ("one", "two")]
    done, _ = await asyncio.wait(held, timeout=0.3)
    assert not done
    scene.way.refuse("one")
    assert await asyncio.wait_for(held[0], 60) == 403
    assert not held[1].done()
    held[1].cancel()
    assert len(scene.api.asked) == 1


async def test_a_pause_is_bounded_and_grows_only_while_it_does_not_help(tmp_path: Path) -> None:
    pause = Pause(Board(tmp_path / "pause"))
    assert await pause.left() == 0
    await pause.heed(529, {})
    assert 0 < await pause.left() <= 1
    await pause.heed(429, {"retry-after": "3600"})
    assert 40 < await pause.left() <= 60
    assert not await pause.heed(500, {})
    assert await pause.left() > 40


async def test_the_workers_of_a_host_pause_together(tmp_path: Path) -> None:
    """Each with its own home and broker; the directory is the user's, and so is the key."""
    notes = Notes()
    times: list[float] = []

    async def overrun_once(_: web.Request) -> web.StreamResponse:
        times.append(time.monotonic())
        if len(times) > 1:
            return web.json_response(WHOLE)
        return web.json_response({}, status=529, headers={"Retry-After": "5"})

    async with Api(overrun_once) as api, aiohttp.ClientSession() as client:
        values = {"ANTHROPIC_BASE_URL": api.url, "XDG_RUNTIME_DIR": str(tmp_path)}
        mine, foreign = {**values, "ANTHROPIC_API_KEY": KEY}, {**values, "ANTHROPIC_API_KEY": "b"}
        async with opened(mine) as one, opened(mine, notes) as two, opened(foreign) as other:
            assert await Scene(api, one, notes, client).status("r") == 529
            assert await Scene(api, other, notes, client).status("r") == 200
            assert await Scene(api, two, notes, client).status("r") == 200
    assert times[1] - times[0] < 4.5, "limits are a key's: who has another one goes on"
    assert times[2] - times[0] >= 4.95
    assert len(notes.held) == 1
    assert os.listdir(tmp_path) == [], "nothing is left behind"  # noqa: PTH208 - the test may block


def test_a_board_tells_what_can_be_true_and_is_ours(tmp_path: Path) -> None:
    board = Board(tmp_path / "pause")
    board.write(soon := time.monotonic() + 30)
    board.write(soon - 10)
    assert board.read() == soon
    board.wipe()
    assert board.read() == soon, "others still pause"
    for told in ("", "x", "nan", "inf", str(time.monotonic() + 1000), "9" * 1000, "\udcff"):
        board.place.write_text(told, errors="surrogateescape")
        assert not board.read() > 0, told
    board.place.unlink()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text(str(soon))
    board.place.symlink_to(elsewhere)
    assert board.read() == 0
    board.place.unlink()
    os.mkfifo(board.place)
    assert board.read() == 0, "nobody waits for who writes into it"
    nowhere = Board(tmp_path / "missing" / "pause")
    nowhere.write(soon)
    assert nowhere.read() == 0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "2.5"}, 2.5),
        ({"retry-after": "-1"}, 0),
        ({"retry-after": "soon"}, None),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": format_datetime(datetime.now(UTC) - timedelta(hours=1))}, 0),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds
    coming = format_datetime(datetime.now(UTC) + timedelta(seconds=30))
    assert 20 < (retry_after({"retry-after": coming}) or 0) <= 30


async def test_bodies_are_bounded_whether_they_say_their_size_or_not(scene: Scene) -> None:
    async def unsaid() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY // 2**20 + 1):
            yield bytes(2**20)

    for data in (BytesIO(bytes(MAX_BODY + 1)), unsaid()):
        async with scene.asks("r", data=data) as answer:
            told = await answer.json()
        assert (answer.status, told["error"]["type"]) == (413, "request_too_large")
    assert scene.api.asked == []
    assert await scene.status("r", data=BytesIO(bytes(MAX_BODY))) == 200
    assert len(scene.api.asked[0][3]) == MAX_BODY


async def test_headers_are_bounded(scene: Scene) -> None:
    many = {f"x-{number}": "1" for number in range(500)}
    for headers in (many, {"x-long": "1" * 100_000}):
        assert await scene.status("r", headers=headers) == 400
    assert scene.api.asked == []


async def test_a_run_asks_for_so_much_at_once(scene: Scene) -> None:
    scene.api.answer = never
    waiting = [await scene.waiting("r") for _ in range(MAX_REQUESTS)]
    assert await scene.status("r") == 429
    scene.way.dismiss("r")
    assert await asyncio.gather(*waiting) == [403] * MAX_REQUESTS
    scene.api.answer = hello
    assert await scene.status("other") == 200  # that 429 was the broker's own: nobody pauses


@pytest.mark.parametrize(
    "line",
    [
        *("GET /", "GET /v1", "HEAD /", "POST /api/event_logging/v2/batch"),
        *("GET /v1/messages", "DELETE /v1/messages", "OPTIONS /v1/messages"),
        *("GET /v1/models?limit=1", "POST /v1/files", "GET /v1/files/file_1/content"),
        *("POST /v1/messages/batches", "GET /v1/organizations/api_keys", "POST /v1/complete"),
        *("POST /v1/messages/", "POST //v1/messages", "POST /v1/messages%2fbatches"),
        *("POST /v1/messages/../files", "POST /v1/messages/%2e%2e/files", "POST /v1/message%73"),
        *("POST /v1/messages;x", "POST http://elsewhere.example.org/v1/messages"),
        "POST /V1/messages",
    ],
)
async def test_only_the_model_is_asked(scene: Scene, line: str) -> None:
    """The key would be good for files, batches, and an organisation's administration as well."""
    variables = scene.way.environment("r")
    host, _, port = variables["ANTHROPIC_BASE_URL"].removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    token = variables["ANTHROPIC_API_KEY"]
    head = f"Host: x\r\nx-api-key: {token}\r\nContent-Length: 0\r\nConnection: close"
    writer.write(f"{line} HTTP/1.1\r\n{head}\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 404 ")
    if not line.startswith("HEAD"):
        told = json.loads(answer.partition(b"\r\n\r\n")[2])
        assert told["error"]["type"] == "not_found_error"
        assert "POST /v1/messages and POST /v1/messages/count_tokens" in told["error"]["message"]
    assert scene.api.asked == []


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
async def test_a_query_goes_along(scene: Scene, path: str) -> None:
    asked = f"{path}?beta=true&x=a%20b"
    assert await scene.status("r", asked) == 200
    assert [seen[1] for seen in scene.api.asked] == [f"/gate{asked}"]


async def test_the_key_follows_no_redirection(scene: Scene) -> None:
    async def elsewhere(_: web.Request) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": f"{scene.api.url}/other"})

    scene.api.answer = elsewhere
    assert await scene.status("r", allow_redirects=False) == 307
    assert len(scene.api.asked) == 1


async def test_an_api_that_cannot_be_reached_is_a_broken_connection(scene: Scene) -> None:
    async def breaks(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Length": "100"})
        await answer.prepare(request)
        await answer.write(b"half")
        assert request.transport
        request.transport.abort()
        return answer

    scene.api.answer = breaks
    with pytest.raises(aiohttp.ClientError):
        await scene.status("r")
    away = {"ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": "http://127.0.0.1:9"}
    for values in (away, {**away, "ANTHROPIC_BASE_URL": "not-a-url"}, {**away, "HTTP_PROXY": "x"}):
        async with opened(values, scene.notes) as way:
            with pytest.raises(aiohttp.ClientError):
                await replace(scene, way=way).status("r")
    assert scene.notes.statuses == [0] * 4


async def test_authorities_that_cannot_be_read_keep_nobody_from_working(tmp_path: Path) -> None:
    known = tmp_path / "ca.pem"
    known.write_text("no certificate")
    values = {"ANTHROPIC_API_KEY": KEY, "NODE_EXTRA_CA_CERTS": str(known)}
    async with opened(values) as way:
        assert way.environment("r")["ANTHROPIC_API_KEY"] != KEY


KEYED = {"ANTHROPIC_API_KEY": KEY}


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (KEYED, Direct.OFF),
        ({}, Direct.NO_KEY),
        ({"CLAUDE_CODE_OAUTH_TOKEN": "x", "ANTHROPIC_BASE_URL": "http://x"}, Direct.NO_KEY),
        ({**KEYED, "CLAUDE_CODE_USE_BEDROCK": "1"}, Direct.PROVIDER),
        ({**KEYED, "CLAUDE_CODE_USE_VERTEX": "true"}, Direct.PROVIDER),
        ({**KEYED, "CLAUDE_CODE_USE_FOUNDRY": "1"}, Direct.PROVIDER),
        ({**KEYED, "ANTHROPIC_UNIX_SOCKET": "/run/x"}, Direct.PROVIDER),
    ],
)
def test_what_the_broker_cannot_stand_before_passes_as_it_is(
    values: dict[str, str], why: Direct
) -> None:
    wanted = why is not Direct.OFF
    assert upstream(values, wanted=wanted) is why
    way = access({**values, "SLACK_BOT_TOKEN": "x"}, Ears(), wanted=wanted)
    assert way.environment("r") == values


@pytest.mark.parametrize(
    ("values", "url", "proxy"),
    [
        ({"CLAUDE_CODE_USE_BEDROCK": "0"}, "https://api.anthropic.com", ""),
        ({"ANTHROPIC_BASE_URL": " https://g.example.org/a/ "}, "https://g.example.org/a", ""),
        ({"HTTPS_PROXY": "http://p:1"}, "https://api.anthropic.com", "http://p:1"),
        ({"all_proxy": "http://p:2"}, "https://api.anthropic.com", "http://p:2"),
        ({"http_proxy": "http://p:3"}, "https://api.anthropic.com", ""),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "x, .anthropic.com"}, "https://api.anthropic.com", ""),
        ({"HTTPS_PROXY": "http://p:1", "no_proxy": "*"}, "https://api.anthropic.com", ""),
        ({"HTTPS_PROXY": "http://p:1", "no_proxy": "pic.com"}, "https://api.anthropic.com", "http://p:1"),
        ({"HTTPS_PROXY": "http://p:1", "NO_PROXY": "h:8443", "ANTHROPIC_BASE_URL": "https://h:8443"}, "https://h:8443", ""),
    ],
)  # fmt: skip
def test_the_way_to_the_api(values: dict[str, str], url: str, proxy: str) -> None:
    found = upstream({**KEYED, **values}, wanted=True)
    assert found == Upstream(url, {"x-api-key": KEY}, proxy)
    assert KEY not in repr(found)


def test_what_is_left_of_it_for_an_agent() -> None:
    values = {
        **KEYED,
        "ANTHROPIC_AUTH_TOKEN": "secret",
        "ANTHROPIC_CUSTOM_HEADERS": "secret",
        "ANTHROPIC_FOUNDRY_API_KEY": "secret",
        "CLAUDE_CODE_OAUTH_TOKEN": "secret",
        "ANTHROPIC_MODEL": "some-model",
        "HTTPS_PROXY": "http://p:1",
        "NO_PROXY": "near.example.org",
    }
    assert environment(values, 7, "token") == {
        "ANTHROPIC_BASE_URL": "http://127.0.0.1:7",
        "ANTHROPIC_API_KEY": "token",
        "ANTHROPIC_MODEL": "some-model",
        "HTTPS_PROXY": "http://p:1",
        "NO_PROXY": "near.example.org,127.0.0.1",
        "no_proxy": "near.example.org,127.0.0.1",
    }


async def through(bench: Bench, turns: list[Turn], url: str = "") -> tuple[Any, Notes, list[str]]:
    """Run the real CLI through the broker; its result, and what the broker saw."""
    notes = Notes()
    async with scripted(turns) as model:
        values = {**model.environment, **({"ANTHROPIC_BASE_URL": url} if url else {})}
        async with opened(values, notes) as way:
            job = bench.job(model, environment=way.environment("r"))
            result = await ClaudeExecutor().run(job, Diary())
            assert model.token not in job.environment.values()
    return result, notes, [request.session for request in model.requests]


async def test_the_real_cli_works_through_it_and_counts_the_same(bench: Bench) -> None:
    turns = [
        replace(call("Write", file_path="a.txt", content="x"), tokens_in=2000, tokens_out=50),
        say("Done.", tokens_in=3000, tokens_out=70),
    ]
    result, notes, _ = await through(bench, turns)
    assert (result.success, result.output) == (True, "Done."), result
    assert (bench.workspace / "a.txt").read_text() == "x"
    assert notes.tokens == Tokens(result.usage.tokens_in, result.usage.tokens_out)
    assert notes.tokens == Tokens(5000, 120)


async def test_the_real_cli_waits_out_a_429(bench: Bench) -> None:
    turns = [replace(say("Done."), fault=Fail(429, times=1))]
    result, notes, _ = await through(bench, turns)
    assert (result.success, result.output) == (True, "Done."), result
    assert 429 in notes.statuses


@pytest.mark.parametrize(
    ("turns", "url"),
    [
        pytest.param([say("Done.")], "http://127.0.0.1:9", id="away"),
        pytest.param([replace(say("Done."), fault=Cut())], "", id="cut"),
    ],
)
async def test_the_real_cli_says_itself_that_the_connection_broke(
    bench: Bench, turns: list[Turn], url: str
) -> None:
    result, notes, _ = await through(bench, turns, url)
    assert (result.success, result.cause) == (False, Cause.CONNECTION), result
    assert 0 in notes.statuses


async def test_what_it_costs_in_time(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    large = os.urandom(2**20) * 32

    async def answers(request: web.Request) -> web.StreamResponse:
        counts = request.path.endswith("/count_tokens")
        return web.Response(body=large) if counts else await hello(request)

    scene.api.answer = answers
    key = {"x-api-key": KEY}
    body = bytes(200_000)

    async def direct() -> None:
        async with scene.client.post(scene.api.url, data=body, headers=key) as answer:
            await answer.read()

    async def brokered() -> None:
        assert await scene.status("r", data=body) == 200

    async def timed(ask: Callable[[], Awaitable[None]]) -> float:
        began = time.perf_counter()
        for _ in range(100):
            await ask()
        return (time.perf_counter() - began) * 10  # ms each

    plain, more = await timed(direct), await timed(brokered)
    began = time.perf_counter()
    async with scene.asks("r", "/v1/messages/count_tokens") as answer:
        assert len(await answer.read()) == len(large)
    rate = len(large) / 2**20 / (time.perf_counter() - began)
    with capsys.disabled():
        print(f"\nbroker: {more - plain:.2f} ms more for a request of 200 kB; {rate:.0f} MB/s")  # noqa: T201 - it is to be printed
    assert more - plain < 100
