"""What is forgotten after a while: history, in small parts, and never of what is still open."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from engine import models as m
from engine import reading
from engine.clock import now
from engine.dag import WorkflowSpec
from engine.executor import AgentResult, Step, Usage
from engine.leases import Claim
from engine.retention import ROUNDS, Retention
from engine.runs import Ending
from engine.sessions import Sessions
from engine.spec import AgentSpec, File
from engine.states import Status
from engine.store import Database
from engine.views import Work
from tests.ledger.conftest import ALICE, LedgerWorld, ledger_of
from tests.ledger.story import Story, described

DAYS = 90
LONG = (DAYS + 1) * 24 * 3600.0
HISTORY = (m.Event, m.SessionEntry, m.File, m.Command)
SPECS = File("spec.txt", "text/plain", b"x" * 1000)
RESULT = AgentResult(success=True, output="It is done.", session_id="s1")
WORKED = Ending(None, RESULT, Work("agent/1-x", "base", "abc"), (SPECS,))


@pytest.fixture
def ledger(db: Database, tmp_path: Path) -> LedgerWorld:
    return ledger_of(db, tmp_path, per_user=50)


async def _forget(ledger: LedgerWorld, rows: int = 500) -> None:
    await Retention(ledger.db, DAYS, rows).tick()


async def _agent(ledger: LedgerWorld, steps: int = 3, thread: str = "t") -> int:
    """An agent that has worked and ended, and of which everything was told."""
    wish = await ledger.wish(ALICE, thread)
    spec = AgentSpec(f"add numbers in {thread}", repo="shop", files=(SPECS,))
    agent = await ledger.workflows.start(spec, wish)
    [claim] = await ledger.claim()
    await _work(ledger, claim, steps)
    await ledger.finish(claim, WORKED)
    await _tell_all(ledger)
    return agent


async def _work(ledger: LedgerWorld, claim: Claim, steps: int) -> None:
    runs = ledger.worker("w1")
    await runs.opened(claim, "/w/1", Work("agent/1-x", "base"))
    await runs.started(claim, 1, 1.0)
    for number in range(steps):
        await runs.step(claim, Step("Bash", f"make {number}"), Usage(9, 9, turns=number))
    lines: Any = [{"type": "user", "uuid": f"{claim.agent_id}-{n}"} for n in range(steps)]
    key: Any = {"project_key": f"agent:{claim.agent_id}", "session_id": "s1"}
    await Sessions(ledger.db).append(key, lines)


async def _tell_all(ledger: LedgerWorld) -> None:
    """Whoever delivers has done so."""
    for flow in await ledger.outbox.due(100):
        delivery = await ledger.outbox.take(flow)
        while delivery is not None and delivery.notices:
            for each in delivery.notices:
                await ledger.outbox.delivered(delivery, each.notice, {"ts": "1"})
            await ledger.outbox.card_shown(delivery, 0)
            delivery = await ledger.outbox.take(flow)
        if delivery is not None:
            await ledger.outbox.release(delivery)


async def _counts(ledger: LedgerWorld, tables: Sequence[type[Any]] = HISTORY) -> list[int]:
    async with ledger.db.reading() as session:
        return [
            await session.scalar(select(func.count()).select_from(each)) or 0 for each in tables
        ]


async def test_after_a_while_the_history_goes_and_what_people_are_shown_stays(
    ledger: LedgerWorld,
) -> None:
    agent = await _agent(ledger)
    async with ledger.db.reading() as session:
        before = await reading.agent(session, agent)
        runs = await reading.runs(session, agent)
    audit, *kept = await _counts(ledger, (m.Audit, m.Workflow, m.Request, m.Node, m.Run))
    await ledger.pass_time((DAYS - 1) * 24 * 3600.0)
    await _forget(ledger)
    assert all(await _counts(ledger))
    await ledger.pass_time(2 * 24 * 3600.0)
    await _forget(ledger)
    assert await _counts(ledger) == [0, 0, 0, 0]
    assert await _counts(ledger, (m.Audit, m.Workflow, m.Request, m.Node, m.Run)) == [audit, *kept]
    async with ledger.db.reading() as session:
        assert await reading.agent(session, agent) == before
        assert await reading.runs(session, agent) == runs
        assert await reading.log(session, agent, 10) == []
        assert (await session.scalars(select(m.Run.step))).all() == [None]


async def test_what_is_open_keeps_its_history(ledger: LedgerWorld) -> None:
    """A notice, an agent that works, a gate and a plan that wait, an agent that is in the line."""
    untold = await _agent(ledger, thread="untold")
    async with ledger.db.writing() as session:
        last = select(func.max(m.Event.id)).where(m.Event.node_id == untold, m.Event.notify)
        again = update(m.Event).where(m.Event.id == last.scalar_subquery())
        await session.execute(again.values(delivered_at=None))
        parked = update(m.Workflow).values(parked="The channel is archived.", retry_at=now(60))
        await session.execute(parked)
    wish = await ledger.wish(ALICE, "running")
    await ledger.workflows.start(AgentSpec("run", repo="shop"), wish)
    [claim] = await ledger.claim()
    await _work(ledger, claim, 2)
    gate, plan = Story(ledger, thread="gate"), Story(ledger, thread="plan")
    await gate.begin("a; ?g: a")
    await gate.do("a")
    await plan.plan(WorkflowSpec("calculator", described("a")))
    await ledger.spawn("queue", thread="queue")
    await _tell_all(ledger)
    tables = (m.Event, m.SessionEntry, m.File)
    before = await _counts(ledger, tables)
    await ledger.pass_time(LONG)
    await _forget(ledger)
    assert await _counts(ledger, tables) == before
    async with ledger.db.reading() as session:  # and the next tick need not look at them again
        young = select(func.count()).where(m.Workflow.kept_since > now(-60))
        assert await session.scalar(young) == 5


async def test_a_large_history_goes_in_small_parts(ledger: LedgerWorld) -> None:
    await _agent(ledger, steps=60)
    events, entries, *_ = await _counts(ledger)
    assert (events > 60, entries) == (True, 60)
    await ledger.pass_time(LONG)
    await Retention(ledger.db, DAYS, rows=2).tick()
    left = await _counts(ledger)
    assert left[1] == entries - 2 * ROUNDS
    assert events - 2 * 2 * ROUNDS <= left[0] <= events - 2 * ROUNDS
    await _forget(ledger)
    assert await _counts(ledger) == [0, 0, 0, 0]


async def test_a_follow_up_after_that_begins_fresh_from_the_commit_and_knows_it(
    ledger: LedgerWorld,
) -> None:
    agent = await _agent(ledger)
    await ledger.pass_time(LONG)
    await _forget(ledger)
    wish = await ledger.wish(ALICE, "t")
    await ledger.talk.say(agent, "and now subtract", wish)
    [claim] = await ledger.claim()
    assert claim.agent_id != agent
    given = await ledger.worker("w1").given(claim)
    assert (given.session_id, given.forgotten) == ("", True)
    assert [(each.id, each.work.commit, each.result) for each in given.before] == [
        (agent, "abc", "It is done.")
    ]
    await _work(ledger, claim, 2)
    await ledger.finish(claim, replace(WORKED, files=()))
    await _tell_all(ledger)
    await _forget(ledger)
    assert (await _counts(ledger))[1] == 2  # what happened anew begins the days anew
    await ledger.pass_time(LONG)
    await _forget(ledger)
    assert await _counts(ledger) == [0, 0, 0, 0]


async def test_the_inbox_keeps_what_is_not_settled_or_not_answered(ledger: LedgerWorld) -> None:
    settled, open_, unanswered = [await ledger.wish() for _ in range(3)]
    await ledger.workflows.settle(settled.key, "list", None)
    await ledger.workflows.settle(unanswered.key, "list", {"text": "Here it is."})
    await ledger.pass_time(LONG)
    young = await ledger.wish()
    await ledger.workflows.settle(young.key, "list", None)
    await _forget(ledger)
    async with ledger.db.reading() as session:
        keys = (await session.scalars(select(m.Command.key).order_by(m.Command.id))).all()
    assert keys == [open_.key, unanswered.key, young.key]


async def test_workers_of_hosts_that_are_no_more_are_forgotten(ledger: LedgerWorld) -> None:
    for name in ("gone", "here"):
        row: Any = {
            "host": name,
            "pid": 1,
            "pid_started": 1.0,
            "slots": 4,
            "repos": [],
            "version": "1",
        }
        async with ledger.db.writing() as session:
            session.add(m.Worker(id=name, **row))
        await ledger.pass_time(LONG / 2 + 3600)
    await _forget(ledger)
    async with ledger.db.reading() as session:
        assert (await session.scalars(select(m.Worker.id))).all() == ["here"]


async def test_an_agent_that_is_started_again_in_between_keeps_everything(
    ledger: LedgerWorld,
) -> None:
    """Whoever changes a workflow and whoever forgets it take the same lock."""
    agent = await _agent(ledger)
    await ledger.pass_time(LONG)
    before = await _counts(ledger, (m.SessionEntry, m.File))
    await ledger.talk.say(agent, "and now subtract", await ledger.wish(ALICE, "t"))
    await _forget(ledger)
    assert await _counts(ledger, (m.SessionEntry, m.File)) == before
    assert await ledger.status(agent) is Status.COMPLETED
