"""LocalSlack: a Slack workspace on the loopback, driven by a page or by a test."""

import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from bot.local import assembly, payloads
from bot.local.assembly import BOT_SCOPES, Parts, Person
from bot.local.calls import Call
from bot.local.faults import Faults
from bot.local.interactions import Answer
from bot.local.modals import View
from bot.local.people import Content
from bot.local.socket_mode import Delivery
from bot.local.state import Channel, Message, User
from bot.local.timing import Timing
from bot.local.validation import Refused

Json = dict[str, Any]
T = TypeVar("T")
PATIENCE = 5.0


@dataclass(kw_only=True)
class LocalSlack:
    """A workspace with a bot, people and channels; `async with` starts and stops it.

    Users and channels are named by id or by name in every call. `limits` False turns Slack's
    rate limits off; `subscriptions` are the event names of the app's manifest
    (`message.channels`, `app_mention`; None: everything).
    """

    team: str = "Local"
    bot: str = "agent"
    people: Sequence[Person] = assembly.PEOPLE
    commands: Sequence[Json] = ({"command": "/agent", "description": "", "usage_hint": ""},)
    chips: Sequence[Json] = ()
    banner: str = ""
    scopes: Iterable[str] = BOT_SCOPES
    subscriptions: Iterable[str] | None = None
    limits: bool = True
    timing: Timing = field(default_factory=Timing)
    clock: Callable[[], float] = time.time
    bot_token: str = field(default_factory=lambda: f"xoxb-{secrets.token_hex(16)}")
    app_token: str = field(default_factory=lambda: f"xapp-{secrets.token_hex(16)}")
    parts: Parts = field(init=False)
    _address: tuple[str, int] = field(init=False, default=("127.0.0.1", 0))

    def __post_init__(self) -> None:
        """Put the parts together; nothing listens yet."""
        self.parts = assembly.assemble(self)

    async def __aenter__(self) -> "LocalSlack":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Listen on the loopback; port 0 takes a free one."""
        taken = await self.parts.server.start(host, port)
        self._address = (host, taken)
        shown = f"[{host}]" if ":" in host else host
        self.parts.state.address = f"http://{shown}:{taken}"

    async def stop(self) -> None:
        """Close every connection and forget what is still to be delivered."""
        await self.parts.events.stop()
        await self.parts.server.stop()

    @property
    def api_url(self) -> str:
        """What SLACK_API_URL must be, with the slash at its end."""
        return f"{self.parts.state.address}/api/"

    @property
    def page_url(self) -> str:
        """The address of the page, with the token that opens it."""
        return f"{self.parts.state.address}/?token={self.parts.guard.token}"

    @property
    def bot_user(self) -> str:
        """The bot's user id, to mention it."""
        return self.parts.state.bot.id

    @property
    def faults(self) -> Faults:
        """What goes wrong on purpose."""
        return self.parts.faults

    @property
    def calls(self) -> list[Call]:
        """Every Web API call so far."""
        return self.parts.api.calls

    @property
    def deliveries(self) -> list[Delivery]:
        """Every envelope so far, with what became of it."""
        return self.parts.sockets.deliveries

    @property
    def connections(self) -> int:
        """How many Socket Mode connections the app has open."""
        return len(self.parts.sockets.connections)

    def user(self, who: str) -> User:
        """The user. LookupError when there is none."""
        return self.parts.state.user(who)

    def channel(self, where: str) -> Channel:
        """The channel; `@name` means the direct messages of that person with the bot."""
        if where.startswith("@"):
            return self.parts.desk.direct(self.user(where))
        return self.parts.state.channel(where)

    def add_channel(
        self, name: str, members: Iterable[str] = (), *, private: bool = False, bot: bool = True
    ) -> Channel:
        """A new channel; without members everybody is in it."""
        everybody = [u.id for u in self.parts.state.users.values() if not u.is_bot]
        who = [self.user(m).id for m in members] or everybody
        return self.parts.add_channel(name, {*who, *([self.bot_user] if bot else [])}, private)

    async def says(
        self,
        who: str,
        where: str,
        text: str,
        thread: str | None = None,
        files: Sequence[Content] = (),
    ) -> str:
        """A person posts; the ts. `files` are (name, content). Refused as Slack would."""
        user, channel = self.user(who), self.channel(where)
        return self.parts.people.write(user, channel, text, thread, files).ts

    async def commands_(self, who: str, where: str, text: str) -> Answer:
        """As `command`."""
        return await self.command(who, where, text)

    async def command(
        self, who: str, where: str, text: str, thread: str | None = None
    ) -> Answer:
        """A person sends a slash command; what the ack carried, or the error that they saw."""
        user, channel = self.user(who), self.channel(where)
        return await self.parts.interactions.command(user, channel, text, thread)

    async def settled(self, predicate: Callable[[], T], timeout: float = PATIENCE) -> T:
        """The first true value of the predicate, asked again at every change."""
        return await self.parts.changes.settled(predicate, timeout)
