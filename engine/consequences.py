"""What follows for a node that waits when people decided, or did not."""

from dataclasses import dataclass, replace
from typing import Any, assert_never

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from engine import graphs, inquiries, matters, mending
from engine import models as m
from engine.advance import move
from engine.clock import now
from engine.errors import InvalidSpec
from engine.matters import Budget, Conflict
from engine.policy import BY_AGENT, Policy
from engine.purses import raise_budget
from engine.reading import WORK
from engine.requests import Wish
from engine.settling import Resume, allowed, noted, settled
from engine.states import Cause, Decision, InquiryKind, Kind, Status
from engine.talk import follow_leftovers
from engine.views import Note, NoteKind
from engine.votes import Click


@dataclass(frozen=True)
class Chosen:
    """What was decided, by whom."""

    click: Click
    wish: Wish


async def carry_out(session: AsyncSession, row: m.Inquiry, node: m.Node, chosen: Chosen) -> None:
    """Do what the decision about a waiting node means; raises InvalidSpec for what means nothing.

    The node is locked, the inquiry is closed.
    """
    click, by = chosen.click, chosen.wish.by
    match row.kind:
        case InquiryKind.GATE:
            await _pass_gate(session, row, node, chosen)
        case InquiryKind.PUSH:
            await _publish(session, row, node, click.decision, by.name)
        case InquiryKind.CONFLICT:
            await _resolve(session, row, node, chosen)
        case InquiryKind.FAILURE:
            await _after_failure(session, node, chosen)
        case InquiryKind.PLAN:
            raise AssertionError("a plan has no node")
        case InquiryKind.MERGE:
            await _land(session, row, node, chosen)
        case InquiryKind.TOOL | InquiryKind.QUESTION:
            await _resume(session, row, node)
        case InquiryKind.BUDGET:
            await _after_budget(session, row, node, chosen)
        case _:
            assert_never(row.kind)


async def run_out(session: AsyncSession, row: m.Inquiry, node: m.Node) -> None:
    """Nobody decided in time: that rejects."""
    match row.kind:
        case InquiryKind.PUSH:
            await _publish(session, row, node, Decision.REJECT, "")
        case InquiryKind.FAILURE:
            await move(session, node, Status.FAILED)
        case InquiryKind.TOOL | InquiryKind.QUESTION:  # the agent is told, and goes on without
            await _resume(session, row, node)
        case _:
            await move(session, node, Status.FAILED, cause=Cause.EXPIRED)


async def _pass_gate(session: AsyncSession, row: m.Inquiry, node: m.Node, chosen: Chosen) -> None:
    said = await _said(session, row)
    match chosen.click.decision:
        case Decision.APPROVE:
            await move(session, node, Status.COMPLETED, result=said)
        case Decision.SEND_BACK:
            await _send_back(session, node, chosen)
        case _:
            await move(session, node, Status.FAILED, cause=Cause.REJECTED, error=said)


async def _said(session: AsyncSession, row: m.Inquiry) -> str:
    """Who decided, and with which words."""
    votes = (await inquiries.inquiry(session, row.id)).votes
    lines = [f"{vote.by.name}: {vote.comment or vote.decision}" for vote in votes]
    return "\n".join(lines)


async def _send_back(session: AsyncSession, gate: m.Node, chosen: Chosen) -> None:
    """Let an earlier node do it again, with the comment; what follows it begins again."""
    above = graphs.ancestors([gate.id])
    wanted = (
        select(m.Node)
        .join(above, above.c.id == m.Node.id)
        .where(m.Node.key == chosen.click.target, m.Node.kind == Kind.AGENT, m.Node.key != "")
    )
    target = (await session.scalars(wanted)).one_or_none()
    if target is None:
        raise InvalidSpec(f"no step {chosen.click.target!r} comes before it to be sent back to")
    await _comment(session, target, chosen)
    await mending.again(session, target, await session.get_one(m.Request, gate.request_id))


async def _comment(session: AsyncSession, node: m.Node, chosen: Chosen) -> None:
    """The agent is given what was said when it was sent to work again."""
    if chosen.click.comment:
        by, text = chosen.wish.by.id, chosen.click.comment
        session.add(m.Message(node_id=node.id, author=by, text=text))


async def _go_on(session: AsyncSession, node: m.Node, **decided: Any) -> None:
    """Let a worker go on with a node, knowing what was decided."""
    policy = {**node.policy, **decided}
    await move(session, node, Status.PENDING, policy=policy, available_at=now())


async def _resume(session: AsyncSession, row: m.Inquiry, node: m.Node) -> None:
    """Go on with the session of an agent where it waited; one without a session begins."""
    seen = await inquiries.inquiry(session, row.id)
    waited = await session.get_one(m.Run, (node.id, node.attempt))
    may = dict.fromkeys([*node.policy.get(Policy.ALLOWED, ()), *allowed(seen)])
    decided: dict[str, Any] = {Policy.ALLOWED: list(may)} if may else {}
    if waited.session_id:
        decided = noted(decided, Resume(waited.session_id, settled(seen)))
    await _go_on(session, node, **decided)


async def _after_budget(
    session: AsyncSession, row: m.Inquiry, node: m.Node, chosen: Chosen
) -> None:
    """Go on with more money, or stop here."""
    matter = matters.unpacked(row.kind, row.content)
    assert isinstance(matter, Budget)  # noqa: S101 - the kind says so
    if chosen.click.decision is Decision.APPROVE:
        await raise_budget(session, matter)
        await _resume(session, row, node)
        return
    await move(session, node, Status.CANCELLED, cancelled_by=chosen.wish.by.id)


async def _publish(
    session: AsyncSession, row: m.Inquiry, node: m.Node, decision: Decision, by: str
) -> None:
    """Push what was approved; else leave it where it is, and say so."""
    if decision is Decision.APPROVE:
        await _go_on(session, node, **{Policy.APPROVED: row.content["commit"]})
        return
    work = WORK.validate_python(node.work)
    kept = replace(work, notes=(*work.notes, Note(NoteKind.NOT_PUSHED, by)))
    await move(session, node, Status.COMPLETED, work=WORK.dump_python(kept, mode="json"))
    await follow_leftovers(session, node)


async def _land(session: AsyncSession, row: m.Inquiry, node: m.Node, chosen: Chosen) -> None:
    """Have a worker land the commit that was approved; else leave it where it is."""
    if chosen.click.decision is Decision.APPROVE:
        await _go_on(session, node, **{Policy.APPROVED: row.content["commit"]})
        return
    await move(session, node, Status.CANCELLED, cancelled_by=chosen.wish.by.id)


async def _resolve(session: AsyncSession, row: m.Inquiry, node: m.Node, chosen: Chosen) -> None:
    """Try again from a conflict: by an agent, or from what a person pushed."""
    matter = matters.unpacked(row.kind, row.content)
    assert isinstance(matter, Conflict)  # noqa: S101 - the kind says so
    match chosen.click.decision:
        case Decision.RESOLVE:
            await _go_on(session, node, **{Policy.CONFLICT: BY_AGENT})
        case Decision.RETRY:
            await _go_on(session, node, **{Policy.CONFLICT: matter.branch})
        case _:
            await move(session, node, Status.CANCELLED, cancelled_by=chosen.wish.by.id)


async def _after_failure(session: AsyncSession, node: m.Node, chosen: Chosen) -> None:
    request = await session.get_one(m.Request, node.request_id)
    match chosen.click.decision:
        case Decision.RETRY:
            await _comment(session, node, chosen)
            await mending.again(session, node, request)
        case Decision.SKIP:
            await mending.pass_over(session, node, chosen.wish.by.id, request)
        case _:
            await move(session, node, Status.FAILED)
