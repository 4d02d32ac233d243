"""Checks: one that a task names has to be passed, that of a repository is only told."""

from pathlib import Path

import pytest

from engine.briefing import INTERRUPTED
from engine.checks import Checks
from engine.executor import AgentResult, Confinement, Job, Sandbox
from engine.sandbox import Shell
from engine.scripted import ScriptedExecutor, Write
from engine.settings import AgentPolicy, Repo
from engine.states import Cause, Status
from engine.station import Listeners, Outside, make_worker
from engine.verdicts import checked
from engine.views import Check, NodeView
from tests.worker.conftest import Station

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"])  # nothing here depends on it
DONE = AgentResult(success=True, output="Done.")
CHECK = "echo first; grep -q right answer.txt || { echo the answer is wrong; exit 3; }"


async def hands(station: Station, check: str = "") -> ScriptedExecutor:
    """A worker without a sandbox, whose agent is right once it is told how."""

    def answer(job: Job) -> list[Write]:
        return [Write("answer.txt", "right" if "try again" in job.context else "left")]

    values = {
        "agent": AgentPolicy(sandbox=Sandbox.OFF),
        "repos": {"shop": Repo(path=station.shop, check=check)},
    }
    station.settings = station.settings.model_copy(update=values)
    executor = ScriptedExecutor(answer)
    outside = Outside({"PATH": "/usr/bin:/bin"}, {}, station.home / "mab.toml", station.home)
    worker = make_worker(station.workflows, executor, outside, Listeners())
    await worker.join("test")
    station.workers.append(worker)
    return executor


async def ran(station: Station, check: str = "") -> NodeView:
    agent = await station.spawn("answer", check=check)
    await station.workers[0].tick()
    return await station.ended(agent)


async def test_work_that_fails_its_check_is_not_done_and_is_kept(station: Station) -> None:
    await hands(station)
    view = await ran(station, CHECK)
    assert (view.status, view.cause) == (Status.FAILED, Cause.CHECK)
    assert view.error == "first\nthe answer is wrong"
    assert view.result == "Done."
    assert view.work.check is not None
    assert view.work.check.exit_code == 3
    assert station.on_branch(view, "answer.txt") == "left"
    assert view.attempt == 1  # nobody has asked for another one


async def test_the_next_attempt_sees_what_the_check_said_and_passes_it(station: Station) -> None:
    executor = await hands(station)
    view = await ran(station, CHECK)
    await station.mending.retry(view.id, await station.wish(), "try again")
    await station.workers[0].tick()
    view = await station.ended(view.id)
    assert (view.status, view.cause, view.error) == (Status.COMPLETED, None, "")
    assert station.on_branch(view, "answer.txt") == "right"
    first, second = executor.jobs
    assert "check" not in first.context
    assert "did not pass its check" in second.context
    assert f"The check is: {CHECK}" in second.context
    assert "the answer is wrong" in second.context
    assert INTERRUPTED not in second.context


async def test_the_repositorys_check_is_told_and_fails_nobody(station: Station) -> None:
    await hands(station, CHECK)
    view = await ran(station)
    assert (view.status, view.cause) == (Status.COMPLETED, None)
    assert view.work.check is not None
    assert view.work.check.exit_code == 3
    view = await ran(station, "true")  # its own instead
    assert view.work.check == Check("true", 0, "")


@pytest.mark.parametrize(
    ("check", "error"),
    [
        (Check("make test", 2, " \n"), "make test ended with exit code 2 and said nothing"),
        (Check("make test", None, ""), "make test did not end in time"),
        (Check("make test", 1, "1 failed\n"), "1 failed"),
    ],
)
def test_a_failure_always_says_why(database_kind: str, check: Check, error: str) -> None:
    result = checked(DONE, check)
    assert (result.success, result.cause, result.error) == (False, Cause.CHECK, error)
    assert result.output == "Done."
    assert checked(DONE, Check("make test", 0, "1 passed")) == DONE


async def test_a_check_that_cannot_be_confined_is_passed_by_nobody(
    database_kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks = Checks(Shell(tmp_path, Confinement(Sandbox.AUTO), {}))
    monkeypatch.setenv("PATH", str(tmp_path))
    result, check = await checks.judge(DONE, "true", "")
    assert (result.success, result.cause, check) == (False, Cause.SANDBOX, None)
    assert await checks.judge(DONE, "", "true") == (DONE, None)  # told as "not tested"
    assert await checks.judge(DONE, "", "") == (DONE, None)
