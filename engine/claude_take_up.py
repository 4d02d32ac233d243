"""One tool call that people allowed, carried out by a CLI of its own that does nothing else.

The CLI takes up one call as it starts and then asks the model. Where people allowed several
calls of one message, all but the last are carried out so: the model cannot be reached, and
nothing that this CLI writes is kept.
"""

import asyncio
import socket
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, cast

import structlog
from claude_agent_sdk import (
    ClaudeAgentOptions,
    ClaudeSDKClient,
    ResultMessage,
    SessionStore,
    ToolResultBlock,
    UserMessage,
)

from engine import claude_options
from engine.claude_child import Child
from engine.claude_hooks import Moments
from engine.claude_options import Links, Shell
from engine.claude_permission import Permission
from engine.claude_shelf import Sight
from engine.claude_walls import Walls
from engine.executor import Call, Job
from engine.processes import MARKER

log = structlog.get_logger()
_BEGIN_SECONDS = 120.0  # for the CLI to start, beside many others, and to take up the call


@dataclass(frozen=True)
class Done:
    """What a tool answered."""

    content: Any
    failed: bool


@dataclass(frozen=True)
class Launch:
    """How the CLI is started for a job; `program` starts it."""

    job: Job
    using: Shell
    program: Path
    walls: Walls


async def take_up(launch: Launch, call: Call, store: Sight) -> Done | None:
    """Carry out the one call that waits in what `store` shows; None: it is not known if it ran."""
    child = Child(launch.job.environment.get(MARKER, ""))
    permission = Permission(launch.job, launch.walls.taking_up(call), call)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and never listens
        links = _links(permission, launch.walls.taking_up(call), store, child)
        client = ClaudeSDKClient(_options(launch, call, links, nobody.getsockname()[1]))
        begun = asyncio.create_task(permission.begun.wait())
        try:
            return await _result(client, call.id, begun)
        except Exception:  # the SDK also raises bare Exceptions
            log.warning("call not carried out", call=call.id, exc_info=True)
            return None
        finally:
            begun.cancel()
            await child.end()
            await client.disconnect()


def _links(permission: Permission, walls: Walls, store: Sight, child: Child) -> Links:
    moments = Moments(permission.hook, None, _nothing, _no_more)
    kept = cast(SessionStore, store)  # it has what a run needs of one
    return Links(child.hear, moments, permission.decide, walls.locked, kept)


def _options(launch: Launch, call: Call, links: Links, port: int) -> ClaudeAgentOptions:
    """The CLI's options: the model is out of reach, but for a tool that asks one itself."""
    job = launch.job
    variables = {"CLAUDE_CODE_MAX_RETRIES": "0"}
    if call.tool != "WebFetch":  # it asks a small model what a page says
        kept = {name: job.environment[name] for name in job.environment if _is_no_way(name)}
        job = replace(job, environment=kept)
        away = {"ANTHROPIC_BASE_URL": f"http://127.0.0.1:{port}", "ANTHROPIC_API_KEY": "none"}
        variables |= away
    links = replace(links, variables=variables)
    return claude_options.options(job, launch.using, launch.program, links)


def _is_no_way(variable: str) -> bool:
    """Whether a variable does not lead to a model."""
    return not variable.startswith(("ANTHROPIC_", "CLAUDE_CODE_USE_"))


async def _nothing() -> None:
    pass


async def _no_more() -> str:
    return "only one call was to be carried out"


async def _result(client: ClaudeSDKClient, call: str, begun: asyncio.Task[bool]) -> Done | None:
    """What the tool answered; raises TimeoutError if the CLI does not begin."""
    async with asyncio.timeout(_BEGIN_SECONDS) as patience:
        begun.add_done_callback(partial(_be_patient, patience))
        await client.connect()
        async for message in client.receive_messages():
            if isinstance(message, ResultMessage):
                return None
            for block in message.content if isinstance(message, UserMessage) else ():
                if isinstance(block, ToolResultBlock) and block.tool_use_id == call:
                    return Done(block.content or "", bool(block.is_error))
    return None


def _be_patient(patience: asyncio.Timeout, begun: asyncio.Task[bool]) -> None:
    """A call takes as long as it takes; its tool has limits of its own."""
    if not begun.cancelled():
        patience.reschedule(None)
