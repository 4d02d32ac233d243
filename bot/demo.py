"""`mab demo`: everything on this machine, to be tried in a browser."""

import asyncio
import os
import shlex
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from tempfile import mkdtemp

from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from bot import sample
from bot.access import Access
from bot.local import LocalSlack
from bot.messages import manual
from bot.program import Given, running
from bot.secrets import Secrets
from bot.settings import BotSettings
from engine import CHIPS, ClaudeExecutor, DemoModel, Engine, Limits, Repo

REAL = "real model, at most $1 per task"
PLAYED = "demo model: it does what the examples ask; ANTHROPIC_API_KEY enables the real one"
BUDGET = Decimal(1)  # US dollars a task
LISTED = 500


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
    """A running demo."""

    slack: LocalSlack
    home: Path
    repo: Path
    real: bool
    engine: Engine

    @property
    def model(self) -> str:
        """Which model works, and what it may cost."""
        return REAL if self.real else PLAYED

    async def left(self) -> str:
        """What the demo leaves behind, and the one command that removes it."""
        lines, branches = [f"The demo's files are in {self.home}"], []
        for agent in await self.engine.ledger.latest(LISTED):
            if agent.work.changed:
                branches.append(agent.work.branch)
                files = ", ".join(change.path for change in agent.work.files)
                lines.append(f"  {agent.work.branch}: {files}")
        return "\n".join([*lines, "Remove all of it with:", f"  {self._removal(branches)}"])

    def _removal(self, branches: list[str]) -> str:
        steps = [["rm", "-rf", str(self.home)]]
        if not self.repo.is_relative_to(self.home):
            git = ["git", "-C", str(self.repo)]
            steps.append([*git, "worktree", "prune"])
            steps += [[*git, "branch", "-D", *branches]] if branches else []
        return " && ".join(shlex.join(step) for step in steps)


@asynccontextmanager
async def demo(held: Secrets, config: Path, wanted: Wanted) -> AsyncIterator[Demo]:
    """The demo at work: local Slack, bot, worker, and a model."""
    real = bool(held.values.get("ANTHROPIC_API_KEY")) and not wanted.no_key
    home = Path(await asyncio.to_thread(mkdtemp, prefix="mab-demo-"))
    repo = wanted.repo or home / "calculator"
    if wanted.repo is None:
        await sample.create(repo)
    async with AsyncExitStack() as stack:
        slack = LocalSlack(commands=[_command()], chips=_chips(), banner=REAL if real else PLAYED)
        await slack.start(port=wanted.port)
        stack.push_async_callback(slack.stop)
        values = dict(held.values)
        if not real:
            values |= (await stack.enter_async_context(DemoModel())).environment
        values |= {"SLACK_BOT_TOKEN": slack.bot_token, "SLACK_APP_TOKEN": slack.app_token}
        secrets = Secrets(values, held.files)
        given = Given(_settings(home, repo, slack), secrets, dict(os.environ), config)
        program = await stack.enter_async_context(running(given, ClaudeExecutor()))
        yield Demo(slack, home, repo, real, program.engine)


def _settings(home: Path, repo: Path, slack: LocalSlack) -> DemoSettings:
    return DemoSettings(
        home=home / "mab",
        repos={repo.name: Repo(path=repo, push=False)},
        limits=Limits(budget_usd=BUDGET),
        access=Access(admin=(slack.user("you").id,), spawn=("*",)),
        http="off",
        slack_api_url=slack.api_url,
    )


def _chips() -> list[dict[str, str]]:
    return [{"label": task, "text": f"/agent spawn {task}"} for task in CHIPS]


def _command() -> dict[str, object]:
    """The slash command, as the page completes it."""
    words = [{"name": name, "usage": usage, "hint": hint} for name, usage, hint in manual.verbs()]
    return {
        "command": "/agent",
        "description": "Coding agents",
        "usage_hint": "spawn TASK",
        "subcommands": words,
    }
