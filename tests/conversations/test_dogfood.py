"""The product builds itself: a feature with its test, on a clone of this very project."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from bot.local import Message
from bot.messages import APPROVE
from engine import AgentPolicy, Cause, DemoModel, NodeView, Repo, Sandbox, Status, make_executor
from engine.demo_model import Conversation, Scene, Script
from engine.demo_model.conversation import read
from engine.states import Kind
from tests.conversations import feature
from tests.conversations.calculator import TOKENS_IN, charging
from tests.conversations.conftest import World, is_notice, shown
from tests.worker.conftest import git

pytestmark = pytest.mark.parametrize("database_kind", ["sqlite"])  # test_seed has both

PROJECT = Path(__file__).parents[2]
TEST = "tests/tables/test_sizes.py"
OTHERS = ("tests/tables/test_quoting.py", "tests/tables/test_forges.py")
PYTEST = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider")
RECIPE = {
    "title": "Small feature",
    "parameters": {"feature": {"description": "What is added", "required": True}},
    "nodes": {
        "design": {"task": "Write the design of {{ feature }} to design.md"},
        "implement": {
            "task": "Read design.md and add {{ feature }} with its test",
            "needs": ["design"],
            "check": shlex.join([*PYTEST, TEST]),
        },
        "review": {"gate": "Shall {{ feature }} become part of it?", "needs": ["implement"]},
        "document": {"task": "Name the module of {{ feature }} in README.md", "needs": ["review"]},
    },
}
SCRIPT = Script(
    (
        Scene("Write the design", feature.design),
        Scene("Read design.md", feature.implement),
        Scene("Name the module", feature.document),
    )
)


def clone_of_the_project(place: Path) -> Path:
    """A clone without a remote; where there is only a copy of the files, a repository of these."""
    top = git_says("rev-parse", "--show-toplevel")
    if top and Path(top).resolve() == PROJECT:
        git("clone", "--quiet", str(PROJECT), str(place), cwd=PROJECT)
        git("remote", "remove", "origin", cwd=place)
        git("checkout", "--quiet", "-B", "main", cwd=place)
    else:
        place.mkdir()
        git("init", "--quiet", "-b", "main", cwd=place)
        git("--git-dir", str(place / ".git"), "--work-tree", ".", "add", "--all", cwd=PROJECT)
    git("config", "user.name", "Owner", cwd=place)
    git("config", "user.email", "owner@example.org", cwd=place)
    return place


def git_says(*args: str) -> str:
    done = subprocess.run(["git", *args], cwd=PROJECT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


def described(place: Path) -> Path:
    """Commit the workflow's file, and the project's where nothing is committed yet."""
    git("checkout-index", "--all", "--force", cwd=place)
    file = place / ".agents" / "workflows" / "feature.yml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump(RECIPE, sort_keys=False))
    git("add", "--force", str(file), cwd=place)
    git("commit", "--quiet", "-m", "How features are added", cwd=place)
    return place


@pytest.fixture
async def model(world: World, tmp_path: Path) -> AsyncIterator[DemoModel]:
    """The real CLI at work on the project."""
    world.shop = described(clone_of_the_project(tmp_path / "project"))
    # Without a sandbox, which would hide an interpreter that lies below /tmp, as CI's does.
    world.settings = world.settings.model_copy(
        update={
            "repos": {"project": Repo(path=world.shop, push=False)},
            "agent": AgentPolicy(sandbox=Sandbox.OFF),
        }
    )
    async with DemoModel(charging(SCRIPT)) as playing:
        world.secrets |= playing.environment
        await world.begins(hands=make_executor)
        yield playing
        await world.ends()


async def test_a_feature_is_designed_tested_mended_approved_and_documented(
    world: World, model: DemoModel, tmp_path: Path
) -> None:
    before = git("rev-parse", "main", cwd=world.shop)
    await world.says("/agent run feature feature='sizes in words'")
    card = await world.card()
    plan = (await world.thread(card.ts, 2))[1]
    await world.slack.presses("you", plan, APPROVE)

    [failed] = await world.until(lambda: finals(world))
    await fails_its_check(world, failed)
    await world.says(f'/agent retry w1.implement --with "{feature.ADVICE}"')
    gate = await asks(world)
    mended = await world.agent(2, Status.COMPLETED)
    assert_mended(model, mended)
    assert "passed" in shown(gate)
    await world.slack.presses("you", gate, APPROVE)  # one's own request
    await world.told("you", "approve")
    assert (await world.agent(3, Status.WAITING)).kind is Kind.GATE
    await world.slack.presses("reviewer", gate, APPROVE)

    done = (await world.until(lambda: finals(world)[1:]))[0]
    await world.delivered()
    assert "is done" in done.text
    assert len(finals(world)) == 2  # one for each request
    last = await world.agent(4, Status.COMPLETED)
    assert_adds_up(model, [await world.agent(n, Status.COMPLETED) for n in (1, 2, 4)], done)
    assert git("rev-parse", "main", cwd=world.shop) == before
    assert git("status", "--porcelain", cwd=world.shop) == ""
    assert "`sizes`" in world.on_branch(last, "README.md")
    assert_its_tests_pass(world, last, tmp_path / "out")


def finals(world: World) -> list[Message]:
    """The final messages of the workflow's requests."""
    told = world.slack.messages("general")
    return [m for m in told if is_notice(m) and m.text.startswith("Workflow w1")]


async def fails_its_check(world: World, final: Message) -> None:
    """The first attempt is no success: its check failed, and nothing after it has begun."""
    view = await world.agent(2, Status.FAILED)
    assert view.cause is Cause.CHECK
    assert "5120 KiB" in view.error
    assert view.work.check is not None
    assert view.work.check.exit_code == 1
    assert {change.path for change in view.work.files} == {"bot/sizes.py", TEST}
    assert [(await world.agent(n, Status.SKIPPED)).attempt for n in (3, 4)] == [0, 0]
    assert "failed" in final.text
    assert "The step's check failed" in shown(final)
    assert "Retry" in world.slack.buttons(final)


async def asks(world: World) -> Message:
    """Wait for the gate's question, which mentions who may answer it."""

    def open_gates() -> list[Message]:
        told = [m for m in world.slack.messages("general") if "w1.review" in m.text]
        return [m for m in told if world.slack.buttons(m)]

    [gate] = await world.until(open_gates)
    assert f"<@{world.slack.user('reviewer').id}>" in shown(gate)
    assert f"<@{world.slack.user('you').id}>, please" not in shown(gate)
    return gate


def assert_mended(model: DemoModel, view: NodeView) -> None:
    """The second attempt saw what was wrong and what people said, and went on from the first."""
    assert (view.attempt, view.work.check is not None) == (2, True)
    assert view.work.check
    assert view.work.check.passed
    context = [talk.context for talk in talks(model) if talk.task == view.task][-1]
    assert "did not pass its check" in context
    assert "5120 KiB" in context
    assert feature.ADVICE in context
    assert "### design (agent, completed)" in context


def talks(model: DemoModel) -> list[Conversation]:
    return [read(request.body) for request in model.requests if not request.side]


def assert_adds_up(model: DemoModel, views: list[NodeView], done: Message) -> None:
    """Every attempt is charged, the failed one as well."""
    assert sum(view.usage.tokens_in for view in views) == sum(model.tokens_in.values())
    assert sum(view.usage.tokens_in for view in views) == TOKENS_IN * sum(
        view.usage.turns for view in views
    )
    assert len(model.tokens_in) == 4
    cost = sum((view.usage.cost for view in views), Decimal(0))
    assert f"${cost:.2f}" in shown(done)


def assert_its_tests_pass(world: World, view: NodeView, place: Path) -> None:
    """The one branch that holds everything passes the new test, and some that were there."""
    git(
        "clone",
        "--quiet",
        "--branch",
        view.work.branch,
        str(world.shop),
        str(place),
        cwd=place.parent,
    )
    assert (place / "design.md").is_file()
    ours = ("PYTEST_", "COV_", "COVERAGE_")  # how these tests are run does not concern those
    environ = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    done = subprocess.run(
        [*PYTEST, TEST, *OTHERS],
        cwd=place,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
    shutil.rmtree(place)
