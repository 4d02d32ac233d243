"""What a node of a graph costs, by the graph's shape and size: worked off by a real worker.

Agents that do nothing, without worktrees (see `drain`); the clock runs from the approval of the
plan until the one terminal notice of the workflow is recorded.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from random import Random
from statistics import median
from time import perf_counter

from engine.dag import NodeSpec, WorkflowSpec
from engine.outbox import Outbox
from engine.settings import async_url
from engine.spec import AgentSpec
from engine.states import Decision, Status
from engine.store import Database
from tests.bench.field import NO_WORKTREES
from tests.bench.ground import Copy, Ground, Written
from tests.bench.measure import Extent
from tests.bench.process import SideFailed
from tests.bench.rows import Row, is_ours
from tests.bench.sides.bare import NoExecutor
from tests.bench.sides.here import worker_here
from tests.bench.sides.work import Count
from tests.ledger.conftest import ALICE, LedgerWorld
from tests.ledger.story import Story

SLOTS = 10
SIZES = (10, 100, 1_000, 10_000)
WIDE = 300
LEAST = 10  # nodes, also of a quick run
MOST_NEEDS = 3
LOOK_SECONDS = 0.05
Nodes = tuple[NodeSpec, ...]


async def graph(ground: Ground, extent: Extent) -> AsyncIterator[Row]:
    """Milliseconds for a node, and the largest random graph's by the smallest's."""
    for side in ("mab PostgreSQL", "mab SQLite"):
        if not extent.takes(side):
            continue
        found: list[Row] = []
        for name, made in _shapes(extent).items():
            values = tuple([await _worked_off(ground, side, made) for _ in extent.times])
            found.append(_row(side, f"a node of {name}", "ms", values))
            yield found[-1]
        by_size = [row.median for row in found if "random" in row.metric]
        yield _row(side, "largest by smallest", "x", (by_size[-1] / by_size[0],))


def _shapes(extent: Extent) -> Mapping[str, Callable[[], Nodes]]:
    wide = max(extent.of(WIDE), LEAST)
    sizes = sorted({max(extent.of(size), LEAST) for size in SIZES})
    randoms = {f"a random graph of {size}": partial(random_graph, size) for size in sizes}
    return {
        f"a chain of {wide}": partial(chain, wide),
        f"a fan-in of {wide}": partial(fan, wide),
    } | randoms


def chain(length: int) -> Nodes:
    """One after the other."""
    return tuple(_agent(f"c{n}", *([f"c{n - 1}"] if n else [])) for n in range(length))


def fan(width: int) -> Nodes:
    """Many beside each other, and one that needs all of them."""
    leaves = [_agent(f"f{n}") for n in range(width)]
    return (*leaves, _agent("sink", *(leaf.key for leaf in leaves)))


def random_graph(size: int) -> Nodes:
    """Each node needs up to three of the fifty before it; the same graph every time."""
    rng, nodes = Random(size), []
    for n in range(size):
        before = range(max(n - 50, 0), n)
        needs = rng.sample(before, min(rng.randint(0, MOST_NEEDS), len(before)))
        nodes.append(_agent(f"r{n}", *(f"r{need}" for need in sorted(needs))))
    return tuple(nodes)


def _agent(key: str, *needs: str) -> NodeSpec:
    return NodeSpec(key, AgentSpec(f"do {key}", repo="shop"), needs)


async def _worked_off(ground: Ground, side: str, made: Callable[[], Nodes]) -> float:
    """Milliseconds for a node of a graph in a ledger of its own."""
    nodes = made()
    name = await ground.fresh() if side.endswith("PostgreSQL") else ""
    copy = Copy(ground, name, ground.file(), Written(0, 0))
    db = Database.connect(async_url(copy.url))
    try:
        await db.upgrade()
        return await _timed(db, ground, nodes) / len(nodes) * 1000
    finally:
        await db.close()
        await copy.removed()


async def _timed(db: Database, ground: Ground, nodes: Nodes) -> float:
    count = Count(len(nodes))
    worker = await worker_here(db, ground.home(), NoExecutor(count), SLOTS)
    story = Story(LedgerWorld(db, worker.workflows, Outbox(db, "bench")), thread="t")
    asked = await story.plan(WorkflowSpec("large", nodes, most_nodes=len(nodes)))
    began = perf_counter()
    await story.decide(Decision.APPROVE, asked, ALICE)
    await worker.tick()
    await count.every.wait()
    while not (told := await story.summaries()):  # noqa: ASYNC110 - the worker writes
        await asyncio.sleep(LOOK_SECONDS)
    spent = perf_counter() - began
    await worker.stop()
    if count.done != len(nodes) or told[-1].status is not Status.COMPLETED:
        raise SideFailed(f"{count.done} of {len(nodes)} nodes ran: {told[-1].status}")
    return spent


def _row(side: str, metric: str, unit: str, values: tuple[float, ...]) -> Row:
    assert median(values) > 0
    return Row("graph", side, metric, unit, values, NO_WORKTREES, is_ours(side))
