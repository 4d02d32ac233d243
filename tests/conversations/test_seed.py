"""The whole system with nothing doubled but Slack and the model: the seed's first test."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

import pytest

from engine import CHIPS, ClaudeExecutor, DemoModel, NodeView, Status
from engine.demo_model import Conversation, Turn
from engine.demo_model.brain import answer
from tests.conversations.conftest import World, is_card, is_terminal, shown
from tests.worker.conftest import git

MINUS = "\N{MINUS SIGN}"
HELLO = 'Create a file called hello.txt with the content "Hello from agent!"'


def charging(talk: Conversation) -> Turn:
    """The demo model, as if its tokens cost something."""
    return replace(answer(talk), tokens_in=20_000, tokens_out=100)


@pytest.fixture
async def claude(world: World) -> AsyncIterator[World]:
    """The real Claude CLI, driven by the demo model."""
    async with DemoModel(charging) as model:
        world.secrets |= model.environment
        await world.begins(ClaudeExecutor())
        yield world
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
    assert (view.usage.tokens_in, view.usage.tokens_out) == (40_000, 200)
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


def test_the_demo_offers_the_seeds_task() -> None:
    assert HELLO in CHIPS
