"""What agents and the model said to each other, kept so that any host can go on with it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from engine.commands import insert_new
from engine.errors import LostLease
from engine.failpoints import Failpoint, reached
from engine.models import Run, SessionEntry
from engine.store import Database, is_passing, told
from engine.transcripts import Attempt, TranscriptsAway, name

if TYPE_CHECKING:  # the SDK takes most of a second to load
    from claude_agent_sdk import (
        SessionKey,
        SessionListSubkeysKey,
        SessionStoreEntry,
        SessionStoreListEntry,
        SessionSummaryEntry,
    )

_BATCH = 500  # rows of one INSERT


@dataclass(frozen=True)
class Sessions:
    """The SDK's SessionStore on the ledger's database.

    An entry is stored once for its uuid, however often it is appended. Every question is
    answered from the index of one project. What an agent's run needs of it raises
    TranscriptsAway (see `engine.transcripts`).
    """

    db: Database

    async def append(
        self,
        key: "SessionKey",
        entries: "list[SessionStoreEntry]",
        attempt: Attempt | None = None,
    ) -> None:
        """Add lines to a transcript, all or none; raises LostLease once the attempt has ended."""
        rows = [_row(key, cast(dict[str, Any], entry)) for entry in entries]
        if not rows:
            return
        reached(Failpoint.BEFORE_SESSION_APPEND)
        async with _reached(self.db.writing()) as session:
            await _fence(session, attempt)
            adding = insert_new(session, SessionEntry)
            for first in range(0, len(rows), _BATCH):
                await session.execute(adding, rows[first : first + _BATCH])

    async def load(self, key: "SessionKey") -> "list[SessionStoreEntry] | None":
        """A transcript as it was appended; None where there is none."""
        query = select(SessionEntry.entry).where(*_named(key)).order_by(SessionEntry.id)
        async with _reached(self.db.reading()) as session:
            found = [cast("SessionStoreEntry", entry) for entry in await session.scalars(query)]
        return found or None

    async def holds(self, project: str, session_id: str) -> bool:
        """Whether there is such a session to go on with."""
        query = select(SessionEntry.id).where(*_named(name(project, session_id))).limit(1)
        async with _reached(self.db.reading()) as session:
            return await session.scalar(query) is not None

    async def latest(self, project: str) -> str:
        """The session of a project that was written last; "" where there is none."""
        query = select(SessionEntry.session_id).where(SessionEntry.project_key == project)
        async with self.db.reading() as session:
            return await session.scalar(query.order_by(SessionEntry.id.desc()).limit(1)) or ""

    async def list_sessions(self, project_key: str) -> "list[SessionStoreListEntry]":
        """The sessions of a project and when they were written last (Unix time in ms)."""
        query = (
            select(SessionEntry.session_id, func.max(SessionEntry.at))
            .where(SessionEntry.project_key == project_key, SessionEntry.subpath == "")
            .group_by(SessionEntry.session_id)
        )
        async with self.db.reading() as session:
            found = await session.execute(query)
            return [{"session_id": name, "mtime": _milliseconds(at)} for name, at in found]

    async def list_session_summaries(self, project_key: str) -> "list[SessionSummaryEntry]":
        """What the SDK makes of each session of a project; made when asked for, never stored."""
        from claude_agent_sdk import fold_session_summary  # noqa: PLC0415 - see above

        summaries: list[SessionSummaryEntry] = []
        for listed in await self.list_sessions(project_key):
            key = name(project_key, listed["session_id"])
            summary = fold_session_summary(None, key, await self.load(key) or [])
            summaries.append({**summary, "mtime": listed["mtime"]})
        return summaries

    async def list_subkeys(self, key: "SessionListSubkeysKey") -> list[str]:
        """The names of the other transcripts (of subagents) that belong to a session."""
        query = select(SessionEntry.subpath).distinct().where(*_of(key), SessionEntry.subpath != "")
        async with _reached(self.db.reading()) as session:
            return list(await session.scalars(query))

    async def delete(self, key: "SessionKey") -> None:
        """Forget a session with all that belongs to it, or only the transcript that is named."""
        conditions = _named(key) if key.get("subpath") else _of(key)
        async with self.db.writing() as session:
            await session.execute(delete(SessionEntry).where(*conditions))


@asynccontextmanager
async def _reached(
    opening: AbstractAsyncContextManager[AsyncSession],
) -> AsyncIterator[AsyncSession]:
    """The transaction; what may pass by itself has a name that the agent's side knows."""
    try:
        async with opening as session:
            yield session
    except Exception as error:
        if is_passing(error):
            raise TranscriptsAway(told(error)) from error
        raise


async def _fence(session: AsyncSession, attempt: Attempt | None) -> None:
    """Refuse whoever speaks for a run that is over, and keep it from ending meanwhile."""
    if attempt is None:
        return
    mine = select(Run.ended_at).where(Run.node_id == attempt[0], Run.attempt == attempt[1])
    if await session.scalar(mine.with_for_update(read=True)) is not None:
        raise LostLease(f"agent {attempt[0]}, attempt {attempt[1]}")


def _row(key: "SessionKey", entry: dict[str, Any]) -> dict[str, Any]:
    return {
        "project_key": key["project_key"],
        "session_id": key["session_id"],
        "subpath": key.get("subpath", ""),
        "uuid": entry.get("uuid"),
        "entry": entry,
    }


def _of(key: "SessionKey | SessionListSubkeysKey") -> Iterator[ColumnElement[bool]]:
    yield SessionEntry.project_key == key["project_key"]
    yield SessionEntry.session_id == key["session_id"]


def _named(key: "SessionKey") -> Iterator[ColumnElement[bool]]:
    yield from _of(key)
    yield SessionEntry.subpath == key.get("subpath", "")


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)
