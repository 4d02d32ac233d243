"""The model's key stays with the worker: what agents find of it, and when their token ends."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import aiohttp
import pytest
from sqlalchemy import update

from engine.claude import ClaudeExecutor
from engine.demo_model import DemoModel, Fail, Scene, Script, Turn, call, say
from engine.demo_model.conversation import read
from engine.executor import AgentResult, Executor, Job, Sandbox, Watch
from engine.models import Run
from engine.sandbox import sandbox_tools
from engine.settings import AgentPolicy
from engine.states import Cause, Status
from engine.station import Listeners, Outside, make_worker
from engine.worker import Worker
from tests.conftest import ONE_DATABASE
from tests.worker.conftest import SECONDS, Station

CONFINED = pytest.param(
    Sandbox.REQUIRED,
    marks=pytest.mark.skipif(bool(sandbox_tools()), reason="the sandbox's programs are missing"),
)
QUESTION = {"messages": [{"role": "user", "content": "count"}], "tools": [{"name": "Bash"}]}


async def hired(station: Station, executor: Executor, secrets: Mapping[str, str]) -> Worker:
    outside = Outside(
        {"PATH": os.environ["PATH"]}, secrets, station.home / "mab.toml", station.home
    )
    worker = make_worker(station.workflows, executor, outside, Listeners())
    await worker.join("test")
    station.workers.append(worker)
    return worker


def looks(token: str, station: Station) -> list[str]:
    """Commands that look for a key everywhere, without naming it themselves."""
    sought = f"[{token[0]}]{token[1:]}"
    places = (
        f"{station.home.parent} $HOME $CLAUDE_CONFIG_DIR $TMPDIR $CLAUDE_CODE_TMPDIR . /dev/shm"
    )
    everyone = "cat /proc/*/environ /proc/*/cmdline 2>/dev/null | tr '\\0' '\\n'"
    return [
        "env; tr '\\0' '\\n' < /proc/self/environ; tr '\\0' '\\n' < /proc/$PPID/environ",
        f"{everyone} | grep -e '{sought}'; {everyone} | grep -c MAB_",
        f"grep -rsl -e '{sought}' {places}; echo searched",
    ]


@ONE_DATABASE
@pytest.mark.parametrize("sandbox", [Sandbox.OFF, CONFINED])
async def test_the_key_is_nowhere_where_an_agent_looks(station: Station, sandbox: Sandbox) -> None:
    agent = AgentPolicy(sandbox=sandbox)
    station.settings = station.settings.model_copy(update={"agent": agent})
    turns: list[Turn] = []
    async with DemoModel(Script((Scene("look around", turns),))) as model:
        turns += [call("Bash", command=line) for line in looks(model.token, station)]
        turns.append(say("Done."))
        worker = await hired(station, ClaudeExecutor(), model.environment)
        one = await station.spawn("look around")
        await worker.tick()
        view = await station.ended(one)
        found = [answer.text for answer in read(model.requests[-1].body).results]
        everything = str([request.body for request in model.requests])
    assert view.status is Status.COMPLETED, view.error
    assert model.token not in everything
    assert "ANTHROPIC_BASE_URL=http://127.0.0.1:" in found[0]
    assert model.url not in found[0]
    assert "mab-run-" in found[0]
    assert int(found[1].split()[-1]) > 0  # it saw processes
    assert found[1].split()[:-1] == []
    assert found[2].split() == ["searched"]


@ONE_DATABASE
async def test_a_refused_key_is_not_tried_again_and_burns_nobody_else(station: Station) -> None:
    """The key is refused from the second turn on: what was done is kept, and nothing waits."""
    station.settings = station.settings.model_copy(
        update={"agent": AgentPolicy(sandbox=Sandbox.OFF)}
    )
    writes = replace(call("Write", file_path="half.txt", content="half"), tokens_in=30)
    turns = [writes, replace(say("x"), fault=Fail(401, "invalid x-api-key"))]
    scenes = (Scene("refused", turns), Scene("fine", [writes, say("Done.")]))
    async with DemoModel(Script(scenes)) as model:
        worker = await hired(station, ClaudeExecutor(), model.environment)
        refused, fine = await station.spawn("refused"), await station.spawn("fine")
        await worker.tick()
        view = await station.ended(refused)
        assert (await station.ended(fine)).status is Status.COMPLETED
    assert (view.status, view.cause) == (Status.FAILED, Cause.BAD_KEY)
    assert "API key" in view.error
    assert station.on_branch(view, "half.txt") == "half"
    [run] = await station.ledger.runs(refused)
    assert run.usage.tokens_in == 30
    assert await station.told() == ["request.ended"] * 2


@dataclass
class Asking:
    """An executor that asks the model once, then lingers until it is let go, halted or not."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    given: dict[str, str] = field(default_factory=dict)

    async def run(self, job: Job, watch: Watch) -> AgentResult:  # noqa: ARG002 - nothing to tell
        self.given = dict(job.environment)
        assert await self.status() == 200
        self.asked.set()
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            await self.release.wait()
            raise
        return AgentResult(success=True, output="Done.")

    async def status(self) -> int:
        """What the model says to the agent, whoever asks with its token."""
        url = f"{self.given['ANTHROPIC_BASE_URL']}/v1/messages"
        key = {"x-api-key": self.given["ANTHROPIC_API_KEY"]}
        async with (
            aiohttp.ClientSession(headers=key) as session,
            session.post(url, json=QUESTION) as answer,
        ):
            return answer.status


@dataclass
class Working:
    """An agent that has asked its model once."""

    station: Station
    worker: Worker
    hands: Asking
    agent: int

    async def emptied(self) -> None:
        self.hands.release.set()
        async with asyncio.timeout(SECONDS):
            while self.worker.attempts:  # noqa: ASYNC110 - the worker has no event for it
                await asyncio.sleep(0.02)


@asynccontextmanager
async def working(station: Station) -> AsyncIterator[Working]:
    hands = Asking()
    async with DemoModel(lambda _: say("x", tokens_in=30, tokens_out=7)) as model:
        worker = await hired(station, hands, model.environment)
        agent = await station.spawn("work")
        await worker.tick()
        async with asyncio.timeout(SECONDS):
            await hands.asked.wait()
        assert model.token not in hands.given.values()
        yield Working(station, worker, hands, agent)


async def test_a_token_ends_with_its_run(station: Station) -> None:
    async with working(station) as at:
        await at.emptied()
        assert (await station.ended(at.agent)).status is Status.COMPLETED
        assert await at.hands.status() == 401
        [run] = await station.ledger.runs(at.agent)
        assert (run.usage.tokens_in, run.usage.tokens_out) == (30, 7), "whatever the CLI counted"


async def test_a_run_whose_lease_is_lost_asks_no_more(station: Station) -> None:
    async with working(station) as at:
        async with station.db.writing() as session:
            await session.execute(update(Run).values(worker="another"))
        assert await at.hands.status() == 200  # nobody knows yet
        await at.worker.renew()
        assert await at.hands.status() == 403
        await at.emptied()
        assert await at.hands.status() == 401


@ONE_DATABASE
async def test_a_cancelled_run_asks_no_more_and_is_charged_what_it_asked(station: Station) -> None:
    async with working(station) as at:
        await station.workflows.cancel(at.agent, await station.wish())
        await at.worker.tick()
        assert await at.hands.status() == 403
        await at.emptied()
        await station.ended(at.agent)
        [run] = await station.ledger.runs(at.agent)
        assert (run.usage.tokens_in, run.usage.tokens_out) == (30, 7)


@ONE_DATABASE
async def test_a_broker_that_is_turned_off_leaves_everything_as_it_is(station: Station) -> None:
    off = AgentPolicy(broker=False)
    station.settings = station.settings.model_copy(update={"agent": off})
    hands = Asking()
    async with DemoModel() as model:
        worker = await hired(station, hands, model.environment)
        agent = await station.spawn("work")
        await worker.tick()
        hands.release.set()
        await station.ended(agent)
    assert model.environment.items() <= hands.given.items()


@ONE_DATABASE
async def test_the_broker_ends_with_its_worker(station: Station) -> None:
    async with working(station) as at:
        at.hands.release.set()
        await at.worker.stop()
        with pytest.raises(aiohttp.ClientError):
            await at.hands.status()
