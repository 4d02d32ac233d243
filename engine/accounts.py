"""How far agents came that were stopped or failed: facts of the ledger, none by a model."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from engine import models as m
from engine.executor import Step
from engine.policy import sessions_of
from engine.reading import STEP
from engine.spec import Person
from engine.states import Kind, Status
from engine.transcripts import blocks
from engine.verdicts import RunOutcome
from engine.views import Account, Instruction, NodeView, Stage

ENDED_BADLY = frozenset({Status.FAILED, Status.CANCELLED, Status.SKIPPED})
ENTRIES = 60  # newest lines of a transcript: a call that has not returned is among the last
SUBJECT = 500  # characters of a step's subject (engine.executor.Step)
STEPS = 60  # newest steps of an attempt
LISTED = 5  # instructions of an agent
TEXT = 500  # characters of one


async def added(session: AsyncSession, views: Iterable[NodeView]) -> list[NodeView]:
    """The nodes, those that ended badly with an account of how far they came."""
    nodes = list(views)
    told = [node for node in nodes if node.status in ENDED_BADLY and node.kind is Kind.AGENT]
    facts = await _facts(session, [node.id for node in told if not node.lands])
    return [
        replace(node, account=await _account(session, node, facts[node.id]))
        if node.id in facts
        else node
        for node in nodes
    ]


@dataclass(frozen=True)
class _Facts:
    """What the ledger knows of an agent beside its view."""

    project: str  # under which its sessions are stored
    by: Person | None  # who stopped it
    run: m.Run | None  # its last
    untold: list[Instruction] = field(default_factory=list)


async def _facts(session: AsyncSession, ids: Sequence[int]) -> dict[int, _Facts]:
    query = (
        select(m.Node, m.Person, m.Run)
        .outerjoin(m.Person, m.Person.id == m.Node.cancelled_by)
        .outerjoin(m.Run, (m.Run.node_id == m.Node.id) & (m.Run.attempt == m.Node.attempt))
        .where(m.Node.id.in_(ids))
        .execution_options(populate_existing=True)
    )
    untold = await _untold(session, ids)
    return {
        node.id: _Facts(
            sessions_of(node.id, node.policy),
            Person(who.id, who.name) if who and node.status is Status.CANCELLED else None,
            run,
            untold[node.id],
        )
        for node, who, run in await session.execute(query)
    }


async def _untold(session: AsyncSession, ids: Sequence[int]) -> dict[int, list[Instruction]]:
    """What people said to agents and no run was given."""
    query = (
        select(m.Message.node_id, m.Person, func.substr(m.Message.text, 1, TEXT))
        .join(m.Person, m.Person.id == m.Message.author)
        .where(m.Message.node_id.in_(ids), m.Message.taken_by.is_(None))
        .order_by(m.Message.id)
    )
    found: dict[int, list[Instruction]] = defaultdict(list)
    for node_id, who, text in await session.execute(query):
        found[node_id].append(Instruction(Person(who.id, who.name), text))
    return found


async def _account(session: AsyncSession, node: NodeView, facts: _Facts) -> Account:
    untold = tuple(facts.untold[:LISTED])
    more = len(facts.untold) - len(untold)
    begun = Account(Stage.QUEUED, facts.by, untold=untold, more_untold=more)
    run = facts.run
    if run is None or (run.outcome == RunOutcome.COMPLETED and node.status is not Status.FAILED):
        return begun  # what had completed was to be done again
    if run.pid is None and run.step is None:
        return replace(begun, stage=Stage.PREPARING)
    lines = await _transcript(session, facts.project, run.started_at)
    calls = unreturned(lines)
    steps = await _steps(session, node) if calls else []
    told = None if calls is None else tuple(_told(call, steps) for call in calls)
    working = replace(begun, stage=Stage.WORKING)
    if run.outcome == RunOutcome.ASKED:  # what has no result then was not carried out
        return replace(working, under_way=(), held=told or ())
    last = STEP.validate_python(run.step) if run.step else None
    if last and not told and is_behind(lines, last):
        told = None  # a transcript that does not have the call cannot say that it had ended
    return replace(working, last=last, under_way=told)


async def _transcript(
    session: AsyncSession, project: str, since: datetime
) -> list[Mapping[str, Any]]:
    """The newest lines of what a run and the model said to each other, oldest first."""
    entry = m.SessionEntry
    here = (entry.project_key == project, entry.subpath == "", entry.at >= since)
    newest = select(entry.id).where(*here).order_by(entry.id.desc()).limit(ENTRIES)
    query = select(entry).where(entry.id.in_(newest)).order_by(entry.id)
    found = list(await session.scalars(query))
    return [line.entry for line in found if line.session_id == found[-1].session_id]


def unreturned(lines: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]] | None:
    """The tool calls of a transcript that have no result in it; None: no transcript is kept."""
    calls: dict[str, Mapping[str, Any]] = {}
    for block in (block for line in lines for block in blocks(line)):
        if block.get("type") == "tool_use":
            calls[str(block.get("id"))] = block
        elif block.get("type") == "tool_result":
            calls.pop(str(block.get("tool_use_id")), None)
    return list(calls.values()) if lines else None


def is_behind(lines: Iterable[Mapping[str, Any]], last: Step) -> bool:
    """Whether a transcript lacks the call that a step has told of: steps are recorded sooner."""
    known = (block for line in lines for block in blocks(line) if block.get("type") == "tool_use")
    return bool(last.tool) and not any(_told(call, [last]) == last for call in known)


async def _steps(session: AsyncSession, node: NodeView) -> list[Step]:
    """The newest steps of the last attempt, newest first."""
    event = m.Event
    mine = (event.node_id == node.id, event.attempt == node.attempt, event.name == "agent.step")
    query = select(event.data).where(*mine).order_by(event.id.desc()).limit(STEPS)
    return [STEP.validate_python(data) for data in await session.scalars(query)]


def _told(call: Mapping[str, Any], steps: Iterable[Step]) -> Step:
    """The step that was told of a call; one of which nothing was told has only its tool."""
    tool, given = str(call.get("name", "")), call.get("input")
    values = [str(value) for value in given.values()] if isinstance(given, dict) else []
    for step in steps:
        if step.tool == tool and any(_is(step.subject, value) for value in values):
            return step
    return Step(tool, "")


def _is(subject: str, value: str) -> bool:
    """Whether a step's subject is an argument: perhaps cut, or without the workspace's path."""
    return value[:SUBJECT] == subject or value.endswith(f"/{subject}")
