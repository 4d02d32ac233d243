"""The addresses of the local workspace and who answers at each."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

from bot.local import calls
from bot.local.changes import Changes
from bot.local.desk import Desk
from bot.local.faults import Faults
from bot.local.guard import Guard
from bot.local.interactions import Interactions
from bot.local.page_api import PageApi
from bot.local.uploads import LARGEST
from bot.local.validation import Refused
from bot.local.web_api import WebApi, broken

GRACE_SECONDS = 0.2
UNANSWERED = ("expired_url", "used_url", "message_not_found")


@dataclass(frozen=True)
class Routes:
    """Everything that is served beside the Web API's methods and the page."""

    desk: Desk
    api: WebApi
    interactions: Interactions
    faults: Faults
    changes: Changes

    async def respond(self, request: web.Request) -> web.StreamResponse:
        """A response_url."""
        if failure := broken(self.faults, request, "response_url"):
            return failure
        body = calls.parsed(await request.text())
        try:
            self.interactions.respond(request.match_info["token"], body)
        except Refused as refused:
            status = 404 if refused.code in UNANSWERED else 400
            return web.json_response(refused.as_slack(), status=status)
        return web.Response(text="ok")

    async def receive(self, request: web.Request) -> web.StreamResponse:
        """The content of an upload: raw, or a form with one file."""
        if failure := broken(self.faults, request, "upload"):
            return failure
        file = self.desk.uploads.receive(request.match_info["ticket"], await _bytes(request))
        if file is None:
            return web.Response(status=400, text="bad upload")
        return web.Response(text=f"OK - {len(file.content)}")

    async def download(self, request: web.Request) -> web.StreamResponse:
        """url_private: needs the bot's token and the right to read files."""
        expected = f"Bearer {self.api.tokens.bot}".encode()
        given = request.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(given, expected) or "files:read" not in self.desk.scopes:
            return web.Response(status=403, text="not authorized")
        file = self.desk.state.files.get(request.match_info["id"])
        if file is None:
            return web.Response(status=404, text="no such file")
        return web.Response(body=file.content, content_type=file.mimetype)


@dataclass
class Server:
    """Listens on the loopback; can go away and come back on the same port."""

    routes: Routes
    page: PageApi
    guard: Guard
    _runner: web.AppRunner | None = None
    _listener: asyncio.Server | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; the port that was taken. ValueError for an address that is not the loopback."""
        if host not in ("127.0.0.1", "localhost", "::1"):
            raise ValueError(f"the local workspace listens on the loopback only, not on {host}")
        self._runner = web.AppRunner(
            _application(self), access_log=None, shutdown_timeout=GRACE_SECONDS
        )
        await self._runner.setup()
        self.guard.port = await self.listen(host, port)
        return self.guard.port

    async def listen(self, host: str, port: int) -> int:
        """Take new connections; the port that was taken."""
        assert self._runner is not None and self._runner.server is not None  # noqa: S101, PT018 - start comes first
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(self._runner.server, host, port)
        return int(self._listener.sockets[0].getsockname()[1])

    async def refuse(self) -> None:
        """Take no new connections."""
        if (listener := self._listener) is None:
            return
        self._listener = None
        # Python never closes a connection that was accepted just before its listener is closed.
        for socket in listener.sockets:
            asyncio.get_running_loop().remove_reader(socket.fileno())
        await asyncio.sleep(0)  # those have come in after this
        listener.close()

    async def stop(self) -> None:
        """Close everything."""
        await self.refuse()
        await self.page.close()
        await self.routes.desk.sockets.hang_up()
        if self._runner is not None:
            await self._runner.cleanup()


def _application(server: Server) -> web.Application:
    @web.middleware
    async def guarded(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        return await server.guard.check(request, handler)

    routes, page = server.routes, server.page
    app = web.Application(middlewares=[guarded], client_max_size=LARGEST)
    app.add_routes(
        [
            web.route("*", "/api/{method}", routes.api.answer),
            web.get("/link", routes.desk.sockets.serve),
            web.post("/response/{token}", routes.respond),
            web.post("/upload/v1/{ticket}", routes.receive),
            web.get("/files-pri/{team:[^-/]+}-{id}/{name}", routes.download),
            web.get("/", page.index),
            web.get(r"/{name:[\w-]+\.(?:js|css|svg|png|ico|html)}", page.file),
            web.get("/page/live", page.live),
            web.post("/page/upload", page.upload),
            web.get("/page/file/{id}", page.download),
            web.get(r"/archives/{channel}/p{digits:\d+}", page.archive),
        ]
    )
    return app


async def _bytes(request: web.Request) -> bytes:
    if not request.content_type.startswith("multipart/"):
        return await request.read()
    form = await request.post()
    part = next((v for v in form.values() if isinstance(v, web.FileField)), None)
    return part.file.read() if part is not None else b""
