"""One conversation with the Claude CLI, from its start to the end of its last process."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import psutil
from claude_agent_sdk import (
    AssistantMessage,
    ClaudeSDKClient,
    Message,
    ResultMessage,
    SessionStore,
    SystemMessage,
    UserMessage,
)

from engine import claude_launch, claude_messages, claude_options, processes
from engine.claude_messages import Ending
from engine.claude_options import Links, Shell
from engine.claude_shelf import Shelf
from engine.claude_steering import Steering
from engine.executor import AgentResult, Job, Step, Usage, Watch
from engine.processes import MARKER, ProcessTree, TreeSurvived

_METER_SECONDS = 2.0  # between looks at what a silent agent has used
_ANSWER_SECONDS = 2.0  # for the CLI to say what it has used
_START_SECONDS = 30.0  # the same, while it starts beside many others
_LINES = 20  # of standard error, kept for the words of a crash


class Session:
    """Runs a job once: `program` starts the CLI, `watch` is told what it does."""

    def __init__(
        self, job: Job, watch: Watch, using: Shell, program: Path, shelf: Shelf | None
    ) -> None:
        self._job = job
        self._watch = watch
        self._shelf = shelf
        self._steering = Steering(watch)
        store = cast(SessionStore | None, shelf)  # it has what a run needs of one
        links = Links(self._hear, self._steering.between, store)
        self._client = ClaudeSDKClient(claude_options.options(job, using, program, links))
        self._pid: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._tree: ProcessTree | None = None
        self._ending = Ending()
        self._heard: deque[str] = deque(maxlen=_LINES)
        self._usage = Usage()
        self._before = Usage()  # what the session had used when this run began
        self._step: Step | None = None  # the newest that the watch knows
        self._calls: dict[str, Step] = {}  # tool calls by their id
        self._answers: dict[str, dict[str, Any]] = {}  # what each answer of the model used

    async def run(self) -> AgentResult:
        """Talk to the end; a cancellation kills first and lets the CLI store nothing."""
        reporting = asyncio.create_task(self._report())
        try:
            await self._follow(reporting)
            await self._client.disconnect()
            if self._pid.done():
                await reporting
        finally:
            await _stop(reporting)
            await self._clear()
        ending = replace(self._ending, heard=tuple(self._heard))
        result = claude_messages.outcome(ending, self._usage)
        return replace(result, unheard=self._steering.outstanding)

    def _hear(self, line: str) -> None:
        if line.startswith(claude_launch.PID_LINE) and not self._pid.done():
            self._pid.set_result(int(line.removeprefix(claude_launch.PID_LINE)))
        else:
            self._heard.append(line)

    async def _report(self) -> None:
        pid = await self._pid
        marker = self._job.environment.get(MARKER, "")
        with suppress(psutil.NoSuchProcess):  # it has ended already
            self._tree = await asyncio.to_thread(ProcessTree.of, pid, marker)
            await self._watch.started(pid)

    async def _clear(self) -> None:
        """End what is left of the process tree, then the client, whose child is dead by now."""
        if self._tree:
            with suppress(TreeSurvived):  # the worker looks for itself, and tells people
                await processes.end(self._tree, grace=0)
        await self._client.disconnect()
        if self._shelf:
            await self._shelf.finish()

    async def _follow(self, reporting: asyncio.Task[None]) -> None:
        async with (
            aclosing(self._messages()) as messages,
            aclosing(_paced(messages, _METER_SECONDS)) as paced,
        ):
            async for message in paced:
                if reporting.done():
                    reporting.result()  # what the watch raised ends the run
                self._steering.check()
                if message is None:
                    await self._steering.pass_on()
                    await self._remeasure()
                else:
                    await self._take(message)

    async def _messages(self) -> AsyncGenerator[Message, None]:
        """What the CLI says up to its result; a failure is kept for the outcome."""
        try:
            await self._begin()
            async for message in self._client.receive_messages():
                yield message
                if self._ending.result:
                    return
        except Exception as error:  # noqa: BLE001 - the SDK also raises bare Exceptions
            self._ending = replace(self._ending, error=error)

    async def _begin(self) -> None:
        await self._client.connect()
        if self._job.session_id:
            with suppress(Exception):  # whatever is wrong, the run is then charged the whole
                self._before = await _account(self._client, 0, _START_SECONDS)
        await self._client.query(claude_options.prompt(self._job))
        self._steering.begin(self._client)

    async def _take(self, message: Message) -> None:
        if isinstance(message, AssistantMessage):
            await self._take_answer(message)
        elif isinstance(message, SystemMessage):
            session = str(message.data.get("session_id") or self._ending.session)
            self._ending = replace(self._ending, session=session)
        elif isinstance(message, UserMessage):
            self._steering.taken(message)
            for call in claude_messages.failures(message) & self._calls.keys():
                await self._tell(replace(self._calls[call], failed=True))
        elif isinstance(message, ResultMessage):
            self._take_result(message)

    def _take_result(self, message: ResultMessage) -> None:
        used = claude_messages.total(message, len(self._answers))
        self._usage = claude_messages.since(self._before, used)
        over = message.is_error or message.stop_reason == "tool_deferred"
        if over or not self._steering.outstanding:  # else what was said begins another turn
            self._steering.end()
            self._ending = replace(self._ending, result=message)

    async def _take_answer(self, message: AssistantMessage) -> None:
        if message.error:  # the CLI itself speaks, about the API
            self._ending = replace(self._ending, named=message.error)
            return
        self._answers[message.message_id or ""] = message.usage or {}
        said = claude_messages.texts(message)
        self._ending = replace(self._ending, said=(*self._ending.said, *said))
        self._calls |= claude_messages.calls(message, self._job.workspace)
        await self._measure()
        for step in claude_messages.steps(message, self._job.workspace):
            await self._tell(step)

    async def _tell(self, step: Step) -> None:
        self._step = step
        await self._watch.step(step, self._usage)

    async def _remeasure(self) -> None:
        """Tell what has been used since the last step, lest a kill leave it unpaid."""
        if not self._step:  # it has not begun
            return
        before = self._usage
        await self._measure()
        if self._usage != before:
            await self._tell(self._step)

    async def _measure(self) -> None:
        turns = len(self._answers)
        try:
            used = await _account(self._client, turns, _ANSWER_SECONDS)
            self._usage = claude_messages.since(self._before, used)
        except Exception:  # noqa: BLE001 - whatever is wrong, the answers were counted as well
            self._usage = claude_messages.added(self._answers.values(), self._usage)


async def _stop(task: asyncio.Task[None]) -> None:
    """Cancel a task that something more important has overtaken."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()  # seen; what is raised already says more


async def _account(client: ClaudeSDKClient, turns: int, seconds: float) -> Usage:
    """The CLI's account of the session so far; the SDK has no public name for the question."""
    question = {"subtype": "get_usage", "skip_behaviors": True, "detached": True}
    query: Any = client._query  # noqa: SLF001 - see above
    answer = await query._send_control_request(question, timeout=seconds)  # noqa: SLF001
    session = answer["session"]
    return claude_messages.counted(session["model_usage"], session["total_cost_usd"], turns)


async def _paced(
    messages: AsyncIterator[Message], seconds: float
) -> AsyncGenerator[Message | None, None]:
    """The messages, and None whenever none has come for some seconds."""
    waiting = asyncio.create_task(_next(messages))
    try:
        while True:
            done, _ = await asyncio.wait({waiting}, timeout=seconds)
            if not done:
                yield None
            elif (message := waiting.result()) is None:
                return
            else:
                yield message
                waiting = asyncio.create_task(_next(messages))
    finally:
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting


async def _next(messages: AsyncIterator[Message]) -> Message | None:
    return await anext(messages, None)
