"""The engine's front door: what a front end may use. Nothing else is public."""

from engine.api import Engine, Inbox, Ledger
from engine.audit import Entry as AuditEntry
from engine.broker_exchange import Ears
from engine.broker_tally import Tokens
from engine.broker_trial import ModelAway, takes_key
from engine.broker_upstream import Direct, Upstream
from engine.broker_upstream import upstream as model_upstream
from engine.claude import ClaudeExecutor
from engine.commands import Incoming, Recorded, Reply, Settled
from engine.cookbook import Cookbook
from engine.dag import GateSpec, NodeSpec, WorkflowSpec, is_key, leaves, levels, order
from engine.decisions import Decided, HasVoted
from engine.deliveries import Delivery, Told, Undelivered
from engine.demo_model import CHIPS, GUARDED, DemoModel
from engine.errors import ConfigError, InvalidSpec, LostLease, MabError, NotFound, StaleMove
from engine.executor import AgentResult, Confinement, Executor, Job, Sandbox, Step, Usage
from engine.failpoints import Failpoint, armed, reached
from engine.figures import Figures
from engine.files import Handout
from engine.hints import Hints
from engine.masking import UNMASKED, Mask
from engine.matters import (
    Ask,
    Budget,
    Conflict,
    Failure,
    Gate,
    Merge,
    Option,
    Plan,
    Push,
    Question,
    Tool,
    ToolCall,
    Whose,
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
    Nearing,
    Notice,
    Opened,
    Rescued,
    Restored,
    Silenced,
    Summary,
    SummedUp,
    TakenOver,
)
from engine.outbox import Outbox
from engine.permission_text import shown as whole_action
from engine.plans import integration
from engine.recipe_files import Unreadable
from engine.recipes import BadRecipe, BadValue, Parameter, Recipe
from engine.recipes import schema as recipe_schema
from engine.requests import AlreadyStarted, Wish
from engine.restoration import Restoration, Returned
from engine.restoration import copy as copy_ledger
from engine.sandbox import sandbox_tools
from engine.scheduler import Beat, ended, polling
from engine.scripted import ScriptedExecutor
from engine.settings import AgentPolicy, Limits, Poll, Repo, Section, Settings
from engine.spares import Spares
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
    Account,
    Check,
    FileChange,
    Handed,
    Instruction,
    LogEntry,
    NodeView,
    Note,
    NoteKind,
    RunView,
    Stage,
    Work,
)
from engine.votes import CHOICES, Click, Inquiry, Vote, parts, undecided
from engine.worker import Worker
from engine.workflows import Workflows

__all__ = [
    "CHIPS",
    "CHOICES",
    "GUARDED",
    "LARGEST_FILE",
    "MOST_FILES",
    "TERMINAL",
    "UNMASKED",
    "Account",
    "AgentPolicy",
    "AgentResult",
    "AgentSpec",
    "AlreadyStarted",
    "Ask",
    "AuditEntry",
    "BadRecipe",
    "BadValue",
    "Beat",
    "Became",
    "Budget",
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
    "Direct",
    "Ears",
    "Ended",
    "Engine",
    "Executor",
    "Fact",
    "Failed",
    "Failpoint",
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
    "Hints",
    "Inbox",
    "Incoming",
    "Inquiry",
    "InquiryKind",
    "InquiryStatus",
    "Instruction",
    "InvalidSpec",
    "Job",
    "Kind",
    "Ledger",
    "Limits",
    "Listeners",
    "LogEntry",
    "LostLease",
    "MabError",
    "Mask",
    "Merge",
    "ModelAway",
    "Nearing",
    "NodeSpec",
    "NodeView",
    "NotFound",
    "Note",
    "NoteKind",
    "Notice",
    "OnFailure",
    "Opened",
    "Option",
    "Origin",
    "Outbox",
    "Outside",
    "Parameter",
    "Person",
    "Plan",
    "Poll",
    "Push",
    "Question",
    "Recipe",
    "Recorded",
    "Reply",
    "Repo",
    "Rescued",
    "Restoration",
    "Restored",
    "Returned",
    "RunView",
    "Sandbox",
    "ScriptedExecutor",
    "Section",
    "Settings",
    "Settled",
    "Silenced",
    "Spares",
    "Stage",
    "StaleMove",
    "Status",
    "Step",
    "Summary",
    "SummedUp",
    "TakenOver",
    "Tokens",
    "Told",
    "Tool",
    "ToolCall",
    "Undelivered",
    "Unreadable",
    "Upstream",
    "Usage",
    "Vote",
    "Whose",
    "Wish",
    "Work",
    "Worker",
    "WorkflowSpec",
    "Workflows",
    "armed",
    "copy_ledger",
    "ended",
    "integration",
    "is_key",
    "is_passing",
    "leaves",
    "levels",
    "make_executor",
    "make_janitor",
    "make_worker",
    "model_upstream",
    "order",
    "parts",
    "polling",
    "reached",
    "recipe_schema",
    "sandbox_tools",
    "takes_key",
    "undecided",
    "whole_action",
]
