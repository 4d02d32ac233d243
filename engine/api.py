"""The front door's rooms: everything that a front end may ask of the engine."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement

from engine import commands, reading
from engine.brake import Paused, paused
from engine.commands import Incoming, Recorded, Reply
from engine.figures import Figures, figures
from engine.models import Node
from engine.models import Workflow as WorkflowRow
from engine.outbox import Outbox
from engine.settings import Settings
from engine.spec import Origin
from engine.states import TERMINAL
from engine.station import workshop
from engine.store import Database
from engine.views import AgentView, LogEntry, RunView
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

    async def agent(self, agent_id: int) -> AgentView:
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

    async def unfinished(self) -> list[AgentView]:
        """Every agent that has not ended."""
        return await self._agents(Node.status.not_in(TERMINAL))

    async def unfinished_in(self, place: str) -> list[AgentView]:
        """Every agent of a place that has not ended."""
        return await self._agents(
            WorkflowRow.place == place,
            Node.status.not_in(TERMINAL),
        )

    async def recent(self, person: str, limit: int = 10) -> list[AgentView]:
        """A person's latest agents, oldest first."""
        async with self.db.reading() as session:
            return await reading.latest(session, limit, Node.requested_by == person)

    async def latest(self, limit: int) -> list[AgentView]:
        """The newest agents of all, oldest of them first."""
        async with self.db.reading() as session:
            return await reading.latest(session, limit)

    async def of_thread(self, origin: Origin) -> list[AgentView]:
        """The agents of a thread, first to last."""
        return await self._agents(
            WorkflowRow.place == origin.place, WorkflowRow.thread == origin.thread
        )

    async def _agents(self, *conditions: ColumnElement[bool]) -> list[AgentView]:
        async with self.db.reading() as session:
            return list(await reading.agents(session, *conditions))


@dataclass(frozen=True)
class Engine:
    """The engine as a front end sees it: inbox, verbs, ledger, outbox."""

    inbox: Inbox
    workflows: Workflows
    ledger: Ledger
    outbox: Outbox
    settings: Settings
    db: Database

    @classmethod
    def open(cls, settings: Settings, owner: str) -> "Engine":
        """An engine on the configured database; `owner` names this process in its leases."""
        db = Database.connect(settings.database)
        return cls(Inbox(db), Workflows(db, settings), Ledger(db), Outbox(db, owner), settings, db)

    async def paused(self) -> Paused | None:
        """Whether claiming is paused, and by whom."""
        return await paused(self.db)

    async def figures(self) -> Figures:
        """How the ledger stands, in a few numbers."""
        return await figures(self.db)

    async def diff(self, agent: AgentView, limit_bytes: int = 1_000_000) -> str:
        """What an agent changed, as text; raises RepositoryError, GitError."""
        return await workshop(self.settings).diff(agent, limit_bytes)

    @property
    def repos(self) -> Sequence[str]:
        """The names of the repositories that agents may work on."""
        return tuple(self.settings.repos)
