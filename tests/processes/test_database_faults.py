"""PostgreSQL goes away in the middle of everything, and comes back."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from random import Random
from time import monotonic

import psutil
import pytest
from aiohttp import ClientSession
from sqlalchemy import func, select

from engine.demo_model import Turn, call, say
from engine.models import Command, Node
from engine.processes import MARKER
from engine.settings import async_url
from engine.store import Database
from tests.database_server import DatabaseServer
from tests.processes.conftest import (
    LONG,
    REST,
    SLEEP,
    Installation,
    everybody,
    marked,
    scene,
    until,
)

LEASE = 12.0  # seconds: at 5/6 of it agents stand still, and there is time to see it
ENDS_WITHIN = 30.0  # seconds: a program that is told to, with its database away
UNTIL_GO = f"{SLEEP} & while [ ! -e go ]; do sleep 0.1; done"


@pytest.fixture
async def server() -> AsyncIterator[DatabaseServer]:
    """A server that nobody else uses."""
    async with DatabaseServer() as server:
        yield server


@pytest.fixture
async def database_url(server: DatabaseServer) -> str:
    """The URL of its database, which has its tables."""
    database = Database.connect(async_url(server.url))
    await database.upgrade()
    await database.close()
    return server.url


def lets_go(mab: Installation) -> None:
    """Let the shells of agents that wait end."""
    for worktree in (mab.root / "home" / ".worktrees").glob("agent-*"):
        (worktree / "go").touch()


def states(marker: str) -> set[str]:
    """What the processes of a run do."""
    found: set[str] = set()
    for process in everybody():
        with suppress(psutil.Error):
            if process.environ().get(MARKER) == marker:
                found.add(process.status())
    return found


async def accepted(mab: Installation) -> tuple[int, int]:
    """How many commands were recorded, and how many agents came of them."""
    async with mab.db.reading() as session:
        commands = await session.scalar(select(func.count(Command.key)))
        return commands or 0, await session.scalar(select(func.count(Node.id))) or 0


async def test_a_short_absence_is_not_noticed_by_the_agent_and_refused_to_people(
    mab: Installation, server: DatabaseServer
) -> None:
    gate = asyncio.Event()
    await mab.plays(long=[scene("half.txt", Turn("Done.", after=gate))], new=[REST])
    serving = await mab.serves()
    card = await mab.spawns("long")
    await mab.asked(2)
    await server.stop()
    refused = await mab.slack.commands("you", "general", "/agent spawn new")
    assert not refused.ok
    gate.set()  # the agent ends while nobody can be told
    await until(lambda: not list(mab.agents()))
    await server.start()
    assert await mab.story(card) == ["done"]
    assert await mab.runs() == [(1, "completed")]
    assert await accepted(mab) == (1, 1)
    new = await mab.spawns("new")
    assert await mab.story(new) == ["done"]
    assert "tick failed; the next poll tries again" not in serving.events()


@pytest.mark.parametrize("case", ["beside another", "hangs"])
async def test_longer_than_a_lease_the_agents_are_frozen(
    mab: Installation, server: DatabaseServer, case: str
) -> None:
    mab.configure(lease=LEASE)
    await mab.plays(long=[scene("half.txt", call("Bash", command=UNTIL_GO), say("Slept.")), REST])
    if case == "beside another":
        await (await mab.starts("worker")).ready()
    await mab.serves()
    card = await mab.spawns("long")
    marker = await mab.at_work()
    gone = monotonic()
    if case == "hangs":
        server.hangs()
    else:
        await server.stop()
    await until(lambda: states(marker) == {psutil.STATUS_STOPPED}, LEASE * 1.5)
    assert monotonic() - gone < LEASE, "they stand still before anybody may take them over"
    await until(lambda: monotonic() - gone > LEASE * 1.2)
    if case == "hangs":
        server.goes_on()
    else:
        await server.start()
    lets_go(mab)
    assert [word for word in await mab.story(card) if word != "taken over"] == ["done"]
    runs = await mab.runs()
    assert runs in ([(1, "completed")], [(1, "lost"), (2, "completed")])
    assert case == "beside another" or runs == [(1, "completed")], "nobody else was there"
    assert "half.txt" in await mab.on_branch()
    await until(lambda: not marked(marker))


async def test_connections_that_are_cut_again_and_again_cost_nothing(
    mab: Installation, server: DatabaseServer
) -> None:
    mab.configure(lease=60)
    steps = [call("Write", file_path=f"{n}.txt", content="x") for n in range(6)]
    await mab.plays(first=[[*steps, say("Done.")]], second=[[*steps, say("Done.")]])
    await mab.serves()

    async def cut() -> None:
        chance = Random(6)
        while True:
            await asyncio.sleep(chance.uniform(0.3, 1.0))
            await server.cut()

    cards = [await mab.spawns(word) for word in ("first", "second")]
    cutting = asyncio.create_task(cut())
    await until(lambda: len(mab.questions()) >= 14)
    await until(lambda: not list(mab.agents()))
    assert not cutting.done()
    cutting.cancel()
    assert [await mab.story(card) for card in cards] == [["done"]] * 2
    for agent in (1, 2):
        *before, last = [outcome for _, outcome in await mab.runs(agent)]
        assert last == "completed"
        assert set(before) <= {"handed_over"}, "cut before the agent had begun"
        assert {f"{n}.txt" for n in range(6)} <= set(await mab.on_branch(agent))
    assert await accepted(mab) == (2, 2)


async def test_a_time_without_writing_is_said_and_passes_without_a_restart(
    mab: Installation, server: DatabaseServer, free_port: int
) -> None:
    mab.configure(lease=60)
    gate = asyncio.Event()
    await mab.plays(long=[scene("half.txt", Turn("Done.", after=gate))], new=[REST])
    await mab.serves(MAB_HTTP=f"127.0.0.1:{free_port}")
    card = await mab.spawns("long")
    await mab.asked(2)

    async def ready() -> tuple[int, str]:
        async with ClientSession() as operator:
            answer = await operator.get(f"http://127.0.0.1:{free_port}/readyz")
            return answer.status, (await answer.json())["database"]

    async def says(*answer: object) -> bool:
        return await ready() == answer

    await server.writable(yes=False)
    await until(lambda: says(503, "DatabaseReadOnly"))
    assert not (await mab.slack.commands("you", "general", "/agent spawn new")).ok
    gate.set()  # the agent ends, which nobody can record
    await until(lambda: not list(mab.agents()))
    await server.writable(yes=True)
    await until(lambda: says(200, "ok"))
    assert await mab.story(card) == ["done"]
    assert await mab.runs() == [(1, "completed")]
    assert await accepted(mab) == (1, 1)
    assert await mab.story(await mab.spawns("new")) == ["done"]


@pytest.mark.parametrize("hangs", [False, True], ids=["gone", "hangs"])
async def test_who_is_stopped_meanwhile_ends_and_the_next_start_goes_on(
    mab: Installation, server: DatabaseServer, *, hangs: bool
) -> None:
    await mab.plays(long=[LONG, REST])
    first = await mab.serves()
    card = await mab.spawns("long")
    marker = await mab.at_work()
    if hangs:
        server.hangs()
    else:
        await server.stop()
    begun = monotonic()
    first.signal(signal.SIGTERM)
    assert await first.ended(within=60) == 0
    assert monotonic() - begun < ENDS_WITHIN
    assert marked(marker) == []
    assert "Traceback" not in first.said()
    if not hangs:
        await _cannot_start(mab)
        await server.start()
    else:
        server.goes_on()
    await mab.serves()
    assert await mab.story(card) == ["taken over", "done"]
    assert await mab.runs() == [(1, "lost"), (2, "completed")]
    assert {"half.txt", "rest.txt"} <= set(await mab.on_branch())


async def _cannot_start(mab: Installation) -> None:
    """What somebody is told who starts a program while its database is away."""
    nobody = await mab.starts("worker")
    assert await nobody.ended() == 1
    assert nobody.said().startswith("mab: the database cannot be used: ")
    assert "Traceback" not in nobody.said()
