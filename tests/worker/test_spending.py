"""What an agent is told that it may spend, and what happens when nothing is left."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

from sqlalchemy import event

from engine import inquiries
from engine import models as m
from engine.decisions import Decisions
from engine.executor import Job, Step, Usage
from engine.matters import Budget, Whose
from engine.scripted import Action, ScriptedExecutor, Use, Write, failure
from engine.settings import Limits
from engine.states import Cause, Decision, InquiryStatus, Status
from engine.votes import Click, Inquiry
from engine.worker import Worker
from tests.worker.conftest import Station

FIVE = Usage(cost=Decimal(5))


def limit(station: Station, **dollars: Decimal) -> None:
    """Let the station spend no more than this."""
    limits = Limits.model_validate({"per_user": 50, **dollars})
    station.settings = station.settings.model_copy(update={"limits": limits})


def jobs(worker: Worker) -> list[Job]:
    """What the worker has had carried out."""
    assert isinstance(worker.tools.executor, ScriptedExecutor)
    return worker.tools.executor.jobs


async def asked(station: Station) -> list[Inquiry]:
    """What people are asked at the moment."""
    async with station.db.reading() as session:
        return await inquiries.listed(session, m.Inquiry.status == InquiryStatus.OPEN)


async def decide(station: Station, decision: Decision) -> None:
    """Somebody decides the only open question."""
    [shown] = await asked(station)
    click = Click(shown.id, shown.revision, decision)
    await Decisions(station.workflows).decide(click, await station.wish())


def spends_in_two_attempts(job: Job) -> Sequence[Action]:
    """An agent that has used up its budget before it is done."""
    if job.attempt == 1:
        return [Use(FIVE), Write("half.txt", "half"), failure(Cause.BUDGET)]
    return [Use(Usage(cost=Decimal(1))), Write("whole.txt", "whole")]


async def test_an_agent_without_money_left_waits_before_it_begins(station: Station) -> None:
    limit(station, budget_usd=Decimal(3), daily_budget_usd=Decimal(4))
    station.script = {"task": [Use(Usage(cost=Decimal("2.50"))), Step("Read", "a.py")]}
    worker = await station.worker()
    for task in ("first task", "second task"):
        agent = await station.spawn(task)
        await worker.tick()
        await station.ended(agent)
    last = await station.spawn("third task")
    await worker.tick()
    view = await station.until(last, lambda view: view.status is Status.WAITING)
    assert [job.budget for job in jobs(worker)] == [3, Decimal("1.50")]
    assert replace(view.usage, turns=0) == Usage()
    [shown] = await asked(station)
    assert shown.matter == Budget(
        "person:U1", Whose.PERSON, Decimal(4), Decimal("5.00"), Decimal("5.00")
    )
    await decide(station, Decision.APPROVE)
    await worker.tick()
    assert (await station.ended(last)).status is Status.COMPLETED
    assert [job.budget for job in jobs(worker)][2:] == [3]


async def test_an_agent_that_used_up_its_budget_waits_with_its_work_and_goes_on(
    station: Station,
) -> None:
    limit(station, budget_usd=Decimal(5))
    station.plan = spends_in_two_attempts
    agent = await station.spawn("task")
    worker = await station.worker()
    await worker.tick()
    view = await station.until(agent, lambda view: view.status is Status.WAITING)
    assert station.on_branch(view, "half.txt") == "half"
    await station.idle(worker)
    assert not worker.attempts
    await decide(station, Decision.APPROVE)
    await worker.tick()
    done = await station.ended(agent)
    assert (done.status, done.usage.cost, done.failures) == (Status.COMPLETED, Decimal(6), 0)
    assert station.on_branch(done, "half.txt") == "half"
    assert station.on_branch(done, "whole.txt") == "whole"
    assert [job.budget for job in jobs(worker)] == [5, 5]


async def test_stop_here_ends_it_and_keeps_its_work(station: Station) -> None:
    limit(station, budget_usd=Decimal(5))
    station.plan = spends_in_two_attempts
    agent = await station.spawn("task")
    worker = await station.worker()
    await worker.tick()
    await station.until(agent, lambda view: view.status is Status.WAITING)
    await decide(station, Decision.REJECT)
    view = await station.ended(agent)
    assert view.status is Status.CANCELLED
    assert station.on_branch(view, "half.txt") == "half"
    assert len(jobs(worker)) == 1


@contextmanager
def looks(station: Station) -> Iterator[list[str]]:
    """How often somebody looks at the budgets meanwhile."""
    found: list[str] = []

    def count(_c: object, _u: object, statement: str, *_: Any) -> None:
        found.extend([statement] if "FROM purses" in statement else [])

    event.listen(station.db.engine.sync_engine, "before_cursor_execute", count)
    try:
        yield found
    finally:
        event.remove(station.db.engine.sync_engine, "before_cursor_execute", count)


async def test_people_are_told_once_and_steps_stay_cheap(station: Station) -> None:
    limit(station, budget_usd=Decimal(5))
    costs = [Decimal(n) / 50 for n in range(226)]  # up to $4.50
    taken = [(Use(Usage(cost=each)), Step("Read", f"{each}.py")) for each in costs]
    station.script = {"task": [action for pair in taken for action in pair]}
    agent = await station.spawn("task")
    worker = await station.worker()
    with looks(station) as looked:
        await worker.tick()
        await station.ended(agent)
    assert 40 <= len(looked) <= 50 + 2  # one sets money aside, one is for the note
    assert await station.told() == ["budget.nearing", "request.ended"]


async def test_steps_that_cost_nothing_are_followed_by_no_look(station: Station) -> None:
    steps = [Step("Read", f"{n}.py") for n in range(50)]
    station.script = {"task": [Use(Usage(cost=Decimal(1))), *steps]}
    agent = await station.spawn("task")
    worker = await station.worker()
    with looks(station) as looked:
        await worker.tick()
        await station.ended(agent)
    assert len(looked) == 2
