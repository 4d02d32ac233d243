"""The engine's front door: what a front end may use. Nothing else is public."""

from engine.api import Engine, Inbox, Ledger
from engine.claude import ClaudeExecutor
from engine.commands import Incoming, Recorded, Reply, Settled
from engine.demo_model import CHIPS, DemoModel
from engine.errors import ConfigError, InvalidSpec, LostLease, MabError, NotFound, StaleMove
from engine.executor import AgentResult, Confinement, Executor, Job, Sandbox, Step, Usage
from engine.figures import Figures
from engine.files import Handout
from engine.outbox import Delivery, Outbox, Undelivered
from engine.requests import AlreadyStarted, Wish
from engine.sandbox import sandbox_tools
from engine.scheduler import Beat, polling
from engine.scripted import ScriptedExecutor
from engine.settings import AgentPolicy, Limits, Poll, Repo, Section, Settings
from engine.spec import LARGEST_FILE, MOST_FILES, AgentSpec, Context, File, Origin, Person
from engine.states import TERMINAL, Cause, Kind, Status
from engine.station import Listeners, Outside, make_janitor, make_worker
from engine.store import Database, DatabaseAway, is_passing
from engine.views import (
    AgentView,
    Card,
    Check,
    FileChange,
    LogEntry,
    Note,
    NoteKind,
    Notice,
    RunView,
    Work,
)
from engine.worker import Worker
from engine.workflows import Workflows

__all__ = [
    "CHIPS",
    "LARGEST_FILE",
    "MOST_FILES",
    "TERMINAL",
    "AgentPolicy",
    "AgentResult",
    "AgentSpec",
    "AgentView",
    "AlreadyStarted",
    "Beat",
    "Card",
    "Cause",
    "Check",
    "ClaudeExecutor",
    "ConfigError",
    "Confinement",
    "Context",
    "Database",
    "DatabaseAway",
    "Delivery",
    "DemoModel",
    "Engine",
    "Executor",
    "Figures",
    "File",
    "FileChange",
    "Handout",
    "Inbox",
    "Incoming",
    "InvalidSpec",
    "Job",
    "Kind",
    "Ledger",
    "Limits",
    "Listeners",
    "LogEntry",
    "LostLease",
    "MabError",
    "NotFound",
    "Note",
    "NoteKind",
    "Notice",
    "Origin",
    "Outbox",
    "Outside",
    "Person",
    "Poll",
    "Recorded",
    "Reply",
    "Repo",
    "RunView",
    "Sandbox",
    "ScriptedExecutor",
    "Section",
    "Settings",
    "Settled",
    "StaleMove",
    "Status",
    "Step",
    "Undelivered",
    "Usage",
    "Wish",
    "Work",
    "Worker",
    "Workflows",
    "is_passing",
    "make_janitor",
    "make_worker",
    "polling",
    "sandbox_tools",
]
