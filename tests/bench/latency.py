"""How soon work begins on an idle system: from when a request is entered until it is carried out.

Ours is measured from the insert into the inbox, by the database's clock, to the executor: with
the interpreter of commands, the claim, the brief and the budget between. A slash command is typed
in the local Slack; the bot acknowledges it, posts a card, and tells the end, all the while.
A peer's is measured from just before its library is called, to its function.

Ours is measured a second time with fewer commands a second: at `PER_SECOND` it is the line of
commands that is measured, if they come faster than a bot and the local Slack can answer them.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

from bot.local import LocalSlack
from tests.bench.field import SIDES, Side, Stock, stocked
from tests.bench.ground import Copy, Ground
from tests.bench.measure import Extent, quantiles
from tests.bench.process import SideFailed, beside, told
from tests.bench.rows import Row, collected, is_ours

REQUESTS = 500
WARM = 20  # that come first and do not count
PER_SECOND = 20.0
SELDOM = 2.0  # a second
CONCURRENCY = 10
SETTLE_SECONDS = 3.0
SECONDS = 60.0  # after which what does not begin has failed
SAME, OTHER = "same process", "other process"
RECORDED = (
    "SELECT nodes.id, {} FROM nodes JOIN requests ON requests.id = nodes.request_id"
    " JOIN commands ON commands.key = requests.command_key ORDER BY nodes.id"
)
ON_SERVER = RECORDED.format("extract(epoch FROM commands.at)")
IN_FILE = RECORDED.format("(julianday(commands.at) - 2440587.5) * 86400")


async def latency(ground: Ground, extent: Extent) -> AsyncIterator[Row]:
    """The rows of every side; raises SideFailed."""
    for side in SIDES:
        if not extent.takes(side.name):
            continue
        stock = await stocked(ground, side, 0)
        for where in (SAME,) if side.on_sqlite else (SAME, OTHER):
            jobs = max(extent.of(REQUESTS), 20) + WARM
            once = partial(_ours if is_ours(side.name) else _theirs, stock, where, jobs)
            found = [await _once(ground, stock, once, where) for _ in extent.times]
            if is_ours(side.name):
                once = partial(_ours, stock, where, WARM + WARM, per_second=SELDOM)
                seldom = f"{where}, {SELDOM:.0f} a second"
                found = [each | await _once(ground, stock, once, seldom) for each in found]
            for row in collected("latency", found, side=side.name, note=side.note):
                yield row
        await stock.cleared(ground)


async def _once(ground: Ground, stock: Stock, once: Any, where: str) -> dict[str, float]:
    copy = await ground.copy(stock.database, stock.file)
    home = await asyncio.to_thread(ground.home)
    late = await once(copy, str(home))
    await copy.removed()
    return quantiles([seconds * 1000 for seconds in late], where)


async def _theirs(stock: Stock, where: str, jobs: int, copy: Copy, home: str) -> Sequence[float]:
    side: Side = stock.side
    work = {"url": copy.url, "jobs": jobs, "concurrency": CONCURRENCY, "per_second": PER_SECOND}
    does = ("both",) if where == SAME else ("serve", "send")
    found = await asyncio.gather(
        *(told(side.program, stock.errors, do=do, home=home, **work, **side.given) for do in does)
    )
    whole: Mapping[str, Any] = {name: said for each in found for name, said in each.items()}
    began = dict(whole["began"])
    return [began[number] - sent for number, sent in enumerate(whole["sent"])][WARM:]


async def _ours(
    stock: Stock,
    where: str,
    jobs: int,
    copy: Copy,
    home: str,
    *,
    per_second: float = PER_SECOND,
) -> Sequence[float]:
    async with AsyncExitStack() as stack:
        slack = await stack.enter_async_context(LocalSlack(limits=False))
        work = {"url": copy.url, "jobs": jobs, "concurrency": CONCURRENCY, "home": home}
        work["slack"] = {
            "url": slack.api_url,
            "bot": slack.bot_token,
            "app": slack.app_token,
            "admin": slack.user("reviewer").id,
        }
        program = partial(told, stock.side.program, stock.errors, **work)
        if where == OTHER:
            bot = beside(stock.side.program, stock.errors, do="speak", **work)
            await stack.enter_async_context(bot)
        serving = asyncio.create_task(program(do="both" if where == SAME else "serve"))
        await slack.settled(lambda: slack.connections == 2, timeout=SECONDS)
        await asyncio.sleep(SETTLE_SECONDS)
        await _typed(slack, jobs, per_second)
        found = await asyncio.wait_for(serving, SECONDS)
    recorded = {int(agent): float(at) for agent, at in await copy.rows(ON_SERVER, IN_FILE)}
    began = dict(found["began"])
    if set(began) != set(recorded) or len(began) != jobs:
        raise SideFailed(f"of {jobs} requests {len(recorded)} were recorded, {len(began)} began")
    return [began[agent] - recorded[agent] for agent in sorted(began)][WARM:]


async def _typed(slack: LocalSlack, jobs: int, per_second: float) -> None:
    """People type commands, whatever became of the ones before."""
    loop, typed = asyncio.get_running_loop(), []
    began = loop.time()
    for number in range(jobs):
        await asyncio.sleep(began + number / per_second - loop.time())
        command = slack.commands("you", "general", f"/agent spawn task {number}")
        typed.append(asyncio.create_task(command))
    await asyncio.gather(*typed)
