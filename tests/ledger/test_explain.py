"""What is polled reads what is open, however long the history is: seen from the databases' plans.

CI looks at 20,000 agents that have ended; a million are looked at with EXPLAIN_AGENTS=1000000.
"""

import os
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest
from sqlalchemy import select

from engine import commands
from engine import models as m
from engine import station as composition
from engine.api import Ledger
from engine.budgets import Budgets
from engine.commands import Incoming
from engine.dag import WorkflowSpec
from engine.due import due
from engine.figures import figures
from engine.janitor import Janitor
from engine.leases import Offer
from engine.old_branches import OldBranches
from engine.retention import DAY, Retention
from engine.scratch import Scratch
from engine.sessions import Sessions
from engine.spec import Origin, Person
from engine.store import Database
from engine.survivors import Survivors
from engine.trays import Trays
from tests.ledger.conftest import ALICE, LedgerWorld, ledger_of
from tests.ledger.crowd import AGE, Crowd
from tests.ledger.explained import Asked, faults
from tests.ledger.story import Story, described
from tests.ledger.test_graph_size import counting

AGENTS = int(os.environ.get("EXPLAIN_AGENTS", "20000"))
pytestmark = pytest.mark.timeout(300 if AGENTS <= 20_000 else 7200)
HALF = AGE / 2 / DAY  # days: about half of the workflows have rested for longer
OF_OLD = 2_321  # one of those agents
Ticks = Mapping[str, Callable[[], Awaitable[object]]]


async def test_what_is_polled_does_not_read_the_history(db: Database, tmp_path: Path) -> None:
    crowd = Crowd(db, AGENTS)
    await crowd.gather()
    asked = await everything_asked(db, tmp_path)
    assert len(asked) > 100
    assert not (found := await faults(db, asked)), "\n\n".join(found)
    await crowd.look()  # SQLite is not told how large its tables are, unless somebody tells it
    assert not (found := await faults(db, asked)), "\n\n".join(found)


async def test_a_missing_index_is_noticed(db: Database, tmp_path: Path) -> None:
    await Crowd(db, 6_000).gather()
    async with db.engine.begin() as connection:
        await connection.exec_driver_sql("DROP INDEX ix_runs_live")
        await connection.exec_driver_sql("DROP INDEX ix_events_due")
    found = await faults(db, await everything_asked(db, tmp_path))
    assert {fault.split(":")[0] for fault in found} >= {"lost runs", "figures", "outbox due"}


async def everything_asked(db: Database, home: Path) -> list[Asked]:
    """What all ticks send to the database, each statement once."""
    ledger = ledger_of(db, home, per_user=3)
    await _open(ledger)
    asked: dict[str, Asked] = {}
    for name, tick in {**_workers(ledger, home), **_bots(ledger), **_people(ledger)}.items():
        with counting(db) as seen:
            await tick()
        for statement, parameters in seen.asked:
            asked.setdefault(statement, Asked(name, statement, parameters))
    return list(asked.values())


async def _open(ledger: LedgerWorld) -> None:
    """What is open on a usual day."""
    await ledger.worker("w1").leases.register(Offer(4, ("shop",), "1", 1, 1.0))
    await ledger.worker("w2").leases.register(Offer(4, ("shop",), "1", 2, 1.0))
    graph, plan = Story(ledger, thread="graph"), Story(ledger, thread="plan")
    await graph.begin("a; b: a; ?g: b; c: g")
    await graph.do("a", "b")
    await plan.plan(WorkflowSpec("calculator", described("a")))
    for number in range(8):  # more than may be admitted
        await ledger.spawn(f"open {number}", thread=f"open-{number}")
    for person in range(10, 20):
        await ledger.spawn("theirs", Person(f"U{person}", ""), thread=f"theirs-{person}")
    wish = await ledger.wish()
    await ledger.workflows.settle(wish.key, "list", {"text": "Here it is."})


def _workers(ledger: LedgerWorld, home: Path) -> Ticks:
    """What a worker polls, and its janitor."""
    db, workflows, leases = ledger.db, ledger.workflows, ledger.worker("w1").leases
    janitor = _janitor(ledger, home)

    async def claim() -> None:
        [claim, *_] = await ledger.claim("w1", 5)
        budgets = Budgets(workflows, leases)
        await budgets.reserve(claim)
        await budgets.look(claim)
        await ledger.worker("w1").brief(claim)
        await ledger.worker("w1").given(claim)

    async def end() -> None:
        [claim, *_] = await ledger.claim("w2", 1)
        await ledger.finish(claim, worker="w2")

    async def cancel() -> None:
        [run, *_] = await _live(ledger)
        await workflows.cancel(run.node_id, await ledger.wish())
        await leases.cancelled([(run.node_id, run.attempt)])

    async def renew() -> None:
        await leases.renew([(run.node_id, run.attempt) for run in await _live(ledger)])

    async def lose() -> None:
        await leases.take_over(10, [])
        await ledger.pass_time(120)
        await ledger.worker("w2").leases.take_over(1, [])

    return {
        "claim": claim,
        "end": end,
        "cancelling": cancel,
        "renewal": renew,
        "lost runs": lose,
        "due": lambda: due(db, [1, 2], ["shop"]),
        "recovery": leases.neighbours,
        "burial": lambda: leases.bury("w2"),
        "admission": workflows.admit,
        "line": workflows.line_moved,
        "worktrees known": lambda: janitor._known([Path("/w/1"), Path("/w/2")]),
        "worktrees kept": lambda: janitor._ended(0, 20),
        "scratch": janitor._live,
        "retention": Retention(db, HALF).tick,
        "sessions": lambda: Sessions(db).latest(f"agent:{OF_OLD}"),
        "figures": lambda: figures(db),
    }


async def _live(ledger: LedgerWorld) -> list[m.Run]:
    async with ledger.db.reading() as session:
        live = select(m.Run).where(m.Run.ended_at.is_(None))
        return list(await session.scalars(live))


def _janitor(ledger: LedgerWorld, home: Path) -> Janitor:
    settings = ledger.workflows.settings
    shop, trays = composition.workshop(settings), Trays(home)
    kept = Retention(ledger.db, HALF), OldBranches(ledger.db, HALF)
    sweeps = Scratch(home, home, home), Survivors(home)
    return Janitor(ledger.db, "host", shop, settings, trays, list, *sweeps, *kept)


def _bots(ledger: LedgerWorld) -> Ticks:
    """What a bot polls."""
    db, outbox = ledger.db, ledger.outbox

    async def deliver() -> None:
        for flow in await outbox.due(3):
            if (delivery := await outbox.take(flow)) is not None:
                for each in delivery.notices:
                    await outbox.sending(delivery, each.notice)
                    await outbox.delivered(delivery, each.notice, {"ts": "1"})
                await outbox.card_shown(delivery, 0)
                await outbox.release(delivery)

    async def decide() -> None:
        await ledger.decisions.tick()
        await ledger.pass_time(5 * 3600)
        await ledger.decisions.tick()  # reminds
        await ledger.pass_time(8 * DAY)
        await ledger.decisions.tick()  # expires

    return {
        "outbox due": lambda: outbox.due(20),
        "delivery": deliver,
        "parked": outbox.parked,
        "inbox": lambda: commands.unsettled(db, 50),
        "replies": lambda: commands.replies_due(db, 50),
        "found": lambda: commands.find(db, f"command:{OF_OLD}"),
        "inquiries": decide,
        "erased": lambda: ledger.decisions.ask_again("T1/C1", {"ts": "1"}),
        "standing": lambda: ledger.decisions.standing(200),
        "figures again": lambda: figures(db),
    }


def _people(ledger: LedgerWorld) -> Ticks:
    """What people make it do, of which some have asked for a hundredth of the whole history."""
    reads = Ledger(ledger.db)
    thread = Origin(f"T/C{OF_OLD % 50}", f"{OF_OLD}.0")

    async def follow() -> None:
        await ledger.talk.say(OF_OLD, "go on", await ledger.wish(ALICE, "t"))

    async def spawn() -> None:
        await ledger.spawn("something new", thread="new")

    async def record() -> None:
        await commands.record(ledger.db, Incoming("command:new", "command", {}, ALICE.id))

    return {
        "record": record,
        "spawn": spawn,
        "follow-up": follow,
        "unfinished": reads.unfinished,
        "unfinished in": lambda: reads.unfinished_in("T1/C1"),
        "asked in": lambda: reads.asked_in(thread),
        "asked at": lambda: reads.asked_at("T1/C1"),
        "waiting": lambda: reads.waiting_for(ALICE.id),
        "recent": lambda: reads.recent(ALICE.id),
        "latest": lambda: reads.latest(10),
        "thread": lambda: reads.of_thread(thread),
        "status": lambda: reads.runs(OF_OLD),
        "log": lambda: reads.log(OF_OLD),
        "audit": lambda: reads.audit(OF_OLD),
        "card": lambda: reads.workflow(OF_OLD),
        "owner": lambda: reads.owner(OF_OLD),
    }
