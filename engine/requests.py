"""What people ask for: who asks, in which thread, and whether they have just asked the same."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from engine.audit import Act, Did, note
from engine.clock import now
from engine.commands import insert_new
from engine.dag import MAX_TITLE
from engine.errors import StaleMove
from engine.models import Node, Person, Request, Workflow
from engine.spec import AgentSpec, Origin
from engine.spec import Person as Asker
from engine.states import TERMINAL

REPEAT_SECONDS = 60  # the same wish of the same person within this time is probably a repetition


class AlreadyStarted(StaleMove):
    """The same person asked for the same a moment ago, and it is not finished."""

    def __init__(self, agent_id: int) -> None:
        self.agent_id = agent_id
        super().__init__(f"agent {agent_id} does this already")


@dataclass(frozen=True)
class Wish:
    """Who asks, where, and the command that carries the question ("": not from the inbox).

    `reply` gives what the author alone is told, once the number of the agent is known.
    """

    origin: Origin
    by: Asker
    key: str
    reply: Callable[[int], dict[str, Any] | None] = lambda _: None
    again: bool = False  # even if the same was asked for a moment ago


async def know(session: AsyncSession, person: Asker) -> None:
    """Remember a person and the name that they go by now."""
    await session.execute(insert_new(session, Person).values(id=person.id, name=person.name))
    renaming = update(Person).where(Person.id == person.id, Person.name != person.name)
    await session.execute(renaming.values(name=person.name))


async def thread_of(session: AsyncSession, origin: Origin) -> Workflow:
    """The thread's workflow, locked; made when there is none."""
    if origin.thread is not None:
        row = {"place": origin.place, "thread": origin.thread}
        await session.execute(insert_new(session, Workflow).values(**row))
        known = select(Workflow).filter_by(**row).with_for_update(key_share=True)
        return (await session.scalars(known)).one()
    workflow = Workflow(place=origin.place, thread=None)
    session.add(workflow)
    await session.flush()
    return workflow


async def open_request(
    session: AsyncSession, workflow_id: int, kind: str, wish: Wish, title: str = ""
) -> Request:
    """Accept what somebody asked for."""
    act = Act(Did.ASKED, wish.by.id, wish.key, kind)
    request = await accept(session, workflow_id, kind, act, title)
    note(session, act, request)
    return request


async def accept(
    session: AsyncSession, workflow_id: int, kind: str, act: Act, title: str
) -> Request:
    """Make the request that follows from what somebody did."""
    request = Request(
        workflow_id=workflow_id,
        kind=kind,
        by=act.by,
        command_key=act.key or None,
        title=title[:MAX_TITLE],
    )
    session.add(request)
    await session.flush()
    return request


async def refuse_repetition(session: AsyncSession, spec: AgentSpec, wish: Wish) -> None:
    """Raise AlreadyStarted when the same person has just asked for the same."""
    same = select(Node.id).where(
        Node.requested_by == wish.by.id,
        Node.task == spec.task,
        Node.repo == spec.repo,
        Node.created_at > now(-REPEAT_SECONDS),
        Node.status.not_in(TERMINAL),
    )
    found = await session.scalar(same.order_by(Node.id.desc()).limit(1))
    if found is not None:
        raise AlreadyStarted(found)
