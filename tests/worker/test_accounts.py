"""What the end of an agent that was stopped or failed says of how far it came."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from engine import reading
from engine.accounts import LISTED, added, is_behind, unreturned
from engine.executor import Step
from engine.models import Event, Run
from engine.notices import Ended, unpacked
from engine.scripted import Wait, Write, failure
from engine.sessions import Sessions
from engine.states import Cause, Status
from engine.talk import Talk
from engine.transcripts import name
from engine.verdicts import RunOutcome
from engine.views import Account, Instruction, Stage
from tests.worker.conftest import ALICE, Station

Lines = Sequence[Mapping[str, Any]]


def call(number: int, tool: str = "Bash", **arguments: str) -> dict[str, Any]:
    """A line of a transcript in which the model calls a tool."""
    part = {"type": "tool_use", "id": f"t{number}", "name": tool, "input": arguments}
    return {"type": "assistant", "message": {"content": [part]}}


def result(number: int) -> dict[str, Any]:
    """The line with its result."""
    part = {"type": "tool_result", "tool_use_id": f"t{number}", "content": "ok"}
    return {"type": "user", "message": {"content": [part]}}


TRANSCRIPTS: list[tuple[Lines, list[str] | None]] = [
    ([], None),
    ([{"type": "user", "message": {"content": "Do it"}}], []),
    ([call(1), result(1)], []),
    ([call(1), result(1), call(2)], ["t2"]),
    ([call(1), call(2), call(3), result(2)], ["t1", "t3"]),
    ([result(1), {"type": "x"}, {"message": None}, {"message": {"content": [1, "a"]}}], []),
]


@pytest.mark.parametrize(("lines", "left"), TRANSCRIPTS)
def test_which_calls_have_no_result(lines: Lines, left: list[str] | None) -> None:
    found = unreturned(lines)
    assert (found if found is None else [call["id"] for call in found]) == left


BEHIND: list[tuple[Lines, Step, bool]] = [
    ([], Step("Bash", "make"), True),
    ([call(1, command="make"), result(1)], Step("Bash", "make"), False),
    ([call(1, command="make"), result(1)], Step("Bash", "make", failed=True), False),
    ([call(1, command="make"), result(1)], Step("Bash", "make all"), True),
    ([call(1, "Read", file_path="/tree/a.py")], Step("Read", "a.py"), False),
    ([call(1, "Read", file_path="/tree/a.py")], Step("Write", "a.py"), True),
    ([call(1, "TodoWrite")], Step("TodoWrite", ""), False),
    ([], Step("", "I think"), False),
]


@pytest.mark.parametrize(("lines", "last", "behind"), BEHIND)
def test_whether_a_transcript_has_the_last_step(lines: Lines, last: Step, *, behind: bool) -> None:
    assert is_behind(lines, last) is behind


async def accounts(station: Station) -> list[Account | None]:
    """What the notices of ended agents say, first to last."""
    query = select(Event).where(Event.name == "request.ended").order_by(Event.id)
    async with station.db.reading() as session:
        facts = [unpacked(event.name, event.data) for event in await session.scalars(query)]
    return [fact.agent.account for fact in facts if isinstance(fact, Ended)]


async def stop(station: Station, agent: int) -> None:
    """Stop an agent, and wait until it has."""
    await station.workflows.cancel(agent, await station.wish())
    for worker in station.workers:
        await worker.tick()
    await station.until(agent, lambda view: view.status is Status.CANCELLED)


async def running(station: Station, last: Step) -> int:
    """An agent that waits after its last step."""
    agent = await station.spawn("long")
    await (await station.worker()).tick()
    await station.until(agent, lambda view: view.step == last)
    return agent


async def test_a_timeout_names_the_last_step(station: Station) -> None:
    station.script = {"long": [Write("half.txt", "half"), Wait(asyncio.Event())]}
    agent = await station.spawn("long", timeout=timedelta(seconds=10))
    await (await station.worker()).tick()
    assert (await station.ended(agent)).cause is Cause.TIMEOUT
    assert await accounts(station) == [Account(Stage.WORKING, last=Step("Write", "half.txt"))]


async def test_a_failure_has_an_account_and_a_success_has_none(station: Station) -> None:
    station.script = {"bad": [Step("Bash", "make"), failure(Cause.MODEL)]}
    worker = await station.worker()
    agents = [await station.spawn(task) for task in ("bad", "good")]
    await worker.tick()
    for agent in agents:
        await station.ended(agent)
    assert set(await accounts(station)) == {
        Account(Stage.WORKING, last=Step("Bash", "make")),
        None,
    }


async def test_who_stopped_it_before_any_worker_had_it(station: Station) -> None:
    await stop(station, await station.spawn("long"))
    assert await accounts(station) == [Account(Stage.QUEUED, ALICE)]


async def test_a_call_without_a_result_is_under_way(station: Station) -> None:
    make, long = Step("Bash", "make"), Step("Bash", "x" * 500)
    station.script = {"long": [make, long, Step("Read", "src/a.py"), Wait(asyncio.Event())]}
    agent = await running(station, Step("Read", "src/a.py"))
    lines = [call(1, command="make"), result(1), call(2, command="x" * 600)]
    lines += [call(3, "Read", file_path="/tree/src/a.py"), call(4, "Grep", pattern="y")]
    await Sessions(station.db).append(name(f"agent:{agent}", "s"), lines)  # type: ignore[arg-type]
    await stop(station, agent)
    last = Step("Read", "src/a.py")
    under_way = (long, last, Step("Grep", ""))  # of which no step was told
    assert await accounts(station) == [Account(Stage.WORKING, ALICE, last, under_way)]


async def test_a_call_that_the_transcript_lacks_is_not_said_to_have_ended(station: Station) -> None:
    make, long = Step("Bash", "make"), Step("Bash", "sleep 60")
    station.script = {"long": [make, long, Wait(asyncio.Event())]}
    agent = await running(station, long)
    lines = [call(1, command="make"), result(1)]
    await Sessions(station.db).append(name(f"agent:{agent}", "s"), lines)  # type: ignore[arg-type]
    await stop(station, agent)
    assert await accounts(station) == [Account(Stage.WORKING, ALICE, last=long)]


async def test_a_call_that_waited_for_people_was_not_carried_out(station: Station) -> None:
    station.script = {"long": [Step("Bash", "git push"), Wait(asyncio.Event())]}
    agent = await running(station, Step("Bash", "git push"))
    lines = [call(1, command="git push")]
    await Sessions(station.db).append(name(f"agent:{agent}", "s"), lines)  # type: ignore[arg-type]
    asked = update(Run).where(Run.node_id == agent).values(outcome=RunOutcome.ASKED)
    async with station.db.writing() as session:
        view = await reading.agent(session, agent)
        await session.execute(asked)
        [told] = await added(session, [replace(view, status=Status.CANCELLED)])
    held = (Step("Bash", "git push"),)
    assert told.account == Account(Stage.WORKING, under_way=(), held=held)


async def test_the_transcript_of_an_earlier_attempt_says_nothing(station: Station) -> None:
    sessions = Sessions(station.db)
    station.script = {"long": [Step("Bash", "make"), Wait(asyncio.Event())]}
    await sessions.append(name("agent:1", "old"), [call(1, command="make")])  # type: ignore[list-item]
    await station.pass_time(60)
    agent = await running(station, Step("Bash", "make"))
    assert agent == 1
    await stop(station, agent)
    assert [account and account.under_way for account in await accounts(station)] == [None]


async def test_what_no_run_was_given_is_told_and_the_rest_counted(station: Station) -> None:
    station.script = {"long": [Step("Bash", "make"), Wait(asyncio.Event())]}
    agent = await running(station, Step("Bash", "make"))
    talk = Talk(station.workflows)
    for number in range(LISTED + 2):
        await talk.say(agent, f"{number} {'x' * 1000}", await station.wish())
    await stop(station, agent)
    [account] = await accounts(station)
    assert account
    assert (len(account.untold), account.more_untold) == (LISTED, 2)
    assert account.untold[1] == Instruction(ALICE, f"1 {'x' * 498}")


async def test_what_is_retried_and_stopped_in_the_line_keeps_its_account(station: Station) -> None:
    station.script = {"long": [Write("a.txt", "a"), failure(Cause.MODEL)]}
    worker = await station.worker()
    agent = await station.spawn("long")
    await worker.tick()
    await station.ended(agent)
    await station.idle(worker)
    await station.mending.retry(agent, await station.wish())
    station.workers.clear()  # it is not claimed again
    await stop(station, agent)
    [_, account] = await accounts(station)
    assert account == Account(Stage.WORKING, ALICE, Step("Write", "a.txt"))
