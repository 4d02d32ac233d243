"""What planning agents propose, in the ledger: put to people, changed, called off."""

from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from engine import files, inquiries, matters, planner
from engine import models as m
from engine.advance import move, stop
from engine.dag import WorkflowSpec
from engine.errors import InvalidSpec
from engine.executor import AgentResult
from engine.inquiries import Asking
from engine.matters import Plan
from engine.policy import Policy
from engine.spec import AgentSpec, Context
from engine.states import TERMINAL, Cause, Decision, InquiryKind, InquiryStatus, Status

UNMADE = frozenset({Status.FAILED, Status.CANCELLED})  # a planning agent that made no plan


def policy(*, gates: bool = True) -> dict[str, Any]:
    """What the ledger keeps of the way in which a planning agent works."""
    return {Policy.PLANS: True, Policy.GATES: gates, Policy.SCHEMA: dict(planner.SCHEMA)}


def plans(node: m.Node) -> bool:
    """Whether a node is a planning agent."""
    return bool(node.policy.get(Policy.PLANS))


def judged(node: m.Node, result: AgentResult) -> tuple[AgentResult, WorkflowSpec | None]:
    """What a planning agent has answered: a plan, or a failure that says what is wrong with it."""
    if not (plans(node) and result.success):
        return result, None
    goal = AgentSpec(
        node.task,
        repo=node.repo,
        base=node.base,
        model=str(node.policy[Policy.MODEL]),
        context=Context(node.context, node.quoted),
    )
    try:
        spec = planner.proposed(result.data, goal, gates=bool(node.policy[Policy.GATES]))
    except InvalidSpec as error:
        wrong = replace(result, success=False, cause=Cause.PLAN, error=error.detail, data=None)
        return wrong, None
    return replace(result, data=None), spec  # the inquiry holds it


async def put(session: AsyncSession, node: m.Node, spec: WorkflowSpec) -> None:
    """Put to people what a planning agent proposes, in the place of its request's open plan."""
    row = await _open(session, node.request_id)
    if row is not None:
        before = _plan(row)
        spec = planner.carried(before.workflow, spec)
        await retitle(session, row.request_id, spec)
        await inquiries.change(session, row, Plan(spec, before.text, node.id))
        return
    request = await retitle(session, node.request_id, spec)
    workflow = await session.get_one(m.Workflow, node.workflow_id)
    workflow.title = workflow.title or spec.title
    await session.flush()
    files.keep(session, request.id, await files.attached(session, node.id))
    plan = Plan(spec, node.task, node.id)
    await inquiries.ask(session, Asking(plan, node.workflow_id, request.id))


async def retitle(session: AsyncSession, request_id: int, spec: WorkflowSpec) -> m.Request:
    """A request is for this workflow now."""
    request = await session.get_one(m.Request, request_id)
    request.title, request.on_failure = spec.title, spec.on_failure
    return request


def edited(row: m.Inquiry, plan: Plan) -> Plan:
    """A person's version of a plan: the one who proposed it can still be asked to change it."""
    before = _plan(row)
    return replace(plan, text=before.text, planner=before.planner) if before.planner else plan


async def again(session: AsyncSession, before: m.Node) -> tuple[m.Request, str] | None:
    """What a planning agent that is spoken to after its end goes on with: its plan that waits.

    Gives the plan's request, and what the agent is told of it; None where none waits.
    """
    row = await _open(session, before.request_id) if plans(before) else None
    if row is None:
        return None
    plan = _plan(row)
    return await session.get_one(m.Request, row.request_id), planner.standing(
        plan.text, plan.workflow
    )


async def call_off(session: AsyncSession, request_id: int, by: str) -> None:
    """A plan was decided or edited: nobody works on another version of it any more."""
    for node in await _planners(session, request_id):
        if node.status not in TERMINAL:
            await stop(session, node, by)
        await pass_over(session, node)


async def pass_over(session: AsyncSession, node: m.Node) -> None:
    """What did not become a plan is nothing that failed, once another version is started."""
    if plans(node) and node.status in UNMADE and await _is_started(session, node.request_id):
        await move(session, node, Status.SKIPPED)


async def _planners(session: AsyncSession, request_id: int) -> list[m.Node]:
    mine = select(m.Node).where(
        m.Node.request_id == request_id, m.Node.role == planner.ROLE, m.Node.key == ""
    )
    locked = mine.order_by(m.Node.id).with_for_update()
    found = await session.scalars(locked.execution_options(populate_existing=True))
    return [node for node in found if plans(node)]


async def _open(session: AsyncSession, request_id: int) -> m.Inquiry | None:
    """The plan of a request that waits to be started, locked."""
    asked = select(m.Inquiry).where(
        m.Inquiry.request_id == request_id,
        m.Inquiry.kind == InquiryKind.PLAN,
        m.Inquiry.status == InquiryStatus.OPEN,
    )
    return (await session.scalars(asked.with_for_update())).one_or_none()


async def _is_started(session: AsyncSession, request_id: int) -> bool:
    started = select(m.Inquiry.id).where(
        m.Inquiry.request_id == request_id,
        m.Inquiry.kind == InquiryKind.PLAN,
        m.Inquiry.decision == Decision.APPROVE,
    )
    return (await session.scalars(started.limit(1))).first() is not None


def _plan(row: m.Inquiry) -> Plan:
    plan: Any = matters.unpacked(row.kind, row.content)
    assert isinstance(plan, Plan)  # noqa: S101 - the kind says so
    return plan
