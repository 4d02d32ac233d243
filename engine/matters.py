"""What people are asked: the matter of each kind of inquiry. Pure."""

import hashlib
import json
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter

from engine.dag import WorkflowSpec
from engine.executor import Step
from engine.states import InquiryKind
from engine.views import Handed


@dataclass(frozen=True)
class Plan:
    """A workflow that may start. `text` is what was typed, for whoever edits it."""

    workflow: WorkflowSpec
    text: str = ""
    planner: int = 0  # the agent that proposed it, which changes it as well; 0 = a person did


@dataclass(frozen=True)
class Gate:
    """Whether a workflow goes on, in the light of what its nodes did."""

    question: str
    parents: tuple[Handed, ...] = ()
    ancestors: tuple[str, ...] = ()  # keys of the agents that can be sent back to
    since: str = ""  # the commit from which the gate's own diff goes, if it has one


@dataclass(frozen=True)
class Push:
    """A branch that touches protected paths."""

    branch: str
    commit: str
    paths: tuple[str, ...]  # that are protected


@dataclass(frozen=True)
class Conflict:
    """Commits that cannot be merged by themselves."""

    files: tuple[str, ...]
    commits: tuple[str, ...]
    branch: str  # where a person may push the resolution
    lacks: str = ""  # why what was pushed did not settle it


@dataclass(frozen=True)
class Failure:
    """A node failed, and the workflow asks what to do."""

    error: str = ""


@dataclass(frozen=True)
class Merge:
    """Work that may go into the base branch."""

    commit: str
    onto: str  # the branch
    agent_id: int = 0  # whose work it is


@dataclass(frozen=True)
class ToolCall:
    """A tool call that people decide about, whole."""

    id: str
    tool: str
    given: dict[str, Any]  # paths in the workspace as seen from there
    because: str  # the rule of `[agent] ask` that it meets
    rule: str  # what "allow for this agent" lets it do from now on


@dataclass(frozen=True)
class Tool:
    """What an agent may only do when people let it: the calls of one message."""

    calls: tuple[ToolCall, ...]
    said: str = ""  # the agent's words before
    beside: tuple[Step, ...] = ()  # other calls of that message, which ran


@dataclass(frozen=True)
class Option:
    """An answer that an agent proposes."""

    label: str
    description: str = ""


@dataclass(frozen=True)
class Ask:
    """One question of an agent."""

    call: str  # the tool call that it came with
    text: str
    header: str = ""  # the question in a word or two
    options: tuple[Option, ...] = ()
    several: bool = False  # more than one option may be chosen


@dataclass(frozen=True)
class Question:
    """What an agent wants to know of people, asked at once."""

    asks: tuple[Ask, ...]
    said: str = ""  # the agent's words before


class Whose(StrEnum):
    """Whose budget is used up."""

    AGENT = "agent"
    WORKFLOW = "workflow"
    PERSON = "person"  # within 24 hours


@dataclass(frozen=True)
class Budget:
    """An agent waits because a budget is used up; amounts in US dollars."""

    purse: str  # names it in the ledger
    whose: Whose
    budget: Decimal
    spent: Decimal
    more: Decimal  # by so much an approval raises it


Matter = Plan | Gate | Push | Conflict | Failure | Merge | Tool | Question | Budget
MATTERS: dict[InquiryKind, TypeAdapter[Any]] = {
    InquiryKind.PLAN: TypeAdapter(Plan),
    InquiryKind.GATE: TypeAdapter(Gate),
    InquiryKind.PUSH: TypeAdapter(Push),
    InquiryKind.CONFLICT: TypeAdapter(Conflict),
    InquiryKind.FAILURE: TypeAdapter(Failure),
    InquiryKind.MERGE: TypeAdapter(Merge),
    InquiryKind.TOOL: TypeAdapter(Tool),
    InquiryKind.QUESTION: TypeAdapter(Question),
    InquiryKind.BUDGET: TypeAdapter(Budget),
}
KINDS: dict[type[Matter], InquiryKind] = {
    Plan: InquiryKind.PLAN,
    Gate: InquiryKind.GATE,
    Push: InquiryKind.PUSH,
    Conflict: InquiryKind.CONFLICT,
    Failure: InquiryKind.FAILURE,
    Merge: InquiryKind.MERGE,
    Tool: InquiryKind.TOOL,
    Question: InquiryKind.QUESTION,
    Budget: InquiryKind.BUDGET,
}


def packed(matter: Matter) -> dict[str, Any]:
    """A matter as JSON."""
    return MATTERS[KINDS[type(matter)]].dump_python(matter, mode="json")  # type: ignore[no-any-return]


def unpacked(kind: InquiryKind, content: dict[str, Any]) -> Matter:
    """A matter from JSON."""
    return MATTERS[kind].validate_python(content)  # type: ignore[no-any-return]


def digest(content: dict[str, Any]) -> str:
    """What identifies the content of an inquiry: it changes when what is shown changes."""
    plain = json.dumps(content, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(plain.encode()).hexdigest()[:32]
