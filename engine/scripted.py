"""An executor that does what it is told, without a model: for tests and benchmarks."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import assert_never

from engine.executor import AgentResult, Job, Step, Usage, Watch
from engine.states import Cause

_HEAR_SECONDS = 0.02  # between two questions whether something was said


@dataclass(frozen=True)
class Write:
    """Write a file into the workspace (told as a step)."""

    path: str
    content: str


@dataclass(frozen=True)
class Wait:
    """Go on only when the event is set; a cancellation ends the waiting."""

    until: asyncio.Event


@dataclass(frozen=True)
class Hear:
    """Go on only when people have said something since the action before."""


@dataclass(frozen=True)
class Use:
    """From now on the run has used this much."""

    usage: Usage


@dataclass(frozen=True)
class Break:
    """Raise: a defect of the executor itself."""

    error: BaseException


@dataclass(frozen=True)
class Finish:
    """End here with this result; what is said of usage is the run's."""

    result: AgentResult


Action = Write | Wait | Hear | Use | Break | Finish | Step
Plan = Callable[[Job], Sequence[Action]]


def failure(cause: Cause, error: str = "scripted failure", output: str = "") -> Finish:
    """The end of an attempt that failed."""
    return Finish(AgentResult(success=False, output=output, error=error, cause=cause))


@dataclass(frozen=True)
class ScriptedExecutor:
    """Carries out the actions that belong to a job's task.

    `plan` is a function of the job, or a mapping whose first key that the task contains
    counts; without actions, or after the last, the run succeeds. `pid`, if given, is told as
    the root process. `jobs` keeps what was run, `heard` what people said meanwhile: they are
    asked before each action.
    """

    plan: Plan | Mapping[str, Sequence[Action]] = field(default_factory=dict)
    pid: int | None = None
    jobs: list[Job] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)

    async def run(self, job: Job, watch: Watch) -> AgentResult:
        """Run the job's actions; see `engine.executor.Executor`."""
        self.jobs.append(job)
        if self.pid is not None:
            await watch.started(self.pid)
        usage = Usage()
        for action in self._actions(job):
            await self._listen(watch, wait=isinstance(action, Hear))
            match action:
                case Finish(result):
                    return replace(result, usage=usage)
                case Use(usage):
                    pass
                case Hear():
                    pass
                case _:
                    await _act(action, job, watch, usage)
        return AgentResult(success=True, output="Done.", usage=usage)

    async def _listen(self, watch: Watch, *, wait: bool) -> None:
        while not (said := await watch.spoken()) and wait:  # noqa: ASYNC110 - it must be asked
            await asyncio.sleep(_HEAR_SECONDS)
        self.heard.extend(said)

    def _actions(self, job: Job) -> Sequence[Action]:
        if callable(self.plan):
            return self.plan(job)
        found = (actions for key, actions in self.plan.items() if key in job.task)
        return next(found, ())


async def _act(action: Write | Wait | Break | Step, job: Job, watch: Watch, usage: Usage) -> None:
    match action:
        case Step():
            await watch.step(action, usage)
        case Write(path, content):
            await asyncio.to_thread(_write, job, path, content)
            await watch.step(Step("Write", path), usage)
        case Wait(until):
            await until.wait()
        case Break(error):
            raise error
        case _:
            assert_never(action)


def _write(job: Job, path: str, content: str) -> None:
    target = job.workspace / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(content, encoding="utf-8")
