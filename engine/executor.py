"""The seam between the worker and whatever carries out an agent's task. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from engine.states import Cause


class Sandbox(StrEnum):
    """How commands of an agent are confined."""

    REQUIRED = "required"  # no sandbox on this host: the agent does not start
    AUTO = "auto"  # no sandbox on this host: the agent works without Bash
    OFF = "off"  # unconfined; must be written out in the configuration


@dataclass(frozen=True)
class Confinement:
    """What an agent's processes may reach beside their workspace."""

    sandbox: Sandbox
    network: tuple[str, ...] = ()  # domains; "*.example.org" covers subdomains
    hidden: tuple[Path, ...] = ()  # files and directories that must not be readable
    writable: tuple[Path, ...] = ()  # directories writable beside the workspace
    readable: tuple[Path, ...] = ()  # read-only even where a hidden directory contains them
    private: tuple[Path, ...] = ()  # what the executor's own programs need of hidden directories


@dataclass(frozen=True)
class Call:
    """A tool call of the model that waits for people."""

    id: str
    tool: str
    given: Mapping[str, Any]
    because: str = ""  # the rule of `[agent] ask` that it meets; "" = it asks people something


@dataclass(frozen=True)
class Settled:
    """What people made of a tool call that waited."""

    id: str
    allowed: bool = False
    said: str = ""  # what the agent is told in the place of a result; allowed: nothing


@dataclass(frozen=True)
class Job:
    """One attempt of one agent, complete: an executor needs nothing else."""

    agent_id: int
    attempt: int
    task: str
    workspace: Path
    model: str  # "" = the CLI's default
    max_turns: int
    budget: Decimal  # US dollars
    confinement: Confinement
    environment: Mapping[str, str]  # the whole environment of the agent's processes
    instructions: str = ""  # CLAUDE.md / AGENTS.md of the base commit, as text
    context: str = ""  # what the agent should know beside its task; bounded by the caller
    trusted: bool = False  # project settings, hooks and MCP servers may be loaded
    session_id: str = ""  # of the session to go on with; "" = a new one
    project: str = ""  # under which the session is stored, wherever the workspace is
    reads_only: bool = False  # no tool that changes anything
    schema: Mapping[str, Any] | None = None  # of the structured answer that is wanted
    ask: tuple[str, ...] = ()  # rules: tool calls that people decide about
    allowed: tuple[str, ...] = ()  # what people let this agent do (permissions.rule_for)
    # not None: it goes on in the midst of the session, where it waited for these calls, or for
    # more money; `context` is then all that it is told
    settled: tuple[Settled, ...] | None = None


@dataclass(frozen=True)
class Usage:
    """What a run has used so far (totals since its start)."""

    tokens_in: int = 0  # input tokens, cache reads and writes included
    tokens_out: int = 0
    cost: Decimal = Decimal(0)  # US dollars
    turns: int = 0


@dataclass(frozen=True)
class Step:
    """One thing that the agent did: a tool call, or a text it said (tool = "")."""

    tool: str
    subject: str  # file, command, pattern or text; at most 500 characters
    failed: bool = False


@dataclass(frozen=True)
class AgentResult:
    """How an attempt ended."""

    success: bool
    output: str = ""
    error: str = ""
    cause: Cause | None = None
    usage: Usage = field(default_factory=Usage)
    duration_ms: int = 0
    session_id: str = ""
    commit: str = ""
    data: Any = None  # the structured answer, as JSON
    unheard: int = 0  # so many of the texts spoken last did not reach the model
    waits: tuple[Call, ...] = ()  # tool calls of its last message that people have to settle
    beside: tuple[Step, ...] = ()  # other calls of that message, which ran


class Watch(Protocol):
    """Whom an executor tells what is going on."""

    async def started(self, pid: int) -> None:
        """The agent's root process runs; called at most once per attempt."""

    async def step(self, step: Step, usage: Usage) -> None:
        """The agent took a step; `usage` is the total so far."""

    async def spoken(self) -> tuple[str, ...]:
        """What people have said to the agent since this was asked last; each is given once."""


class Executor(Protocol):
    """Carries out a job in its workspace.

    `run` returns a result for everything that went wrong with the agent and raises only
    when cancelled; after a cancellation no process that it started may be left, as far as
    it can see to that (the worker ends the process tree as well).
    """

    async def run(self, job: Job, watch: Watch) -> AgentResult:
        """Run the job to its end."""
