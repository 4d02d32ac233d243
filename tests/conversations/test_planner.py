"""A goal that an agent plans: proposed, talked about, changed, started or discarded."""

import asyncio
from collections.abc import Sequence
from typing import Any

from bot.local import Message
from bot.messages import APPROVE, REJECT, RETRY
from engine import AgentResult, Cause, DemoModel, Status, make_executor
from engine.demo_model import Conversation, Turn
from engine.demo_model.brain import answer
from engine.demo_model.planning import wanted
from engine.planner import SCHEMA
from engine.scripted import Action, Finish, ScriptedExecutor, Wait, Write
from tests.conftest import ONE_DATABASE
from tests.conversations.conftest import World, is_notice, shown
from tests.worker.conftest import git

GOAL = "Add user accounts"


def step(key: str, *needs: str, **facts: Any) -> dict[str, Any]:
    """One step of a proposal."""
    return {"key": key, "task": f"{key} it", "needs": list(needs), **facts}


def proposal(*steps: dict[str, Any]) -> Finish:
    """The end of a planning agent that proposes these steps."""
    data = {"title": "User accounts", "nodes": list(steps)}
    return Finish(AgentResult(success=True, output="Two steps will do.", data=data))


BOTH = proposal(step("design"), step("build", "design"))


async def planned(world: World, script: dict[str, Sequence[Action]]) -> tuple[Message, Message]:
    """Ask for a plan; gives the card and the plan."""
    world.script = {**script, "design it": [Write("design.md", "d\n")]}
    await world.begins()
    await world.says(f"/agent plan {GOAL}")
    card = await world.card()
    return card, (await world.thread(card.ts, 2))[1]


def last(world: World, card: Message) -> Message:
    """The newest message of a thread."""
    return world.slack.thread("general", card.ts)[-1]


def revisions(world: World, card: Message) -> list[Message]:
    """Every version of the plan, oldest first."""
    thread = world.slack.thread("general", card.ts)
    return [each for each in thread if is_notice(each) and "lan for w1" in each.text]


def ends(world: World, card: Message) -> list[str]:
    """The terminal notices of a thread's workflow."""
    thread = world.slack.thread("general", card.ts)
    return [each.text for each in thread if is_notice(each) and each.text.startswith("Workflow w1")]


async def test_a_goal_is_planned_by_an_agent_that_only_reads_and_then_started(
    world: World,
) -> None:
    card, plan = await planned(world, {GOAL: [BOTH]})
    planner = await world.agent(1, Status.COMPLETED)
    assert (planner.role, planner.work.changed, planner.branch) == ("planner", False, "")
    assert "Plan for w1 “User accounts”: start it?" in plan.text
    assert "design" in shown(plan)
    assert "Reply in this thread" in shown(plan)
    assert git("branch", "--list", "agent/*", cwd=world.shop) == ""
    assert list((world.home / "home").glob("**/agent-1-*/README.md")) == []
    assert [each.id for each in await world.agents()] == [1]

    await world.slack.presses("you", plan, APPROVE)
    design, build = await world.ended(2, 3)
    assert [design.key, build.key] == ["design", "build"]
    assert world.on_branch(build, "design.md")
    await world.until(lambda: "3 of 3" in last(world, card).text)
    assert "Workflow w1 “User accounts” is done" in last(world, card).text
    await world.until(lambda: "3 of 3 done" in world.slack.thread("general", card.ts)[0].text)
    assert GOAL in str(world.slack.thread("general", card.ts)[0].blocks)
    assert len(ends(world, card)) == 1


async def test_the_planning_agent_reads_under_a_schema_and_knows_the_rules(world: World) -> None:
    hands = ScriptedExecutor({GOAL: [BOTH]})
    await world.begins(hands)
    await world.says(f"/agent plan --model opus --budget 1 {GOAL}")
    card = await world.card()
    await world.thread(card.ts, 2)
    [job] = hands.jobs
    assert job.reads_only
    assert job.schema == dict(SCHEMA)
    assert (job.model, str(job.budget)) == ("opus", "1.0")
    assert "You are a planning agent" in job.context
    assert "A gate is" in job.context


async def test_a_reply_changes_the_plan(world: World) -> None:
    changed = proposal(step("build", role="developer"))
    card, plan = await planned(world, {GOAL: [BOTH], "one step": [changed]})
    await world.says("I'd rather have one step", thread=card.ts)
    await world.until(lambda: len(revisions(world, card)) == 2)
    old, new = revisions(world, card)
    assert old.ts == plan.ts
    assert world.slack.buttons(old) == []
    assert "(1 step)" in new.text
    await world.slack.presses("you", plan, APPROVE)
    await world.told("you", "changed meanwhile")
    assert len(await world.agents()) == 2

    await world.slack.presses("you", new, APPROVE)
    [build] = await world.ended(3)
    assert (build.key, build.role) == ("build", "developer")
    await world.until(lambda: len(ends(world, card)) == 1)
    assert len(await world.agents()) == 3


async def test_the_planning_agent_is_told_of_the_plan_that_it_changes(world: World) -> None:
    hands = ScriptedExecutor({GOAL: [BOTH], "shorter": [BOTH]})
    await world.begins(hands)
    await world.says(f"/agent plan {GOAL}")
    card = await world.card()
    await world.thread(card.ts, 2)
    await world.says("@agent shorter please", who="reviewer", thread=card.ts)
    await world.until(lambda: len(revisions(world, card)) == 2)
    first, second = hands.jobs
    assert (second.task, second.project) == ("shorter please", first.project)
    assert second.reads_only
    assert f"The goal was:\n{GOAL}" in second.context
    assert '"task": "build it"' in second.context
    follow_up = await world.agent(2, Status.COMPLETED)
    assert follow_up.requester.name == world.slack.user("reviewer").name
    assert follow_up.parent_id == 1


async def test_what_others_say_beside_a_plan_changes_nothing(world: World) -> None:
    card, _ = await planned(world, {GOAL: [BOTH]})
    await world.says("looks long to me", who="reviewer", thread=card.ts)
    await world.says("approve it without the design", thread=card.ts)
    await world.told("you", "does not decide")
    await world.interpreted()
    assert len(await world.agents()) == 1
    assert len(revisions(world, card)) == 1


async def test_the_old_version_can_be_started_while_another_is_being_made(world: World) -> None:
    never = asyncio.Event()
    card, plan = await planned(world, {GOAL: [BOTH], "one step": [Wait(never), BOTH]})
    await world.says("make it one step", thread=card.ts)
    await world.agent(2, Status.ACTIVE)
    await world.slack.presses("you", plan, APPROVE)
    await world.agent(2, Status.SKIPPED)
    await world.ended(3, 4)
    await world.until(lambda: len(ends(world, card)) == 1)
    assert "is done: 3 of 4 done, 1 skipped" in ends(world, card)[0]
    assert len(revisions(world, card)) == 1


async def test_a_discarded_plan_stops_whoever_still_plans(world: World) -> None:
    never = asyncio.Event()
    card, plan = await planned(world, {GOAL: [BOTH], "one step": [Wait(never), BOTH]})
    await world.says("make it one step", thread=card.ts)
    await world.agent(2, Status.ACTIVE)
    await world.slack.presses("you", plan, REJECT)
    await world.agent(2, Status.CANCELLED)
    await world.until(lambda: len(ends(world, card)) == 1)
    assert "was not started: discarded by" in ends(world, card)[0]
    await world.delivered()
    assert len(await world.agents()) == 2
    assert len(ends(world, card)) == 1


async def test_an_edited_plan_is_not_overwritten_by_one_that_was_asked_for_before(
    world: World,
) -> None:
    never = asyncio.Event()
    card, plan = await planned(world, {GOAL: [BOTH], "one step": [Wait(never), BOTH]})
    await world.says("make it one step", thread=card.ts)
    await world.agent(2, Status.ACTIVE)
    await world.slack.presses("you", plan, "Edit")
    [form] = await world.until(lambda: world.slack.views("you"))
    await world.slack.submits("you", form, {"text": "design: Think\nbuild: Build\ntest: Test"})
    await world.agent(2, Status.CANCELLED)
    await world.until(lambda: len(revisions(world, card)) == 2)
    assert "(3 steps)" in revisions(world, card)[-1].text
    await world.slack.presses("you", revisions(world, card)[-1], APPROVE)
    await world.agent(2, Status.SKIPPED)
    await world.until(lambda: len(ends(world, card)) == 1)
    assert "is done" in ends(world, card)[0]


async def test_an_answer_that_is_no_plan_fails_with_its_reason_and_can_be_retried(
    world: World,
) -> None:
    circle = proposal(step("a", "b"), step("b", "a"))
    answers = iter([circle, BOTH])
    await world.begins(ScriptedExecutor(lambda _: [next(answers)]))
    await world.says(f"/agent plan {GOAL}")
    card = await world.card()
    failed = (await world.thread(card.ts, 2))[1]
    assert "Agent 1 failed, it made no usable plan" in failed.text
    assert "wait for each other" in shown(failed)
    view = await world.agent(1, Status.FAILED)
    assert view.cause is Cause.PLAN
    await world.slack.presses("you", failed, RETRY)
    await world.until(lambda: len(revisions(world, card)) == 1)


async def test_a_change_that_fails_leaves_the_plan_as_it_was(world: World) -> None:
    empty = Finish(AgentResult(success=True, output="I cannot."))
    card, plan = await planned(world, {GOAL: [BOTH], "one step": [empty]})
    await world.says("make it one step", thread=card.ts)
    await world.agent(2, Status.FAILED)
    told = (await world.thread(card.ts, 4))[-1]
    assert "Agent 2 failed" in told.text
    assert "without a plan" in shown(told)
    await world.slack.presses("you", plan, APPROVE)
    await world.agent(2, Status.SKIPPED)
    await world.until(lambda: len(ends(world, card)) == 1)
    assert "is done" in ends(world, card)[0]


async def test_a_discarded_goal_can_be_planned_anew_from_the_thread(world: World) -> None:
    card, plan = await planned(world, {GOAL: [BOTH], "smaller": [proposal(step("build"))]})
    await world.slack.presses("you", plan, REJECT)
    await world.until(lambda: len(ends(world, card)) == 1)
    await world.says("@agent something smaller", thread=card.ts)
    await world.until(lambda: len(revisions(world, card)) == 2)
    assert (await world.agent(2, Status.COMPLETED)).branch == ""
    await world.slack.presses("you", revisions(world, card)[-1], APPROVE)
    [build] = await world.ended(3)
    assert build.key == "build"


async def test_a_plan_wants_a_goal(world: World) -> None:
    await world.begins()
    await world.says("/agent plan")
    await world.told("you", "The goal is missing")
    await world.says("/agent plan --role x do it")
    await world.told("you", "There is no option")


@ONE_DATABASE
async def test_the_demo_model_plans_and_carries_its_plan_out(world: World) -> None:
    talks: list[Conversation] = []

    def listening(talk: Conversation) -> Turn:
        talks.append(talk)
        return answer(talk)

    async with DemoModel(listening) as model:
        world.secrets |= model.environment
        await world.begins(hands=make_executor)
        await world.says(f"@agent plan {GOAL}", where="general")
        card = (await world.until(lambda: world.slack.messages("general")))[0]
        await world.until(lambda: len(revisions(world, card)) == 1)
        assert "(4 steps)" in revisions(world, card)[0].text
        assert "May Shop be changed like this?" in shown(revisions(world, card)[0])
        await world.says("without the gate, please", thread=card.ts)
        await world.until(lambda: len(revisions(world, card)) == 2)
        plan = revisions(world, card)[1]
        assert "(3 steps)" in plan.text
        assert [talk.earlier for talk in talks if wanted(talk)][-1] == (GOAL,)
        await world.slack.presses("you", plan, APPROVE)
        done = await world.ended(3, 4, 5, 6)
        assert {each.status for each in done} == {Status.COMPLETED}
        await world.until(lambda: len(ends(world, card)) == 1)
        assert GOAL in world.on_branch(done[2], "NOTES.md")
        assert git("branch", "--list", "agent/1-*", "agent/2-*", cwd=world.shop) == ""
        await world.ends()
