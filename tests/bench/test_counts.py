"""What an agent costs, counted: a guard that no machine's speed can move."""

from pathlib import Path

from engine.commands import Incoming, record
from engine.requests import Wish
from engine.spec import AgentSpec, Origin, Person
from engine.store import Database
from tests.bench.measure import percentile
from tests.bench.rows import Row, ratios
from tests.bench.sides.bare import NoExecutor
from tests.bench.sides.here import worker_here
from tests.bench.sides.work import Count
from tests.bench.tally import Tally

AGENTS = 10
STATEMENTS = 54  # for an agent that does nothing, from its claim to its notice
WRITING, READING = 3.2, 7.2  # transactions


async def test_an_agent_costs_so_many_statements(db: Database, tmp_path: Path) -> None:
    count, tally = Count(AGENTS), Tally()
    worker = await worker_here(db, tmp_path, NoExecutor(count), slots=AGENTS)
    for number in range(AGENTS):
        who, key = Person(f"U{number}", f"Person {number}"), f"command:{number}"
        await record(db, Incoming(key, "command", {}, who.id))
        wish = Wish(Origin("T/C", f"{number}.0"), who, key)
        await worker.workflows.start(AgentSpec(f"task {number}", repo="shop"), wish)
    with tally.listening(db):
        await worker.tick()
        await count.every.wait()
        while worker._tasks:
            await next(iter(worker._tasks))
    await worker.stop()
    each = sum(tally.statements.values()) / AGENTS
    assert each <= STATEMENTS
    assert tally.writing / AGENTS <= WRITING
    assert tally.reading / AGENTS <= READING


def test_a_ratio_is_that_to_the_best_peer_whatever_the_unit() -> None:
    fast = Row("b", "mab", "rate", "/s", (200.0, 100.0, 300.0), ours=True)
    slow = Row("b", "mab", "wait", "ms", (20.0,), ours=True)
    alone = Row("b", "mab", "else", "ms", (20.0,), ours=True)
    peers = [
        Row("b", "one", "rate", "/s", (50.0,)),
        Row("b", "two", "rate", "/s", (100.0,)),
        Row("b", "one", "wait", "ms", (10.0,)),
        Row("b", "two", "wait", "ms", (40.0,)),
    ]
    assert ratios([fast, slow, alone, *peers]) == {fast: 2.0, slow: 0.5}
    assert fast.spread == 1.0


def test_a_percentile_is_a_value_that_was_measured() -> None:
    hundred = [float(n) for n in range(100)]
    assert [percentile(hundred, part) for part in (0.5, 0.99, 1.0)] == [50.0, 99.0, 99.0]
    assert percentile([7.0], 0.99) == 7.0
