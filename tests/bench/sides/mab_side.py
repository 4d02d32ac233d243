"""This product: the worker program as `mab worker` runs it, but for the worktrees and the model."""

import asyncio
import gc
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from time import perf_counter
from typing import Any

import psutil
from sqlalchemy import func, select

from bot import logs
from bot.access import Access
from bot.demo import DemoSettings
from bot.program import (
    FIGURES_SECONDS,
    INQUIRIES_SECONDS,
    Given,
    Program,
    giving,
    hearing,
    open_bot,
    open_program,
    open_worker,
    running,
)
from bot.secrets import Secrets
from engine import (
    AgentSpec,
    Executor,
    Hints,
    Incoming,
    Limits,
    Origin,
    Person,
    Poll,
    Repo,
    Wish,
    Worker,
    polling,
)
from engine.models import Event
from engine.notices import NAMES, Ended
from tests.bench.sides.bare import NoExecutor, without_worktrees
from tests.bench.sides.here import Endless
from tests.bench.sides.labourer import Labourer
from tests.bench.sides.shift import up
from tests.bench.sides.work import Count, Work, answer

PEOPLE = 500
UNHURRIED = 60_000.0  # posts a minute
AT_ONCE = 10  # requests that are entered at a time


def given(work: Work) -> Given:
    """An installation with a repository called shop, and what `mab` does not switch off."""
    shop = work.home / "shop"
    shop.mkdir(exist_ok=True)
    slack = work.slack
    tokens = {"SLACK_BOT_TOKEN": slack["bot"], "SLACK_APP_TOKEN": slack["app"]} if slack else {}
    secrets = Secrets(tokens)
    settings = DemoSettings(
        home=work.home / "mab",
        database_url=work.url,
        repos={"shop": Repo(path=shop)},
        limits=Limits(
            slots=work.concurrency, per_user=max(work.jobs, 1), daily_budget_usd=Decimal(10**6)
        ),
        http="off",
        access=Access(admin=(slack.get("admin", "U0"),), spawn=("*",)),
        poll=Poll(lease_seconds=work.lease) if work.lease else Poll(),
        slack_api_url=slack.get("url", "http://127.0.0.1:9/"),
    )
    logs.configure(settings.log_level, secrets)
    path = {"PATH": os.environ["PATH"]}
    config = work.home / "mab.toml"
    return Given(settings, secrets, path, config, work.home, posts_per_minute=UNHURRIED)


async def fill(work: Work) -> Any:
    """Make the tables, and ask for the agents as people do: each in a thread of its own."""
    async with open_program(given(work)) as program:
        began = perf_counter()
        numbers = iter(range(work.jobs))

        async def lane() -> None:
            for number in numbers:
                await ask(program, number)

        await asyncio.gather(*(lane() for _ in range(AT_ONCE)))
        return {"seconds": perf_counter() - began}


async def ask(program: Program, number: int) -> int:
    """Record a command and carry it out; gives the agent's id."""
    who = Person(f"U{number % PEOPLE}", f"Person {number % PEOPLE}")
    key = f"command:{number}"
    await program.engine.inbox.record(Incoming(key, "command", {"text": "spawn"}, who.id))
    wish = Wish(Origin(f"T1/C{number % 50}", f"{number}.0"), who, key)
    return await program.engine.workflows.start(AgentSpec(f"task {number}", repo="shop"), wish)


async def drain(work: Work) -> Any:
    """Carry out what is there, until the last terminal notice is recorded."""
    count = Count(work.jobs)
    async with open_program(given(work)) as program:
        began = perf_counter()
        async with working(program, NoExecutor(count), work.home):
            return await count.acknowledged(lambda: unended(program, work.jobs), began)


async def unended(program: Program, jobs: int) -> int:
    """How many terminal notices are not recorded."""
    told = select(func.count()).where(Event.name == NAMES[Ended], Event.notify)
    async with program.engine.db.reading() as session:
        return jobs - (await session.scalar(told) or 0)


async def both(work: Work) -> Any:
    """Bot and worker, as `mab serve`: carry out what people ask for; when each agent began."""
    return await _serving(work, speaks=True)


async def serve(work: Work) -> Any:
    """A worker alone, as `mab worker`; the bot is another process."""
    return await _serving(work, speaks=False)


async def _serving(work: Work, *, speaks: bool) -> Any:
    count = Count(work.jobs)
    async with (
        open_program(given(work)) as program,
        working(program, NoExecutor(count), work.home, speaks=speaks),
    ):
        await count.all_of()
        await _told(program, work.jobs)
    return {"began": sorted(count.began.items())}


async def hold(work: Work) -> Any:
    """Agents that run and do not end; by how many MiB this process grows for so many of them."""
    first = min(10, work.jobs // 2)  # what is loaded for the first ones is not for each
    async with open_program(given(work)) as program:
        worker = open_worker(program, Endless())
        async with worker as made, polling(program.beats):
            without_worktrees(made, work.home)
            before = await _held(program, made, range(first))
            grown = await _held(program, made, range(first, work.jobs)) - before
            made.drain_seconds = 0
    return {"grown": grown, "agents": work.jobs - first}


async def _held(program: Program, worker: Worker, numbers: range) -> float:
    """Have agents begin; what this process has in memory then, in MiB."""
    for number in numbers:
        await ask(program, number)
    program.wake()

    def at_work() -> int:
        return sum(bool(each.workspace) for each in worker.attempts.values())

    while at_work() < numbers.stop:  # noqa: ASYNC110 - the worker begins them
        await asyncio.sleep(0.05)
    await asyncio.sleep(1)
    gc.collect()
    return psutil.Process().memory_info().rss / 2**20


async def speak(work: Work) -> Any:
    """A bot alone, as `mab bot`, until it is ended."""
    async with (
        open_program(given(work)) as program,
        hinting(program),
        open_bot(program),
        polling(program.beats),
    ):
        await asyncio.Event().wait()


@asynccontextmanager
async def hinting(program: Program) -> AsyncIterator[None]:
    """Hear of other processes' news, and let them hear of ours."""
    hints = Hints(program.engine.db)
    async with giving(hints, program), hearing(hints, program):
        yield


async def _told(program: Program, jobs: int) -> None:
    while await unended(program, jobs):  # noqa: ASYNC110 - others write
        await asyncio.sleep(0.1)


@asynccontextmanager
async def working(
    program: Program, executor: Executor, home: Path, *, speaks: bool = False
) -> AsyncIterator[None]:
    """All that `mab worker` does, or `mab serve`, with this executor and without worktrees."""
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(hinting(program))
        if speaks:
            await stack.enter_async_context(open_bot(program))
        worker = await stack.enter_async_context(open_worker(program, executor))
        without_worktrees(worker, home)
        program.add("figures", program.look, FIGURES_SECONDS, prompt=False)
        program.add("inquiries", program.engine.decisions.tick, INQUIRIES_SECONDS, prompt=False)
        await stack.enter_async_context(polling(program.beats))
        program.wake()
        yield


async def labour(work: Work) -> Any:
    """A worker as it comes, worktrees and all, whose agents are programs; until it is killed."""
    async with running(given(work), lambda _: Labourer(work), speaks=False):
        up(work)
        await asyncio.Event().wait()


DOES = {
    "labour": labour,
    "fill": fill,
    "drain": drain,
    "both": both,
    "serve": serve,
    "speak": speak,
    "hold": hold,
}

if __name__ == "__main__":
    todo = Work.given()
    answer(asyncio.run(DOES[todo.do](todo)))
