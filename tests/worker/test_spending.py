"""What an agent is told that it may spend, and what happens when nothing is left."""

from dataclasses import replace
from decimal import Decimal

from engine.executor import Step, Usage
from engine.scripted import ScriptedExecutor, Use
from engine.settings import Limits
from engine.states import Cause, Status
from tests.worker.conftest import Station


async def test_an_agent_without_money_left_does_not_begin(station: Station) -> None:
    limits = Limits(per_user=50, budget_usd=Decimal(3), daily_budget_usd=Decimal(4))
    station.settings = station.settings.model_copy(update={"limits": limits})
    used = Use(Usage(cost=Decimal("2.50")))
    station.script = {"task": [used, Step("Read", "a.py")]}
    worker = await station.worker()
    executor = worker.tools.executor
    assert isinstance(executor, ScriptedExecutor)
    for task in ("first task", "second task", "third task"):
        agent = await station.spawn(task)
        await worker.tick()
        view = await station.ended(agent)
    assert [job.budget for job in executor.jobs] == [3, Decimal("1.50")]
    assert (view.status, view.cause) == (Status.FAILED, Cause.BUDGET)
    assert "within 24 hours is used up: $5.00 of $4.00" in view.error
    assert replace(view.usage, turns=0) == Usage()
