"""The front door's rooms: everything that a front end may ask of the engine."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select

from engine import audit, cards, commands, inquiries, reading
from engine.audit import Entry as AuditEntry
from engine.brake import Paused, paused
from engine.bringing import Bringing
from engine.commands import Incoming, Recorded, Reply
from engine.cookbook import Cookbook
from engine.decisions import Decisions
from engine.errors import NotFound
from engine.figures import Figures, figures
from engine.growing import Growing
from engine.hearing import Hearing
from engine.mending import Mending
from engine.models import Inquiry as InquiryRow
from engine.models import Node, Request
from engine.models import Workflow as WorkflowRow
from engine.models.talk import OPEN
from engine.notices import Card
from engine.outbox import Outbox
from engine.plans import Plans
from engine.settings import Settings
from engine.spec import Origin
from engine.states import Status
from engine.station import workshop
from engine.store import Database
from engine.talk import Talk
from engine.views import LogEntry, NodeView, RunView
from engine.votes import Inquiry
from engine.workflows import Workflows

LOG_ENTRIES = 5_000


@dataclass(frozen=True)
class Inbox:
    """What came in from people and is not interpreted yet, and what they alone are told."""

    db: Database

    async def record(self, incoming: Incoming) -> bool:
        """Record it durably; False when this key is known already."""
        return await commands.record(self.db, incoming)

    async def unsettled(self, limit: int = 50) -> list[Recorded]:
        """The oldest commands that nobody has interpreted yet."""
        return await commands.unsettled(self.db, limit)

    async def find(self, key: str) -> Recorded | None:
        """A command by its key, settled or not."""
        return await commands.find(self.db, key)

    async def stumble(self, key: str) -> int:
        """Count a failed interpretation; gives the number of failures so far."""
        return await commands.stumble(self.db, key)

    async def replies(self, limit: int = 50) -> list[Reply]:
        """Replies that are to be told now, oldest first."""
        return await commands.replies_due(self.db, limit)

    async def replied(self, key: str) -> None:
        """The reply has been told, or never can be."""
        await commands.replied(self.db, key)

    async def postpone_reply(self, key: str, seconds: float) -> None:
        """The reply could not be told; try again after `seconds`."""
        await commands.postpone_reply(self.db, key, seconds)


@dataclass(frozen=True)
class Ledger:
    """Reading what the ledger knows."""

    db: Database

    async def agent(self, agent_id: int) -> NodeView:
        """One agent; raises NotFound."""
        async with self.db.reading() as session:
            return await reading.agent(session, agent_id)

    async def runs(self, agent_id: int) -> list[RunView]:
        """Every attempt of an agent, first to last."""
        async with self.db.reading() as session:
            return await reading.runs(session, agent_id)

    async def log(self, agent_id: int) -> list[LogEntry]:
        """What an agent did, oldest first; at most the last 5,000 entries."""
        async with self.db.reading() as session:
            return await reading.log(session, agent_id, LOG_ENTRIES)

    async def inquiry(self, inquiry_id: int) -> Inquiry:
        """One question that was put to people; raises NotFound."""
        async with self.db.reading() as session:
            return await inquiries.inquiry(session, inquiry_id)

    async def posted(self, inquiry: Inquiry) -> Mapping[str, Any]:
        """Where people were first shown this revision, in the front end's words; {} before."""
        async with self.db.reading() as session:
            return await inquiries.posted(session, inquiry)

    async def asked_in(self, origin: Origin) -> list[Inquiry]:
        """The questions that wait for people in a thread, first to last."""
        return await self._asked(
            WorkflowRow.place == origin.place, WorkflowRow.thread == origin.thread
        )

    async def asked_at(self, place: str) -> list[Inquiry]:
        """The questions that wait for people in a place, first to last."""
        return await self._asked(WorkflowRow.place == place)

    async def workflow_in(self, origin: Origin) -> int | None:
        """The workflow of a thread, if there is one."""
        known = select(WorkflowRow.id).where(
            WorkflowRow.place == origin.place, WorkflowRow.thread == origin.thread
        )
        async with self.db.reading() as session:
            return await session.scalar(known)

    async def workflow(self, workflow_id: int) -> Card:
        """How a workflow stands; raises NotFound."""
        async with self.db.reading() as session:
            found = await session.get(WorkflowRow, workflow_id)
            if found is None:
                raise NotFound(f"there is no workflow w{workflow_id}")
            return await cards.card(session, found)

    async def owner(self, workflow_id: int) -> str:
        """The id of whoever asked for the first thing in a workflow; "" for nobody."""
        asked = select(Request.by).where(Request.workflow_id == workflow_id)
        async with self.db.reading() as session:
            return await session.scalar(asked.order_by(Request.id).limit(1)) or ""

    async def audit(self, workflow_id: int) -> Sequence[AuditEntry]:
        """What people asked, decided and did about a workflow, first to last."""
        async with self.db.reading() as session:
            return await audit.entries(session, workflow_id)

    async def node(self, workflow_id: int, key: str) -> NodeView:
        """The node of a workflow that has this key; raises NotFound."""
        for view in await self._agents(Node.workflow_id == workflow_id, Node.key == key):
            return view
        raise NotFound(f"there is no step {key!r} in workflow w{workflow_id}")

    async def _asked(self, *conditions: ColumnElement[bool]) -> list[Inquiry]:
        async with self.db.reading() as session:
            return await inquiries.listed(session, reading.few(InquiryRow.id, OPEN), *conditions)

    async def unfinished(self) -> list[NodeView]:
        """Every agent that has not ended."""
        async with self.db.reading() as session:
            return await reading.unfinished(session)

    async def unfinished_in(self, place: str) -> list[NodeView]:
        """Every agent of a place that has not ended."""
        async with self.db.reading() as session:
            return await reading.unfinished(session, WorkflowRow.place == place)

    async def recent(self, person: str, limit: int = 10) -> list[NodeView]:
        """A person's latest agents, oldest first."""
        async with self.db.reading() as session:
            return await reading.latest(session, limit, Node.requested_by == person)

    async def waiting_for(self, person: str) -> list[NodeView]:
        """What a person asked for that waits for a decision."""
        waits = Node.status == Status.WAITING
        return await self._agents(Node.requested_by == person, waits)

    async def latest(self, limit: int) -> list[NodeView]:
        """The newest agents of all, oldest of them first."""
        async with self.db.reading() as session:
            return await reading.latest(session, limit)

    async def of_thread(self, origin: Origin) -> list[NodeView]:
        """The agents of a thread, first to last; where none has begun yet there is none."""
        if origin.thread is None:
            return []
        return await self._agents(
            WorkflowRow.place == origin.place, WorkflowRow.thread == origin.thread
        )

    async def _agents(self, *conditions: ColumnElement[bool]) -> list[NodeView]:
        async with self.db.reading() as session:
            return list(await reading.agents(session, *conditions))


@dataclass(frozen=True)
class Engine:
    """The engine as a front end sees it: inbox, verbs, ledger, outbox."""

    inbox: Inbox
    workflows: Workflows
    plans: Plans
    decisions: Decisions
    mending: Mending
    growing: Growing
    bringing: Bringing
    talk: Talk
    recipes: Cookbook
    ledger: Ledger
    outbox: Outbox
    hearing: Hearing
    settings: Settings
    db: Database

    @classmethod
    def open(cls, settings: Settings, owner: str) -> "Engine":
        """An engine on the configured database; `owner` names this process in its leases."""
        db = Database.connect(settings.database)
        workflows = Workflows(db, settings)
        return cls(
            inbox=Inbox(db),
            workflows=workflows,
            plans=Plans(workflows),
            decisions=Decisions(workflows),
            mending=Mending(workflows),
            growing=Growing(workflows),
            bringing=Bringing(workflows),
            talk=Talk(workflows),
            recipes=Cookbook(settings, workshop(settings).repos),
            ledger=Ledger(db),
            outbox=Outbox(db, owner),
            hearing=Hearing(db),
            settings=settings,
            db=db,
        )

    async def paused(self) -> Paused | None:
        """Whether claiming is paused, and by whom."""
        return await paused(self.db)

    async def figures(self) -> Figures:
        """How the ledger stands, in a few numbers."""
        return await figures(self.db)

    async def diff(self, agent: NodeView, limit_bytes: int = 1_000_000) -> str:
        """What an agent changed, as text; raises RepositoryError, GitError."""
        return await workshop(self.settings).diff(agent, limit_bytes)

    @property
    def repos(self) -> Sequence[str]:
        """The names of the repositories that agents may work on."""
        return tuple(self.settings.repos)
