"""LocalSlack: a Slack-compatible workspace on the loopback, started and stopped."""

from typing import Any, Self

from bot.local.assembly import Setup, assemble
from bot.local.driving import Driving
from bot.local.faults import Fault


class LocalSlack(Driving):
    """Starts with `async with LocalSlack(…) as slack`; the options are those of `Setup`.

    `api_url`, `bot_token` and `app_token` are what the app needs; `page_url` is for people.
    """

    def __init__(self, **options: Any) -> None:
        self.setup = Setup(**options)
        super().__init__(assemble(self.setup))
        self._address = ("127.0.0.1", 0)
        self._outage: Fault | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen on the loopback; port 0 takes a free one. OSError when the port is taken."""
        taken = await self.parts.server.start(host, port)
        self._address = (host, taken)
        shown = f"[{host}]" if ":" in host else host
        self.parts.state.address = f"http://{shown}:{taken}"

    async def stop(self) -> None:
        """Close every connection; what was still to be delivered is forgotten."""
        await self.parts.events.stop()
        await self.parts.server.stop()

    @property
    def bot_token(self) -> str:
        """The token that opens the Web API."""
        return self.setup.bot_token

    @property
    def app_token(self) -> str:
        """The token that opens Socket Mode."""
        return self.setup.app_token

    @property
    def api_url(self) -> str:
        """What SLACK_API_URL must be, with the slash at its end."""
        return f"{self.parts.state.address}/api/"

    @property
    def page_url(self) -> str:
        """The address of the page, with the token that opens it."""
        return f"{self.parts.state.address}/?token={self.parts.guard.token}"

    async def goes_down(self) -> None:
        """An outage: nothing is accepted any more, and open connections are cut."""
        self._outage = self.faults.reset_connections()
        await self.parts.server.refuse()
        await self.parts.desk.sockets.hang_up()

    async def comes_back(self) -> None:
        """The end of the outage, at the same address."""
        await self.parts.server.listen(*self._address)
        self.faults.clear(self._outage)

    async def refreshes(self, reason: str = "refresh_requested") -> None:
        """Slack asks the app to open new connections; with `warning` it may still wait."""
        await self.parts.desk.sockets.disconnect(reason, close=False)

    async def disconnects(self) -> None:
        """Slack closes every connection without a word."""
        await self.parts.desk.sockets.hang_up()

    def retries_now(self) -> None:
        """The time for every outstanding ack, and every pause before a retry, is over."""
        self.parts.events.retry_now()

    def release_events(self, *, reverse: bool = False) -> None:
        """Deliver what `faults.hold_events` kept back, newest first if wanted."""
        self.parts.events.release(reverse=reverse)

    def revokes_token(self, *, app: bool = False, error: str = "token_revoked") -> None:
        """The bot's token, or the app's, opens nothing any more; `error` is what Slack says."""
        self.parts.api.tokens.revoked[self.app_token if app else self.bot_token] = error

    def restores_token(self, *, app: bool = False) -> None:
        """The token is good again, as after the app was installed anew."""
        self.parts.api.tokens.revoked.pop(self.app_token if app else self.bot_token, None)
