"""Money: an agent that has used up its budget waits, is raised or stopped, and loses nothing."""

from collections.abc import Sequence
from decimal import Decimal

import pytest

from bot.local import Message
from bot.messages import APPROVE, REJECT
from engine import Cause, Limits, ScriptedExecutor, Status
from engine.executor import AgentResult, Job, Step, Usage
from engine.scripted import Action, Finish, Use, Write
from tests.conversations.asking import asked, closed
from tests.conversations.conftest import World, is_notice, shown

BOTH = pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"])
ONE = pytest.mark.parametrize("database_kind", ["sqlite"])
OVER = AgentResult(success=False, cause=Cause.BUDGET, session_id="s1")


def spends(job: Job) -> Sequence[Action]:
    """An agent that needs twice its budget."""
    if job.attempt > 1:
        return [Use(_usage("1.50")), Write("whole.txt", "whole")]
    return [
        *(Use(_usage("1.00")), Write("half.txt", "half")),
        *(Use(_usage("1.70")), Step("Read", "a.py")),
        *(Use(_usage("1.80")), Step("Read", "b.py")),
        *(Use(_usage("2.10")), Step("Read", "c.py")),
        Finish(OVER),
    ]


def _usage(dollars: str) -> Usage:
    return Usage(cost=Decimal(dollars))


async def begins(world: World) -> tuple[ScriptedExecutor, str]:
    """An agent that may cost $2 begins."""
    limits = Limits(per_user=50, budget_usd=Decimal(2))
    world.settings = world.settings.model_copy(update={"limits": limits})
    executor = ScriptedExecutor(spends)
    await world.begins(executor)
    return executor, await world.says("@agent Build the shop")


def notes(world: World) -> list[Message]:
    """What the thread was told before a budget was used up."""
    return [m for m in world.slack.messages("general") if is_notice(m) and "nearly" in m.text]


@BOTH
async def test_an_agent_waits_for_more_money_and_goes_on_with_it(world: World) -> None:
    executor, root = await begins(world)
    question = await asked(world, "raise it by $2.10")
    waiting = await world.agent(1, Status.WAITING)
    assert world.on_branch(waiting, "half.txt") == "half"
    assert question.thread_ts == root
    assert "$2.10 of $2.00" in shown(question)
    assert {"Raise by $2.10 and go on", "Stop here"} <= set(world.slack.buttons(question))
    assert [note.text for note in notes(world)] == [
        "The budget of agent 1 of $2.00 is nearly used up: Build the shop"
    ]
    assert "<@" not in shown(notes(world)[0])
    assert world.terminals() == []
    await world.slack.presses("reviewer", question, APPROVE)
    [done] = await world.ended(1)
    assert (done.status, done.usage.cost) == (Status.COMPLETED, Decimal("3.60"))
    assert world.on_branch(done, "half.txt") == "half"
    assert world.on_branch(done, "whole.txt") == "whole"
    assert [job.budget for job in executor.jobs] == [2, 2]
    assert [job.session_id for job in executor.jobs] == ["", "s1"]
    await closed(world, question, "Raised")
    await world.until(world.terminals)
    await world.delivered()
    assert len(world.terminals()) == 1
    assert "agent 1 of $4.10 is nearly used up" in notes(world)[1].text
    assert len(notes(world)) == 2


@ONE
async def test_stop_here_ends_it_with_an_account_of_what_it_did(world: World) -> None:
    executor, _ = await begins(world)
    question = await asked(world, "raise it by $2.10")
    await world.slack.presses("reviewer", question, REJECT)
    [stopped] = await world.ended(1)
    assert stopped.status is Status.CANCELLED
    await closed(world, question, "Stopped here")
    await world.until(world.terminals)
    [told] = world.terminals()
    assert "Agent 1 was stopped" in told.text
    assert "half.txt" in shown(told)
    assert world.on_branch(stopped, "half.txt") == "half"
    assert len(executor.jobs) == 1


@ONE
async def test_who_may_not_approve_raises_nothing(world: World) -> None:
    executor, _ = await begins(world)
    question = await asked(world, "raise it by $2.10")
    await world.slack.presses("teammate", question, APPROVE)
    await world.interpreted()
    assert (await world.agent(1, *Status)).status is Status.WAITING
    assert len(executor.jobs) == 1
