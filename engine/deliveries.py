"""A delivery: what there is to tell in a thread, read for whoever may tell it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from engine import cards, notices
from engine.models import Event, Workflow
from engine.models.service import UNDELIVERED
from engine.notices import Card, Notice, Opened, Posted, Silenced
from engine.spec import Origin

Json = Mapping[str, Any]
APART = notices.NAMES[Silenced]  # is told in direct messages, whatever waits in the thread


@dataclass(frozen=True)
class Undelivered:
    """A notice that is to be delivered, with what is known of earlier tries."""

    notice: Notice
    tries: int
    sending_at: datetime | None  # when a try began whose outcome is not known
    receipt: Json  # what has been posted of it


@dataclass(frozen=True)
class Delivery:
    """The right to speak in one thread, until the lease is over."""

    workflow_id: int
    number: int
    origin: Origin
    receipt: Json  # where the card was posted; empty before
    card: Card
    card_due: bool
    notices: tuple[Undelivered, ...]
    tries: int
    parked: str = ""  # why nothing could be told in the thread when that was tried last
    apart: tuple[Undelivered, ...] = ()  # what is told beside the thread


@dataclass(frozen=True)
class Told:
    """What has been told of a delivery, by whomever: where the messages stand."""

    card: str  # "" = nowhere yet
    notices: dict[int, str]  # by number
    whole: bool  # all of it


async def delivery(session: AsyncSession, workflow: Workflow, batch: int) -> Delivery:
    """What there is to tell in a thread, its oldest notices first."""
    return Delivery(
        workflow.id,
        workflow.delivery_no,
        Origin(workflow.place, workflow.thread),
        workflow.card or {},
        await cards.card(session, workflow),
        workflow.version != workflow.shown,
        tuple(await _notices(session, workflow.id, batch, Event.name != APART)),
        workflow.tries,
        workflow.parked,
        tuple(await _notices(session, workflow.id, 1, Event.name == APART)),
    )


async def asked(session: AsyncSession, closed: int) -> tuple[Posted, ...]:
    """The messages that asked what a notice closes, wholly or in part: those of its revision."""
    event = await session.get_one(Event, closed)
    asked = select(Event).where(
        Event.inquiry_id == event.inquiry_id,
        Event.id < event.id,
        Event.name == notices.NAMES[Opened],
    )
    found = await session.scalars(asked.order_by(Event.id))
    return tuple(Posted(e.id, e.receipt) for e in found if e.receipt and _same(e, event))


def _same(opened: Event, closed: Event) -> bool:
    return bool(opened.data["inquiry"]["revision"] == closed.data["inquiry"]["revision"])


async def _notices(
    session: AsyncSession, workflow_id: int, batch: int, of: ColumnElement[bool]
) -> Sequence[Undelivered]:
    query = (
        select(Event)
        .where(Event.workflow_id == workflow_id, text(UNDELIVERED), of)
        .order_by(Event.id)
        .limit(batch)
    )
    return [
        Undelivered(
            Notice(event.id, event.at, notices.unpacked(event.name, event.data)),
            event.tries,
            event.sending_at,
            event.receipt or {},
        )
        for event in await session.scalars(query)
    ]
