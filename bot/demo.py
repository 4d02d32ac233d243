"""`mab demo`: everything on this machine, to be tried in a browser."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from shutil import rmtree, which
from tempfile import mkdtemp

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from bot import sample
from bot.access import Access
from bot.host import Host, install
from bot.leftovers import Leftovers
from bot.local import LocalSlack
from bot.messages import manual
from bot.program import Given, running
from bot.secrets import Secrets
from bot.settings import BotSettings
from engine import (
    CHIPS,
    GUARDED,
    AgentPolicy,
    ConfigError,
    DemoModel,
    Limits,
    Repo,
    make_executor,
)

REAL = "real model, at most $1 per task"
WORKFLOW = (
    "/agent workflow greetings: "
    'hello: Create a file called greeting.txt with the content "Hello from agent!" -> '
    "?ok: Is the greeting good? -> "
    'bye: Create a file called farewell.txt with the content "Goodbye from agent!"'
)
GOAL = "make the tests pass and say what the project is"
PLAYED = "demo model: it does what the examples ask; ANTHROPIC_API_KEY enables the real one"
LABELS = (
    "Create a file",
    "Summarise the README",
    "Mend a failing test",
    "Ask about the code",
    "Try the Stop button",
    "Let it ask you",
    "Needs a permission",
)
ANYWHERE = {
    "Create a file",
    "Try the Stop button",
    "Let it ask you",
    "Needs a permission",
}  # these ask for nothing that is there
BUDGET = Decimal(1)  # US dollars a task
SAMPLE = "calculator"


class DemoSettings(BotSettings):
    """Settings of the demo: its own, whatever configuration lies around."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what the program says."""
        return (init_settings,)


@dataclass(frozen=True)
class Wanted:
    """How the demo was asked for."""

    repo: Path | None = None  # None: a sample repository
    no_key: bool = False
    port: int = 0  # 0: any free one


@dataclass(frozen=True)
class Demo:
    """A running demo; `left` is told when it has ended."""

    slack: LocalSlack
    real: bool
    left: Leftovers

    @property
    def model(self) -> str:
        """Which model works, and what it may cost."""
        return REAL if self.real else PLAYED


@asynccontextmanager
async def demo(held: Secrets, config: Path, wanted: Wanted) -> AsyncIterator[Demo]:
    """The demo at work: local Slack, bot, worker, and a model.

    Raises ConfigError when the repository, git or the port cannot be used; nothing is left then.
    """
    given = await _usable(wanted.repo)
    home = Path(await asyncio.to_thread(mkdtemp, prefix="mab-demo-"))
    async with AsyncExitStack() as stack:
        try:
            if given is None:
                await sample.create(home / SAMPLE)
            left = await Leftovers.watching(home, given or home / SAMPLE)
            running_demo = await _begun(stack, held, config, wanted, left)
        except BaseException:
            await asyncio.to_thread(rmtree, home, ignore_errors=True)
            raise
        yield running_demo


async def _usable(repo: Path | None) -> Path | None:
    """The top of the user's repository; raises ConfigError with what to type instead."""
    if not which("git"):
        raise ConfigError(f"git is not installed; type: {install('git')}")
    if repo is None:
        return None
    host = Host(os.environ)
    verdict = await host.repo(repo)
    if not verdict.ok:
        raise ConfigError(f"{verdict.detail}; type: {verdict.remedy}")
    return await host.top(repo)


async def _begun(
    stack: AsyncExitStack, held: Secrets, config: Path, wanted: Wanted, left: Leftovers
) -> Demo:
    real = bool(held.values.get("ANTHROPIC_API_KEY")) and not wanted.no_key
    chips = await asyncio.to_thread(_chips, left)
    banner = REAL if real else PLAYED
    slack = LocalSlack(commands=[_command()], chips=chips, banner=banner, banner_warns=real)
    try:
        await slack.start(port=wanted.port)
    except OSError as error:
        raise ConfigError(f"port {wanted.port} cannot be had; type another --port") from error
    stack.push_async_callback(slack.stop)
    values = dict(held.values)
    if not real:
        values |= (await stack.enter_async_context(DemoModel())).environment
    values |= {"SLACK_BOT_TOKEN": slack.bot_token, "SLACK_APP_TOKEN": slack.app_token}
    settings = _settings(left.home, left.repo, slack)
    given = Given(
        settings, Secrets(values, held.files), dict(os.environ), config, drain_seconds=0.5
    )
    await stack.enter_async_context(running(given, make_executor))
    return Demo(slack, real, left)


def _settings(home: Path, repo: Path, slack: LocalSlack) -> DemoSettings:
    return DemoSettings(
        home=home / "mab",
        repos={repo.name: Repo(path=repo, push=False)},
        limits=Limits(budget_usd=BUDGET),
        agent=AgentPolicy(ask=(GUARDED,)),
        access=Access(
            admin=(slack.user("you").id,),
            approve=(slack.user("reviewer").id, slack.user("teammate").id),
            spawn=("*",),
        ),
        http="off",
        slack_api_url=slack.api_url,
    )


def _chips(left: Leftovers) -> list[dict[str, str]]:
    """The examples that fit the repository; a user's own has no calculator. Blocks."""
    fitting = ANYWHERE | (
        {"Summarise the README"} if (left.repo / "README.md").is_file() else set()
    )
    pairs = zip(LABELS, CHIPS, strict=True)
    examples = [
        {"label": label, "text": f"/agent spawn {task}"}
        for label, task in pairs
        if left.is_sample or label in fitting
    ]
    planned = {"label": "Let an agent plan", "text": f"/agent plan {GOAL}"}
    return [*examples, {"label": "A workflow with a gate", "text": WORKFLOW}, planned]


def _command() -> dict[str, object]:
    """The slash command, as the page completes it."""
    words = [{"name": name, "usage": usage, "hint": hint} for name, usage, hint in manual.verbs()]
    return {
        "command": "/agent",
        "description": "Coding agents",
        "usage_hint": "spawn TASK",
        "subcommands": words,
    }
