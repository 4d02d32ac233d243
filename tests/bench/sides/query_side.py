"""A bare loop of the SDK's `query()`: what somebody writes who wants agents and nothing else.

The directories are there already. The CLI gets the tools and variables that ours gets, so that
both have it do the same.
"""

import asyncio
import json
import resource
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter, process_time
from typing import Any

import psutil
from claude_agent_sdk import ClaudeAgentOptions, ResultMessage, query
from claude_agent_sdk.types import SandboxSettings

from engine.claude_options import _CLI_VARIABLES
from engine.claude_walls import READING, WRITING
from tests.bench.sides.work import answer

TURNS = 100  # at most; what a worker allows
ENDING_SECONDS = 10.0  # for children that are still there


@dataclass(frozen=True)
class Loop:
    """What is asked of it."""

    task: str
    places: Sequence[str]  # the first one is for warming up
    at_once: int
    environ: Mapping[str, str]
    sandbox: bool

    def options(self, place: str) -> ClaudeAgentOptions:
        """How the CLI is started in a directory."""
        confined: SandboxSettings = {
            "enabled": True,
            "autoAllowBashIfSandboxed": True,
            "allowUnsandboxedCommands": False,
            "network": {"allowedDomains": []},
        }
        return ClaudeAgentOptions(
            cwd=place,
            env={**_CLI_VARIABLES, **self.environ},
            tools=[*READING, *WRITING, "Bash"],
            allowed_tools=["Bash"],
            system_prompt={"type": "preset", "preset": "claude_code"},
            permission_mode="acceptEdits",
            setting_sources=[],
            max_turns=TURNS,
            sandbox=confined if self.sandbox else None,
        )

    async def run(self) -> Any:
        """Run an agent in each directory, so many at once; what that took."""
        warm, *rest = self.places
        await self._agent(warm)
        used, own, began, places = _used(), process_time(), perf_counter(), iter(rest)
        await asyncio.gather(*(self._lane(places) for _ in range(self.at_once)))
        wall = perf_counter() - began
        await _childless()
        return {"wall": wall, "cpu": _used() - used, "own": process_time() - own}

    async def _lane(self, places: Iterator[str]) -> None:
        for place in places:
            await self._agent(place)

    async def _agent(self, place: str) -> None:
        said = None
        async for message in query(prompt=self.task, options=self.options(place)):
            said = message
        if not isinstance(said, ResultMessage) or said.is_error:
            raise AssertionError(f"an agent ended with {said}")


async def _childless() -> None:
    """What a child has used counts once it has been waited for."""
    async with asyncio.timeout(ENDING_SECONDS):
        while psutil.Process().children():  # noqa: ASYNC110 - they end by themselves
            await asyncio.sleep(0.05)


def _used() -> float:
    """Seconds of the processor, by this process and its children that ended."""
    both = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(used.ru_utime + used.ru_stime for used in map(resource.getrusage, both))


if __name__ == "__main__":
    answer(asyncio.run(Loop(**json.loads(sys.argv[1])).run()))
