"""This product: the worker program as `mab worker` runs it, but for the worktrees and the model."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

from sqlalchemy import func, select

from bot import logs
from bot.program import Given, Program, open_program, open_worker
from bot.secrets import Secrets
from bot.settings import BotSettings
from engine import AgentSpec, Incoming, Limits, Origin, Person, Repo, Wish, polling
from engine.models import Event
from engine.notices import NAMES, Ended
from tests.bench.sides.bare import NoExecutor, without_worktrees
from tests.bench.sides.work import Count, Work, answer

PEOPLE = 500
AT_ONCE = 10  # requests that are entered at a time


def given(work: Work) -> Given:
    """An installation with a repository called shop, and what `mab` does not switch off."""
    shop = work.home / "shop"
    shop.mkdir(exist_ok=True)
    secrets = Secrets({})
    settings = BotSettings(
        home=work.home / "mab",
        database_url=work.url,
        repos={"shop": Repo(path=shop)},
        limits=Limits(slots=work.concurrency, per_user=max(work.jobs, 1)),
        http="off",
    )
    logs.configure(settings.log_level, secrets)
    return Given(settings, secrets, {"PATH": os.environ["PATH"]}, work.home / "mab.toml")


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

        async def left() -> int:
            told = select(func.count()).where(Event.name == NAMES[Ended], Event.notify)
            async with program.engine.db.reading() as session:
                return work.jobs - (await session.scalar(told) or 0)

        began = perf_counter()
        async with working(program, count, work.home):
            return await count.acknowledged(left, began)


@asynccontextmanager
async def working(program: Program, count: Count, home: Path) -> AsyncIterator[None]:
    """All that `mab worker` does, with agents that do nothing."""
    async with AsyncExitStack() as stack:
        worker = await stack.enter_async_context(open_worker(program, NoExecutor(count)))
        without_worktrees(worker, home)
        program.add("figures", program.look, 15.0)
        program.add("inquiries", program.engine.decisions.tick, 10.0)
        await stack.enter_async_context(polling(program.beats))
        program.wake()
        yield


if __name__ == "__main__":
    todo = Work.given()
    answer(asyncio.run({"fill": fill, "drain": drain}[todo.do](todo)))
