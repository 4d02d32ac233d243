"""The inbox: what came in, recorded before it is acknowledged, and what its author is told."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from engine.clock import now
from engine.errors import StaleMove
from engine.failpoints import Failpoint, reached
from engine.models import Command
from engine.store import Database

Json = dict[str, Any]
TELLING_SECONDS = 60.0  # for telling the replies that were taken


class Settled(StaleMove):
    """The command has been carried out already."""


@dataclass(frozen=True)
class Incoming:
    """Something that arrived from people, not yet interpreted.

    `key` identifies it for ever: the same key is recorded once, however often it arrives.
    """

    key: str
    kind: str
    payload: Mapping[str, Any]
    author: str


@dataclass(frozen=True)
class Recorded(Incoming):
    """An incoming command as the inbox holds it."""

    at: datetime
    tries: int


@dataclass(frozen=True)
class Reply:
    """What the author of a command alone is told."""

    key: str
    payload: Mapping[str, Any]  # of the command: says where the author can be reached
    author: str
    reply: Mapping[str, Any]
    tries: int


def insert_new(session: AsyncSession, model: type[Any]) -> Any:
    """An INSERT … ON CONFLICT DO NOTHING in the database's own words."""
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    return dialect.insert(model).on_conflict_do_nothing()


async def record(db: Database, incoming: Incoming) -> bool:
    """Record it durably; False when this key is known already."""
    async with db.writing() as session:
        row = {**vars(incoming), "payload": dict(incoming.payload)}
        new = insert_new(session, Command).values(**row).returning(Command.id)
        fresh = await session.scalar(new) is not None
    reached(Failpoint.AFTER_INBOX_COMMIT)
    return fresh


async def unsettled(db: Database, limit: int) -> list[Recorded]:
    """The oldest commands that nobody has interpreted yet."""
    query = select(Command).where(Command.done_at.is_(None)).order_by(Command.id).limit(limit)
    async with db.reading() as session:
        return [_recorded(command) for command in await session.scalars(query)]


async def find(db: Database, key: str) -> Recorded | None:
    """A command by its key, settled or not."""
    async with db.reading() as session:
        command = (await session.scalars(select(Command).where(Command.key == key))).one_or_none()
        return None if command is None else _recorded(command)


def _recorded(c: Command) -> Recorded:
    return Recorded(c.key, c.kind, c.payload, c.author, c.at, c.tries)


async def settle(session: AsyncSession, key: str) -> None:
    """Close a command in the transaction of its effect; "" is a wish without a command.

    Raises Settled when it was closed before: the effect must not happen twice.
    """
    if not key:
        return
    closing = update(Command).where(Command.key == key, Command.done_at.is_(None))
    closed = await session.execute(closing.values(done_at=now()).returning(Command.id))
    if closed.one_or_none() is None:
        raise Settled(key)


async def answer(session: AsyncSession, key: str, outcome: str, reply: Json | None) -> None:
    """Note what became of a command, and what its author alone is to be told."""
    values: Json = {"outcome": outcome}
    if reply is not None:
        values |= {"reply": reply, "reply_at": now()}
    await session.execute(update(Command).where(Command.key == key).values(values))


async def stumble(db: Database, key: str) -> int:
    """Count a failed interpretation; gives the number of failures so far."""
    counting = update(Command).where(Command.key == key).values(tries=Command.tries + 1)
    async with db.writing() as session:
        return int((await session.execute(counting.returning(Command.tries))).scalar_one())


async def replies_due(db: Database, limit: int) -> list[Reply]:
    """Take replies that are to be told now, oldest first.

    Nobody else gets them for a while; one that is then neither told nor postponed is due again.
    """
    # NOT NULL as well: PostgreSQL, which cannot see when `now` is, would expect them to be many.
    due = select(Command.id).where(Command.reply_at.is_not(None), Command.reply_at <= now())
    async with db.reading() as session:
        if (await session.scalars(due.limit(1))).first() is None:
            return []  # the rule, and it takes no write lock
    first = due.order_by(Command.reply_at, Command.id).limit(limit)
    taking = (
        update(Command)
        .where(Command.id.in_(first), Command.reply_at <= now())
        .values(reply_at=now(TELLING_SECONDS))
        .returning(Command)
    )
    async with db.writing() as session:
        taken = sorted(await session.scalars(taking), key=lambda c: c.id)
    return [Reply(c.key, c.payload, c.author, c.reply or {}, c.reply_tries) for c in taken]


async def replied(db: Database, key: str) -> None:
    """The reply has been told, or never can be."""
    async with db.writing() as session:
        await session.execute(update(Command).where(Command.key == key).values(reply_at=None))


async def postpone_reply(db: Database, key: str, seconds: float) -> None:
    """The reply could not be told; try again after `seconds`."""
    values = {"reply_at": now(seconds), "reply_tries": Command.reply_tries + 1}
    async with db.writing() as session:
        await session.execute(update(Command).where(Command.key == key).values(values))
