"""What a worker makes of an agent: worktree, run, commit, end."""

import asyncio
from datetime import timedelta

from engine.scripted import Break, Wait, Write, failure
from engine.states import Cause, Status
from engine.views import FileChange
from tests.ledger.test_graph_size import counting
from tests.worker.conftest import Station, git


async def test_the_work_is_on_a_branch_and_not_in_the_checkout(station: Station) -> None:
    station.script["hello"] = [Write("hello.txt", "Hello from agent!\n")]
    agent = await station.spawn("Say hello")
    worker = await station.worker()
    await worker.tick()
    view = await station.ended(agent)
    assert view.status is Status.COMPLETED
    assert view.result == "Done."
    assert view.work.branch == f"agent/{agent}-say-hello"
    assert view.work.files == (FileChange("hello.txt", 1, 0),)
    assert station.on_branch(view, "hello.txt") == "Hello from agent!"
    assert not (station.shop / "hello.txt").exists()
    author = git("log", "-1", "--format=%an <%ae>%n%B", view.work.commit, cwd=station.shop)
    assert author.startswith(f"agent {agent} <agent-{agent}@mab.invalid>\nSay hello\n")
    assert "Requested-by: Alice" in author
    assert await station.told() == ["request.ended"]


async def test_an_agent_that_changes_nothing_says_so(station: Station) -> None:
    agent = await station.spawn("look")
    await (await station.worker()).tick()
    view = await station.ended(agent)
    assert (view.status, view.work.changed, view.work.files) == (Status.COMPLETED, False, ())


async def test_twenty_agents_share_four_slots_and_no_worktree(station: Station) -> None:
    gate = asyncio.Event()
    station.script["task"] = [Write("mine.txt", "x"), Wait(gate)]
    agents = [await station.spawn(f"task {n}") for n in range(20)]
    worker = await station.worker()
    await worker.tick()
    await asyncio.gather(*(station.active(agent) for agent in agents[:4]))
    await worker.tick()
    active = [view for view in await station.ledger.unfinished() if view.status is Status.ACTIVE]
    assert len(active) == len(worker.attempts) == 4
    gate.set()
    views = [await station.ended(agent) for agent in agents]
    assert {view.status for view in views} == {Status.COMPLETED}
    assert len({view.work.branch for view in views}) == 20
    assert len(list((station.home / ".worktrees").glob("agent-*"))) == 20
    assert await station.told() == ["request.ended"] * 20


async def test_cancel_ends_a_running_agent_and_keeps_its_work(station: Station) -> None:
    station.script["long"] = [Write("half.txt", "half"), Wait(asyncio.Event())]
    agent = await station.spawn("long")
    worker = await station.worker()
    await worker.tick()
    await station.active(agent)
    await station.workflows.cancel(agent, await station.wish())
    await worker.tick()
    view = await station.ended(agent)
    assert view.status is Status.CANCELLED
    assert station.on_branch(view, "half.txt") == "half"


async def test_a_timeout_keeps_the_work_and_names_the_cause(station: Station) -> None:
    station.script["slow"] = [Write("half.txt", "half"), Wait(asyncio.Event())]
    agent = await station.spawn("slow", timeout=timedelta(seconds=10))
    await (await station.worker()).tick()
    view = await station.ended(agent)
    assert (view.status, view.cause) == (Status.FAILED, Cause.TIMEOUT)
    assert station.on_branch(view, "half.txt") == "half"


async def test_a_defect_of_the_executor_is_a_failure_with_the_work_kept(station: Station) -> None:
    station.script["broken"] = [Write("half.txt", "half"), Break(RuntimeError("boom"))]
    agent = await station.spawn("broken")
    await (await station.worker()).tick()
    view = await station.ended(agent)
    assert (view.status, view.cause) == (Status.FAILED, Cause.INTERNAL)
    assert "boom" in view.error
    assert station.on_branch(view, "half.txt") == "half"


async def test_a_retry_goes_on_from_what_was_done(station: Station) -> None:
    station.script["twice"] = [Write("a.txt", "a"), failure(Cause.MODEL, "no idea")]
    agent = await station.spawn("twice")
    worker = await station.worker()
    await worker.tick()
    failed = await station.ended(agent)
    assert failed.cause is Cause.MODEL
    station.script["twice"] = [Write("b.txt", "b")]
    await station.mending.retry(agent, await station.wish())
    await worker.tick()
    view = await station.until(agent, lambda view: view.status is Status.COMPLETED)
    assert view.work.branch == failed.work.branch
    assert [change.path for change in view.work.files] == ["a.txt", "b.txt"]
    assert await station.told() == ["request.ended", "request.ended"]


async def test_an_unknown_base_is_a_sentence_not_an_exception(station: Station) -> None:
    agent = await station.spawn("anything", base="nowhere")
    await (await station.worker()).tick()
    view = await station.ended(agent)
    assert (view.status, view.cause) == (Status.FAILED, Cause.REPOSITORY)
    assert "nowhere" in view.error


async def test_setup_and_check_run_around_the_agent(station: Station) -> None:
    repo = station.settings.repos["shop"].model_copy(
        update={"setup": "test ! -e made.txt", "check": "cat made.txt && false"}
    )
    station.settings = station.settings.model_copy(update={"repos": {"shop": repo}})
    station.script["make"] = [Write("made.txt", "seen by the check")]
    agent = await station.spawn("make")
    await (await station.worker()).tick()
    view = await station.ended(agent)
    assert view.status is Status.COMPLETED
    assert view.work.check is not None
    assert view.work.check.exit_code == 1
    assert "seen by the check" in view.work.check.tail


async def test_a_setup_that_fails_ends_the_attempt_before_the_agent(station: Station) -> None:
    repo = station.settings.repos["shop"].model_copy(update={"setup": "echo no compiler; false"})
    station.settings = station.settings.model_copy(update={"repos": {"shop": repo}})
    agent = await station.spawn("make")
    await (await station.worker()).tick()
    view = await station.ended(agent)
    assert (view.status, view.cause) == (Status.FAILED, Cause.SETUP)
    assert "no compiler" in view.error


async def test_a_worker_with_nothing_to_do_asks_one_question(station: Station) -> None:
    worker = await station.worker()
    with counting(station.db) as seen:
        await worker.tick()
    assert len(seen.asked) == 1
