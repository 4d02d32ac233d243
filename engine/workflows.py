"""Changes of a workflow: each is one transaction that ends by doing what follows from it."""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from engine import reading
from engine.clock import now
from engine.commands import answer, insert_new, settle
from engine.errors import InvalidSpec, NotFound, StaleMove
from engine.events import append
from engine.models import Node, Person, Request, Workflow
from engine.settings import Settings
from engine.spec import AgentSpec, Origin
from engine.spec import Person as Asker
from engine.states import ADMITTED, TERMINAL, Status, sources
from engine.store import Database, lock

LINE = 8  # how many of those who wait see the line move
REPEAT_SECONDS = 60  # the same wish of the same person within this time is probably a repetition


class AlreadyStarted(StaleMove):
    """The same person asked for the same a moment ago, and it is not finished."""

    def __init__(self, agent_id: int) -> None:
        self.agent_id = agent_id
        super().__init__(f"agent {agent_id} does this already")


@dataclass(frozen=True)
class Wish:
    """Who asks, where, and the command that carries the question.

    `reply` gives what the author alone is told, once the number of the agent is known.
    """

    origin: Origin
    by: Asker
    key: str
    reply: Callable[[int], dict[str, Any] | None] = lambda _: None
    again: bool = False  # even if the same was asked for a moment ago


@dataclass(frozen=True)
class Workflows:
    """The verbs that change workflows."""

    db: Database
    settings: Settings

    @asynccontextmanager
    async def changing(self, workflow_id: int) -> AsyncIterator[AsyncSession]:
        """One transaction on one workflow: the body moves nodes, then what follows is done."""
        async with self.db.writing() as session:
            if await lock(session, workflow_id) is None:
                raise NotFound(f"there is no workflow {workflow_id}")
            yield session
            await advance(session, workflow_id, self.settings.limits.per_user)

    async def start(self, spec: AgentSpec, wish: Wish) -> int:
        """Accept a request for one agent and settle the command that asked for it.

        Gives the agent's id. Raises InvalidSpec for a repository that is not configured,
        AlreadyStarted for a repetition, StaleMove when the command was carried out already.
        """
        if spec.repo not in self.settings.repos:
            raise InvalidSpec(f"there is no repository {spec.repo!r}")
        most = self.settings.limits.budget_usd
        if spec.budget is not None and spec.budget > most:
            raise InvalidSpec(f"the budget of one agent is at most ${most} here")
        async with self.db.writing() as session:
            await settle(session, wish.key)
            workflow = await _workflow(session, wish.origin)
            await _know(session, wish.by)
            if not wish.again:
                await _refuse_repetition(session, spec, wish)
            request = await _request(session, workflow.id, "spawn", wish)
            node = self._node(spec, request)
            session.add(node)
            await session.flush()
            append(session, node, "agent.spawned")
            await answer(session, wish.key, f"agent {node.id}", wish.reply(node.id))
            await advance(session, workflow.id, self.settings.limits.per_user)
            return node.id

    def _node(self, spec: AgentSpec, request: Request) -> Node:
        limits, policy = self.settings.limits, self.settings.agent
        timeout = spec.timeout or timedelta(minutes=limits.timeout_minutes)
        budget = spec.budget or limits.budget_usd
        return Node(
            workflow_id=request.workflow_id,
            request_id=request.id,
            role=spec.role,
            task=spec.task,
            repo=spec.repo,
            base=spec.base,
            requested_by=request.by,
            max_failures=limits.max_failures,
            policy={
                "model": spec.model or policy.model,
                "timeout_seconds": timeout.total_seconds(),
                "max_turns": limits.max_turns,
                "budget_usd": str(budget),
            },
        )

    async def cancel(self, agent_id: int, wish: Wish) -> Status:
        """Cancel an agent in whatever state it is; gives the state it was in.

        A running one is asked to stop: its worker ends it, keeps its work and reports.
        Raises NotFound; StaleMove when it has ended already.
        """
        async with self.changing(await self._workflow_of(agent_id)) as session:
            await settle(session, wish.key)
            node = await session.get_one(Node, agent_id, with_for_update=True)
            was = node.status
            if was in TERMINAL:
                raise StaleMove(f"agent {agent_id} is {was} already")
            await _know(session, wish.by)
            if was is Status.ACTIVE:
                node.cancelled_by = wish.by.id
                append(session, node, "agent.cancelling", {"by": wish.by.id})
            else:
                await move(session, node, Status.CANCELLED, cancelled_by=wish.by.id)
            await answer(session, wish.key, f"cancel {agent_id}", wish.reply(agent_id))
            return was

    async def retry(self, agent_id: int, wish: Wish) -> None:
        """Let an agent that failed or was cancelled try again, from what it has done so far.

        Raises NotFound; StaleMove when it is not in such a state.
        """
        async with self.changing(await self._workflow_of(agent_id)) as session:
            await settle(session, wish.key)
            node = await session.get_one(Node, agent_id, with_for_update=True)
            if node.status not in {Status.FAILED, Status.CANCELLED}:
                raise StaleMove(f"agent {agent_id} is {node.status}; there is nothing to retry")
            await _know(session, wish.by)
            request = await _request(session, node.workflow_id, "retry", wish)
            await move(
                session,
                node,
                Status.BLOCKED,
                request_id=request.id,
                failures=0,
                cancelled_by=None,
                ended_at=None,
                cause=None,
                error="",
                result="",
            )
            append(session, node, "agent.retried", {"by": wish.by.id})
            await answer(session, wish.key, f"retry {agent_id}", wish.reply(agent_id))

    async def show_diff(self, agent_id: int, wish: Wish) -> None:
        """Have an agent's diff posted in its thread."""
        async with self.changing(await self._workflow_of(agent_id)) as session:
            await settle(session, wish.key)
            node = await session.get_one(Node, agent_id, with_for_update=True)
            view = await reading.agent(session, agent_id)
            append(session, node, "diff.asked", {"agent": reading.facts(view)}, notify=True)
            await answer(session, wish.key, f"diff {agent_id}", wish.reply(agent_id))

    async def settle(self, key: str, outcome: str, reply: dict[str, Any] | None) -> None:
        """Close a command that changes nothing."""
        async with self.db.writing() as session:
            await settle(session, key)
            await answer(session, key, outcome, reply)

    async def line_moved(self) -> None:
        """Have the cards of those who are served next say how many are ahead of them."""
        line = select(Node.workflow_id).where(Node.status == Status.PENDING)
        first = line.order_by(Node.available_at, Node.id).limit(LINE)
        shown = select(Workflow.id).where(Workflow.id.in_(first))
        free = shown.with_for_update(skip_locked=True, key_share=True).cte("free")
        moved = update(Workflow).where(Workflow.id.in_(select(free.c.id)))
        async with self.db.writing() as session:
            await session.execute(moved.values(version=Workflow.version + 1))

    async def admit(self) -> None:
        """Let the first agents of everybody who has room become pending."""
        waiting = select(Node.requested_by).where(_admissible()).distinct()
        async with self.db.reading() as session:
            people = (await session.scalars(waiting)).all()
        for person in people:
            await self.admit_person(person)

    async def admit_person(self, person: str) -> None:
        """Let a person's first blocked agents become pending, as many as there is room."""
        async with self.db.reading() as session:
            first = await _first_in_line(session, person, self.settings.limits.per_user)
            flows = select(Node.workflow_id).where(Node.id.in_(first)).distinct()
            found = (await session.scalars(flows)).all() if first else []
        for workflow_id in found:
            async with self.changing(workflow_id):
                pass  # advancing admits

    async def _workflow_of(self, agent_id: int) -> int:
        async with self.db.reading() as session:
            found = await session.scalar(select(Node.workflow_id).where(Node.id == agent_id))
        if found is None:
            raise NotFound(f"there is no agent {agent_id}")
        return found


async def move(session: AsyncSession, node: Node, to: Status, **values: Any) -> None:
    """Move a node from the state in which it was read; raises StaleMove if it may not."""
    if to in TERMINAL:
        values.setdefault("ended_at", now())
    seen = {node.status} & sources(to)
    moving = update(Node).where(Node.id == node.id, Node.status.in_(seen))
    moved = await session.execute(moving.values(status=to, **values).returning(Node.id))
    if moved.one_or_none() is None:
        raise StaleMove(f"agent {node.id} is {node.status} and cannot become {to}")
    await session.refresh(node)
    append(session, node, f"agent.{to}")


async def advance(session: AsyncSession, workflow_id: int, per_user: int) -> None:
    """Do what follows from the present state of a locked workflow."""
    await session.flush()
    await _admit(session, workflow_id, per_user)
    await _end_requests(session, workflow_id)
    changed = update(Workflow).where(Workflow.id == workflow_id)
    await session.execute(changed.values(version=Workflow.version + 1))


def _admissible() -> Any:
    return (Node.status == Status.BLOCKED) & (Node.unmet == 0)


async def _first_in_line(session: AsyncSession, person: str, per_user: int) -> list[int]:
    admitted = select(func.count()).where(
        Node.requested_by == person, Node.status.in_([str(status) for status in ADMITTED])
    )
    free = per_user - (await session.scalar(admitted) or 0)
    if free <= 0:
        return []
    line = select(Node.id).where(_admissible(), Node.requested_by == person)
    return list(await session.scalars(line.order_by(Node.id).limit(free)))


async def _admit(session: AsyncSession, workflow_id: int, per_user: int) -> None:
    candidates = select(Node).where(_admissible(), Node.workflow_id == workflow_id)
    by_person: dict[str, list[Node]] = defaultdict(list)
    for node in await session.scalars(candidates.order_by(Node.id)):
        by_person[node.requested_by].append(node)
    for person in sorted(by_person):  # one order for all, so that two transactions cannot deadlock
        await session.execute(
            select(Person.id).where(Person.id == person).with_for_update(key_share=True)
        )
        first = await _first_in_line(session, person, per_user)
        await _make_pending(session, (node for node in by_person[person] if node.id in first))


async def _make_pending(session: AsyncSession, nodes: Iterable[Node]) -> None:
    for node in nodes:
        await move(session, node, Status.PENDING, available_at=now())


async def _end_requests(session: AsyncSession, workflow_id: int) -> None:
    """End each open request whose agents have all ended, with its one terminal notice."""
    unfinished = select(Node.id).where(
        Node.request_id == Request.id, Node.status.not_in([str(status) for status in TERMINAL])
    )
    ending = (
        update(Request)
        .where(Request.workflow_id == workflow_id, Request.ended_at.is_(None), ~unfinished.exists())
        .values(ended_at=now())
        .returning(Request.id)
    )
    for request_id in sorted(await session.scalars(ending)):
        last = select(Node).where(Node.request_id == request_id).order_by(Node.id.desc()).limit(1)
        node = (await session.scalars(last)).one()
        view = await reading.agent(session, node.id)
        append(session, node, "request.ended", {"agent": reading.facts(view)}, notify=True)
    await session.flush()


async def _know(session: AsyncSession, person: Asker) -> None:
    await session.execute(insert_new(session, Person).values(id=person.id, name=person.name))
    renaming = update(Person).where(Person.id == person.id, Person.name != person.name)
    await session.execute(renaming.values(name=person.name))


async def _workflow(session: AsyncSession, origin: Origin) -> Workflow:
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


async def _request(session: AsyncSession, workflow_id: int, kind: str, wish: Wish) -> Request:
    request = Request(workflow_id=workflow_id, kind=kind, by=wish.by.id, command_key=wish.key)
    session.add(request)
    await session.flush()
    return request


async def _refuse_repetition(session: AsyncSession, spec: AgentSpec, wish: Wish) -> None:
    same = select(Node.id).where(
        Node.requested_by == wish.by.id,
        Node.task == spec.task,
        Node.repo == spec.repo,
        Node.created_at > now(-REPEAT_SECONDS),
        Node.status.not_in([str(status) for status in TERMINAL]),
    )
    found = await session.scalar(same.order_by(Node.id.desc()).limit(1))
    if found is not None:
        raise AlreadyStarted(found)
