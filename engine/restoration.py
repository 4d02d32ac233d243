"""A copy of the ledger: how one is made, and how one that was put back is gone on from.

Between the copy and its return the world went on: messages were posted, branches moved, questions
answered. A returned ledger must not take those for its own, nor its own for others: so it never
uses a number again that was used since, looks for what it may have posted before it posts it, asks
anew what was open, owns no run, and says in each unfinished thread what has happened.
"""

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncSession

from engine import inquiries
from engine import models as m
from engine.audit import Did
from engine.clock import now
from engine.errors import ConfigError
from engine.events import tell
from engine.matters import KINDS, Failure, digest, packed
from engine.models.graph import UNFINISHED
from engine.models.service import UNDELIVERED
from engine.models.talk import OPEN
from engine.notices import Closed, Opened, Restored
from engine.spec import Person
from engine.states import InquiryStatus, Status
from engine.store import Database, lock

# What Slack, git and agents' names know by number: how many at least may have been given since.
SKIPPED = {m.Workflow: 1_000, m.Node: 1_000, m.Inquiry: 1_000, m.Event: 1_000_000}
REVISIONS = 100  # of an open question, likewise
NOBODY = "restored"  # owns what was running
OTHERS_TOOL = (
    "a PostgreSQL database is copied by its own tool, also while the program runs: "
    'pg_dump --no-owner "$DATABASE_URL" > FILE'
)


def copy(url: str, file: Path) -> None:
    """Write a consistent copy of an SQLite ledger, which may be in use; blocks.

    Raises ConfigError for another database, and where the copy cannot be written.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        raise ConfigError(OTHERS_TOOL)
    try:
        file.touch(mode=0o600, exist_ok=False)  # it holds what people said
        with closing(sqlite3.connect(parsed.database or "", timeout=30)) as ledger:
            ledger.execute("VACUUM INTO ?", (str(file),))
    except (OSError, sqlite3.Error) as error:
        raise ConfigError(f"no copy was written to {file}: {error}") from error


@dataclass(frozen=True)
class Returned:
    """What was found in a ledger that was put back."""

    last: datetime | None  # when the last thing happened that it knows of
    threads: int  # that were unfinished, and are told
    runs: int  # that were under way, and are gone on with
    asked: int  # questions that are asked anew


@dataclass(frozen=True)
class Restoration:
    """Makes a ledger that was put back fit to go on; no other program may use it meanwhile."""

    db: Database

    async def carry_out(self, by: Person) -> Returned:
        """All of it or nothing; doing it twice costs a second message in each thread."""
        async with self.db.writing() as session:
            last = await session.scalar(select(func.max(m.Event.at)))
            flows = await _unfinished(session)
            for flow in flows:
                await lock(session, flow)
            runs = await _disown(session)
            await _doubt_deliveries(session)
            await _skip_numbers(session, by)
            for flow in flows:
                tell(session, flow, Restored(last))
            await session.flush()
            return Returned(last, len(flows), runs, await _ask_anew(session))


async def _unfinished(session: AsyncSession) -> Sequence[int]:
    """Workflows in which something is under way or is asked."""
    queries = (
        select(m.Node.workflow_id).where(text(UNFINISHED)),
        select(m.Request.workflow_id).where(m.Request.ended_at.is_(None)),
        select(m.Inquiry.workflow_id).where(text(OPEN)),
    )
    return sorted({flow for query in queries for flow in await session.scalars(query.distinct())})


async def _disown(session: AsyncSession) -> int:
    """Runs belong to nobody, so that the next worker closes them; gives how many there are."""
    lost = update(m.Run).where(m.Run.ended_at.is_(None))
    disowned = lost.values(worker=NOBODY, lease_until=now(-1)).returning(m.Run.node_id)
    runs = len((await session.execute(disowned)).all())
    await session.execute(delete(m.Worker))
    return runs


async def _doubt_deliveries(session: AsyncSession) -> None:
    """What is to be posted may have been posted since: it is looked for first."""
    undelivered = update(m.Event).where(text(UNDELIVERED), m.Event.sending_at.is_(None))
    await session.execute(undelivered.values(sending_at=now()))
    free = {"deliverer": None, "deliver_until": None, "retry_at": now(), "card_at": now()}
    fenced = {"delivery_no": m.Workflow.delivery_no + 1, "version": m.Workflow.version + 1}
    await session.execute(update(m.Workflow).values(**free, **fenced))
    unopened = update(m.Workflow).where(m.Workflow.card.is_(None), m.Workflow.tries == 0)
    await session.execute(unopened.values(tries=1))


async def _skip_numbers(session: AsyncSession, by: Person) -> None:
    """Give no number again that may be in use: the next ones are beyond a row of our own."""
    at = {table: await _beyond(session, table, least) for table, least in SKIPPED.items()}
    known = select(m.Person.id).where(m.Person.id == by.id)
    if await session.scalar(known) is None:
        await session.execute(insert(m.Person).values(id=by.id, name=by.name))
    flow, node = at[m.Workflow], at[m.Node]
    place = {"place": NOBODY, "thread": str(flow), "title": NOBODY, "kept_since": None}
    await session.execute(insert(m.Workflow).values(id=flow, **place))
    ended = {"workflow_id": flow, "kind": NOBODY, "by": by.id, "ended_at": now()}
    request = await session.scalar(insert(m.Request).values(**ended).returning(m.Request.id))
    await session.execute(insert(m.Node).values(id=node, **_node(flow, request, by)))
    asked = {"workflow_id": flow, "request_id": request, "node_id": node}
    await session.execute(insert(m.Inquiry).values(id=at[m.Inquiry], **asked, **_withdrawn()))
    happened = {"id": at[m.Event], "workflow_id": flow, "node_id": node, "name": "ledger.restored"}
    await session.execute(insert(m.Event).values(**happened))
    row = {"who": by.id, "did": Did.RESTORED, "workflow_id": flow, "node_id": node}
    await session.execute(insert(m.Audit).values(**row))
    if session.get_bind().dialect.name == "postgresql":
        for table, number in at.items():
            sequence = func.pg_get_serial_sequence(table.__tablename__, "id")
            await session.execute(select(func.setval(sequence, number)))


async def _beyond(session: AsyncSession, table: Any, least: int) -> int:
    """A number that cannot have been reached: as many again as there are, or a good many."""
    highest = await session.scalar(select(func.max(table.id))) or 0
    return int(highest + max(highest, least))


def _node(flow: int, request: int | None, by: Person) -> dict[str, Any]:
    said = {"task": "The ledger was put back to a copy", "repo": "", "requested_by": by.id}
    ended = {"status": Status.CANCELLED, "ended_at": now(), "policy": {}}
    return {"workflow_id": flow, "request_id": request, **said, **ended}


def _withdrawn() -> dict[str, Any]:
    matter = Failure("")
    content = packed(matter)
    closed = {"status": InquiryStatus.WITHDRAWN, "expires_at": now(), "closed_at": now()}
    asked = {"kind": KINDS[type(matter)], "content": content, "digest": digest(content)}
    return {**asked, **closed, "approvers": []}


async def _ask_anew(session: AsyncSession) -> int:
    """Open questions may have been answered since: they are asked again, votes begin anew."""
    rows = list(await session.scalars(select(m.Inquiry).where(text(OPEN)).order_by(m.Inquiry.id)))
    for row in rows:
        before = await inquiries.inquiry(session, row.id)
        withdrawn = replace(before, status=InquiryStatus.WITHDRAWN)
        tell(session, row.workflow_id, Closed(withdrawn))
        values = {"revision": m.Inquiry.revision + REVISIONS, "remind_at": None}
        fresh = {**values, "expires_at": now(inquiries.EXPIRES.total_seconds())}
        await session.execute(update(m.Inquiry).where(m.Inquiry.id == row.id).values(**fresh))
        asked = await inquiries.inquiry(session, row.id)
        tell(session, row.workflow_id, Opened(asked, again=True))
        await session.flush()
    return len(rows)
