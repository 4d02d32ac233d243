"""The Web API: who calls, may they, is anything broken on purpose, and then the method."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from bot.local import calls
from bot.local.calls import Args, Call
from bot.local.changes import Changes
from bot.local.desk import Desk
from bot.local.faults import Faults, Kind
from bot.local.limits import Limits
from bot.local.methods import ALL, SCOPES
from bot.local.validation import Refused

Json = dict[str, Any]


@dataclass
class Tokens:
    """The tokens that open the API; a revoked one is still known, for the right answer."""

    bot: str
    app: str
    revoked: dict[str, str] = field(default_factory=dict)  # to the error that says so

    def check(self, token: str, method: str) -> None:
        """Refuse a call with no token, a wrong, a revoked, or one of the other kind."""
        if not token and method == "blocks.validate":
            return
        if not token:
            raise Refused("not_authed")
        right, other = self._pair(method)
        if not hmac.compare_digest(token.encode(), right.encode()):
            known = hmac.compare_digest(token.encode(), other.encode())
            raise Refused("not_allowed_token_type" if known else "invalid_auth")
        if token in self.revoked:
            raise Refused(self.revoked[token])

    def _pair(self, method: str) -> tuple[str, str]:
        if method == "apps.connections.open":
            return self.app, self.bot
        return self.bot, self.app


@dataclass
class WebApi:
    """Answers `/api/<method>` and keeps a record of every call."""

    desk: Desk
    tokens: Tokens
    limits: Limits
    faults: Faults
    changes: Changes
    clock: Callable[[], float]
    calls: list[Call] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer one call."""
        method = request.match_info["method"]
        args: Json = {}
        if delay := self.faults.take(Kind.DELAY, method):
            self.changes.wake()  # it can be seen that the call is on its way
            await delay.over.wait()
        response = broken(self.faults, request, method)
        if response is None:
            try:
                token, args = await calls.read(request)
                response = self._run(method, token, args)
            except Refused as refused:
                response = web.json_response(refused.as_slack())
        status = 0 if response.status == RESET_STATUS else response.status
        lost = self.faults.take(Kind.LOST_ANSWER, method) if status else None
        body = calls.parsed(response.text or "") if status else {}
        self.calls.append(Call(method, args, body, 0 if lost else status, self.clock()))
        self.changes.wake()
        if lost:
            await lost.over.wait()
            return reset(request)
        return response

    def _run(self, method: str, token: str, args: Json) -> web.Response:
        if method not in ALL:
            raise Refused("unknown_method", req_method=method)
        self.tokens.check(token, method)
        self._scoped(method)
        if seconds := self.limits.retry_after(method, str(args.get("channel", ""))):
            return _rate_limited(seconds)
        body = {"ok": True, **ALL[method](self.desk, Args(args))}
        return web.json_response(body, headers={"x-oauth-scopes": self._scopes()})

    def _scoped(self, method: str) -> None:
        needed = SCOPES.get(method, ())
        if needed and not self.desk.scopes.intersection(needed):
            raise Refused("missing_scope", needed=needed[0], provided=self._scopes())

    def _scopes(self) -> str:
        return ",".join(sorted(self.desk.scopes))


RESET_STATUS = 599


def reset(request: web.Request) -> web.Response:
    """Cut the connection; the response that is returned reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=RESET_STATUS)


def _rate_limited(seconds: int) -> web.Response:
    body = {"ok": False, "error": "ratelimited"}
    return web.json_response(body, status=429, headers={"Retry-After": str(seconds)})


def broken(faults: Faults, request: web.Request, name: str) -> web.Response | None:
    """The failure that was ordered for this call instead of an answer, or None."""
    if faults.take(Kind.RESET, name):
        return reset(request)
    if faults.take(Kind.UNAVAILABLE, name):
        return web.Response(status=503, text="service unavailable")
    if faults.take(Kind.SERVER_ERROR, name):
        return web.Response(status=500, text="server error")
    if fault := faults.take(Kind.RATE_LIMIT, name):
        return _rate_limited(fault.amount)
    return None
