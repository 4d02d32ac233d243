"""Failpoints: moments at which tests have a process end or stand still; see `Failpoint`.

They are set by the environment that a process is started with (`MAB_FAILPOINTS`), by nothing
else, and agents do not inherit it. Without it a point is one look into an empty mapping.
"""

import os
import re
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from itertools import count
from typing import TypeVar

import structlog

from engine.errors import ConfigError

VARIABLE = "MAB_FAILPOINTS"
Name = TypeVar("Name", bound=StrEnum)
_ENTRY = re.compile(r"(?P<name>[^=@]*)=(?P<deed>[^=@]*)(@(?P<time>[1-9][0-9]*))?")
log = structlog.get_logger()


class Failpoint(StrEnum):
    """A moment between two things of which one is done and the other is not."""

    AFTER_INBOX_COMMIT = "after-inbox-commit"  # recorded, not acknowledged
    AFTER_CLAIM_COMMIT = "after-claim-commit"  # claimed, and nobody knows it in this process
    AFTER_WORKTREE_ADD = "after-worktree-add"  # there is a worktree, the ledger does not name it
    BEFORE_STEP = "before-step"  # the agent took a step, which is not recorded
    BEFORE_SESSION_APPEND = "before-session-append"  # lines of a transcript are not stored
    BEFORE_CHECKPOINT = "before-checkpoint"  # the agent has ended, its work is not committed
    AFTER_CALLS_GIVEN = "after-calls-given"  # what people decided is noted as given, no CLI runs
    AFTER_CLI_START = "after-cli-start"  # the CLI runs, the ledger does not know its pid
    BEFORE_FINISH = "before-finish"  # the work is committed, its end is not recorded
    BEFORE_FINISH_COMMIT = "before-finish-commit"  # the end is written, inside its transaction
    AFTER_FINISH_COMMIT = "after-finish-commit"  # recorded; nobody was told, nobody let in
    BEFORE_POST = "before-post"  # a try is recorded, and nothing is posted
    AFTER_POST = "after-post"  # posted, and not recorded
    AFTER_TAKEOVER_COMMIT = "after-takeover-commit"  # a lost run is ours, nothing of it is ended
    DURING_TAKEOVER = "during-takeover"  # its processes are ended, its work is kept, it is open


class Deed(StrEnum):
    """What the process does to itself."""

    KILL = "kill"
    STOP = "stop"


_SIGNALS = {Deed.KILL: signal.SIGKILL, Deed.STOP: signal.SIGSTOP}


@dataclass(frozen=True)
class Trap:
    """What happens at a point, at the n-th time that it is reached."""

    deed: Deed
    time: int = 1
    _times: Iterator[int] = field(default_factory=lambda: count(1), compare=False)

    def spring(self) -> None:
        """Count, and at the right time do it."""
        if next(self._times) == self.time:
            os.kill(os.getpid(), _SIGNALS[self.deed])


def parse(text: str) -> dict[Failpoint, Trap]:
    """The traps of `name=kill|stop[@n]`, separated by commas; raises ConfigError."""
    traps: dict[Failpoint, Trap] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        given = _ENTRY.fullmatch(entry)
        if given is None:
            raise ConfigError(f"{VARIABLE}: {entry!r} is not of the form name=kill or name=stop@2")
        point, deed = _known(Failpoint, given["name"]), _known(Deed, given["deed"])
        traps[point] = Trap(deed, int(given["time"] or 1))
    return traps


def _known(names: type[Name], text: str) -> Name:
    try:
        return names(text)
    except ValueError:
        known = ", ".join(names)
        raise ConfigError(f"{VARIABLE}: there is no {text!r}; known are {known}") from None


@cache
def armed() -> Mapping[Failpoint, Trap]:
    """The traps of this process, as it was started; raises ConfigError."""
    traps = parse(os.environ.get(VARIABLE, ""))
    if traps:
        log.warning("failpoints are set: this process will end or stand still", points=[*traps])
    return traps


def reached(point: Failpoint) -> None:
    """Say that this moment has come."""
    if trap := armed().get(point):
        trap.spring()
