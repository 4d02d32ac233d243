"""The composition root: bot and worker put together from settings and secrets, and run."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from time import monotonic
from uuid import uuid4

import structlog

from bot import tokens
from bot.app import Intake, build
from bot.catching import NOTE_SECONDS, CatchUp
from bot.connection import Sockets, sockets, web_client
from bot.directory import Directory
from bot.health import Health, Probe, address
from bot.inbox import Interpreter
from bot.metrics import Metrics
from bot.notifier import Notifier
from bot.pace import POSTS, Pace
from bot.parlance import conversation
from bot.posting import Poster
from bot.replies import Replies
from bot.secrets import Secrets
from bot.settings import BotSettings
from bot.writing import Writer
from engine import (
    Beat,
    ConfigError,
    Database,
    Engine,
    Executor,
    Hints,
    Listeners,
    Outside,
    Worker,
    ended,
    make_janitor,
    make_worker,
    polling,
)

BOT_SECONDS = 1.0  # between two looks at inbox and outbox; as a rule they are woken at once
JANITOR_SECONDS = 60.0
REST_SECONDS = 4.0  # for what is under way when the program ends
HINT_SECONDS = 1.0  # for the last hint to be given
FIGURES_SECONDS = 15.0
INQUIRIES_SECONDS = 10.0  # between looks at what expires, and of whom to remind
log = structlog.stdlib.get_logger(__name__)
ENDING = (signal.SIGTERM, signal.SIGINT)
Hands = Callable[[Database], Executor]  # what carries out agents' tasks, made for a ledger


@dataclass(frozen=True)
class Given:
    """What a program is started with."""

    settings: BotSettings
    secrets: Secrets
    environ: Mapping[str, str]  # without them
    config: Path
    user_home: Path = field(default_factory=Path.home)
    drain_seconds: float = 6.0  # for running agents to end by themselves when it stops
    posts_per_minute: float = POSTS  # messages in one channel

    def secret(self, name: str) -> str:
        """A secret that the program cannot do without; raises ConfigError."""
        value = self.secrets.values.get(name, "")
        if not value:
            raise ConfigError(f"{name} is not set; `mab doctor` says what is needed")
        return value


@dataclass
class Program:
    """What runs in this process: ticks that look at the ledger, and who wakes them."""

    given: Given
    engine: Engine
    beats: dict[Beat, float] = field(default_factory=dict)
    probes: dict[str, Probe] = field(default_factory=dict)
    metrics: Metrics = field(default_factory=Metrics.make)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    elsewhere: Callable[[], None] = lambda: None  # tells other processes that there are news

    def add(
        self,
        name: str,
        tick: Callable[[], Awaitable[None]],
        seconds: float,
        *,
        prompt: bool = True,
    ) -> Beat:
        """Have something looked at regularly; `prompt`: as soon as there are news, too."""
        beat = Beat(name, tick, prompt)
        self.beats[beat] = seconds
        return beat

    def wake(self, but: Beat | None = None) -> None:
        """There are news: look at what is to be prompt, except where they come from."""
        self.heard(but)
        self.elsewhere()

    def heard(self, but: Beat | None = None) -> None:
        """There are news, which the other processes know."""
        for beat in self.beats:
            if beat.prompt and beat is not but:
                beat.wake()

    async def rest(self) -> bool:
        """Let the ticks that run end, and what they woke; False when some had to be cancelled."""
        with suppress(TimeoutError):
            async with asyncio.timeout(REST_SECONDS):
                while busy := [beat for beat in self.beats if beat.busy]:
                    await asyncio.gather(*(beat.rest() for beat in busy))
        rested = not any(beat.busy for beat in self.beats)
        await asyncio.gather(*(beat.end() for beat in self.beats))
        return rested

    async def look(self) -> None:
        """Bring the metrics up to date with the ledger."""
        self.metrics.show(await self.engine.figures())

    def poll_age(self) -> float:
        """Seconds since the tick that was not run for the longest time."""
        ages = [monotonic() - beat.last for beat, every in self.beats.items() if every < 10]
        return max(ages, default=0.0)


@asynccontextmanager
async def open_program(given: Given) -> AsyncIterator[Program]:
    """The ledger, ready to be worked on."""
    engine = Engine.open(given.settings, f"bot-{uuid4().hex[:12]}")
    try:
        await engine.db.prepare()
        program = Program(given, engine)
        program.probes["database"] = engine.db.check_version
        yield program
        await program.rest()
    finally:
        await engine.db.close()


@asynccontextmanager
async def giving(hints: Hints, program: Program) -> AsyncIterator[None]:
    """Tell the other processes on the same server of news while the block runs, and of its end."""
    beat = Beat("hints", hints.give)
    program.elsewhere = beat.wake
    try:
        yield
        with suppress(TimeoutError):
            async with asyncio.timeout(HINT_SECONDS):
                await beat.rest()
    finally:
        program.elsewhere = lambda: None
        await beat.end()


@asynccontextmanager
async def hearing(hints: Hints, program: Program) -> AsyncIterator[None]:
    """Hear of the others' news while the block runs."""
    listening = asyncio.create_task(hints.listen(program.heard))
    try:
        yield
    finally:
        await ended({listening})


@asynccontextmanager
async def open_bot(program: Program) -> AsyncIterator[Sockets]:
    """Everything that speaks with Slack."""
    given, engine = program.given, program.engine
    token, app_token = given.secret("SLACK_BOT_TOKEN"), given.secret("SLACK_APP_TOKEN")
    trace = program.metrics.trace()
    told = given.secrets.values.values()
    async with web_client(token, given.settings.slack_api_url, trace, told) as client:
        await tokens.require(client, app_token)
        access = given.settings.access
        directory = Directory(client, access.groups, access.named)
        notifier = Notifier(
            engine,
            Poster(client),
            Writer(engine, given.settings),
            program.metrics.first_card.observe,
            Pace(given.posts_per_minute),
        )
        talk = conversation(engine, given.settings, client, directory)
        interpreter = Interpreter(engine.inbox, talk)

        async def interpret() -> None:
            if await interpreter.tick():
                program.wake(but=inbox)

        inbox = program.add("inbox", interpret, BOT_SECONDS)
        program.add("replies", Replies(engine.inbox, client).tick, BOT_SECONDS)
        notices = program.add("notices", notifier.tick, BOT_SECONDS)
        intake = Intake(engine, directory.ours, inbox.wake, program.metrics.recorded)
        async with sockets(build(client, intake), app_token) as connected:
            program.probes["slack"] = connected.probe
            catching = CatchUp(engine, client, connected, intake)
            program.add("hearing", catching.tick, NOTE_SECONDS, prompt=False)
            yield connected
        if await program.rest():
            notices.wake()  # what there is to tell of the end
            await program.rest()
        await notifier.rest(REST_SECONDS)


@asynccontextmanager
async def open_worker(program: Program, executor: Executor) -> AsyncIterator[Worker]:
    """Everything that runs agents."""
    given = program.given
    held = given.secrets
    outside = Outside(given.environ, held.values, given.config, given.user_home, held.files)
    metrics = program.metrics
    listeners = Listeners(program.wake, metrics.charge, metrics.ears())
    made = make_worker(program.engine.workflows, executor, outside, listeners)
    made.drain_seconds = given.drain_seconds
    await made.join(version("multi-agent-builder"))
    keeping = asyncio.create_task(made.keep_leases())
    program.add("worker", made.tick, given.settings.poll.seconds)
    janitor = make_janitor(made)

    async def clear() -> None:
        if await janitor.tick():
            clearing.wake()

    clearing = program.add("janitor", clear, JANITOR_SECONDS, prompt=False)
    try:
        yield made
    finally:
        await made.stop()
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)


@asynccontextmanager
async def running(
    given: Given, hands: Hands | None, *, speaks: bool = True
) -> AsyncIterator[Program]:
    """A program at work: with hands it runs agents, and it speaks with Slack if it should.

    On leaving, agents that still run are handed over with their work, and what there is to tell
    is told.
    """
    async with AsyncExitStack() as stack:
        program = await stack.enter_async_context(open_program(given))
        hints = Hints(program.engine.db)
        await stack.enter_async_context(giving(hints, program))
        if speaks:
            await stack.enter_async_context(open_bot(program))
        if hands is not None:
            await stack.enter_async_context(open_worker(program, hands(program.engine.db)))
        place = address(given.settings.http)
        health = Health(place, program.poll_age, program.probes, program.metrics.registry)
        await stack.enter_async_context(health)
        program.add("figures", program.look, FIGURES_SECONDS, prompt=False)
        program.add("inquiries", program.engine.decisions.tick, INQUIRIES_SECONDS, prompt=False)
        await stack.enter_async_context(polling(program.beats))
        await stack.enter_async_context(hearing(hints, program))
        for beat in program.beats:
            beat.wake()
        yield program


async def serve(given: Given, hands: Hands | None, *, speaks: bool = True) -> None:
    """Run until SIGTERM or SIGINT; asked again, it ends all the same in good order."""
    async with running(given, hands, speaks=speaks) as program:
        loop = asyncio.get_running_loop()
        for number in ENDING:
            loop.add_signal_handler(number, program.stopping.set)
        log.info("ready", speaks=speaks, works=hands is not None)
        await program.stopping.wait()
        log.info("stopping")
        for number in ENDING:
            loop.remove_signal_handler(number)
            signal.signal(number, lambda *_: None)  # not SIG_IGN: children would inherit that
