"""What people can tell the bot: a closed set of commands, and the refusal of all else. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from engine import AgentSpec, WorkflowSpec


@dataclass(frozen=True)
class Ref:
    """What an ID names: agent 12, workflow w5, or step w5.test."""

    agent: int = 0
    workflow: int = 0
    key: str = ""


@dataclass(frozen=True)
class Spawn:
    """Start an agent; with a parent: when that one is done, from its work."""

    spec: AgentSpec
    parent: Ref | None = None


@dataclass(frozen=True)
class Then:
    """Start an agent when what the thread works on is done, from that work."""

    spec: AgentSpec


@dataclass(frozen=True)
class Workflow:
    """Plan a workflow."""

    spec: WorkflowSpec


@dataclass(frozen=True)
class Status:
    """Tell how an agent fares; `id` None, here and below: the agent of the thread."""

    id: Ref | None


@dataclass(frozen=True)
class Logs:
    """Tell what an agent did, step by step."""

    id: Ref | None


@dataclass(frozen=True)
class Diff:
    """Show what an agent changed."""

    id: Ref | None


@dataclass(frozen=True)
class Cancel:
    """Stop an agent."""

    id: Ref | None


@dataclass(frozen=True)
class Retry:
    """Let an agent try again; it is given the advice."""

    id: Ref | None
    advice: str = ""


@dataclass(frozen=True)
class Skip:
    """Let a workflow go on without a step."""

    id: Ref | None


@dataclass(frozen=True)
class Plan:
    """Have an agent plan how a goal is reached."""

    goal: AgentSpec


@dataclass(frozen=True)
class Run:
    """Run a workflow of a file; without a name: tell which there are."""

    name: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    repo: str = ""


@dataclass(frozen=True)
class Audit:
    """Tell who asked and who decided what."""

    id: Ref | None


@dataclass(frozen=True)
class Graph:
    """Draw a workflow; None: that of the thread."""

    workflow: int | None = None


@dataclass(frozen=True)
class List:
    """Tell which agents there are."""


@dataclass(frozen=True)
class Help:
    """Tell how the bot is used; `topic` is a verb, or "" for all of them."""

    topic: str = ""


@dataclass(frozen=True)
class Whoami:
    """Tell the asker's id and rights."""


@dataclass(frozen=True)
class Pause:
    """Stop starting agents; with `now` running ones go back into the line as well."""

    now: bool = False


@dataclass(frozen=True)
class Resume:
    """Start agents again."""


Command = (
    Spawn
    | Then
    | Workflow
    | Plan
    | Run
    | Status
    | Logs
    | Diff
    | Cancel
    | Retry
    | Skip
    | Graph
    | Audit
    | List
    | Help
    | Whoami
    | Pause
    | Resume
)


class Verb(StrEnum):
    """The first word of a command."""

    SPAWN = "spawn"
    WORKFLOW = "workflow"
    PLAN = "plan"
    RUN = "run"
    STATUS = "status"
    LOGS = "logs"
    DIFF = "diff"
    CANCEL = "cancel"
    RETRY = "retry"
    SKIP = "skip"
    GRAPH = "graph"
    AUDIT = "audit"
    LIST = "list"
    HELP = "help"
    WHOAMI = "whoami"
    PAUSE = "pause"
    RESUME = "resume"


@dataclass(frozen=True)
class Refusal:
    """Why a text is no command: a sentence, the whole text, and what to type instead.

    `suggestion` is a complete command without the leading `/agent`, or "" where no repair is
    likely; nothing is started by itself.
    """

    reason: str
    input: str
    suggestion: str = ""
