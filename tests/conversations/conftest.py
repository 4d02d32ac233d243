"""Conversations: people in the local Slack, the real Bolt app, a worker, a real repository."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection, Engine, Select, event, select

from bot.access import Access
from bot.demo import DemoSettings
from bot.local import LocalSlack, Message, Timing
from bot.pace import POSTS
from bot.program import Given, Hands, Program, running
from bot.secrets import Secrets
from engine import (
    TERMINAL,
    Executor,
    Limits,
    NodeView,
    NotFound,
    Poll,
    Repo,
    ScriptedExecutor,
    Status,
)
from engine.models import Event, Workflow
from engine.scheduler import Beat
from engine.scripted import Action
from tests.referee.referee import check
from tests.worker.conftest import git, repository

T = TypeVar("T")
ENDED = re.compile(r"Agent \d+ (is done|failed|was stopped)")
# Slack's own retries are minutes; who stands still for seconds has not failed to answer
QUICK = Timing(ack=8.0, retries=(0.0, 0.2, 0.2), trigger=60.0)
UNHURRIED = 60_000.0  # posts a minute, where Slack has no limits
SECONDS = 60.0  # after which a conversation that waits for something fails


@dataclass
class World:
    """A workspace with people, and the product in it."""

    slack: LocalSlack
    settings: DemoSettings
    shop: Path
    home: Path
    script: dict[str, Sequence[Action]] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    program: Program | None = None  # the one that began last
    wrote: asyncio.Event = field(default_factory=asyncio.Event)  # whoever it was, to the ledger
    _running: list[AsyncExitStack] = field(default_factory=list)

    @property
    def given(self) -> Given:
        """What programs are started with."""
        values = {
            "SLACK_BOT_TOKEN": self.slack.bot_token,
            "SLACK_APP_TOKEN": self.slack.app_token,
            **self.secrets,
        }
        environ = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
        pace = POSTS if self.slack.setup.limits else UNHURRIED
        config = self.home / "mab.toml"
        return Given(
            self.settings, Secrets(values), environ, config, self.home, posts_per_minute=pace
        )

    async def begins(
        self,
        executor: Executor | None = None,
        *,
        speaks: bool = True,
        works: bool = True,
        hands: Hands | None = None,
    ) -> Program:
        """Start a program: bot and worker, or one of them; beside those that run already.

        What runs agents is the executor, or what `hands` make of the ledger, or else the script.
        """
        stack = AsyncExitStack()
        self._running.append(stack)
        expected = self.slack.connections + 2 * speaks
        made = hands or (lambda _: executor or ScriptedExecutor(self.script))
        program = await stack.enter_async_context(
            running(self.given, made if works else None, speaks=speaks)
        )
        self.program = program
        await self.slack.settled(lambda: self.slack.connections == expected, timeout=SECONDS)
        return program

    def beat(self, name: str) -> Beat:
        """What looks at something regularly, so that a test need not wait for it."""
        assert self.program is not None
        [found] = [beat for beat in self.program.beats if beat.name == name]
        return found

    async def ends(self) -> None:
        """Stop every program as SIGTERM would."""
        while self._running:
            await self._running.pop().aclose()
        await self.slack.settled(lambda: self.slack.connections == 0, timeout=SECONDS)

    async def says(
        self, text: str, who: str = "you", where: str = "general", thread: str | None = None
    ) -> str:
        """Type something; commands begin with a slash."""
        if text.startswith("/"):
            answer = await self.slack.commands(who, where, text)
            assert answer.ok, answer
            return ""
        return await self.slack.says(who, where, text, thread)

    async def told(self, who: str, part: str) -> Message:
        """Wait for an ephemeral message to somebody that contains a text."""
        await self.slack.settled(lambda: self._told(who, part), timeout=SECONDS)
        return self._told(who, part)[-1]

    def _told(self, who: str, part: str) -> list[Message]:
        return [m for m in self.slack.ephemerals(who) if part in shown(m)]

    async def card(self, number: int = 0, where: str = "general") -> Message:
        """Wait for the root message of a thread that a command began."""
        return (await self.until(lambda: self._cards(where)[number:]))[0]

    def _cards(self, where: str) -> list[Message]:
        return [m for m in self.slack.messages(where) if is_card(m) and m.thread_ts is None]

    async def thread(self, root: str, count: int, where: str = "general") -> list[Message]:
        """Wait until a thread has so many messages, its root included."""
        return await self.until(
            lambda: found if len(found := self.slack.thread(where, root)) >= count else []
        )

    async def until(self, found: Callable[[], T]) -> T:
        """Wait until something is there, and give it."""
        await self.slack.settled(lambda: bool(found()), timeout=SECONDS)
        return found()

    async def agent(self, number: int, *states: Status) -> NodeView:
        """Wait for an agent to be there, in one of these states."""
        assert self.program is not None
        ledger = self.program.engine.ledger

        async def arrived() -> NodeView | None:
            with suppress(NotFound):
                view = await ledger.agent(number)
                return view if view.status in states else None
            return None

        view = await self.eventually(arrived)
        assert view is not None
        return view

    async def ended(self, *numbers: int) -> list[NodeView]:
        """Wait until these agents have ended."""
        return [await self.agent(number, *TERMINAL) for number in numbers]

    async def agents(self) -> list[NodeView]:
        """Every agent that there is."""
        assert self.program is not None
        return await self.program.engine.ledger.latest(1000)

    async def interpreted(self) -> None:
        """Wait until everything that was recorded has been carried out."""
        assert self.program is not None
        inbox = self.program.engine.inbox

        async def empty() -> bool:
            return not await inbox.unsettled()

        await self.eventually(empty)

    async def delivered(self) -> None:
        """Wait until the ledger knows that all notices, and the cards, have been told."""
        untold = select(Event.id).where(Event.notify, Event.delivered_at.is_(None))
        unposted = select(Workflow.id).where(Workflow.card.is_(None))

        async def all_is_told() -> bool:
            return not (await self._any(untold) or await self._any(unposted))

        await self.eventually(all_is_told)

    async def eventually(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask the ledger whenever something was written, until the answer is true, and give it."""
        async with asyncio.timeout(SECONDS):
            while True:
                self.wrote.clear()
                if found := await ask():
                    return found
                with suppress(TimeoutError):  # other processes write as well
                    await asyncio.wait_for(self.wrote.wait(), 0.2)
                await asyncio.sleep(0.02)  # it is told just before it is there

    async def _any(self, query: Select[int]) -> bool:
        assert self.program is not None
        async with self.program.engine.db.reading() as session:
            return (await session.scalars(query.limit(1))).first() is not None

    def terminals(self, where: str = "general") -> list[Message]:
        """Every terminal message of a channel and its threads, oldest first."""
        return [m for m in self.slack.messages(where) if is_terminal(m)]

    def on_branch(self, view: NodeView, path: str) -> str:
        """A file on an agent's branch."""
        return git("show", f"{view.work.branch}:{path}", cwd=self.shop)


async def eventually(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask the ledger until the answer is true, and give it."""
    async with asyncio.timeout(SECONDS):
        while True:
            if found := await ask():
                return found
            await asyncio.sleep(0.02)


def is_card(message: Message) -> bool:
    """Whether a message is a workflow's card."""
    return (message.metadata or {}).get("event_type") == "mab_card"


def is_terminal(message: Message) -> bool:
    """Whether a message tells how an agent ended."""
    return is_notice(message) and bool(ENDED.match(message.text))


def is_notice(message: Message) -> bool:
    """Whether a message tells a fact, once."""
    return (message.metadata or {}).get("event_type") == "mab_notice"


def shown(message: Message) -> str:
    """Everything that a message shows, as one text."""
    return "\n".join([message.text, *_texts(message.blocks)])


def _texts(part: Any) -> list[str]:
    match part:
        case {"text": str(text), **rest}:
            return [text, *_texts(rest)]
        case dict():
            return [text for value in part.values() for text in _texts(value)]
        case list() | tuple():
            return [text for value in part for text in _texts(value)]
        case _:
            return []


@contextmanager
def heeding(wrote: asyncio.Event) -> Iterator[None]:
    """Set the event whenever anybody in this process writes to a database."""

    def commits(connection: Connection) -> None:
        if not connection.get_execution_options().get("mab_reading"):
            wrote.set()

    event.listen(Engine, "commit", commits)
    try:
        yield
    finally:
        event.remove(Engine, "commit", commits)


@pytest.fixture
async def world(
    database_url: str, tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[World]:
    """A workspace and an installation; with the parameter True, Slack's limits hold."""
    shop = repository(tmp_path / "shop")
    async with LocalSlack(limits=getattr(request, "param", False), timing=QUICK) as slack:
        settings = DemoSettings(
            home=tmp_path / "home",
            database_url=database_url,
            repos={"shop": Repo(path=shop)},
            limits=Limits(per_user=50),
            poll=Poll(seconds=0.2, lease_seconds=60),
            access=Access(admin=(slack.user("reviewer").id,), spawn=("*",)),
            http="off",
            slack_api_url=slack.api_url,
        )
        made = World(slack, settings, shop, tmp_path / "home")
        with heeding(made.wrote):
            yield made
        await made.ends()
        problems = [
            (call.method, problem)
            for call in slack.calls
            if call.args  # those that broke on the way were not read
            and call.method in {"chat.postMessage", "chat.update", "chat.postEphemeral"}
            for problem in check({k: v for k, v in call.args.items() if k in {"text", "blocks"}})
        ]
        assert problems == []
