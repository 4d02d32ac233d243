"""Agents that wait for people: they hold nothing, and go on where they waited."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy import select

from engine.audit import Did
from engine.decisions import Decided, Decisions, HasVoted
from engine.errors import InvalidSpec
from engine.executor import AgentResult, Call, Job, Settled
from engine.matters import Question, Tool
from engine.models import Run, Vote
from engine.scripted import Action, Finish, ScriptedExecutor, Wait, Write
from engine.settling import FINAL, LATE, SILENT
from engine.spec import Person
from engine.states import Decision, InquiryStatus, Status
from engine.views import NodeView
from engine.votes import Click, Inquiry
from engine.worker import Worker
from tests.worker.conftest import ALICE, Station

BOB, CAROL = Person("U2", "Bob"), Person("U3", "Carol")
DAY = 24 * 3600.0


def pushes(number: int) -> Call:
    return Call(f"c{number}", "Bash", {"command": f"git push {number}"}, "Bash(git push:*)")


def asks(*questions: str) -> Call:
    given = {"questions": [{"question": each, "options": [{"label": "yes"}]} for each in questions]}
    return Call("q1", "AskUserQuestion", given)


def waiting(*calls: Call) -> list[Action]:
    result = AgentResult(success=False, output="I need this.", session_id="s1", waits=calls)
    return [Write("half.txt", "half"), Finish(result)]


class Play:
    """The first attempt waits for these calls, a later one completes."""

    def __init__(self, *calls: Call, then: Sequence[Action] = ()) -> None:
        self.calls, self.then = calls, then

    def __call__(self, job: Job) -> Sequence[Action]:
        return waiting(*self.calls) if job.settled is None else self.then


async def asked(station: Station, agent: int) -> Inquiry:
    await station.until(agent, lambda view: view.status is Status.WAITING)
    view = await station.ledger.agent(agent)
    found = await station.ledger.asked_in(view.origin)
    assert len(found) == 1
    return found[0]


async def click(
    station: Station, inquiry: Inquiry, decision: Decision, by: Person = BOB, **rest: object
) -> Inquiry:
    pressed = replace(Click(inquiry.id, inquiry.revision, decision), **rest)  # type: ignore[arg-type]
    return await Decisions(station.workflows).decide(pressed, await station.wish(by))


async def gone_on(station: Station, worker: Worker, agent: int) -> Job:
    """What the next attempt was given."""
    await worker.tick()
    await station.ended(agent)
    executor = worker.tools.executor
    assert isinstance(executor, ScriptedExecutor)
    return executor.jobs[-1]


def _has_run(executor: ScriptedExecutor, _: NodeView) -> bool:
    return bool(executor.jobs)


async def test_an_agent_that_waits_holds_nothing_and_is_gone_on_with_elsewhere(
    station: Station,
) -> None:
    station.plan = Play(pushes(1), then=[Write("rest.txt", "rest")])
    worker = await station.worker()
    agent = await station.spawn("push it")
    await worker.tick()
    inquiry = await asked(station, agent)
    assert isinstance(inquiry.matter, Tool)
    assert inquiry.matter.calls[0].given == {"command": "git push 1"}
    assert (inquiry.matter.said, inquiry.matter.calls[0].because) == (
        "I need this.", "Bash(git push:*)",
    )  # fmt: skip
    await station.idle(worker)
    view = await station.ledger.agent(agent)
    assert (view.status, view.failures) == (Status.WAITING, 0)
    assert station.on_branch(view, "half.txt") == "half"
    async with station.db.reading() as session:
        assert (
            await session.scalars(select(Run.lease_until).where(Run.ended_at.is_(None)))
        ).all() == []

    await click(station, inquiry, Decision.APPROVE)
    other = await station.worker()
    job = await gone_on(station, other, agent)
    assert (job.session_id, job.attempt, job.allowed) == ("s1", 2, ())
    assert job.settled == (Settled("c1", allowed=True),)
    assert job.context.startswith("Your working directory is")
    view = await station.ledger.agent(agent)
    assert view.status is Status.COMPLETED
    assert (station.on_branch(view, "half.txt"), station.on_branch(view, "rest.txt")) == (
        "half", "rest",
    )  # fmt: skip
    assert await station.told() == ["inquiry.opened", "inquiry.closed", "request.ended"]


async def test_each_call_is_decided_once_by_whoever_is_first(station: Station) -> None:
    station.plan = Play(*(pushes(number) for number in range(1, 6)))
    worker = await station.worker()
    agent = await station.spawn("push them")
    await worker.tick()
    inquiry = await asked(station, agent)
    decisions = [
        (Decision.APPROVE, BOB, "2", ""),
        (Decision.REJECT, CAROL, "1", "not today"),
        (Decision.ALWAYS, BOB, "4", ""),
    ]
    for decision, by, target, comment in decisions:
        after = await click(station, inquiry, decision, by, target=target, comment=comment)
        assert after.status is InquiryStatus.OPEN
    for decision in (Decision.APPROVE, Decision.REJECT):
        with pytest.raises(HasVoted):
            await click(station, inquiry, decision, CAROL, target="2")
    with pytest.raises(InvalidSpec):
        await click(station, inquiry, Decision.APPROVE, target="6")
    with pytest.raises(Decided):
        await click(station, replace(inquiry, revision=2), Decision.APPROVE, target="3")
    both = [
        click(station, inquiry, each, CAROL, target="3")
        for each in (Decision.APPROVE, Decision.REJECT)
    ]
    outcomes = await asyncio.gather(*both, return_exceptions=True)
    assert sum(isinstance(each, HasVoted) for each in outcomes) == 1
    last = await click(station, inquiry, Decision.REJECT)  # all that is left
    assert (last.status, len(last.votes)) == (InquiryStatus.DECIDED, 5)
    with pytest.raises(Decided):
        await click(station, inquiry, Decision.APPROVE, CAROL)

    job = await gone_on(station, worker, agent)
    assert job.allowed == ("Bash(git push 4)",)
    assert job.settled is not None
    third = next(vote.decision is Decision.APPROVE for vote in last.votes if vote.target == "3")
    assert [each.allowed for each in job.settled] == [False, True, third, True, False]
    assert job.settled[0].said == f"Carol does not allow this: not today\n{FINAL}"
    assert job.settled[4].said == f"Bob does not allow this\n{FINAL}"


async def test_what_nobody_decides_is_denied_and_the_agent_is_told(station: Station) -> None:
    station.plan = Play(pushes(1), pushes(2))
    worker = await station.worker()
    agent = await station.spawn("push them")
    await worker.tick()
    inquiry = await asked(station, agent)
    await click(station, inquiry, Decision.APPROVE, target="2")
    await station.pass_time(7 * DAY + 1)
    await Decisions(station.workflows).tick()
    job = await gone_on(station, worker, agent)
    assert job.settled == (Settled("c1", said=f"{LATE} {FINAL}"), Settled("c2", allowed=True))
    assert (await station.ledger.agent(agent)).status is Status.COMPLETED


async def test_questions_are_answered_one_by_one_or_together(station: Station) -> None:
    station.plan = Play(asks("Which?", "Why?", "When?"))
    worker = await station.worker()
    agent = await station.spawn("ask")
    await worker.tick()
    inquiry = await asked(station, agent)
    assert isinstance(inquiry.matter, Question)
    assert [ask.text for ask in inquiry.matter.asks] == ["Which?", "Why?", "When?"]
    with pytest.raises(InvalidSpec):
        await click(station, inquiry, Decision.ANSWER, target="1", comment="  ")
    await click(station, inquiry, Decision.REJECT, target="3")
    await click(station, inquiry, Decision.ANSWER, answers={"1": "this", "2": "because"})
    job = await gone_on(station, worker, agent)
    assert job.settled == (
        Settled(
            "q1",
            said="Which?\nBob answers: this\n\nWhy?\nBob answers: because\n\n"
            "When?\nBob leaves this to you: decide for yourself",
        ),
    )


async def test_nobody_answers(station: Station) -> None:
    station.plan = Play(asks("Which?"))
    worker = await station.worker()
    agent = await station.spawn("ask")
    await worker.tick()
    await asked(station, agent)
    await station.pass_time(7 * DAY + 1)
    await Decisions(station.workflows).tick()
    job = await gone_on(station, worker, agent)
    assert job.settled == (Settled("q1", said=f"Which?\n{SILENT}"),)


async def test_what_was_decided_is_given_once_and_given_back_by_who_did_not_begin(
    station: Station,
) -> None:
    hanging = asyncio.Event()
    station.plan = Play(pushes(1), then=[Wait(hanging)])
    worker = await station.worker()
    agent = await station.spawn("push it")
    await worker.tick()
    inquiry = await asked(station, agent)
    await station.idle(worker)
    await click(station, inquiry, Decision.APPROVE)

    given = []
    process = await asyncio.create_subprocess_exec("sleep", "600")  # what an agent's would be
    for pid in (None, process.pid, None):
        worker = await station.worker()
        executor = worker.tools.executor
        assert isinstance(executor, ScriptedExecutor)
        object.__setattr__(executor, "pid", pid)
        await worker.tick()
        await station.until(agent, partial(_has_run, executor))
        given.append(executor.jobs[-1])
        await worker.stop()
    await process.wait()  # the worker has ended it
    assert [job.session_id for job in given] == ["s1"] * 3
    assert [job.settled for job in given] == [
        (Settled("c1", allowed=True),),
        (Settled("c1", allowed=True),),
        (),
    ]


async def test_a_retry_begins_anew_and_a_follow_up_is_not_allowed_what_its_parent_was(
    station: Station,
) -> None:
    failing = [Finish(AgentResult(success=False, error="no"))]
    station.plan = Play(pushes(1), then=failing)
    worker = await station.worker()
    agent = await station.spawn("push it")
    await worker.tick()
    await click(station, await asked(station, agent), Decision.ALWAYS)
    job = await gone_on(station, worker, agent)
    assert job.allowed == ("Bash(git push 1)",)
    await station.mending.retry(agent, await station.wish(ALICE))
    executor = worker.tools.executor
    assert isinstance(executor, ScriptedExecutor)
    await worker.tick()
    await station.until(agent, lambda _: len(executor.jobs) == 3)
    assert (executor.jobs[-1].settled, executor.jobs[-1].session_id) == (None, "")


async def test_every_vote_is_in_the_table_with_its_message(station: Station) -> None:
    station.plan = Play(pushes(1), pushes(2))
    worker = await station.worker()
    agent = await station.spawn("push them")
    await worker.tick()
    inquiry = await asked(station, agent)
    await click(station, inquiry, Decision.APPROVE)
    async with station.db.reading() as session:
        votes = list(await session.scalars(select(Vote).order_by(Vote.target)))
    assert [(vote.target, vote.by) for vote in votes] == [("1", "U2"), ("2", "U2")]
    assert all(vote.command_key for vote in votes)
    decided = [
        each for each in await station.ledger.audit(inquiry.workflow_id) if each.did == Did.DECIDED
    ]
    assert [(each.who.name, each.detail) for each in decided] == [
        ("Bob", "approve 1"),
        ("Bob", "approve 2"),
    ]
    assert all(each.digest for each in decided)
