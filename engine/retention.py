"""What is forgotten: the history of workflows in which nothing has happened for long.

The history is what the log and the sessions tell: events, transcripts, files, the last step of
each run. Workflows, requests, nodes, runs, inquiries, votes and the audit stay, so that a thread
can be asked about and gone on with. A workflow in which something is open is not touched.

`workflows.kept_since` says from when its days are counted. Each change of a workflow begins them
anew, and so does this module where it finds something open; null: its history is gone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy import Select, Text, cast, delete, literal, null, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from engine import models as m
from engine.clock import now
from engine.models.graph import UNFINISHED
from engine.models.service import NO_NODE, UNDELIVERED
from engine.models.talk import OPEN
from engine.store import Database

DAY = 24 * 3600.0  # seconds
ROWS = 250  # of one statement
FILES = 4  # which may be large
FLOWS = 20  # workflows of one transaction
ROUNDS = 20  # transactions of one tick, for each of both kinds
log = structlog.get_logger()
Ids = Sequence[int]


@dataclass(frozen=True)
class Retention:
    """Forgets what is older than so many days, a bounded part of it at each tick."""

    db: Database
    days: float
    rows: int = ROWS

    async def tick(self) -> None:
        """Forget a part of what is due; nobody waits for more than one small transaction."""
        await self._repeatedly(self._flows_due, self._forget_flows)
        await self._repeatedly(self._commands_due, self._forget_commands)
        await self._repeatedly(self._workers_due, self._forget_workers)

    async def _repeatedly(
        self, due: Callable[[], Select[Any]], forget: Callable[[AsyncSession], Any]
    ) -> None:
        """While something is due; to find that nothing is takes no write lock."""
        for _ in range(ROUNDS):
            async with self.db.reading() as session:
                if (await session.execute(due().limit(1))).first() is None:
                    return
            async with self.db.writing() as session:
                await forget(session)

    @property
    def _long_ago(self) -> Any:
        return now(-self.days * DAY)

    def _flows_due(self) -> Select[Any]:
        flow = m.Workflow
        return select(flow.id).where(flow.kept_since < self._long_ago).order_by(flow.kept_since)

    async def _forget_flows(self, session: AsyncSession) -> None:
        """Forget a part of the history of a few workflows; what is in use is kept for longer."""
        first = self._flows_due().limit(FLOWS)
        locked = first.with_for_update(skip_locked=True, key_share=True)
        flows = sorted(await session.scalars(locked))
        used = await in_use(session, flows)
        idle = [flow for flow in flows if flow not in used]
        whole = await self._forget_history(session, idle) if idle else False
        begun_anew = update(m.Workflow).where(m.Workflow.id.in_(used))
        await session.execute(begun_anew.values(kept_since=now()))
        if whole:
            done = update(m.Workflow).where(m.Workflow.id.in_(idle))
            await session.execute(done.values(kept_since=None))
            log.info("history forgotten", workflows=idle)

    async def _forget_history(self, session: AsyncSession, flows: Ids) -> bool:
        """Forget a part of the history of workflows; says whether nothing of it is left."""
        counts = [
            await _deleted(session, m.Event, _events(flows).limit(self.rows)),
            await _deleted(session, m.Event, _said(flows).limit(self.rows)),
            await _deleted(session, m.SessionEntry, _entries(flows).limit(self.rows)),
            await _steps_cleared(session, _steps(flows).limit(self.rows)),
        ]
        files = await _deleted(session, m.File, _files(flows).limit(FILES))
        return files < FILES and max(counts) < self.rows

    def _commands_due(self) -> Select[Any]:
        """Of the oldest in the inbox: to look at all of them would cost more with each day."""
        command = m.Command
        of = select(command.id, command.done_at, command.reply_at)
        oldest = of.order_by(command.id).limit(self.rows).subquery()
        return select(oldest.c.id).where(
            oldest.c.done_at < self._long_ago, oldest.c.reply_at.is_(None)
        )

    async def _forget_commands(self, session: AsyncSession) -> None:
        await _deleted(session, m.Command, self._commands_due())

    def _workers_due(self) -> Select[Any]:
        """Those of hosts that are no more: a reboot makes another host of a machine."""
        return select(m.Worker.id).where(m.Worker.seen_at < self._long_ago)

    async def _forget_workers(self, session: AsyncSession) -> None:
        await _deleted(session, m.Worker, self._workers_due().limit(self.rows))


async def in_use(session: AsyncSession, flows: Ids) -> set[int]:
    """Those of these workflows in which something is open, or is to be told."""
    node, request, inquiry, event = m.Node, m.Request, m.Inquiry, m.Event
    queries = (
        select(node.workflow_id).where(node.workflow_id.in_(flows), text(UNFINISHED)),
        select(request.workflow_id).where(
            request.workflow_id.in_(flows), request.ended_at.is_(None)
        ),
        select(inquiry.workflow_id).where(inquiry.workflow_id.in_(flows), text(OPEN)),
        select(event.workflow_id).where(event.workflow_id.in_(flows), text(UNDELIVERED)),
    )
    return {flow for query in queries for flow in await session.scalars(query.distinct())}


async def _deleted(session: AsyncSession, table: Any, ids: Select[Any]) -> int:
    """Delete rows; gives how many there were."""
    found = list(await session.scalars(ids))
    if found:
        await session.execute(delete(table).where(table.id.in_(found)))
    return len(found)


def _events(flows: Ids) -> Select[Any]:
    """What happened to the nodes."""
    nodes = m.Event.node_id == m.Node.id
    return select(m.Event.id).join(m.Node, nodes).where(m.Node.workflow_id.in_(flows))


def _said(flows: Ids) -> Select[Any]:
    """What people were told beside that."""
    return select(m.Event.id).where(m.Event.workflow_id.in_(flows), text(NO_NODE))


def _entries(flows: Ids) -> Select[Any]:
    """The transcripts; an agent that continues another writes into the other's project."""
    project = literal("agent:") + cast(m.Node.id, Text)
    entries = select(m.SessionEntry.id).join(m.Node, m.SessionEntry.project_key == project)
    return entries.where(m.Node.workflow_id.in_(flows))


def _files(flows: Ids) -> Select[Any]:
    """What people gave to agents, and what these handed out."""
    nodes = m.File.node_id == m.Node.id
    return select(m.File.id).join(m.Node, nodes).where(m.Node.workflow_id.in_(flows))


def _steps(flows: Ids) -> Select[int]:
    """The agents of whose runs the last step is known."""
    runs = select(m.Run.node_id).join(m.Node, m.Node.id == m.Run.node_id)
    return runs.where(m.Node.workflow_id.in_(flows), m.Run.step.is_not(None))


async def _steps_cleared(session: AsyncSession, agents: Select[int]) -> int:
    found = list(await session.scalars(agents))
    if found:
        runs = update(m.Run).where(m.Run.node_id.in_(found))
        await session.execute(runs.values(step=null()))
    return len(found)
