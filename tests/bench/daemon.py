"""`mab serve` as an operator starts it, with the local Slack, and what it costs to have it there."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import psutil

from bot.local import LocalSlack
from tests import repositories
from tests.bench.process import PROJECT, SideFailed, environment

READY_SECONDS = 60.0


def cpu_seconds(process: psutil.Process) -> float:
    """What a process has used of the processor, its children included, those that ended too."""
    used = 0.0
    for each in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):
            times = each.cpu_times()
            used += times.user + times.system + times.children_user + times.children_system
    return used


@dataclass(frozen=True)
class Installation:
    """A home, a configuration and a repository, for one daemon after the other."""

    root: Path
    url: str
    slack: LocalSlack
    more: Mapping[str, str] = field(default_factory=dict)  # of its environment

    @classmethod
    async def made(
        cls,
        root: Path,
        url: str,
        slack: LocalSlack,
        more: Mapping[str, str] | None = None,
        configured: str = "",
    ) -> "Installation":
        """With a repository called shop; `configured` are more lines of its mab.toml."""
        shop = root / "shop"
        await asyncio.to_thread(repositories.create, shop)
        (root / "user").mkdir()
        (root / "mab.toml").write_text(
            f"[repos.shop]\npath = {json.dumps(str(shop))}\n"
            f'[access]\nadmin = ["{slack.user("reviewer").id}"]\nspawn = ["*"]\n{configured}'
        )
        return cls(root, url, slack, more or {})

    @property
    def log(self) -> Path:
        """What the daemon writes."""
        return self.root / "serve.log"

    @property
    def environ(self) -> dict[str, str]:
        """The daemon's environment."""
        return {
            **environment(os.environ),
            "PYTHONPATH": str(PROJECT),
            "HOME": str(self.root / "user"),
            "NO_PROXY": "127.0.0.1",
            "SLACK_BOT_TOKEN": self.slack.bot_token,
            "SLACK_APP_TOKEN": self.slack.app_token,
            "SLACK_API_URL": self.slack.api_url,
            "DATABASE_URL": self.url,
            "MAB_HOME": str(self.root / "home"),
            "MAB_CONFIG": str(self.root / "mab.toml"),
            "MAB_HTTP": "off",
            **self.more,
        }

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Daemon"]:
        """`mab serve` during the block, from when Slack has it."""
        before, began = self.slack.greeted, perf_counter()
        with self.log.open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "bot.start", "serve"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.root,
                env=self.environ,
            )
        try:
            await self._ready(process, before)
            yield Daemon(psutil.Process(process.pid), perf_counter() - began)
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()

    async def _ready(self, process: asyncio.subprocess.Process, before: int) -> None:
        async with asyncio.timeout(READY_SECONDS):
            while self.slack.greeted < before + 2 or '"ready"' not in self.log.read_text():
                if process.returncode is not None:
                    raise SideFailed(f"mab serve ended: {self.log.read_text()[-3000:]}")
                await asyncio.sleep(0.01)


@dataclass(frozen=True)
class Daemon:
    """A daemon that is ready."""

    process: psutil.Process
    ready_seconds: float

    @property
    def resident_mb(self) -> float:
        """What it and its children have in memory, in MiB."""
        return sum(each.memory_info().rss for each in self._all()) / 2**20

    @property
    def children(self) -> int:
        """How many processes it has beside itself."""
        return len(self._all()) - 1

    @property
    def cpu_seconds(self) -> float:
        """What it has used of the processor so far, children included."""
        return cpu_seconds(self.process)

    @property
    def own_cpu_seconds(self) -> float:
        """What of it was not its children's."""
        used = self.process.cpu_times()
        return used.user + used.system

    def _all(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]
