"""The engine's front door: what a front end may use. Nothing else is public."""

from engine.api import Engine, Inbox, Ledger
from engine.audit import Entry as AuditEntry
from engine.claude import ClaudeExecutor
from engine.commands import Incoming, Recorded, Reply, Settled
from engine.cookbook import Cookbook
from engine.dag import GateSpec, NodeSpec, WorkflowSpec, is_key, leaves, levels, order
from engine.decisions import Decided, HasVoted
from engine.demo_model import CHIPS, DemoModel
from engine.errors import ConfigError, InvalidSpec, LostLease, MabError, NotFound, StaleMove
from engine.executor import AgentResult, Confinement, Executor, Job, Sandbox, Step, Usage
from engine.figures import Figures
from engine.files import Handout
from engine.matters import (
    CHOICES,
    Click,
    Conflict,
    Failure,
    Gate,
    Inquiry,
    Merge,
    Plan,
    Push,
    Vote,
)
from engine.notices import (
    Card,
    Closed,
    DiffAsked,
    Ended,
    Fact,
    Failed,
    GraphAsked,
    Heard,
    Notice,
    Opened,
    Posted,
    Summary,
    SummedUp,
    TakenOver,
)
from engine.outbox import Delivery, Outbox, Undelivered
from engine.plans import integration
from engine.recipe_files import Unreadable
from engine.recipes import BadRecipe, BadValue, Parameter, Recipe
from engine.recipes import schema as recipe_schema
from engine.requests import AlreadyStarted, Wish
from engine.sandbox import sandbox_tools
from engine.scheduler import Beat, polling
from engine.scripted import ScriptedExecutor
from engine.settings import AgentPolicy, Limits, Poll, Repo, Section, Settings
from engine.spec import LARGEST_FILE, MOST_FILES, AgentSpec, Context, File, Origin, Person
from engine.states import (
    TERMINAL,
    Cause,
    Decision,
    InquiryKind,
    InquiryStatus,
    Kind,
    OnFailure,
    Status,
)
from engine.station import Listeners, Outside, make_executor, make_janitor, make_worker
from engine.store import Database, DatabaseAway, is_passing
from engine.talk import Became
from engine.views import (
    Check,
    FileChange,
    Handed,
    LogEntry,
    NodeView,
    Note,
    NoteKind,
    RunView,
    Work,
)
from engine.worker import Worker
from engine.workflows import Workflows

__all__ = [
    "CHIPS",
    "CHOICES",
    "LARGEST_FILE",
    "MOST_FILES",
    "TERMINAL",
    "AgentPolicy",
    "AgentResult",
    "AgentSpec",
    "AlreadyStarted",
    "AuditEntry",
    "BadRecipe",
    "BadValue",
    "Beat",
    "Became",
    "Card",
    "Cause",
    "Check",
    "ClaudeExecutor",
    "Click",
    "Closed",
    "ConfigError",
    "Confinement",
    "Conflict",
    "Context",
    "Cookbook",
    "Database",
    "DatabaseAway",
    "Decided",
    "Decision",
    "Delivery",
    "DemoModel",
    "DiffAsked",
    "Ended",
    "Engine",
    "Executor",
    "Fact",
    "Failed",
    "Failure",
    "Figures",
    "File",
    "FileChange",
    "Gate",
    "GateSpec",
    "GraphAsked",
    "Handed",
    "Handout",
    "HasVoted",
    "Heard",
    "Inbox",
    "Incoming",
    "Inquiry",
    "InquiryKind",
    "InquiryStatus",
    "InvalidSpec",
    "Job",
    "Kind",
    "Ledger",
    "Limits",
    "Listeners",
    "LogEntry",
    "LostLease",
    "MabError",
    "Merge",
    "NodeSpec",
    "NodeView",
    "NotFound",
    "Note",
    "NoteKind",
    "Notice",
    "OnFailure",
    "Opened",
    "Origin",
    "Outbox",
    "Outside",
    "Parameter",
    "Person",
    "Plan",
    "Poll",
    "Posted",
    "Push",
    "Recipe",
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
    "Summary",
    "SummedUp",
    "TakenOver",
    "Undelivered",
    "Unreadable",
    "Usage",
    "Vote",
    "Wish",
    "Work",
    "Worker",
    "WorkflowSpec",
    "Workflows",
    "integration",
    "is_key",
    "is_passing",
    "leaves",
    "levels",
    "make_executor",
    "make_janitor",
    "make_worker",
    "order",
    "polling",
    "recipe_schema",
    "sandbox_tools",
]
