"""The ledger's files: what people gave to an agent, and what an agent hands out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from engine import models as m
from engine.clock import now
from engine.spec import File
from engine.states import Direction


@dataclass(frozen=True)
class Handout:
    """A file that an agent has left for people, and that they do not have yet."""

    id: int
    name: str
    mimetype: str


def attach(session: AsyncSession, agent_id: int, files: Iterable[File]) -> None:
    """Keep the files that came with an agent's task."""
    session.add_all(
        m.File(node_id=agent_id, direction=Direction.IN, **vars(file)) for file in files
    )


def keep(session: AsyncSession, request_id: int, files: Iterable[File]) -> None:
    """Keep the files that came with a plan, until it has nodes."""
    session.add_all(
        m.File(request_id=request_id, direction=Direction.IN, **vars(file)) for file in files
    )


async def deal(session: AsyncSession, request_id: int, agents: Sequence[m.Node]) -> None:
    """Give the files that came with a plan to the agents that begin."""
    kept = select(m.File).where(m.File.request_id == request_id).order_by(m.File.id)
    files = list(await session.scalars(kept))
    for agent in agents:
        agent.attached = len(files)
        attach(session, agent.id, [File(f.name, f.mimetype, f.content) for f in files])
    await session.execute(delete(m.File).where(m.File.request_id == request_id))


def hand_out(session: AsyncSession, agent_id: int, attempt: int, files: Iterable[File]) -> None:
    """Keep the files that an attempt has left for people."""
    session.add_all(
        m.File(node_id=agent_id, attempt=attempt, direction=Direction.OUT, **vars(file))
        for file in files
    )


async def attached(session: AsyncSession, agent_id: int) -> tuple[File, ...]:
    """The files that came with an agent's task, in their order."""
    query = select(m.File).where(m.File.node_id == agent_id, m.File.direction == Direction.IN)
    found = await session.scalars(query.order_by(m.File.id))
    return tuple(File(file.name, file.mimetype, file.content) for file in found)


async def untold(session: AsyncSession, agent_id: int, attempt: int) -> list[Handout]:
    """What an agent has left for people up to an attempt; of one name only the newest."""
    query = select(m.File.id, m.File.name, m.File.mimetype).where(
        m.File.node_id == agent_id,
        m.File.direction == Direction.OUT,
        m.File.attempt <= attempt,
        m.File.told_at.is_(None),
    )
    found = await session.execute(query.order_by(m.File.attempt, m.File.id))
    return list({row.name: Handout(row.id, row.name, row.mimetype) for row in found}.values())


async def content(session: AsyncSession, file_id: int) -> bytes:
    """What is in a file."""
    return (await session.scalars(select(m.File.content).where(m.File.id == file_id))).one()


async def told(session: AsyncSession, file_id: int) -> None:
    """People have the file, and with it its earlier versions are settled; none is kept twice."""
    file = await session.get_one(m.File, file_id)
    versions = update(m.File).where(
        m.File.node_id == file.node_id,
        m.File.direction == Direction.OUT,
        m.File.name == file.name,
        m.File.attempt <= file.attempt,
        m.File.told_at.is_(None),
    )
    await session.execute(versions.values(told_at=now(), content=b""))
