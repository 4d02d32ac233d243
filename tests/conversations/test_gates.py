"""Gates and other decisions: who may, how, when; and what everybody is told of it."""

import asyncio
from collections.abc import Sequence

import pytest

from bot.access import Access
from bot.local import Message, Person
from bot.messages import APPROVE, COMMENT, EDIT, REJECT, SEND_BACK, VIEW_DIFF
from engine import Cause, Repo, ScriptedExecutor, Status
from engine.executor import Job
from engine.scripted import Action, Wait, Write, failure
from tests.conversations.asking import (
    asked,
    closed,
    finished,
    form,
    pass_time,
    recipe,
    started,
    step,
    taken,
)
from tests.conversations.conftest import World, shown
from tests.worker.conftest import git

BOTH = pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"])
ONE = pytest.mark.parametrize("database_kind", ["sqlite"])
GATED = "gated: design: Write a design -> ?ok: Good enough? -> build: Build it"
BESIDE = "beside: [design: Write a design, side: Work beside] -> ?ok(needs design): Good? -> build: Build it"


def allow(world: World, **access: object) -> None:
    """Change who may do what."""
    values = {**world.settings.access.model_dump(), **access}
    world.settings = world.settings.model_copy(update={"access": Access(**values)})


async def gate(world: World, steps: str = GATED, who: str = "you") -> tuple[str, Message]:
    """A workflow that has come to its gate: its thread, and the message that asks."""
    root = await started(world, steps, who)
    return root, await asked(world, "Approval wanted at gate")


@BOTH
async def test_a_gate_opens_beside_a_branch_that_fails_and_is_retried(world: World) -> None:
    release, tries = asyncio.Event(), [0]

    def plan(job: Job) -> Sequence[Action]:
        if "beside" not in job.task:
            return [Write(f"{job.agent_id}.txt", "x")]
        tries[0] += 1
        return [Wait(release)] if tries[0] > 1 else [failure(Cause.MODEL)]

    await world.begins(ScriptedExecutor(plan))
    root, asks = await gate(world, BESIDE)
    failed = await asked(world, "w1.side failed")
    assert (await step(world, "ok", Status.WAITING)).asks == "gate"
    await world.slack.presses("you", failed, "Retry")
    await step(world, "side", Status.ACTIVE)
    await world.slack.presses("reviewer", asks, APPROVE)
    await step(world, "build", Status.COMPLETED)
    await closed(world, asks, "Approved* by")
    await world.says("@agent cancel w1.side", thread=root)
    await step(world, "side", Status.CANCELLED)
    last = await finished(world, "stopped")
    assert "side" in shown(last)
    told = [m.ts for m in world.slack.thread("general", root) if "gate w1.ok" in m.text]
    assert told == [asks.ts]


@ONE
async def test_who_may_decide_is_mentioned_and_nobody_else_decides(world: World) -> None:
    world.slack.add_user(Person("outsider", is_stranger=True))
    world.slack.parts.desk.board.join(world.slack.channel("general"), world.slack.user("outsider"))
    await world.begins()
    root, asks = await gate(world)
    reviewer = f"<@{world.slack.user('reviewer').id}>"
    assert f"Who decides: {reviewer}\n" in f"{shown(asks)}\n"
    assert world.slack.user("you").id not in shown(asks)
    for who in ("you", "teammate", "guest", "outsider"):
        await world.slack.presses(who, asks, APPROVE)
        told = shown(await world.told(who, "You may not decide this"))
        assert reviewer in told
        assert world.slack.user(who).id in told
    await world.says("approve", thread=root)
    await world.says("approve", who="teammate", thread=root)
    await world.until(lambda: len(world.slack.ephemerals("teammate")) == 2)
    await world.slack.presses("you", asks, SEND_BACK)
    await world.until(lambda: shown(world.slack.ephemerals("you")[-1]).count("may not") == 2)
    assert world.slack.views("you") == []
    assert (await step(world, "ok", Status.WAITING)).asks == "gate"
    await world.says("approve, go on", who="reviewer", thread=root)
    await world.told("reviewer", "Your decision counts: approved")
    await step(world, "build", Status.COMPLETED)


@ONE
async def test_one_may_approve_ones_own_where_that_is_allowed(world: World) -> None:
    allow(world, self_approve=True)
    await world.begins()
    root, asks = await gate(world, who="reviewer")
    assert f"<@{world.slack.user('reviewer').id}>" in shown(asks)
    await world.says("@agent approve", who="reviewer", thread=root)
    await step(world, "build", Status.COMPLETED)


@ONE
async def test_rejecting_and_sending_back(world: World) -> None:
    executor = ScriptedExecutor({})
    await world.begins(executor)
    root, asks = await gate(world)
    await world.slack.presses("reviewer", asks, SEND_BACK)
    view = await form(world, "reviewer")
    await world.slack.submits("reviewer", view, {"target": "design", "text": "name the errors"})
    await closed(world, asks, "Sent back")
    await step(world, "design", Status.COMPLETED)
    assert "name the errors" in executor.jobs[1].context
    again = await asked(world, "Approval wanted at gate")
    await world.says("send back to design because it is vague", who="reviewer", thread=root)
    await world.told("reviewer", "Your decision counts: sent back")
    await closed(world, again, "Sent back")
    third = await asked(world, "Approval wanted at gate")
    assert "it is vague" in executor.jobs[2].context
    await world.says("reject because it is too late", who="reviewer", thread=root)
    last = await finished(world, "failed")
    assert "it is too late" in shown(last)
    await closed(world, third, "Rejected* by")
    assert (await step(world, "build", Status.SKIPPED)).attempt == 0


@ONE
async def test_a_comment_reaches_the_next_agents(world: World) -> None:
    executor = ScriptedExecutor({})
    await world.begins(executor)
    _, asks = await gate(world)
    await world.slack.presses("reviewer", asks, COMMENT)
    view = await form(world, "reviewer")
    await world.slack.submits("reviewer", view, {"decision": "approve", "text": "use decimals"})
    await world.told("reviewer", "Your decision counts: approved")
    assert "use decimals" in await closed(world, asks, "Approved* by")
    await step(world, "build", Status.COMPLETED)
    assert "use decimals" in executor.jobs[1].context


@BOTH
async def test_two_people_decide_at_the_same_instant(world: World) -> None:
    allow(world, approve=[world.slack.user("teammate").id])
    await world.begins()
    _, asks = await gate(world)
    await asyncio.gather(
        world.slack.presses("reviewer", asks, APPROVE),
        world.slack.presses("teammate", asks, REJECT),
    )
    await taken(world)
    late = await world.until(
        lambda: [
            (who, m)
            for who in ("reviewer", "teammate")
            for m in world.slack.ephemerals(who)
            if "Too late" in m.text
        ]
    )
    [(loser, told)] = late
    winner = "reviewer" if loser == "teammate" else "teammate"
    word = "Approved" if winner == "reviewer" else "Rejected"
    assert f"Too late: {word.lower()} already by {winner}" in told.text
    assert world.slack.user(winner).id in await closed(world, asks, f"{word}* by")
    await finished(world, "is done" if winner == "reviewer" else "failed")


@ONE
async def test_two_have_to_approve(world: World) -> None:
    recipe(world, "twice", "nodes: {do: {task: Do it}, ok: {gate: Good, needs: [do], quorum: 2}}")
    allow(world, approve=[world.slack.user("teammate").id])
    await world.begins()
    root = await world.says("@agent run twice")
    await world.slack.presses("you", await asked(world, "Plan for w1"), APPROVE)
    asks = await asked(world, "Approval wanted at gate")
    await world.slack.presses("reviewer", asks, APPROVE)
    await taken(world)
    assert (await step(world, "ok", Status.WAITING)).asks == "gate"
    await world.slack.presses("reviewer", asks, APPROVE)
    await world.told("reviewer", "You have decided about this already")
    await world.says("approve", who="teammate", thread=root)
    await world.told("teammate", "Your decision counts: approved")
    said = await closed(world, asks, "Approved* by")
    assert world.slack.user("reviewer").id in said
    assert world.slack.user("teammate").id in said
    await world.slack.presses("reviewer", asks, APPROVE)
    await world.told("reviewer", "Too late: approved already by")
    await finished(world, "is done")


@ONE
async def test_an_edited_plan_voids_what_was_shown(world: World) -> None:
    await world.begins()
    root = await world.says(f"@agent workflow {GATED}")
    first = await asked(world, "Plan for w1")
    await world.slack.presses("you", first, EDIT)
    view = await form(world, "you")
    before = view.body["blocks"][0]["element"]["initial_value"]
    await world.slack.submits("you", view, {"text": f"{before}\nship: Ship it"})
    await world.told("you", "Plan w1 is changed")
    second = await asked(world, "Version 2: Plan for w1")
    await closed(world, first, "Changed*: see the newer one below")
    await world.slack.presses("you", first, APPROVE)
    await world.told("you", "This was changed meanwhile")
    assert await world.agents() == []
    await world.says("start", thread=root)
    assert (await world.agent(1, Status.COMPLETED)).key == "design"
    await closed(world, second, "Started* by")
    assert "Changed*" in shown(world.slack.message(first.ts))
    plans = [m.ts for m in world.slack.thread("general", root) if "plan for w1" in m.text]
    assert plans == [first.ts, second.ts]


@BOTH
async def test_what_nobody_decides_is_rejected_after_one_reminder(world: World) -> None:
    await world.begins()
    root, asks = await gate(world)
    await pass_time(world, 5)
    reminder = await asked(world, "Reminder: Approval wanted")
    await pass_time(world, 5)
    await pass_time(world, 24 * 8)
    for each in (asks, reminder):
        await closed(world, each, "Not decided in time")
    last = await finished(world, "failed")
    assert "@" in shown(last)
    told = [m for m in world.slack.thread("general", root) if "Approval wanted" in m.text]
    assert told == []
    assert sum("gate w1.ok" in m.text for m in world.slack.thread("general", root)) == 2
    await world.slack.presses("reviewer", asks, APPROVE)
    await world.told("reviewer", "Too late: nobody decided in time")
    await world.says("@agent retry w1.ok", thread=root)
    again = await asked(world, "Approval wanted at gate")
    await world.slack.presses("reviewer", again, APPROVE)
    await step(world, "build", Status.COMPLETED)
    await finished(world, "is done")


@BOTH
async def test_an_answer_in_the_instant_of_expiry_is_too_late(world: World) -> None:
    await world.begins()
    _, asks = await gate(world)
    assert world.program is not None
    await asyncio.gather(pass_time(world, 24 * 8), world.slack.presses("reviewer", asks, APPROVE))
    node = await step(world, "ok", Status.COMPLETED, Status.FAILED)
    expected = "Approved* by" if node.status is Status.COMPLETED else "Not decided in time"
    await closed(world, asks, expected)
    await finished(world, "is done" if node.status is Status.COMPLETED else "failed")
    if node.status is Status.FAILED:
        await world.told("reviewer", "Too late: nobody decided in time")


@ONE
async def test_a_workflow_is_stopped_while_it_waits(world: World) -> None:
    await world.begins()
    _, asks = await gate(world)
    card = next(
        m for m in world.slack.messages("general") if "Stop workflow" in world.slack.buttons(m)
    )
    await world.slack.presses("you", card, "Stop workflow")
    await closed(world, asks, "Not asked any more")
    await finished(world, "stopped")
    await world.slack.presses("reviewer", asks, APPROVE)
    await world.told("reviewer", "Too late: this is not asked any more")


def with_remote(world: World) -> str:
    """A remote for the shop, where branches are pushed to."""
    remote = world.home.parent / "remote.git"
    git("init", "-q", "--bare", str(remote), cwd=world.shop)
    git("remote", "add", "origin", str(remote), cwd=world.shop)
    git("push", "-q", "origin", "main", cwd=world.shop)
    shop = Repo(path=world.shop, protected=("*.yml",))
    world.settings = world.settings.model_copy(update={"repos": {"shop": shop}})
    return str(remote)


@BOTH
@pytest.mark.parametrize("approved", [True, False])
async def test_protected_files_are_pushed_when_somebody_has_approved(
    world: World, *, approved: bool
) -> None:
    remote = with_remote(world)
    world.script["pipeline"] = [Write("ci.yml", "steps: []\n")]
    await world.begins()
    root = await world.says("@agent change the pipeline")
    asks = await asked(world, "protected file")
    assert world.terminals() == []
    branch = (await world.agent(1, Status.WAITING)).branch
    assert branch not in git("branch", "--list", "agent/*", cwd=world.shop.parent / "remote.git")
    await world.slack.presses("teammate", asks, VIEW_DIFF)
    [file] = await world.until(world.slack.files)
    assert b"steps: []" in file.content
    await world.slack.presses("you", asks, APPROVE)
    await world.told("you", "You may not decide this: you asked for it yourself")
    await world.slack.presses("reviewer", asks, APPROVE if approved else REJECT)
    [last] = await world.until(world.terminals)
    assert last.thread_ts == root
    await closed(world, asks, "Push approved* by" if approved else "Not pushed* by")
    assert git("ls-remote", remote, f"refs/heads/{branch}", cwd=world.shop) != "" or not approved
    if not approved:
        assert git("ls-remote", remote, "refs/heads/agent/*", cwd=world.shop) == ""
        assert "ot pushed" in shown(last)


@ONE
async def test_what_is_decided_before_slack_has_answered_asks_no_more(world: World) -> None:
    ready = asyncio.Event()
    world.script["Write a design"] = [Write("design.md", "x"), Wait(ready)]
    await world.begins()
    await started(world, GATED)
    lost = world.slack.faults.lose_answers("chat.postMessage", hang=True)
    ready.set()
    asks = await asked(world, "Approval wanted at gate")
    await world.slack.presses("reviewer", asks, APPROVE)
    await step(world, "build", Status.COMPLETED)
    lost.over.set()
    await closed(world, asks, "Approved* by")
    await finished(world, "done")
