"""A bench for the real Claude CLI: workspace, private home, and a model that plays a script."""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from decimal import Decimal
from pathlib import Path

import psutil
import pytest

from engine import processes
from engine.demo_model import DemoModel, Scene, Script, Turn
from engine.demo_model.conversation import Result, read
from engine.executor import Confinement, Job, Sandbox, Step, Usage
from engine.processes import MARKER, ProcessTree, new_marker


class Diary:
    """A watch that writes down what it is told, and calls `then` at each step.

    What is put into `said` has been said to the agent.
    """

    def __init__(self, then: Callable[[Step], None] = lambda _: None) -> None:
        self.pids: list[int] = []
        self.steps: list[Step] = []
        self.usage = Usage()
        self.said: list[str] = []  # by people, and not asked for yet
        self._then = then

    async def started(self, pid: int) -> None:
        self.pids.append(pid)

    async def step(self, step: Step, usage: Usage) -> None:
        self.steps.append(step)
        self.usage = usage
        self._then(step)

    async def spoken(self) -> tuple[str, ...]:
        said, self.said = tuple(self.said), []
        return said


class Bench:
    """A workspace, a private home for the CLI, and what lies beside them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.workspace = root / "work space"
        self.outside = root / "outside"
        self.hidden = root / "hidden (a) [b]"
        self.home = root / "home"
        self.readable = root / "readable"
        self.marker = new_marker()
        for folder in (self.workspace, self.outside, self.hidden, self.home, self.readable):
            folder.mkdir()
        (self.hidden / "token").write_text("hidden-content")
        (self.workspace / ".env").write_text("hidden-content")
        (self.readable / "file").write_text("shown-content")
        (self.outside / "file").write_text("outside-content")

    def job(self, model: DemoModel, sandbox: Sandbox = Sandbox.AUTO, **facts: object) -> Job:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "CLAUDE_CONFIG_DIR": str(self.home / ".claude"),
            MARKER: self.marker,
            **model.environment,
            **facts.pop("environment", {}),  # type: ignore[dict-item]
        }
        return Job(
            **{  # type: ignore[arg-type]
                "agent_id": 7,
                "attempt": 1,
                "task": "do the scripted thing",
                "workspace": self.workspace,
                "model": "",
                "max_turns": 30,
                "budget": Decimal(5),
                "confinement": Confinement(
                    sandbox,
                    hidden=(self.root, self.hidden, self.workspace / ".env"),
                    readable=(self.readable,),
                ),
                "environment": environment,
                **facts,
            }
        )

    def alive(self) -> list[str]:
        """The command lines of living processes of the run."""
        found = []
        for process in self.members():
            with suppress(psutil.Error):  # it has just ended
                found.append(" ".join(process.cmdline()))
        return found

    def members(self) -> list[psutil.Process]:
        """The living processes of the run."""
        return processes.members(self.marked())

    def marked(self) -> ProcessTree:
        """The run as one finds it who knows its marker only."""
        return ProcessTree(-1, 0, self.marker, processes.host_identity())


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def scripted(turns: Sequence[Turn]) -> DemoModel:
    return DemoModel(Script((Scene("scripted", turns),)))


def answers(model: DemoModel) -> list[Result]:
    """What the tools answered, as the model saw it last."""
    return list(read(model.requests[-1].body).results)


async def until(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        await asyncio.sleep(0.02)
