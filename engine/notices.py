"""What people are told: the card, and the facts that are told once. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter

from engine.executor import Usage
from engine.matters import Whose
from engine.spec import Origin, Person
from engine.states import Status
from engine.views import NodeView, Work
from engine.votes import Inquiry


@dataclass(frozen=True)
class Card:
    """The live state of a workflow: what its card shows."""

    workflow_id: int
    version: int
    nodes: tuple[NodeView, ...]
    slots_busy: int = 0
    slots: int = 0
    paused_by: str = ""  # who has stopped all claiming; "" = nobody
    title: str = ""
    origin: Origin = field(default_factory=lambda: Origin("", None))
    counts: Mapping[Status, int] = field(default_factory=dict)  # of all nodes, listed or not
    inquiries: tuple[Inquiry, ...] = ()  # that are open
    usage: Usage = field(default_factory=Usage)  # all nodes together
    workers: int = 0  # that are alive; one without room on its disk offers no slots


@dataclass(frozen=True)
class Summary:
    """How a request for several nodes ended."""

    workflow_id: int
    title: str
    requester: Person
    status: Status  # COMPLETED, FAILED or CANCELLED
    began_at: datetime
    nodes: tuple[NodeView, ...]  # at most 50, their texts cut
    counts: Mapping[Status, int]  # of all nodes
    usage: Usage
    duration_ms: int  # from the request to its end
    work: Work = field(default_factory=Work)  # of the one node that holds everything, if there is
    reason: str = ""  # why nothing was done: a plan was discarded, or its time was over


@dataclass(frozen=True)
class Ended:
    """A request for one agent has ended: its one terminal notice."""

    agent: NodeView


@dataclass(frozen=True)
class SummedUp:
    """A request for several nodes has ended: its one terminal notice."""

    summary: Summary


@dataclass(frozen=True)
class TakenOver:
    """An attempt was lost; the next one goes on."""

    agent: NodeView
    detail: str = ""  # the commit that holds what it had done, or ""


@dataclass(frozen=True)
class Rescued:
    """Work that an agent had left beside its branch was found when its worktree was removed."""

    agent: NodeView
    place: str  # a ref of the repository, or a directory
    host: str  # its name


@dataclass(frozen=True)
class Failed:
    """A node failed while others of its request go on."""

    agent: NodeView


@dataclass(frozen=True)
class DiffAsked:
    """Somebody wants to see what an agent changed."""

    agent: NodeView


@dataclass(frozen=True)
class GraphAsked:
    """Somebody wants to see the graph."""

    by: Person


@dataclass(frozen=True)
class Opened:
    """People are asked; `again` = reminded, or asked anew because something has changed."""

    inquiry: Inquiry
    again: bool = False


@dataclass(frozen=True)
class Closed:
    """An inquiry waits for nobody any more; what was posted of it loses its buttons."""

    inquiry: Inquiry


@dataclass(frozen=True)
class Heard:
    """An agent was given what people said to it."""

    keys: tuple[str, ...]  # of the commands that brought it


@dataclass(frozen=True)
class Nearing:
    """A budget is nearly used up; amounts in US dollars."""

    agent: NodeView  # whose run has used the last of it
    whose: Whose
    budget: Decimal
    spent: Decimal


@dataclass(frozen=True)
class Silenced:
    """Nothing can be told in the thread any more; who asked is told so, apart from it."""

    reason: str  # in the front end's words


@dataclass(frozen=True)
class Restored:
    """The ledger is a copy that was put back: it knows nothing of what happened since."""

    last: datetime | None  # when the last thing happened that it knows of


Fact = (
    Ended
    | SummedUp
    | TakenOver
    | Rescued
    | Failed
    | DiffAsked
    | GraphAsked
    | Opened
    | Closed
    | Heard
    | Nearing
    | Restored
    | Silenced
)
FACTS: Mapping[str, TypeAdapter[Any]] = {
    "request.ended": TypeAdapter(Ended),
    "workflow.ended": TypeAdapter(SummedUp),
    "agent.taken_over": TypeAdapter(TakenOver),
    "agent.rescued": TypeAdapter(Rescued),
    "node.failed": TypeAdapter(Failed),
    "diff.asked": TypeAdapter(DiffAsked),
    "graph.asked": TypeAdapter(GraphAsked),
    "inquiry.opened": TypeAdapter(Opened),
    "inquiry.closed": TypeAdapter(Closed),
    "agent.heard": TypeAdapter(Heard),
    "budget.nearing": TypeAdapter(Nearing),
    "ledger.put_back": TypeAdapter(Restored),
    "thread.silenced": TypeAdapter(Silenced),
}
NAMES: Mapping[type[Fact], str] = {
    Ended: "request.ended",
    SummedUp: "workflow.ended",
    TakenOver: "agent.taken_over",
    Rescued: "agent.rescued",
    Failed: "node.failed",
    DiffAsked: "diff.asked",
    GraphAsked: "graph.asked",
    Opened: "inquiry.opened",
    Closed: "inquiry.closed",
    Heard: "agent.heard",
    Nearing: "budget.nearing",
    Restored: "ledger.put_back",
    Silenced: "thread.silenced",
}


@dataclass(frozen=True)
class Posted:
    """A notice that people have been told: its number, and where it stands."""

    id: int
    receipt: Mapping[str, Any]  # in the front end's words


@dataclass(frozen=True)
class Notice:
    """A fact that people must be told once, in order within its thread."""

    id: int
    at: datetime
    fact: Fact

    @property
    def name(self) -> str:
        """What kind of fact it is, in one word."""
        return NAMES[type(self.fact)]


def packed(fact: Fact) -> dict[str, Any]:
    """A fact as JSON."""
    return FACTS[NAMES[type(fact)]].dump_python(fact, mode="json")  # type: ignore[no-any-return]


def unpacked(name: str, data: Mapping[str, Any]) -> Fact:
    """A fact from JSON."""
    return FACTS[name].validate_python(data)  # type: ignore[no-any-return]
