"""Who may talk to the local workspace: this machine, by the printed address, from its own page."""

import hmac
import secrets
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.typedefs import Handler

OPEN_TO_APPS = ("/api/", "/link", "/response/", "/upload/", "/files-pri/")
POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


@dataclass
class Guard:
    """Checks Host, Origin and the page's token. `port` is set when the server listens."""

    port: int = 0
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    @property
    def cookie(self) -> str:
        """The cookie's name; it carries the port, because cookies know no ports."""
        return f"local_slack_{self.port}"

    async def check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer 403 to strangers; everybody else gets the handler's answer, with headers."""
        reason = self.objection(request)
        response = web.Response(status=403, text=reason) if reason else await handler(request)
        if not response.prepared:
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
        return response

    def objection(self, request: web.Request) -> str:
        """Why the request is refused, or an empty string."""
        hosts = {f"{name}:{self.port}" for name in ("127.0.0.1", "localhost", "[::1]")}
        if request.host not in hosts:
            return "wrong host"
        if request.headers.get("Origin") not in (None, f"http://{request.host}"):
            return "wrong origin"
        if request.path.startswith(OPEN_TO_APPS):
            return ""
        return self._of_page(request)

    def enters(self, request: web.Request) -> bool:
        """Whether the request carries the token of the printed address."""
        return self._same(request.query.get("token", ""))

    def _of_page(self, request: web.Request) -> str:
        if request.path == "/" and "token" in request.query:
            return "" if self.enters(request) else "wrong token"
        if not self._same(request.cookies.get(self.cookie, "")):
            return "open the address that was printed at the start"
        acts = request.method != "GET" or request.path == "/page/live"
        return "origin needed" if acts and "Origin" not in request.headers else ""

    def _same(self, token: str) -> bool:
        return hmac.compare_digest(token.encode(), self.token.encode())
