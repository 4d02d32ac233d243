"""One conversation with the Claude CLI, from its start to the end of its last process."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import cast

from claude_agent_sdk import (
    AssistantMessage,
    ClaudeAgentOptions,
    ClaudeSDKClient,
    Message,
    ResultMessage,
    SessionStore,
    SystemMessage,
    UserMessage,
)
from claude_agent_sdk.types import HookContext, HookInput, HookJSONOutput

from engine import claude_messages, claude_options
from engine.claude_calls import Calls
from engine.claude_child import Child
from engine.claude_hooks import Moments
from engine.claude_messages import Ending
from engine.claude_meter import Meter
from engine.claude_options import Links
from engine.claude_permission import Permission
from engine.claude_resume import Opening
from engine.claude_shelf import Shelf, Sight
from engine.claude_steering import Steering
from engine.claude_take_up import Launch
from engine.executor import AgentResult, Step, Watch
from engine.processes import MARKER

_METER_SECONDS = 2.0  # between looks at what a silent agent has used
_PATIENCE = 6  # such looks, before a CLI that should go on by itself is told to


class Session:
    """Runs a job once, from its opening on; `watch` is told what the agent does."""

    def __init__(self, launch: Launch, watch: Watch, opening: Opening) -> None:
        self._job = launch.job
        self._watch = watch
        self._opening = opening
        self._steering = Steering(watch, self._ends)
        self._meter = Meter(self._job.budget)
        walls = launch.walls.taking_up(opening.approved)
        self._permission = Permission(self._job, walls, opening.approved)
        self._calls = Calls(self._job.workspace)
        self._child = Child(self._job.environment.get(MARKER, ""))
        self._client = ClaudeSDKClient(self._options(replace(launch, walls=walls)))
        self._ending = Ending()
        self._step: Step | None = None  # the newest that the watch knows
        self._silent: int | None = 0  # looks at a CLI that has not said anything; None: it has

    def _options(self, launch: Launch) -> ClaudeAgentOptions:
        # without rules, few tools are worth a question before each call
        tools = None if launch.walls.rules else "AskUserQuestion|WebFetch"
        links = Links(
            self._child.hear,
            Moments(self._before, tools, self._steering.between, self._over),
            self._permission.decide,
            launch.walls.locked,
            cast(SessionStore | None, self._opening.store),  # it has what a run needs of one
            self._opening.variables,
        )
        return claude_options.options(self._job, launch.using, launch.program, links)

    def _ends(self) -> bool:
        """Whether the run is about to end, since people have to settle something."""
        return self._meter.stopped or bool(self._permission.waits)

    async def _before(
        self, said: HookInput, name: str | None, context: HookContext
    ) -> HookJSONOutput:
        answer = await self._permission.hook(said, name, context)
        if self._ends():
            await self._steering.withdraw()
        return answer

    async def _over(self) -> str:
        why = await self._meter.over()
        if self._ends():
            await self._steering.withdraw()
        return why

    async def run(self) -> AgentResult:
        """Talk to the end; a cancellation kills first and lets the CLI store nothing."""
        reporting = asyncio.create_task(self._report())
        try:
            await self._follow(reporting)
            await self._client.disconnect()
            if self._child.started:
                await reporting
        finally:
            await _stop(reporting)
            await self._clear()
        return self._result()

    def _result(self) -> AgentResult:
        ending = replace(self._ending, heard=self._child.heard)
        found = claude_messages.outcome(ending, self._meter.usage)
        found = replace(found, unheard=self._steering.outstanding)
        if found.success and ending.result and ending.result.stop_reason == "tool_deferred":
            waits = tuple(call for call in self._permission.waits if self._calls.is_newest(call.id))
            beside = self._calls.beside(self._permission.puts_off)
            return claude_messages.waiting(found, waits, beside)
        stopped = found.success and self._meter.stopped and found.data is None
        return claude_messages.stopped(found, self._job.budget) if stopped else found

    async def _report(self) -> None:
        if pid := await self._child.pid():
            await self._watch.started(pid)

    async def _clear(self) -> None:
        """End what is left of the process tree, then the client, whose child is dead by now."""
        await self._child.end()
        await self._client.disconnect()
        match self._opening.store:
            case Sight(shelf) | (Shelf() as shelf):
                await shelf.finish()

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
                    await self._look()
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
        await self._meter.begin(self._client, anew=not self._job.session_id)
        if not self._opening.goes_on:
            await self._client.query(claude_options.prompt(self._job))
            self._steering.begin(self._client)

    async def _look(self) -> None:
        """The CLI has been silent for a while."""
        await self._steering.pass_on()
        await self._remeasure()
        if not self._opening.goes_on or self._silent is None or self._permission.begun.is_set():
            return
        self._silent += 1
        if self._silent == _PATIENCE:  # it found nothing to go on with
            await self._client.query(self._opening.goes_on)

    async def _take(self, message: Message) -> None:
        self._silent = None
        if isinstance(message, AssistantMessage):
            await self._take_answer(message)
        elif isinstance(message, SystemMessage):
            session = str(message.data.get("session_id") or self._ending.session)
            self._ending = replace(self._ending, session=session)
        elif isinstance(message, UserMessage):
            self._steering.taken(message)
            for failed in self._calls.ended(message):
                await self._tell(failed)
        elif isinstance(message, ResultMessage):
            self._take_result(message)

    def _take_result(self, message: ResultMessage) -> None:
        self._meter.ended(message)
        put_off = message.stop_reason == "tool_deferred"
        over = message.is_error or put_off or self._meter.stopped
        if over or not self._steering.outstanding:  # else what was said begins another turn
            self._steering.end()
            self._ending = replace(self._ending, result=message)

    async def _take_answer(self, message: AssistantMessage) -> None:
        if message.error:  # the CLI itself speaks, about the API
            self._ending = replace(self._ending, named=message.error)
            return
        self._steering.begin(self._client)  # a turn that goes on has begun: now it can be joined
        said = claude_messages.texts(message)
        self._ending = replace(self._ending, said=(*self._ending.said, *said))
        self._calls.made(message)
        await self._meter.answered(message)
        for step in claude_messages.steps(message, self._job.workspace):
            await self._tell(step)

    async def _tell(self, step: Step) -> None:
        self._step = step
        await self._watch.step(step, self._meter.usage)

    async def _remeasure(self) -> None:
        """Tell what has been used since the last step, lest a kill leave it unpaid."""
        if not self._step:  # it has not begun
            return
        before = self._meter.usage
        await self._meter.measure()
        if self._meter.usage != before:
            await self._tell(self._step)


async def _stop(task: asyncio.Task[None]) -> None:
    """Cancel a task that something more important has overtaken."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled():
        task.exception()  # seen; what is raised already says more


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
