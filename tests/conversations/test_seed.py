"""The whole system with nothing doubled but Slack and the model: the seed's three tests."""

import re
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from bot.local import Message
from bot.messages import APPROVE
from engine import CHIPS, DemoModel, NodeView, Status, make_executor
from engine.demo_model import Conversation, Scene, Script
from engine.demo_model.brain import answer
from engine.demo_model.conversation import read
from tests.conftest import ONE_DATABASE
from tests.conversations import calculator
from tests.conversations.calculator import TOKENS_IN, TOKENS_OUT, charging
from tests.conversations.conftest import World, is_card, is_notice, is_terminal, shown
from tests.worker.conftest import git

MINUS = "\N{MINUS SIGN}"
HELLO = 'Create a file called hello.txt with the content "Hello from agent!"'


PARENT = "Create a specification document for a calculator function in spec.md"
CHILD = "Read spec.md and implement the calculator function in calculator.py"
WORKFLOW = (
    "/agent workflow calculator: design: Write calculator spec -> "
    "implement: Implement calculator -> test: Write tests"
)
SCRIPT = Script(
    (
        Scene(PARENT, calculator.specify),
        Scene(CHILD, calculator.implement),
        Scene("Write calculator spec", calculator.specify),
        Scene("Implement calculator", calculator.implement),
        Scene("Write tests", calculator.examine),
    )
)


@pytest.fixture
async def claude(world: World) -> AsyncIterator[World]:
    """The real Claude CLI, driven by the demo model."""
    async with DemoModel(charging(answer)) as model:
        world.secrets |= model.environment
        await world.begins(hands=make_executor)
        yield world
        await world.ends()


@asynccontextmanager
async def playing(world: World, script: Script) -> AsyncIterator[DemoModel]:
    """The real Claude CLI, driven by a script."""
    async with DemoModel(charging(script)) as model:
        world.secrets |= model.environment
        await world.begins(hands=make_executor)
        yield model
        await world.ends()


async def test_a_command_becomes_a_file_on_a_branch_and_a_message_in_the_thread(
    claude: World,
) -> None:
    await claude.says(f"/agent spawn {HELLO}")
    card = await claude.card()
    thread = await claude.thread(card.ts, 2)
    assert [is_card(thread[0]), is_terminal(thread[1])] == [True, True]
    view = await claude.agent(1, Status.COMPLETED)
    assert view.task == HELLO
    assert claude.on_branch(view, "hello.txt") == "Hello from agent!"
    assert not (claude.shop / "hello.txt").exists()
    assert git("status", "--porcelain", cwd=claude.shop) == ""
    assert git("rev-parse", view.work.branch, cwd=claude.shop) == view.work.commit
    assert view.usage.cost >= Decimal("0.01")
    assert (view.usage.tokens_in, view.usage.tokens_out) == (2 * TOKENS_IN, 2 * TOKENS_OUT)
    assert view.usage.turns == 2
    assert_tells_everything(shown(thread[1]), view)


def assert_tells_everything(told: str, view: NodeView) -> None:
    """Outcome, answer, files with counts, branch, commit and footer."""
    assert "Agent 1 is done" in told
    assert view.result.strip()
    assert view.result.strip() in told
    assert re.search(rf"\+1 {MINUS}0 +hello\.txt", told)
    assert view.work.branch in told
    assert view.work.commit[:10] in told
    assert re.search(rf"1 file \+1 {MINUS}0 · \${view.usage.cost:.2f} · \d+ s", told)
    assert "View diff" in told


@ONE_DATABASE
async def test_a_task_beyond_the_demo_model_is_answered_honestly(claude: World) -> None:
    await claude.says("/agent spawn Rewrite the billing service in Rust")
    card = await claude.card()
    thread = await claude.thread(card.ts, 2)
    told = shown(thread[1])
    assert "done and changed nothing" in told
    assert "cannot do this" in told
    assert "ANTHROPIC_API_KEY" in told
    assert claude.slack.buttons(thread[1]) == []
    view = await claude.agent(1, Status.COMPLETED)
    assert not view.work.changed


async def started(world: World, command: str) -> Message:
    """Ask for a workflow and start its plan; gives the card."""
    await world.says(command)
    card = await world.card()
    plan = (await world.thread(card.ts, 2))[1]
    assert "Plan for w1" in plan.text
    assert await world.agents() == []
    await world.slack.presses("you", plan, APPROVE)
    return card


async def finished(world: World, card: Message, steps: int) -> list[Message]:
    """Wait for the end of a workflow, when everything has been told; gives its thread."""
    await world.ended(*range(1, steps + 1))
    await world.until(lambda: [m for m in world.slack.messages("general") if is_final(m)])
    await world.delivered()
    return await world.thread(card.ts, 3)


def is_final(message: Message) -> bool:
    return is_notice(message) and message.text.startswith("Workflow w1")


def asked(model: DemoModel, task: str) -> Conversation:
    """How a task reached the model."""
    talks = (read(request.body) for request in model.requests if not request.side)
    return next(talk for talk in talks if talk.task == task)


def assert_hands_on(model: DemoModel, before: NodeView, after: NodeView) -> None:
    """The one starts where the other ended, and is told what it said."""
    assert after.work.base_commit == before.work.commit
    context = asked(model, after.task).context
    assert f"### {before.key or before.id} (agent, completed): {before.task}" in context
    assert f"Commit: {before.work.commit}" in context
    assert before.result in context


def assert_adds_up(model: DemoModel, views: Sequence[NodeView]) -> None:
    """What the ledger has charged is what the model has charged, agent by agent."""
    turns = sum(view.usage.turns for view in views)
    assert sum(view.usage.tokens_in for view in views) == sum(model.tokens_in.values())
    assert sum(view.usage.tokens_out for view in views) == sum(model.tokens_out.values())
    assert sum(model.tokens_in.values()) == turns * TOKENS_IN
    assert len(model.tokens_in) == len(views)  # a session of its own for each
    cost = sum((view.usage.cost for view in views), Decimal(0))
    for view in views:
        assert abs(view.usage.cost - cost * view.usage.turns / turns) < Decimal("0.0001")


async def test_a_child_reads_what_its_parent_wrote_and_implements_it(
    world: World, tmp_path: Path
) -> None:
    async with playing(world, SCRIPT) as model:
        await world.says(f"/agent spawn {PARENT}")
        card = await world.card()
        await world.thread(card.ts, 2)
        await world.says(f"/agent spawn --parent 1 {CHILD}")
        thread = await world.thread(card.ts, 3)
        parent, child = await world.ended(1, 2)
        await world.delivered()
    assert world.on_branch(parent, "spec.md") == calculator.SPEC.strip()
    assert_hands_on(model, parent, child)
    assert child.result == "calculator.py is written from spec.md. Functions: plus, minus, times."
    assert [change.path for change in child.work.files] == ["calculator.py"]
    assert ran(checked_out(world, child, tmp_path / "out"), "-c", TRY) == "5 3 42"
    assert [is_terminal(message) for message in world.slack.thread("general", card.ts)] == [
        False,
        True,
        True,
    ]
    for view, told in zip((parent, child), thread[1:], strict=True):
        assert f"Agent {view.id} is done" in told.text
        assert view.result in shown(told)
    assert_adds_up(model, [parent, child])


TRY = "import calculator as c; print(c.plus(2, 3), c.minus(7, 4), c.times(6, 7))"


async def test_one_command_designs_implements_and_tests(world: World, tmp_path: Path) -> None:
    async with playing(world, SCRIPT) as model:
        card = await started(world, WORKFLOW)
        thread = await finished(world, card, 3)
        steps = [await world.agent(n, Status.COMPLETED) for n in (1, 2, 3)]
    design, implement, test = steps
    assert [view.key for view in steps] == ["design", "implement", "test"]
    assert_hands_on(model, design, implement)
    assert_hands_on(model, implement, test)
    assert git("rev-list", "--count", f"main..{test.work.branch}", cwd=world.shop) == "3"
    assert git("log", "--format=%s", f"main..{test.work.branch}", cwd=world.shop).split("\n") == [
        test.task,
        implement.task,
        design.task,
    ]
    assert git("status", "--porcelain", cwd=world.shop) == ""
    assert_tells_the_workflow(thread, steps)
    assert_adds_up(model, steps)
    top = checked_out(world, test, tmp_path / "out")
    assert {"spec.md", "calculator.py", "test_calculator.py"} < {
        each.name for each in top.iterdir()
    }
    assert "3 passed" in ran(top, "-m", "pytest", "-p", "no:cacheprovider", "test_calculator.py")


def assert_tells_the_workflow(thread: Sequence[Message], steps: Sequence[NodeView]) -> None:
    """The card, the plan that was confirmed, and one final message that says everything."""
    card, plan, final = thread
    assert [is_card(card), is_notice(plan), is_final(final)] == [True, True, True]
    assert "3 of 3" in shown(card)
    ends = [view.ended_at for view in steps if view.ended_at]
    assert ends == sorted(ends)
    told = shown(final)
    assert "is done" in final.text
    assert "3 of 3 done" in told
    for view in steps:
        assert view.key in told
        assert view.result in told
        assert f"${view.usage.cost:.2f}" in told
    assert f"${sum(view.usage.cost for view in steps):.2f}" in told
    assert steps[-1].work.branch in told
    assert steps[-1].work.commit[:10] in told


def checked_out(world: World, view: NodeView, place: Path) -> Path:
    """An agent's branch, as somebody gets it who clones the repository."""
    branch = ("--branch", view.work.branch)
    git("clone", "--quiet", *branch, str(world.shop), str(place), cwd=world.shop)
    return place


def ran(top: Path, *arguments: str) -> str:
    """What the interpreter says there; it must end well."""
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=top, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def test_the_demo_offers_the_seeds_task() -> None:
    assert HELLO in CHIPS
