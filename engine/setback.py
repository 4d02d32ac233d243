"""What follows when the clock of the ledger is set back: nobody waits until it is late again.

Leases and moments at which something is due lie too far ahead then: a dead worker of another host
would be believed for as long as the clock was set back, and what waits in line would wait for it.
"""

from typing import Any

import structlog
from sqlalchemy import Update, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from engine.clock import now
from engine.models import Command, Node, Run, Worker, Workflow
from engine.states import Status

NOTICED = 5.0  # seconds by which a worker was seen in what is the future now
SPEAKING = 30.0  # seconds that somebody who speaks in a thread may go on
log = structlog.get_logger()


async def mend(session: AsyncSession, lease: float) -> bool:
    """Bring what lies too far ahead to now, if the clock was set back; says whether it was.

    Workers say again and again that they are there, so the latest of them was a moment ago,
    unless the clock was set back since. To do it twice is harmless: a lease begins anew, and
    what waits for a moment is tried at once. `lease` is in seconds.
    """
    ahead = select(Worker.id).where(Worker.seen_at > now(NOTICED)).limit(1)
    if (await session.scalars(ahead)).first() is None:
        return False
    log.warning("the clock was set back")
    for update_ in _brought_near(lease):
        await session.execute(update_.execution_options(synchronize_session=False))
    return True


def _brought_near(lease: float) -> tuple[Update, ...]:
    live = Run.ended_at.is_(None)
    waits = Node.status.in_((Status.PENDING, Status.BLOCKED))
    late = or_(Workflow.retry_at > now(), Workflow.card_at > now())
    return (
        _at_most(Run.lease_until, lease).where(live),
        _at_most(Node.available_at).where(waits),
        update(Workflow).where(late).values(retry_at=now(), card_at=now()),
        _at_most(Workflow.deliver_until, SPEAKING),
        _at_most(Command.reply_at),
        _at_most(Worker.seen_at),
    )


def _at_most(column: InstrumentedAttribute[Any], ahead: float = 0) -> Update:
    """Have no moment lie further ahead than so many seconds."""
    return update(column.class_).where(column > now(ahead)).values({column: now(ahead)})
