"""One request of an agent's CLI on its way to the model, and the answer on its way back."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from io import BytesIO
from ssl import SSLContext
from time import monotonic

import aiohttp
import structlog
from aiohttp import hdrs, web

from engine.broker_pause import LONGEST, Pause
from engine.broker_tally import Tally, Tokens
from engine.broker_upstream import Upstream

MAX_BODY = 32 * 2**20  # bytes of a request; the API takes no more
_HOP_BY_HOP = frozenset(
    {
        *("connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"),
        *("proxy-authenticate", "proxy-authorization", "proxy-connection"),
    }
)
# What a request does not take along: it gets its own. The answer comes as it is to be read.
_OWN = frozenset({"host", "content-length", "accept-encoding", "x-api-key", "authorization"})
_COUNTED = "/v1/messages"
_ERRORS = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
}
log = structlog.get_logger()


def _unheard(*_: object) -> None:
    pass


@dataclass(frozen=True)
class Ears:
    """Who wants to know what goes through the broker."""

    answered: Callable[[int], None] = _unheard  # the API's status; 0: it gave no whole answer
    held: Callable[[float], None] = _unheard  # seconds that a request was held back
    counted: Callable[[Tokens], None] = _unheard  # tokens more than before


@dataclass
class Guest:
    """A run that may ask the model, as long as it lives here."""

    token: str = field(repr=False)
    over: asyncio.Event = field(default_factory=asyncio.Event)  # it may not any more
    busy: int = 0  # requests under way
    tokens: Tokens = field(default_factory=Tokens)


@dataclass(frozen=True)
class Line:
    """The way to the model, which all runs share."""

    upstream: Upstream
    session: aiohttp.ClientSession
    ears: Ears
    pause: Pause
    tls: SSLContext | bool = True


@dataclass
class Exchange:
    """A request of a run; `answer` once the model has begun to give one."""

    line: Line
    guest: Guest
    request: web.Request
    answer: web.StreamResponse | None = None

    async def serve(self) -> web.StreamResponse:
        """Pass it on and back, until the run may not any more, or its CLI hangs up."""
        passing = asyncio.create_task(self._passed_on())
        over = asyncio.create_task(self.guest.over.wait())
        self.guest.busy += 1
        try:
            await asyncio.wait({passing, over}, return_when=asyncio.FIRST_COMPLETED)
            return passing.result() if passing.done() else self._refused()
        finally:
            self.guest.busy -= 1
            passing.cancel()
            over.cancel()
            await asyncio.gather(passing, over, return_exceptions=True)

    async def _passed_on(self) -> web.StreamResponse:
        try:
            body = await self.request.read()
        except web.HTTPRequestEntityTooLarge:
            return error(413, f"a request may have {MAX_BODY} bytes")
        await self._hold()
        try:
            async with self._asked(body) as asked:
                await self.line.pause.heed(asked.status, asked.headers)
                answer = await self._given_back(asked)
        except (aiohttp.ClientError, OSError, ValueError) as failure:
            # ValueError: what is configured can be no address or no header
            log.warning("model not reached", error=type(failure).__name__)
            self.line.ears.answered(0)
            return self._cut()
        self.line.ears.answered(answer.status)
        return answer

    async def _hold(self) -> None:
        """Wait while all runs pause, though never longer than the longest pause."""
        if not (left := await self.line.pause.left()):
            return
        began = monotonic()
        while (left := min(left, began + LONGEST - monotonic())) > 0:
            await asyncio.sleep(left)
            left = await self.line.pause.left()  # it may have become longer
        self.line.ears.held(monotonic() - began)

    def _asked(self, body: bytes) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        upstream = self.line.upstream
        return self.line.session.request(
            self.request.method,
            upstream.url + self.request.raw_path,
            data=BytesIO(body) if body else None,  # large bytes would be sent in one go
            headers=_onward(self.request.headers, upstream.headers),
            proxy=upstream.proxy or None,
            ssl=self.line.tls,
            allow_redirects=False,  # the key goes nowhere else
        )

    async def _given_back(self, asked: aiohttp.ClientResponse) -> web.StreamResponse:
        """The answer, each piece as soon as it comes."""
        self.answer = web.StreamResponse(status=asked.status, reason=asked.reason)
        self.answer.headers.extend(list(_end_to_end(asked.headers)))
        await self.answer.prepare(self.request)
        tally = Tally(streamed=asked.content_type == "text/event-stream")
        async for piece in asked.content.iter_any():
            tally.feed(piece)
            self._count(tally)
            await self.answer.write(piece)
        tally.end()
        self._count(tally)
        await self.answer.write_eof()
        return self.answer

    def _count(self, tally: Tally) -> None:
        if self.request.path == _COUNTED and (new := tally.news()) != Tokens():
            self.guest.tokens += new
            self.line.ears.counted(new)

    def _refused(self) -> web.StreamResponse:
        return self._cut() if self.answer else refused()

    def _cut(self) -> web.StreamResponse:
        """Hang up, as a network does: the CLI knows what to say about it."""
        if self.request.transport:
            self.request.transport.abort()
        return self.answer or web.Response(status=502)


def error(status: int, words: str) -> web.Response:
    """An error in the form that the API gives its own."""
    told = {"type": "error", "error": {"type": _ERRORS[status], "message": words}}
    return web.json_response(told, status=status)


def refused() -> web.Response:
    """A run that was halted asks for more."""
    return error(403, "this run has been halted; the model is not asked any more")


def _onward(headers: Mapping[str, str], credentials: Mapping[str, str]) -> list[tuple[str, str]]:
    """What the API is told: the CLI's words, with the key in the place of the token."""
    own = _OWN.union(name.lower() for name in credentials)
    told = [(name, value) for name, value in _end_to_end(headers) if name.lower() not in own]
    return [*told, (hdrs.ACCEPT_ENCODING, "identity"), *credentials.items()]


def _end_to_end(headers: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The headers that are not for the next connection alone."""
    named = headers.get(hdrs.CONNECTION, "").lower().split(",")
    dropped = _HOP_BY_HOP.union(name.strip() for name in named)
    return ((name, value) for name, value in headers.items() if name.lower() not in dropped)
