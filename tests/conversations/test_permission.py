"""Tool calls that people decide: shown whole, decided one by one, by whoever may, once."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from bot.access import Access
from bot.local import Message
from bot.messages import REJECT, buttons
from engine import AgentPolicy, AgentResult, ScriptedExecutor, Status, Step
from engine.executor import Call, Job
from engine.scripted import Action, Finish, Write
from tests.conversations.asking import asked, closed, form, pass_time, taken
from tests.conversations.conftest import World, shown
from tests.conversations.test_gates import allow

ONE = pytest.mark.parametrize("database_kind", ["sqlite"])
BOTH = pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"])
WANTS = "Agent 1 wants"
RULE = "Bash(git push:*)"


def bash(command: str, number: int = 1) -> Call:
    return Call(f"toolu_{number}", "Bash", {"command": command}, RULE)


PUSH, TAG = bash("git push origin main"), bash("git push --tags", 2)
LONG = bash("git push " + "x" * 5_000)
HUGE = bash("git push " + "x" * 50_000)


class Asks:
    """An agent that waits for these calls, and then for nothing more."""

    def __init__(self, *calls: Call, beside: tuple[Step, ...] = ()) -> None:
        ends = AgentResult(
            success=False, output="I push.", waits=calls, session_id="s", beside=beside
        )
        self.asks = ends
        self.executor = ScriptedExecutor(self.plan)

    def plan(self, job: Job) -> Sequence[Action]:
        return [Write("a.txt", "x")] if job.settled is not None else [Finish(self.asks)]

    @property
    def resumed(self) -> Job:
        return self.executor.jobs[1]

    @property
    def told(self) -> dict[str, Any]:
        """What the agent was told of each call."""
        return {each.id: each.allowed or each.said for each in self.resumed.settled or ()}


async def waits(world: World, asks: Asks, who: str = "you") -> tuple[str, Message]:
    """An agent that has come to where it waits: its thread, and the message that asks."""
    await world.begins(asks.executor)
    root = await world.says("@agent push it", who=who)
    message = await asked(world, WANTS)
    assert (await world.agent(1, Status.WAITING)).asks == "tool"
    return root, message


def refused(world: World, count: int) -> list[str]:
    """What the one who asked was told, once it is so often."""
    told = [shown(m) for m in world.slack.ephemerals("you")]
    own = [each for each in told if "you asked for it yourself" in each]
    return own if len(own) == count else []


@BOTH
async def test_a_call_is_allowed_once_by_somebody_else(world: World) -> None:
    asks = Asks(PUSH, beside=(Step("Bash", "make"),))
    _, message = await waits(world, asks)
    told = shown(message)
    reviewer = f"<@{world.slack.user('reviewer').id}>"
    for fact in ("git push origin main", RULE, "push it", "I push.", reviewer, "`Bash make`"):
        assert fact in told
    assert world.slack.user("you").id not in told
    await world.slack.presses("reviewer", message, buttons.ALLOW)
    await world.agent(1, Status.COMPLETED)
    assert asks.told == {"toolu_1": True}
    assert asks.resumed.allowed == ()
    assert reviewer in await closed(world, message, "Allowed* by")


@ONE
async def test_nobody_allows_their_own_by_button_reply_or_form(world: World) -> None:
    asks = Asks(PUSH)
    root, message = await waits(world, asks)
    reviewer = f"<@{world.slack.user('reviewer').id}>"
    for press in (buttons.ALLOW, buttons.ALWAYS):
        await world.slack.presses("you", message, press)
    await world.says("allow", thread=root)
    told = await world.until(lambda: refused(world, 3))
    assert all(reviewer in each for each in told)
    for who in ("teammate", "guest"):
        await world.slack.presses(who, message, buttons.ALLOW)
        assert reviewer in shown(await world.told(who, "You may not decide this"))
    await world.slack.presses("teammate", message, buttons.DENY_BECAUSE)
    await taken(world)
    assert world.slack.views("teammate") == []
    assert (await world.agent(1, Status.WAITING)).asks == "tool"
    await world.says("deny because it is too early", thread=root)
    await world.told("you", "Your decision counts: denied")
    await world.agent(1, Status.COMPLETED)
    assert "it is too early" in asks.told["toolu_1"]


@ONE
async def test_the_one_who_asked_may_not_allow_in_a_form_either(world: World) -> None:
    asks = Asks(LONG)
    _, message = await waits(world, asks)
    assert "Allow once" not in str(world.slack.buttons(message))
    await world.slack.presses("you", message, buttons.READ)
    view = await form(world, "you")
    await world.slack.submits("you", view, {"decision": "approve"})
    await world.told("you", "You may not decide this: you asked for it yourself")
    assert (await world.agent(1, Status.WAITING)).asks == "tool"


@ONE
async def test_one_may_allow_ones_own_where_that_is_allowed(world: World) -> None:
    allow(world, self_approve=True)
    asks = Asks(PUSH)
    root, _ = await waits(world, asks, who="reviewer")
    await world.says("allow", who="reviewer", thread=root)
    await world.agent(1, Status.COMPLETED)
    assert asks.told == {"toolu_1": True}


@ONE
async def test_what_is_allowed_for_the_agent_holds_from_then_on(world: World) -> None:
    asks = Asks(PUSH)
    _, message = await waits(world, asks)
    await world.slack.presses("reviewer", message, buttons.ALWAYS)
    await world.agent(1, Status.COMPLETED)
    assert asks.resumed.allowed == ("Bash(git push origin main)",)
    assert "From now on it may" in await closed(world, message, "Allowed for this agent* by")


@BOTH
async def test_several_calls_are_decided_one_by_one(world: World) -> None:
    asks = Asks(PUSH, TAG, bash("git push -f", 3))
    root, message = await waits(world, asks)
    [*_, all_of_them] = world.slack.buttons(message)
    assert "Deny all" in str(all_of_them)
    await world.says("approve", who="reviewer", thread=root)
    await world.told("reviewer", "3 calls wait, and a word allows none of them")
    await world.slack.presses("reviewer", message, buttons.ALLOW)
    half = await world.until(
        lambda: (
            found
            if "*Allowed once* by" in shown(found := world.slack.message(message.ts))
            else None
        )
    )
    assert half is not None
    assert len([each for each in half.blocks if each["type"] == "actions"]) == 3
    await world.slack.presses("reviewer", message, buttons.ALLOW)
    await world.told("reviewer", "That one has been decided already")
    await world.slack.presses("reviewer", half, buttons.ALWAYS)
    await world.until(
        lambda: "*Allowed for this agent* by" in shown(world.slack.message(message.ts))
    )
    await world.says("deny because of the force", who="reviewer", thread=root)
    await world.agent(1, Status.COMPLETED)
    assert asks.told["toolu_1"] is True
    assert asks.told["toolu_2"] is True
    assert "of the force" in asks.told["toolu_3"]
    assert "2 of 3 allowed* by" in await closed(world, message, "*Denied* by")


@ONE
async def test_all_are_denied_at_once(world: World) -> None:
    asks = Asks(PUSH, TAG)
    _, message = await waits(world, asks)
    await world.slack.presses("reviewer", message, REJECT)
    await world.agent(1, Status.COMPLETED)
    assert not any(each.allowed for each in asks.resumed.settled or ())
    await closed(world, message, "Denied* by")


@ONE
async def test_a_call_is_denied_with_a_reason(world: World) -> None:
    asks = Asks(PUSH, TAG)
    _, message = await waits(world, asks)
    await world.slack.presses("reviewer", message, buttons.DENY_BECAUSE)
    view = await form(world, "reviewer")
    await world.slack.presses("reviewer", message, buttons.ALLOW)
    await world.slack.submits("reviewer", view, {"text": "not on a Friday"})
    await world.told("reviewer", "That one has been decided already")
    await world.until(lambda: "Allowed once* by" in shown(world.slack.message(message.ts)))
    await world.slack.presses("reviewer", world.slack.message(message.ts), buttons.DENY_BECAUSE)
    view = await form(world, "reviewer")
    await world.slack.submits("reviewer", view, {"text": "not on a Friday"})
    await world.agent(1, Status.COMPLETED)
    assert asks.told["toolu_1"] is True
    assert "not on a Friday" in asks.told["toolu_2"]
    assert "not on a Friday" in await closed(world, message, "1 of 2 allowed* by")


@ONE
async def test_what_is_too_long_is_read_in_a_form_before_it_is_allowed(world: World) -> None:
    asks = Asks(LONG)
    root, message = await waits(world, asks)
    await world.says("allow", who="reviewer", thread=root)
    await world.told("reviewer", "It is too long for the message")
    await world.slack.presses("reviewer", message, buttons.READ)
    view = await form(world, "reviewer")
    seen = "".join(
        part["elements"][0]["text"]
        for block in view.body["blocks"]
        if block["type"] == "rich_text"
        for part in block["elements"]
    )
    assert LONG.given["command"] in seen
    await world.slack.submits("reviewer", view, {"decision": "approve"})
    await world.agent(1, Status.COMPLETED)
    assert asks.told == {"toolu_1": True}


@ONE
async def test_what_is_too_long_for_a_form_is_read_in_a_file(world: World) -> None:
    asks = Asks(HUGE)
    root, message = await waits(world, asks)
    posted = await world.until(
        lambda: [file for m in world.slack.thread("general", root) for file in m.files]
    )
    assert HUGE.given["command"] in posted[0].content.decode()
    await world.slack.presses("reviewer", message, buttons.READ)
    view = await form(world, "reviewer")
    assert posted[0].name in str(view.body)
    await world.slack.submits("reviewer", view, {"decision": "reject", "text": "too long for me"})
    await world.agent(1, Status.COMPLETED)
    assert "too long for me" in asks.told["toolu_1"]


@BOTH
async def test_two_people_decide_at_the_same_instant(world: World) -> None:
    allow(world, approve=[world.slack.user("teammate").id])
    asks = Asks(PUSH)
    _, message = await waits(world, asks)
    await asyncio.gather(
        world.slack.presses("reviewer", message, buttons.ALLOW),
        world.slack.presses("teammate", message, buttons.DENY),
    )
    await taken(world)
    late = await world.until(
        lambda: [
            m
            for who in ("reviewer", "teammate")
            for m in world.slack.ephemerals(who)
            if "Too late" in m.text
        ]
    )
    assert len(late) == 1
    await world.agent(1, Status.COMPLETED)
    assert len(asks.executor.jobs) == 2
    assert len(asks.resumed.settled or ()) == 1
    allowed = asks.told["toolu_1"] is True
    await closed(world, message, "Allowed* by" if allowed else "Denied* by")


@ONE
async def test_what_nobody_decides_is_denied_and_the_agent_is_told(world: World) -> None:
    asks = Asks(PUSH)
    _, message = await waits(world, asks)
    await pass_time(world, 24 * 8)
    await world.agent(1, Status.COMPLETED)
    assert "Nobody decided" in asks.told["toolu_1"]
    await closed(world, message, "Not decided in time")
    await world.slack.presses("reviewer", message, buttons.ALLOW)
    await world.told("reviewer", "Too late: nobody decided in time")


@ONE
async def test_other_words_reach_the_agent_and_decide_nothing(world: World) -> None:
    asks = Asks(PUSH)
    root, _ = await waits(world, asks)
    await world.says("use the other remote", thread=root)
    await world.told("you", "Agent 1 gets this at its next step")
    await world.says("yes", thread=root)
    await world.told("you", "Type allow or deny because …")
    assert (await world.agent(1, Status.WAITING)).asks == "tool"


@ONE
async def test_nothing_starts_where_nobody_could_allow_it(world: World) -> None:
    you = world.slack.user("you").id
    access = Access(admin=(you,), spawn=("*",))
    policy = AgentPolicy(ask=(RULE,))
    world.settings = world.settings.model_copy(update={"access": access, "agent": policy})
    await world.begins()
    for typed in ("@agent push it", "@agent workflow a: Do it -> b: Do more"):
        await world.says(typed)
        told = shown(await world.told("you", typed.removeprefix("@agent ")))
        for fact in ("nobody could allow", "`[agent] ask`", "`[access] approve`", "self_approve"):
            assert fact in told
    assert await world.agents() == []
    await world.says("@agent push it", who="teammate")
    await world.agent(1, *Status)
