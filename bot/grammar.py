"""What people can tell the bot: a closed set of commands, and the refusal of all else. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from engine import AgentSpec


@dataclass(frozen=True)
class Spawn:
    """Start an agent."""

    spec: AgentSpec


@dataclass(frozen=True)
class Status:
    """Tell how an agent fares; `id` None, here and below: the agent of the thread."""

    id: int | None


@dataclass(frozen=True)
class Logs:
    """Tell what an agent did, step by step."""

    id: int | None


@dataclass(frozen=True)
class Diff:
    """Show what an agent changed."""

    id: int | None


@dataclass(frozen=True)
class Cancel:
    """Stop an agent."""

    id: int | None


@dataclass(frozen=True)
class Retry:
    """Let an agent try again."""

    id: int | None


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


Command = Spawn | Status | Logs | Diff | Cancel | Retry | List | Help | Whoami | Pause | Resume


class Verb(StrEnum):
    """The first word of a command."""

    SPAWN = "spawn"
    STATUS = "status"
    LOGS = "logs"
    DIFF = "diff"
    CANCEL = "cancel"
    RETRY = "retry"
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
