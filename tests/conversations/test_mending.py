"""Workflows that do not go well: mended by a press or a word, stopped, drawn, changed, run again."""

import asyncio
from collections.abc import Sequence

import pytest

from bot.access import Access
from bot.local import Message
from bot.messages import ADVISE, ADVISE_ASKED, APPROVE, EDIT, GRAPH, SKIP_ASKED, STOP_ALL
from engine import Cause, Repo, ScriptedExecutor, Status
from engine.executor import Job
from engine.scripted import Action, Wait, Write, failure
from tests.conversations.asking import asked, finished, form, recipe, started, step
from tests.conversations.conftest import World, is_notice, shown
from tests.worker.conftest import git, repository

BOTH = pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"])
ONE = pytest.mark.parametrize("database_kind", ["sqlite"])
LINE = "line: design: Write a design -> build: Build it -> test: Test it"
FORK = "fork: [build: Build it, side: Work beside] -> test: Test it"


class Works:
    """What agents do: `build` fails until it is advised."""

    def __init__(self) -> None:
        self.side = asyncio.Event()
        self.executor = ScriptedExecutor(self._plan)

    def _plan(self, job: Job) -> Sequence[Action]:
        if "Build" in job.task and "use pytest" not in job.context:
            return [failure(Cause.MODEL)]
        if "beside" in job.task:
            return [Wait(self.side)]
        return [Write(f"{job.agent_id}-{job.attempt}.txt", "x")]


@BOTH
async def test_a_failed_step_is_tried_again_with_advice(world: World) -> None:
    works = Works()
    await world.begins(works.executor)
    root = await started(world, LINE)
    last = await finished(world, "failed")
    assert "(Retry?)" in last.text
    assert "skipped because of build" in shown(last)
    assert (await step(world, "test", Status.SKIPPED)).attempt == 0
    await world.slack.presses("you", last, "Retry")  # without advice it fails as before
    await world.until(lambda: len([m for m in finals(world) if "failed" in m.text]) == 2)
    await world.says('@agent retry w1.build --with "use pytest instead"', thread=root)
    await world.told("you", "Agent 2 is queued again")
    done = await finished(world, "is done")
    assert (await step(world, "design", Status.COMPLETED)).attempt == 1
    assert (await step(world, "build", Status.COMPLETED)).attempt == 3
    assert (await step(world, "test", Status.COMPLETED)).attempt == 1
    assert "3 of 3" in shown(done) or "3 done" in shown(done)
    assert done.thread_ts == root
    assert len(finals(world)) == 3


def finals(world: World) -> list[Message]:
    """The terminal messages of w1."""
    told = [m for m in world.slack.messages("general") if is_notice(m)]
    return [m for m in told if m.text.startswith("Workflow w1")]


@ONE
async def test_a_step_that_fails_while_others_go_on_is_told_with_what_can_be_done(
    world: World,
) -> None:
    works = Works()
    await world.begins(works.executor)
    await started(world, FORK)
    failed = await asked(world, "w1.build failed")
    assert {"Retry", "Retry with advice…", "Skip"} <= set(world.slack.buttons(failed))
    await world.slack.presses("teammate", failed, ADVISE)
    await world.told("teammate", "You may not let this agent try again")
    assert world.slack.views("teammate") == []
    await world.slack.presses("you", failed, ADVISE)
    view = await form(world, "you")
    await world.slack.submits("you", view, {"text": "use pytest"})
    await world.told("you", "Agent 1 is queued again")
    assert (await step(world, "build", Status.COMPLETED)).attempt == 2
    works.side.set()
    await finished(world, "is done")
    await world.slack.presses("you", failed, "Skip")
    await world.told("you", "Agent 1 is completed; only what failed or has not begun is skipped")


@ONE
async def test_a_failed_step_is_skipped(world: World) -> None:
    await world.begins(Works().executor)
    root = await started(world, LINE)
    await finished(world, "failed")
    await world.says("/agent skip w1.build")
    await world.told("you", "Agent 2 is skipped")
    assert (await step(world, "test", Status.COMPLETED)).attempt == 1
    done = await finished(world, "is done")
    assert "skipped" in shown(done)
    assert done.thread_ts == root


@ONE
async def test_with_stop_nothing_new_begins(world: World) -> None:
    works = Works()
    await world.begins(works.executor)
    await started(world, f"--on-failure stop {FORK} -> ship: Ship it")
    failed = await asked(world, "w1.build failed")
    assert "the others go on" in failed.text
    works.side.set()
    last = await finished(world, "failed")
    assert [(await step(world, key, *Status)).status for key in ("side", "test", "ship")] == [
        Status.COMPLETED,
        Status.SKIPPED,
        Status.SKIPPED,
    ]
    assert "Retry" in world.slack.buttons(last)


@BOTH
async def test_with_ask_people_say_what_is_done_about_a_failure(world: World) -> None:
    works = Works()
    await world.begins(works.executor)
    root = await started(world, f"--on-failure ask {LINE}")
    first = await asked(world, "w1.build")
    assert world.slack.user("you").id in shown(first)
    await world.slack.presses("teammate", first, SKIP_ASKED)
    await world.told("teammate", "You may not let this agent try again")
    await world.says("retry", thread=root)
    await world.told("you", "Your decision counts: tried again")
    second = (await world.until(lambda: open_ones(world, first)))[-1]
    await world.slack.presses("you", second, ADVISE_ASKED)
    view = await form(world, "you")
    await world.slack.submits("you", view, {"text": "use pytest"})
    done = await finished(world, "is done")
    assert done.thread_ts == root
    assert (await step(world, "build", Status.COMPLETED)).attempt == 3
    assert len(finals(world)) == 1


def open_ones(world: World, after: Message) -> list[Message]:
    """What asks about the failed step, and came later."""
    told = [m for m in world.slack.messages("general") if "w1.build" in m.text and m.ts > after.ts]
    return [m for m in told if ADVISE_ASKED in str(m.blocks)]


@ONE
async def test_a_failure_that_is_asked_about_can_be_retried_by_its_name(world: World) -> None:
    works = Works()
    await world.begins(works.executor)
    await started(world, f"--on-failure ask {LINE}")
    await asked(world, "w1.build")
    await world.says('/agent retry w1.build --with "use pytest"')
    await world.told("you", "Agent 2 is queued again")
    await finished(world, "is done")


@ONE
async def test_a_workflow_is_stopped_by_its_name_or_by_its_button(world: World) -> None:
    works = Works()
    await world.begins(works.executor)
    root = await started(world, "[side: Work beside, edge: Wait beside] -> test: Test it")
    for key in ("side", "edge"):
        await step(world, key, Status.ACTIVE)
    await world.says("@agent cancel", thread=root)
    await world.told("you", "Which agent?")
    await world.says("/agent cancel w1", who="teammate")
    await world.told("teammate", "You may not stop")
    await world.says("/agent cancel w1")
    await world.told("you", "Workflow w1 is being stopped")
    last = await finished(world, "was stopped")
    assert len(finals(world)) == 1
    assert last.thread_ts == root
    await world.says("/agent cancel w1")
    await world.told("you", "there is nothing to stop")
    await world.says("@agent workflow side: Work beside -> test: Test it")
    plan = await asked(world, "Plan for w2")
    await world.slack.presses("you", plan, APPROVE)
    shows = await world.until(
        lambda: [m for m in world.slack.messages("general") if STOP_ALL in str(m.blocks)]
    )
    await world.slack.presses("you", shows[-1], STOP_ALL)
    await world.until(
        lambda: [m for m in world.slack.messages("general") if "Workflow w2 was stopped" in m.text]
    )


@ONE
async def test_the_graph_is_drawn_once_for_each_wish(world: World) -> None:
    await world.begins()
    root = await world.says(f"@agent workflow {LINE}")
    plan = await asked(world, "Plan for w1")
    await world.slack.presses("you", plan, GRAPH)
    [file] = await world.until(world.slack.files)
    assert file.name == "w1.png"
    assert file.content.startswith(b"\x89PNG")
    await world.says("@agent graph", thread=root)
    await world.told("you", "The graph of w1 follows in its thread")
    await world.until(lambda: len(world.slack.files()) == 2)
    await world.delivered()
    assert [len(f.shares) for f in world.slack.files()] == [1, 1]


@ONE
async def test_plans_are_discarded_and_refused(world: World) -> None:
    await world.begins()
    root = await world.says(f"@agent workflow {LINE}")
    plan = await asked(world, "Plan for w1")
    await world.slack.presses("you", plan, "Discard")
    last = await finished(world, "was not started")
    assert last.thread_ts == root
    assert await world.agents() == []
    await world.says("/agent workflow design: Write it -> ?ok: Good?", who="reviewer")
    told = shown(await world.told("reviewer", "needs an approval that nobody could give"))
    assert "[access] approve" in told
    assert "Write it" in told
    assert not [m for m in world.slack.messages("general") if "Plan for w2" in m.text]


@ONE
async def test_a_second_person_confirms_where_that_is_asked_for(world: World) -> None:
    access = Access(**{**world.settings.access.model_dump(), "plan": "other"})
    world.settings = world.settings.model_copy(update={"access": access})
    await world.begins()
    await world.says(f"@agent workflow {LINE}")
    plan = await asked(world, "Plan for w1")
    assert f"<@{world.slack.user('reviewer').id}>" in shown(plan)
    await world.slack.presses("you", plan, APPROVE)
    told = shown(await world.told("you", "You may not start this plan"))
    assert 'plan = "other"' in told
    await world.slack.presses("reviewer", plan, APPROVE)
    await world.ended(1, 2, 3)


RECIPE = """\
title: release
parameters: {version: }
nodes:
  build: {task: "Build {{ version }}", role: builder, check: "true"}
  good: {gate: "Good?", needs: [build], quorum: 2}
"""


@ONE
async def test_a_recipe_of_the_base_commit_is_run_and_changed(world: World) -> None:
    recipe(world, "release", RECIPE)
    (world.shop / ".agents" / "workflows" / "draft.yml").write_text(RECIPE)  # not committed
    people = [world.slack.user("teammate").id, world.slack.user("reviewer").id]
    access = Access(**{**world.settings.access.model_dump(), "approve": people})
    world.settings = world.settings.model_copy(update={"access": access})
    await world.begins()
    await world.says("/agent run")
    listed = shown(await world.told("you", "release"))
    assert "version" in listed
    assert "draft" not in listed
    await world.says("/agent run release")
    await world.told("you", "version")
    await world.says("@agent run release version=1.4")
    plan = await asked(world, "Plan for w1")
    assert "Build 1.4" in shown(plan)
    await world.slack.presses("you", plan, EDIT)
    view = await form(world, "you")
    text = view.body["blocks"][0]["element"]["initial_value"]
    await world.slack.submits("you", view, {"text": text.replace("Build 1.4", "Build 1.5")})
    changed = await asked(world, "Version 2: Plan for w1")
    await world.slack.presses("you", changed, APPROVE)
    build = await world.agent(1, Status.COMPLETED)
    assert (build.task, build.role) == ("Build 1.5", "builder")
    assert build.work.check is not None
    gate = await asked(world, "Approval wanted at gate")
    assert "0 of 2 approvals" in shown(gate)


@ONE
async def test_a_form_that_cannot_be_read_says_so(world: World) -> None:
    await world.begins()
    await world.says(f"@agent workflow {LINE}")
    plan = await asked(world, "Plan for w1")
    await world.slack.presses("you", plan, EDIT)
    view = await form(world, "you")
    await world.slack.submits("you", view, {"text": "test(needs nobody): Test it"})
    told = shown(await world.told("you", "nobody"))
    assert "Test it" in told
    assert world.slack.buttons(world.slack.message(plan.ts))


@ONE
async def test_the_repository_of_a_workflow_is_chosen(world: World) -> None:
    stock = repository(world.home.parent / "stock")
    repos = {**world.settings.repos, "stock": Repo(path=stock)}
    world.settings = world.settings.model_copy(update={"repos": repos})
    await world.begins()
    await world.says(f"@agent workflow {LINE}")
    told = await world.told("you", "Which repository?")
    assert "Write a design" in shown(told)
    await world.slack.presses("you", told, "stock")
    plan = await asked(world, "Plan for w1")
    await world.slack.presses("you", plan, APPROVE)
    assert {each.repo for each in await world.ended(1, 2, 3)} == {"stock"}
    assert git("branch", "--list", "agent/*", cwd=stock) != ""
