"""The event log: history for people who look, and outbox for people who must be told."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from engine.models import Event, Node
from engine.notices import NAMES, Closed, Fact, Opened, packed


def append(
    session: AsyncSession, node: Node, name: str, data: dict[str, Any] | None = None
) -> None:
    """Write down what happened to a node, in the transaction in which it happens."""
    session.add(
        Event(
            workflow_id=node.workflow_id,
            node_id=node.id,
            attempt=node.attempt,
            name=name,
            data=data or {},
        )
    )


def tell(session: AsyncSession, workflow_id: int, fact: Fact, node: Node | None = None) -> None:
    """Have people told a fact, in the transaction in which it becomes true.

    The workflow must be locked, so that ids grow in the order of commits within a thread.
    """
    session.add(
        Event(
            workflow_id=workflow_id,
            node_id=node.id if node else None,
            inquiry_id=fact.inquiry.id if isinstance(fact, Opened | Closed) else None,
            attempt=node.attempt if node else 0,
            name=NAMES[type(fact)],
            data=packed(fact),
            notify=True,
        )
    )
