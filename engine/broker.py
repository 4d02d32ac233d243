"""Between agents and their model: each run asks with a token of its own, the real key is put in.

A server on the loopback, one for each worker. A token is good for as long as its run lives in
this worker, and for asking the model; whoever reads it can do no more with it than the run itself.
"""

import asyncio
import secrets

import aiohttp
from aiohttp import web

from engine.broker_exchange import MAX_BODY, Ears, Exchange, Guest, Line, error, refused
from engine.broker_pause import Pause
from engine.broker_tally import Tokens
from engine.broker_upstream import HOST, Upstream, trusting

PASSED_ON = ("POST /v1/messages", "POST /v1/messages/count_tokens")  # with any query
MAX_REQUESTS = 16  # of one run at once
# The CLI has its own patience and hangs up; these are for connections that nobody ends.
_PATIENCE = aiohttp.ClientTimeout(total=None, sock_connect=30.0, sock_read=900.0)


class Broker:
    """The way to the model: `open`, then a token for each run, which goes by its marker."""

    def __init__(self, upstream: Upstream, ears: Ears, pause: Pause) -> None:
        self._upstream = upstream
        self._ears = ears
        self._pause = pause
        self._guests: dict[str, Guest] = {}  # by marker
        self._line: Line | None = None
        self._runner: web.AppRunner | None = None
        self.port = 0  # once it is open

    async def open(self) -> None:
        """Listen."""
        tls = await asyncio.to_thread(trusting, self._upstream.certificates)
        session = aiohttp.ClientSession(
            timeout=_PATIENCE,
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),  # runs share nothing
            auto_decompress=False,
        )
        self._line = Line(self._upstream, session, self._ears, self._pause, tls)
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_route("*", "/{rest:.*}", self._serve)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            shutdown_timeout=1,
            handler_cancellation=True,  # nobody reads the answer: the model is not to go on
            auto_decompress=False,
        )
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, 0).start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """End all requests, and listen no more."""
        for marker in list(self._guests):
            self.dismiss(marker)
        if self._runner:
            await self._runner.cleanup()
        if self._line:
            await self._line.session.close()
        await self._pause.end()

    def admit(self, marker: str) -> str:
        """The token of a run; of one that was refused before, it is worth nothing."""
        return self._guest(marker).token

    def refuse(self, marker: str) -> None:
        """The run may not ask any more, and what it has asked for is broken off."""
        self._guest(marker).over.set()

    def dismiss(self, marker: str) -> None:
        """The run does not live here any more."""
        if guest := self._guests.pop(marker, None):
            guest.over.set()

    def tokens(self, marker: str) -> Tokens:
        """What a run that lives here has used."""
        guest = self._guests.get(marker)
        return guest.tokens if guest else Tokens()

    def _guest(self, marker: str) -> Guest:
        fresh = Guest(f"mab-run-{secrets.token_urlsafe(32)}")
        return self._guests.setdefault(marker, fresh)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        guest = self._known(_token(request))
        if guest is None or self._line is None:
            return error(401, "this key is of no run that lives here; it ended, or never was")
        if guest.over.is_set():
            return refused()
        if guest.busy >= MAX_REQUESTS:
            return error(429, f"a run may ask {MAX_REQUESTS} things at once")
        if not _is_passed_on(request):
            return error(404, f"the broker passes on {' and '.join(PASSED_ON)}, and nothing else")
        if (request.content_length or 0) > MAX_BODY:
            return error(413, f"a request may have {MAX_BODY} bytes")
        return await Exchange(self._line, guest, request).serve()

    def _known(self, token: str) -> Guest | None:
        given = token.encode()
        for guest in self._guests.values():
            if secrets.compare_digest(guest.token.encode(), given):
                return guest
        return None


def _token(request: web.Request) -> str:
    headers = request.headers
    bearer = headers.get("Authorization", "").removeprefix("Bearer ")
    return headers.get("x-api-key") or bearer


def _is_passed_on(request: web.Request) -> bool:
    """Whether it asks the model, spelled as the CLI spells it; the key is good for much more."""
    path, _, _ = request.raw_path.partition("?")
    return f"{request.method} {path}" in PASSED_ON
