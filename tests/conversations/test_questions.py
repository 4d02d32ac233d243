"""What an agent wants to know: answered by button, menu, form or reply, once, by whoever may."""

from collections.abc import Sequence
from typing import Any

import pytest

from bot.local import Message
from bot.messages import REJECT, buttons
from engine import AgentResult, ScriptedExecutor, Status
from engine.executor import Call, Job
from engine.scripted import Action, Finish, Write
from tests.conversations.asking import asked, closed, form
from tests.conversations.conftest import World, shown

ONE = pytest.mark.parametrize("database_kind", ["sqlite"])
BOTH = pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"])


def ask(text: str, *options: str, several: bool = False) -> dict[str, Any]:
    offered = [{"label": option, "description": f"the {option} one"} for option in options]
    return {"question": text, "header": "Choice", "options": offered, "multiSelect": several}


COLOUR = ask("Which colour?", "Red", "Blue")
SHAPES = ask("Which shapes?", "Round", "Square", several=True)
SHADE = ask("Which shade?", *(f"Shade {i}" for i in range(8)))


class Wonders:
    """An agent that asks these questions, one call after the other, and then nothing more."""

    def __init__(self, *calls: Sequence[dict[str, Any]]) -> None:
        self.calls = [
            Call(f"toolu_{number}", "AskUserQuestion", {"questions": list(asks)})
            for number, asks in enumerate(calls)
        ]
        self.executor = ScriptedExecutor(self.plan)

    def plan(self, _: Job) -> Sequence[Action]:
        resumed = sum(each.settled is not None for each in self.executor.jobs)
        if resumed == len(self.calls):
            return [Write("a.txt", "x")]
        waits = (self.calls[resumed],)
        return [Finish(AgentResult(success=False, waits=waits, session_id="s"))]

    @property
    def told(self) -> str:
        """What the agent was told last."""
        return "\n".join(each.said for each in self.executor.jobs[-1].settled or ())


async def wonders(world: World, agent: Wonders, who: str = "you") -> tuple[str, Message]:
    """An agent that waits for an answer: its thread, and the message that asks."""
    await world.begins(agent.executor)
    root = await world.says("@agent paint it", who=who)
    return root, await asked(world, "Agent 1 has")


@BOTH
async def test_an_answer_by_button(world: World) -> None:
    agent = Wonders([COLOUR])
    _, message = await wonders(world, agent)
    assert f"Who answers: <@{world.slack.user('you').id}>" in shown(message)
    await world.slack.presses("guest", message, "Blue")
    await world.told("guest", "You may not give this agent instructions")
    await world.slack.presses("you", message, "Blue")
    await world.agent(1, Status.COMPLETED)
    assert "Blue" in agent.told
    assert "Red" not in agent.told
    assert "“Blue”" in await closed(world, message, "Answered* by")
    await world.slack.presses("you", message, "Red")
    await world.told("you", "Too late: answered already by you")


@ONE
async def test_an_answer_from_a_menu(world: World) -> None:
    agent = Wonders([SHADE])
    _, message = await wonders(world, agent)
    await world.slack.presses("you", message, "Shade 6")
    await world.agent(1, Status.COMPLETED)
    assert "Shade 6" in agent.told


@ONE
@pytest.mark.parametrize(
    ("said", "answer"),
    [("b", "Blue"), ("RED", "Red"), ("green, but dark", "green, but dark"), ("deny", "deny")],
)
async def test_an_answer_by_reply(world: World, said: str, answer: str) -> None:
    agent = Wonders([COLOUR])
    root, message = await wonders(world, agent)
    await world.says("what do you think?", who="teammate", thread=root)
    await world.says(said, thread=root)
    await world.told("you", "Your decision counts: answered")
    await world.agent(1, Status.COMPLETED)
    assert answer in agent.told
    assert "what do you think" not in agent.told
    await closed(world, message, "Answered* by")
    assert world.slack.ephemerals("teammate") == []


@ONE
async def test_who_may_not_answer_is_told_when_they_choose(world: World) -> None:
    agent = Wonders([COLOUR])
    root, _ = await wonders(world, agent)
    await world.says("blue", who="guest", thread=root)
    await world.told("guest", "You may not give this agent instructions")
    await world.says("1: blue", thread=root)  # said to the agent by its number
    await world.agent(1, Status.COMPLETED)
    assert "Blue" in agent.told


@BOTH
async def test_several_questions_are_answered_in_a_form(world: World) -> None:
    agent = Wonders([COLOUR, SHAPES, ask("What is it called?")])
    root, message = await wonders(world, agent)
    await world.says("blue", thread=root)
    await world.told("you", "3 questions are open, so a reply is no answer")
    await world.slack.presses("you", message, buttons.ANSWER)
    view = await form(world, "you")
    given = {
        "pick.1": "Red",
        "pick.2": ["Round", "Square"],
        "write.2": "and a dot",
        "write.3": "Bob",
    }
    await world.slack.submits("you", view, given)
    await world.agent(1, Status.COMPLETED)
    for fact in ("Red", "Round, Square, and a dot", "Bob"):
        assert fact in agent.told
    said = await closed(world, message, "Answered* by")
    assert "“Round, Square, and a dot”" in said


@ONE
async def test_what_a_form_leaves_open_is_answered_by_button_or_reply(world: World) -> None:
    agent = Wonders([SHAPES, COLOUR])
    root, message = await wonders(world, agent)
    await world.slack.presses("you", message, buttons.ANSWER)
    view = await form(world, "you")
    await world.slack.submits("you", view, {})
    await world.told("you", "That form held no answer")
    await world.slack.presses("you", message, buttons.ANSWER)
    view = await form(world, "you")
    await world.slack.submits("you", view, {"pick.1": ["Round"]})
    half = await world.until(
        lambda: (
            found
            if "Red" in str(world.slack.buttons(found := world.slack.message(message.ts)))
            else None
        )
    )
    assert half is not None
    assert "“Round”" in shown(half)
    await world.says("2", thread=root)
    await world.agent(1, Status.COMPLETED)
    assert "Round" in agent.told
    assert "Blue" in agent.told


@ONE
async def test_it_can_be_left_to_the_agent(world: World) -> None:
    agent = Wonders([COLOUR])
    _, message = await wonders(world, agent)
    await world.slack.presses("you", message, REJECT)
    await world.agent(1, Status.COMPLETED)
    assert "ecide" in agent.told
    await closed(world, message, "Left to the agent* by")


@ONE
async def test_an_answer_to_an_older_question_is_refused(world: World) -> None:
    agent = Wonders([COLOUR], [SHADE])
    root, first = await wonders(world, agent)
    await world.slack.presses("you", first, buttons.ANSWER)
    view = await form(world, "you")
    await world.slack.presses("you", first, "Red")
    second = await asked(world, "Which shade?")
    await world.slack.presses("you", first, "Blue")
    await world.told("you", "Too late: answered already by you")
    await world.slack.submits("you", view, {"pick.1": "Blue"})
    await world.until(lambda: lates(world))
    assert (await world.agent(1, Status.WAITING)).asks == "question"
    await replied_before(world, root, first)
    await world.told("you", "You wrote that before agent 1 asked this")
    await world.says("3", thread=root)
    await world.agent(1, Status.COMPLETED)
    assert "Shade 2" in agent.told
    await closed(world, second, "Answered* by")


def lates(world: World) -> list[Message]:
    """The refusals of what came too late, once there are two."""
    told = [m for m in world.slack.ephemerals("you") if "Too late" in m.text]
    return told if len(told) == 2 else []


async def replied_before(world: World, root: str, first: Message) -> None:
    """A reply arrives that was written when the first question was asked."""
    channel = world.slack.channel("general")
    event = {
        "type": "message",
        "channel": channel.id,
        "channel_type": "channel",
        "user": world.slack.user("you").id,
        "text": "blue",
        "ts": f"{float(first.ts) + 0.001:.6f}",
        "thread_ts": root,
        "event_ts": first.ts,
    }
    payload = {"type": "event_callback", "event_id": "Ev1", "event": event}
    assert await world.slack.sends("events_api", payload)
