"""Large graphs: what the end of a node costs does not depend on how many nodes there are."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, text

from engine.dag import NodeSpec, WorkflowSpec
from engine.executor import Usage
from engine.runs import Ending
from engine.spec import AgentSpec
from engine.states import Decision, Status
from engine.store import Database
from tests.ledger.conftest import ALICE, LedgerWorld, ledger_of
from tests.ledger.story import Story, good

LARGE = ("nodes", "needs", "events")
STATEMENTS = 13  # of a delivery whose card lists all nodes
SMALL = ("requests", "inquiries", "runs")  # here: a server reads such a table as a whole


def agent(key: str, *needs: str) -> NodeSpec:
    return NodeSpec(key, AgentSpec(f"do {key}", repo="shop"), needs)


def chain(length: int) -> list[NodeSpec]:
    return [agent(f"c{n}", *([f"c{n - 1}"] if n else [])) for n in range(length)]


def fan(width: int) -> list[NodeSpec]:
    """One node, many that need it, one that needs all of these."""
    leaves = [agent(f"f{n}", "root") for n in range(width)]
    return [agent("root"), *leaves, agent("sink", *(leaf.key for leaf in leaves))]


@pytest.fixture
def ledger(db: Database, tmp_path: Path) -> LedgerWorld:
    return ledger_of(db, tmp_path, per_user=4)


async def _begun(ledger: LedgerWorld, nodes: list[NodeSpec]) -> Story:
    story = Story(ledger, thread="t")
    spec = WorkflowSpec("large", tuple(nodes), most_nodes=len(nodes))
    await story.decide(Decision.APPROVE, await story.plan(spec), ALICE)
    return story


async def _run_through(ledger: LedgerWorld) -> Counter[int]:
    """Workers that only write carry everything out; gives how often each node was claimed."""
    claimed: Counter[int] = Counter()
    while claims := await ledger.worker("w1").leases.claim(4, ["shop"]):
        claimed.update(claim.agent_id for claim in claims)
        await asyncio.gather(*(ledger.worker("w1").close(claim, good("work")) for claim in claims))
    return claimed


async def test_a_wide_fan_in_and_long_lanes_run_through_at_the_same_cost_each(
    ledger: LedgerWorld,
) -> None:
    """A thousand would show no more than whether the cost of one grows between these two."""
    small, large = [await _cost_of_each(ledger, width) for width in (15, 60)]
    assert large <= 1.05 * small


async def _cost_of_each(ledger: LedgerWorld, width: int) -> float:
    """Run a fan and ten lanes behind it through; gives the statements for one node."""
    nodes, length = fan(width), width // 5
    for lane in range(10):
        before = "sink"
        for n in range(length):
            nodes.append(agent(f"l{lane}-{n}", before))
            before = f"l{lane}-{n}"
    nodes.append(agent("last", *(f"l{lane}-{length - 1}" for lane in range(10))))
    story = await _begun(ledger, nodes)
    with counting(ledger.db) as seen:
        claimed = await _run_through(ledger)
    assert (len(claimed), set(claimed.values())) == (len(nodes), {1})
    summary = (await story.summaries())[-1]
    assert summary.status is Status.COMPLETED
    assert summary.counts == {Status.COMPLETED: len(nodes)}
    assert len(summary.nodes) == min(50, len(nodes))
    return seen.statements / len(nodes)


@pytest.mark.parametrize("shape", ["chain", "fan"])
async def test_the_end_of_a_node_costs_the_same_in_a_large_graph(
    ledger: LedgerWorld, shape: str
) -> None:
    costs = []
    for size in (20, 120):
        nodes = chain(size) if shape == "chain" else fan(size)
        story = Story(ledger, thread=f"{shape}{size}")
        spec = WorkflowSpec("large", tuple(nodes), most_nodes=len(nodes))
        await story.decide(Decision.APPROVE, await story.plan(spec), ALICE)
        for _ in range(5):  # beyond the root, whose end costs its out-edges
            [claim, *_] = await ledger.worker("w1").leases.claim(1, ["shop"])
            with counting(ledger.db) as seen:
                await ledger.worker("w1").close(claim, good("work"))
        costs.append((seen.statements, seen.rows))
        await story.cancel_all()
        await _run_through(ledger)
    assert costs[0] == costs[1]
    assert costs[0][0] <= 40


async def test_what_the_end_of_a_node_asks_is_answered_by_indexes(ledger: LedgerWorld) -> None:
    await _begun(ledger, [*fan(300), *chain(300)])
    for _ in range(30):
        [claim] = await ledger.worker("w1").leases.claim(1, ["shop"])
        await ledger.worker("w1").close(claim, good("work"))
    async with ledger.db.engine.connect() as connection:
        await connection.execute(text("ANALYZE"))
        await connection.commit()
    [claim] = await ledger.worker("w1").leases.claim(1, ["shop"])
    with counting(ledger.db) as seen:
        await ledger.worker("w1").close(claim, good("work"))
    plans = [await _explained(ledger.db, *each) for each in seen.asked]
    everything = "\n".join(plans)
    for table in LARGE:
        assert [plan for plan in plans if _scans(plan, table)] == [], table
    could = [await _explained(ledger.db, *each, forced=True) for each in seen.asked]
    for table in SMALL:
        assert [plan for plan in could if _scans(plan, table)] == [], table
    for index in ("ix_nodes_ready", "ix_nodes_unfinished", "ix_needs_on_id"):
        assert index in everything, index


@pytest.mark.parametrize(("size", "more"), [(3, 0), (50, 0), (51, 2)])
async def test_a_card_counts_in_the_database_only_what_it_does_not_list(
    ledger: LedgerWorld, size: int, more: int
) -> None:
    story = await _begun(ledger, chain(size))
    [claim] = await ledger.worker("w1").leases.claim(1, ["shop"])
    used = Usage(1_000, 200, Decimal("0.25"), 3)
    done = replace(good("work").result, usage=used)
    await ledger.worker("w1").close(claim, Ending(None, done))
    with counting(ledger.db) as seen:
        delivery = await ledger.outbox.take(story.workflow)
    assert delivery is not None
    card = delivery.card
    assert card.counts == {Status.COMPLETED: 1, Status.PENDING: 1, Status.BLOCKED: size - 2}
    assert (len(card.nodes), card.usage) == (min(size, 50), used)
    assert len(seen.asked) == STATEMENTS + more


class Seen:
    """What was sent to the database."""

    def __init__(self) -> None:
        self.statements = 0
        self.rows = 0
        self.asked: list[tuple[str, Any]] = []


@contextmanager
def counting(db: Database) -> Iterator[Seen]:
    """Count statements, and the rows that they wrote."""
    seen = Seen()

    def executed(
        conn: Connection, cursor: Any, statement: str, parameters: Any, *rest: Any
    ) -> None:
        seen.statements += 1
        seen.rows += max(cursor.rowcount, 0) if not statement.startswith("SELECT") else 0
        if statement.split(maxsplit=1)[0] in {"SELECT", "UPDATE", "WITH"}:
            seen.asked.append((statement, parameters))

    event.listen(db.engine.sync_engine, "after_cursor_execute", executed)
    try:
        yield seen
    finally:
        event.remove(db.engine.sync_engine, "after_cursor_execute", executed)


def _scans(plan: str, table: str) -> bool:
    return bool(re.search(rf"(SCAN|Seq Scan on) {table}\b", plan))


async def _explained(db: Database, statement: str, parameters: Any, *, forced: bool = False) -> str:
    """How the database would find the rows; `forced` = if it has to use an index where it can."""
    how = "EXPLAIN QUERY PLAN" if db.is_sqlite else "EXPLAIN"
    async with db.engine.connect() as connection:
        if forced and not db.is_sqlite:
            await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        rows = await connection.exec_driver_sql(f"{how} {statement}", parameters)
        found = "\n".join(str(row[-1]) for row in rows)
        await connection.rollback()
    return f"{statement}\n{found}"
