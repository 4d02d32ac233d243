"""An installation whose programs are real processes; Slack and the model run in the test's own."""

import asyncio
import json
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import func, select

from bot.local import Answer, LocalSlack, Message
from engine.api import Ledger
from engine.demo_model import Conversation, DemoModel, Request, Result, Turn, call, say
from engine.demo_model.conversation import read
from engine.executor import Sandbox
from engine.models import Command, Event
from engine.processes import MARKER
from engine.sandbox import sandbox_tools
from engine.store import Database
from engine.views import RunView
from tests import repositories

PROJECT = Path(__file__).parents[2]
SECONDS = 80.0  # after which a test that waits fails; a dead bot owns its threads for 30
CONFINED = Sandbox.OFF if sandbox_tools() else Sandbox.AUTO
SLEEP = "python3 -c 'import time; time.sleep(60)'"


def scene(file: str, *then: Turn) -> list[Turn]:
    """Write a file, then do the rest."""
    return [call("Write", file_path=file, content=file), *then]


LONG = scene("half.txt", call("Bash", command=SLEEP))  # writes a file, then sits in its shell
REST = scene("rest.txt", say("All done."))


@dataclass
class Acts:
    """A model that plays, for tasks that contain a word, one list of turns for each attempt."""

    plays: Mapping[str, Sequence[Sequence[Turn]]]
    sessions: dict[str, list[str]] = field(default_factory=dict)

    def __call__(self, talk: Conversation) -> Turn:
        """The next turn of the attempt that asks."""
        word = next(word for word in self.plays if word in talk.task)
        attempts = self.sessions.setdefault(word, [])
        if talk.session not in attempts:
            attempts.append(talk.session)
        turns = self.plays[word][attempts.index(talk.session)]
        return turns[talk.turn] if talk.turn < len(turns) else say("Over.")


@dataclass
class Running:
    """A program of the installation, as a process."""

    process: asyncio.subprocess.Process
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def said(self) -> str:
        """Everything that it wrote, to standard output or error."""
        return self.log.read_text()

    def events(self) -> list[str]:
        """The names of what it logged."""
        whole = self.said().split("\n")[:-1]  # the last line may be in the middle of its writing
        lines = [line for line in whole if line.startswith("{")]
        return [json.loads(line).get("event", "") for line in lines]

    async def ready(self) -> "Running":
        """Wait until it serves."""
        await until(lambda: "ready" in self.events() or self.process.returncode is not None)
        assert self.process.returncode is None, self.said()
        return self

    async def ended(self, within: float = SECONDS) -> int:
        """Wait for its end; the exit code."""
        async with asyncio.timeout(within):
            return await self.process.wait()

    def signal(self, number: signal.Signals) -> None:
        """What an operator does with `kill`."""
        self.process.send_signal(number)

    async def dies(self) -> None:
        """What the kernel does when memory is short."""
        self.signal(signal.SIGKILL)
        await self.ended()


@dataclass
class Installation:
    """A home, a configuration, a repository; what its programs need of Slack and of a model."""

    slack: LocalSlack
    db: Database
    root: Path
    environ: dict[str, str]
    programs: list[Running] = field(default_factory=list)
    model: DemoModel | None = None

    @property
    def shop(self) -> Path:
        return self.root / "shop"

    @property
    def config(self) -> Path:
        return self.root / "mab.toml"

    @property
    def _worktrees(self) -> Path:
        return self.root / "home" / ".worktrees"

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.db)

    def configure(
        self,
        *,
        lease: float = 60,
        slots: int = 4,
        sandbox: Sandbox = CONFINED,
        ask: Sequence[str] = (),
        budget: float = 5,
        more: str = "",
    ) -> None:
        """Write mab.toml."""
        self.config.write_text(
            f"[repos.shop]\npath = {json.dumps(str(self.shop))}\n"
            f'[access]\nadmin = ["{self.slack.user("reviewer").id}"]\nspawn = ["*"]\n'
            f"[limits]\nslots = {slots}\nbudget_usd = {budget}\n[agent]\nsandbox = '{sandbox}'\n"
            f"ask = {json.dumps(list(ask))}\n"
            f"[poll]\nseconds = 0.2\nlease_seconds = {lease}\n{more}"
        )

    async def plays(self, **plays: Sequence[Sequence[Turn]]) -> None:
        """Start the model; the plays by a word of the task."""
        self.model = await DemoModel(Acts(plays)).__aenter__()
        self.environ |= self.model.environment

    async def starts(self, *command: str, **environ: str) -> Running:
        """Start a program of the command line; an empty variable is left out."""
        log = self.root / f"{len(self.programs)}-{command[0]}.log"
        variables = {k: v for k, v in (self.environ | environ).items() if v}
        with log.open("wb") as out:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bot.start", *command),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd=self.root,
                env=variables,
            )
        self.programs.append(Running(process, log))
        return self.programs[-1]

    async def serves(self, **environ: str) -> Running:
        """Start bot and worker, and wait until Slack has them."""
        before = self.slack.greeted
        serving = await (await self.starts("serve", **environ)).ready()
        await self.slack.settled(lambda: self.slack.greeted >= before + 2, timeout=SECONDS)
        return serving

    async def spawns(self, task: str) -> Message:
        """Ask for an agent; the card."""
        await self.commands(f"/agent spawn {task}")
        card = await self.slack.settled(lambda: self._card(task), timeout=SECONDS)
        assert card is not None
        return card

    async def commands(self, text: str) -> None:
        """A command; again where Slack shows that it came too late, and it was not recorded."""
        await self._heard(lambda: self.slack.commands("you", "general", text))

    async def presses(self, who: str, on: str | Message, what: str) -> None:
        """A button; again as commands are."""
        await self._heard(lambda: self.slack.presses(who, on, what))

    async def _heard(self, act: Callable[[], Awaitable[Answer]]) -> None:
        before = await self._recorded()
        async with asyncio.timeout(SECONDS):
            while not (await act()).ok:
                if await self._recorded() > before:
                    return  # only its acknowledgement was late

    async def _recorded(self) -> int:
        async with self.db.reading() as session:
            return await session.scalar(select(func.count(Command.id))) or 0

    def _card(self, task: str) -> Message | None:
        roots = (m for m in self.slack.messages("general") if m.thread_ts is None)
        return next((m for m in roots if task in shown(m)), None)

    def notices(self, card: Message) -> list[str]:
        """What was told in a card's thread, in a word or two each."""
        return [in_short(m) for m in self.slack.thread("general", card.ts)[1:]]

    async def told(self, card: Message, what: str) -> None:
        """Wait until the thread holds this."""
        await self.slack.settled(lambda: what in self.notices(card), timeout=SECONDS)

    async def story(self, card: Message) -> list[str]:
        """Everything that was told in a card's thread, once there is nothing more to tell."""
        await until(self._all_ended)
        await until(self._all_told)
        return self.notices(card)

    async def _all_ended(self) -> bool:
        return not await self.ledger.unfinished()

    async def _all_told(self) -> bool:
        waiting = select(Event.id).where(Event.notify, Event.delivered_at.is_(None))
        async with self.db.reading() as session:
            return (await session.scalars(waiting.limit(1))).first() is None

    async def at_work(self, agent: int = 1) -> str:
        """Wait until an agent sits in its shell; the marker of its processes."""
        markers: list[str] = await until(lambda: self._sleeping(agent))
        return markers[0]

    def _sleeping(self, agent: int) -> list[str]:
        """The markers of the shells of this agent."""
        found = []
        for process in everybody():
            with suppress(psutil.Error):
                sleeps = process.cmdline()[-1:] == ["import time; time.sleep(60)"]
                if sleeps and process.cwd().startswith(f"{self._worktrees}/agent-{agent}-"):
                    found.append(process.environ()[MARKER])
        return found

    async def asked(self, turns: int) -> None:
        """Wait until the model has been asked for so many turns."""
        await until(lambda: len(self.questions()) >= turns)

    def questions(self) -> list[Request]:
        """What the model was asked by agents."""
        assert self.model is not None
        return [request for request in self.model.requests if not request.side]

    async def came_to(self, runs: list[tuple[int, str]], agent: int = 1) -> bool:
        """Whether the attempts of an agent came to this."""
        return await self.runs(agent) == runs

    async def runs(self, agent: int = 1) -> list[tuple[int, str]]:
        """The attempts of an agent and what came of them."""
        runs: list[RunView] = await self.ledger.runs(agent)
        return [(run.attempt, run.outcome) for run in runs]

    async def on_branch(self, agent: int = 1) -> list[str]:
        """The files on an agent's branch."""
        branch = (await self.ledger.agent(agent)).branch
        return repositories.git(self.shop, "ls-tree", "--name-only", branch).splitlines()

    def answers(self) -> list[Result]:
        """What the tools answered, as the model saw it last."""
        return list(read(self.questions()[-1].body).results)

    async def ends(self) -> None:
        """End what the test has left running."""
        for program in self.programs:
            if program.process.returncode is None:
                program.signal(signal.SIGKILL)
                await program.process.wait()
            print(f"--- {program.log.name}\n{program.said()}")  # noqa: T201 - shown when a test fails
        for process in self.agents():
            with suppress(psutil.Error):
                process.kill()
        if self.model is not None:
            await self.model.__aexit__()

    def agents(self) -> Iterator[psutil.Process]:
        """The processes of agents of this installation."""
        for process in everybody():
            with suppress(psutil.Error):
                environ = process.environ()
                if MARKER in environ and environ.get("HOME", "").startswith(str(self.root)):
                    yield process


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Programs are started, and waited for several times: that takes longer than elsewhere."""
    for item in items:
        if "tests/processes/" in item.nodeid and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(600))


def everybody() -> Iterator[psutil.Process]:
    """Every process of this machine."""
    for pid in psutil.pids():
        with suppress(psutil.Error):
            yield psutil.Process(pid)


def marked(marker: str) -> list[str]:
    """The command lines of living processes that carry a run's marker."""
    found = []
    for process in everybody():
        with suppress(psutil.Error):  # it has just ended
            if process.environ().get(MARKER) == marker:
                found.append(" ".join(process.cmdline()))
    return found


def shown(message: Message) -> str:
    """Everything that a message shows."""
    return message.text + json.dumps(message.blocks, ensure_ascii=False)


def in_short(message: Message) -> str:
    """What a notice says."""
    known = {"lost its worker": "taken over", "is done": "done", "was stopped": "was stopped"}
    return next((word for part, word in known.items() if part in message.text), message.text)


async def until(condition: Callable[[], Any], seconds: float = SECONDS) -> Any:
    """The first true value of the condition, which may be a coroutine function."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if isinstance(value, Awaitable):
            value = await value
        if value:
            return value
        assert time.monotonic() < deadline, "it did not come true in time"
        await asyncio.sleep(0.1)


@pytest.fixture
def free_port() -> int:
    """A port of the loopback where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def ledger_place(tmp_path: Path) -> Path:
    """Beside everything else of the installation, where agents could look for it."""
    return tmp_path


@pytest.fixture
async def mab(db: Database, database_url: str, tmp_path: Path) -> AsyncIterator[Installation]:
    """An installation that is configured; nothing runs yet."""
    repositories.create(tmp_path / "shop")
    (tmp_path / "user").mkdir()
    scratch = tempfile.mkdtemp(prefix="mab-")  # short: sandboxes keep sockets there
    async with LocalSlack(limits=False) as slack:
        environ = {
            **{name: os.environ[name] for name in os.environ if name.startswith("COVERAGE_")},
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(PROJECT),
            "HOME": str(tmp_path / "user"),
            "TMPDIR": scratch,
            "NO_PROXY": "127.0.0.1",
            "SLACK_BOT_TOKEN": slack.bot_token,
            "SLACK_APP_TOKEN": slack.app_token,
            "SLACK_API_URL": slack.api_url,
            "DATABASE_URL": database_url,
            "MAB_HOME": str(tmp_path / "home"),
            "MAB_CONFIG": str(tmp_path / "mab.toml"),
            "MAB_HTTP": "off",
        }
        made = Installation(slack, db, tmp_path, environ)
        made.configure()
        try:
            yield made
        finally:
            await made.ends()
            shutil.rmtree(scratch, ignore_errors=True)
