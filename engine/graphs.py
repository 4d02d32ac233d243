"""The graph in the ledger: nodes and needs, and what becomes of those that need a node.

`unmet` counts the open needs of a node that is blocked; it means nothing in other states. A need
is met when its node is completed, or when a person skipped it.
"""

from collections.abc import Collection, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased
from sqlalchemy.sql.selectable import CTE

from engine.clock import now
from engine.dag import GateSpec, NodeSpec
from engine.inquiries import withdraw
from engine.models import Event, Message, Need, Node, Request
from engine.nodes import agent_node, gate_node
from engine.policy import DECIDED, without
from engine.settings import Settings
from engine.states import OnFailure, Status, sources

STARTABLE = (Status.BLOCKED, Status.PENDING, Status.WAITING)
DEAD = (Status.FAILED, Status.CANCELLED, Status.SKIPPED)
LONGEST_KEY = 40


async def grow(
    session: AsyncSession,
    nodes: Sequence[NodeSpec],
    request: Request,
    settings: Settings,
    graph_id: int | None = None,
) -> dict[str, Node]:
    """Add a graph to its workflow, or to one of its graphs; gives the nodes by their given keys.

    A key that the workflow has already gets a number behind it.
    """
    taken = set(await session.scalars(_keys(request.workflow_id)))
    made: dict[str, Node] = {}
    for spec in nodes:
        key = free_key(spec.key, taken)
        taken.add(key)
        does = spec.does
        made[spec.key] = (
            gate_node(does, request, key)
            if isinstance(does, GateSpec)
            else agent_node(does, request, settings, key)
        )
        made[spec.key].unmet = len(spec.needs)
        made[spec.key].graph_id = graph_id or request.id
    session.add_all(made.values())
    await session.flush()
    edges = [
        {"node_id": made[spec.key].id, "on_id": made[need].id}
        for spec in nodes
        for need in spec.needs
    ]
    if edges:
        await session.execute(insert(Need), edges)
    return made


def _keys(workflow_id: int) -> Select[str]:
    return select(Node.key).where(Node.workflow_id == workflow_id, Node.key != "")


def free_key(wanted: str, taken: Collection[str]) -> str:
    """A key that is not taken: the wanted one, or it with the next number."""
    numbers = (f"-{number}" for number in range(2, len(taken) + 3))
    numbered = (wanted[: LONGEST_KEY - len(number)] + number for number in numbers)
    return next(key for key in chain([wanted], numbered) if key not in taken)


async def unused_key(session: AsyncSession, workflow_id: int, wanted: str) -> str:
    """A key that no node of a workflow has."""
    return free_key(wanted, set(await session.scalars(_keys(workflow_id))))


def is_met(node: Node) -> bool:
    """Whether what needs this node may begin: it is completed, or a person skipped it."""
    by_hand = node.status is Status.SKIPPED and node.skipped_for is None
    return by_hand or node.status is Status.COMPLETED


def _met(node: type[Node]) -> ColumnElement[bool]:
    """The same of the rows of an alias."""
    by_hand = and_(node.status == Status.SKIPPED, node.skipped_for.is_(None))
    return or_(by_hand, node.status == Status.COMPLETED)


async def need(session: AsyncSession, node: Node, on: Collection[Node]) -> None:
    """Let a new node begin when these are finished."""
    await session.execute(insert(Need), [{"node_id": node.id, "on_id": each.id} for each in on])
    await _count_unmet(session, [node.id])
    await session.refresh(node)


async def release(session: AsyncSession, node_id: int) -> None:
    """A node is finished: those that need it wait for one less."""
    theirs = select(Need.node_id).where(Need.on_id == node_id)
    blocked = update(Node).where(Node.id.in_(theirs), Node.status == Status.BLOCKED)
    await session.execute(blocked.values(unmet=Node.unmet - 1))


async def give_up(session: AsyncSession, node: Node) -> None:
    """A node has failed or was stopped: what cannot begin any more is skipped."""
    request = await session.get_one(Request, node.request_id)
    stopped: list[int] = []
    if request.on_failure is OnFailure.STOP and node.status is Status.FAILED:
        others = select(Node.id).where(Node.request_id == request.id, Node.id != node.id)
        stopped = list(await session.scalars(others.where(Node.status.in_(STARTABLE))))
    await _skip(session, node.workflow_id, stopped, node.id)
    below = _hopeless([node.id, *stopped])
    hopeless = list(await session.scalars(select(below.c.id)))
    await _skip(session, node.workflow_id, hopeless, node.id)


def _hopeless(dead: Collection[int]) -> CTE:
    """All nodes that have not begun and need one of these, directly or through others like them.

    What a person skipped, and what is completed, is in nobody's way.
    """
    waits = (
        select(Need.node_id.label("id"))
        .join(Node, Node.id == Need.node_id)
        .where(Node.status.in_(STARTABLE))
    )
    below = waits.where(Need.on_id.in_(dead)).cte("hopeless", recursive=True)
    return below.union(waits.join(below, Need.on_id == below.c.id))


async def _skip(session: AsyncSession, workflow_id: int, ids: Sequence[int], cause: int) -> None:
    """Skip nodes because of one that did not do its part."""
    if not ids:
        return
    await withdraw(session, ids)
    skipping = update(Node).where(Node.id.in_(ids), Node.status.in_(STARTABLE))
    values = {"status": Status.SKIPPED, "skipped_for": cause, "ended_at": now()}
    skipped = await session.scalars(skipping.values(values).returning(Node.id))
    event = {"workflow_id": workflow_id, "name": "agent.skipped"}
    if rows := [{**event, "node_id": each} for each in skipped]:
        await session.execute(insert(Event), rows)


async def reset(session: AsyncSession, ids: Collection[int]) -> None:
    """Send nodes back to the beginning; those that are being worked on follow when they stop.

    Those that still need one that failed or was stopped are skipped again.
    """
    await withdraw(session, ids)
    movable = sources(Status.BLOCKED)
    fresh: dict[str, Any] = {
        "status": Status.BLOCKED,
        "failures": 0,
        "cancelled_by": None,
        "skipped_for": None,
        "ended_at": None,
        "cause": None,
        "error": "",
        "result": "",
        "data": None,
        "redo": False,
    }
    sending = update(Node).where(Node.id.in_(ids), Node.status.in_({*movable, Status.BLOCKED}))
    await session.execute(sending.values(**fresh))
    running = update(Node).where(Node.id.in_(ids), Node.status == Status.ACTIVE)
    await session.execute(running.values(redo=True, cancelled_by=None))
    await _count_unmet(session, ids)
    await _skip_hopeless(session, ids)


async def _skip_hopeless(session: AsyncSession, ids: Collection[int]) -> None:
    dead = aliased(Node)
    needed = (
        select(dead.id, dead.skipped_for, Node.workflow_id)
        .join(Need, Need.on_id == dead.id)
        .join(Node, Node.id == Need.node_id)
        .where(Node.id.in_(ids), Node.status.in_(STARTABLE), dead.status.in_(DEAD), ~_met(dead))
    )
    for each, cause, workflow_id in list(
        await session.execute(needed.distinct().order_by(dead.id))
    ):
        below = _hopeless([each])
        hopeless = list(await session.scalars(select(below.c.id)))
        await _skip(session, workflow_id, hopeless, cause or each)


async def forget_work(session: AsyncSession, ids: Collection[int]) -> None:
    """Let nodes begin from what their needs give them now; their old branches stay.

    What was decided about the old work is forgotten, what people said to the agents is not.
    """
    old = update(Node).where(Node.id.in_(ids))
    await session.execute(old.values(branch="", commit_sha="", work=None))
    await forget_decisions(session, ids, DECIDED)
    given = update(Message).where(Message.node_id.in_(ids))
    await session.execute(given.values(taken_by=None))


async def forget_decisions(
    session: AsyncSession, ids: Collection[int], names: Collection[str]
) -> None:
    """Take what people decided about the work of nodes out of their policies."""
    fresh = select(Node).where(Node.id.in_(ids)).execution_options(populate_existing=True)
    for node in list(await session.scalars(fresh)):
        if node.policy.keys() & names:
            node.policy = without(node.policy, names)


async def _count_unmet(session: AsyncSession, ids: Collection[int]) -> None:
    before = aliased(Node)
    open_needs = (
        select(func.count())
        .select_from(Need)
        .join(before, before.id == Need.on_id)
        .where(Need.node_id == Node.id, ~_met(before))
        .scalar_subquery()
    )
    counting = update(Node).where(Node.id.in_(ids)).values(unmet=open_needs)
    await session.execute(counting.execution_options(synchronize_session=False))


def descendants(ids: Collection[int]) -> CTE:
    """All nodes that need one of these, directly or through others."""
    below = select(Need.node_id.label("id")).where(Need.on_id.in_(ids)).cte("below", recursive=True)
    return below.union(select(Need.node_id).join(below, Need.on_id == below.c.id))


def ancestors(ids: Collection[int]) -> CTE:
    """All nodes that these need, directly or through others."""
    above = select(Need.on_id.label("id")).where(Need.node_id.in_(ids)).cte("above", recursive=True)
    return above.union(select(Need.on_id).join(above, Need.node_id == above.c.id))
