"""What the front door shows of the ledger: plain facts, no prose. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from engine.executor import Step, Usage
from engine.spec import Origin, Person
from engine.states import Cause, InquiryKind, Kind, Status


class NoteKind(StrEnum):
    """A circumstance that people should know beside the outcome; `Note.detail` says more."""

    BASE_STALE = "base_stale"  # the remote could not be fetched; went on from the last known state
    BASH_OFF = "bash_off"  # the sandbox's programs are missing here; detail: which
    UNCONFINED = "unconfined"  # sandbox = "off"
    PUSH_FAILED = "push_failed"  # detail: the remote's words
    RESCUED = "rescued"  # detail: the ref that holds work which could not go to the branch
    OUT_OF_REACH = "out_of_reach"  # detail: the worktree of a lost attempt, on another host
    INTERRUPTED = "interrupted"  # an earlier attempt was lost or handed over; detail: how
    LEFT_OUT = "left_out"  # detail: files that could not be committed, and why
    SUBMODULES = "submodules"  # submodules are present and were not checked out
    NOT_HANDED_OUT = "not_handed_out"  # detail: files for people that were left out, and why
    NOT_PUSHED = "not_pushed"  # it touches protected paths; detail: who rejected it, or ""
    SESSION_GONE = "session_gone"  # a follow-up began anew, from the commit and the result
    FILES_GONE = "files_gone"  # what came with the task is not kept any more
    LFS_POINTERS = "lfs_pointers"  # detail: git-lfs is missing, files are pointers


@dataclass(frozen=True)
class Note:
    """One circumstance."""

    kind: NoteKind
    detail: str = ""


@dataclass(frozen=True)
class FileChange:
    """What became of one file between the base and the agent's commit."""

    path: str
    added: int  # lines; 0 for binary files
    removed: int
    binary: bool = False


@dataclass(frozen=True)
class Check:
    """The verdict of the repository's check command."""

    command: str
    exit_code: int | None  # None: it did not end in time
    tail: str  # last lines of its output

    @property
    def passed(self) -> bool:
        """Whether the command succeeded."""
        return self.exit_code == 0


@dataclass(frozen=True)
class Work:
    """What an attempt left in git, and where it can be had."""

    branch: str = ""
    base_commit: str = ""
    commit: str = ""  # = base_commit when nothing was changed
    files: tuple[FileChange, ...] = ()
    check: Check | None = None
    pushed: bool = False
    remote_commit: str = ""  # where the remote's branch is, as far as we know
    compare_url: str = ""  # a forge page that opens a pull request in one tap
    fetch: str = ""  # the `git fetch …` line where there is no such page
    notes: tuple[Note, ...] = ()
    protected: tuple[str, ...] = ()  # not pushed because of these; somebody has to approve
    onto: str = ""  # the base branch that it can be merged into; "" = not from here

    @property
    def changed(self) -> bool:
        """Whether the agent changed anything."""
        return bool(self.commit) and self.commit != self.base_commit


@dataclass(frozen=True)
class Handed:
    """What a node hands on to those that need it."""

    id: int
    key: str
    kind: Kind
    task: str
    repo: str
    status: Status
    result: str = ""  # of an agent; the comments of those who decided at a gate
    work: Work = field(default_factory=Work)
    data: Mapping[str, Any] | None = None  # its structured answer


class Stage(StrEnum):
    """How far an agent's last attempt came."""

    QUEUED = "queued"  # no worker has taken it
    PREPARING = "preparing"  # its worktree was made ready, `setup` included
    WORKING = "working"


@dataclass(frozen=True)
class Instruction:
    """What somebody said to an agent."""

    by: Person
    text: str  # its beginning


@dataclass(frozen=True)
class Account:
    """How far an agent came that was stopped or failed, beside its work."""

    stage: Stage
    by: Person | None = None  # who stopped it
    last: Step | None = None  # the newest that is known
    under_way: tuple[Step, ...] | None = None  # begun, no result recorded; None: not known
    held: tuple[Step, ...] = ()  # tool calls that waited for people, and were not carried out
    untold: tuple[Instruction, ...] = ()  # that no run was given, the first of them
    more_untold: int = 0  # beside these


@dataclass(frozen=True)
class NodeView:
    """Everything that people may see of one node."""

    id: int
    workflow_id: int
    request_id: int
    origin: Origin
    requester: Person
    task: str
    role: str
    repo: str
    base: str
    status: Status
    attempt: int
    failures: int
    max_failures: int
    created_at: datetime
    branch: str = ""
    started_at: datetime | None = None  # of the present attempt
    ended_at: datetime | None = None
    available_at: datetime | None = None  # pending: not before (backoff)
    step: Step | None = None
    usage: Usage = field(default_factory=Usage)  # all attempts together
    duration_ms: int = 0
    result: str = ""
    error: str = ""
    cause: Cause | None = None
    work: Work = field(default_factory=Work)
    ahead: int = 0  # pending: agents that are served before this one
    model: str = ""
    cancelling: bool = False
    quoted: int = 0  # messages that it was given as context
    attached: int = 0  # files that came with the task
    kind: Kind = Kind.AGENT
    key: str = ""  # its name within its workflow; "" = it has only its number
    needs: tuple[int, ...] = ()
    parent_id: int | None = None  # the agent whose session and branch it continues
    skipped_for: int | None = None  # the node because of which it was skipped
    asks: InquiryKind | None = None  # waiting: what people are asked
    lands: str = ""  # the commit that it brings into a base branch, with no model
    account: Account | None = None  # in what tells how it ended: how far it came


@dataclass(frozen=True)
class RunView:
    """One attempt, for `/agent status`."""

    attempt: int
    worker: str
    started_at: datetime
    ended_at: datetime | None
    outcome: str  # completed | failed | cancelled | lost | handed_over | "" while it runs
    usage: Usage
    duration_ms: int


@dataclass(frozen=True)
class LogEntry:
    """One event of an agent's history, for `/agent logs`."""

    at: datetime
    name: str
    attempt: int
    step: Step | None = None
    detail: str = ""
