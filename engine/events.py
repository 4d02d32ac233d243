"""The event log: history for people who look, and outbox for people who must be told."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from engine.models import Event, Node


def append(
    session: AsyncSession,
    node: Node,
    name: str,
    data: dict[str, Any] | None = None,
    *,
    notify: bool = False,
) -> None:
    """Write down what happened to a node, in the transaction in which it happens.

    With `notify` people are told; the workflow must be locked then, so that ids grow in the
    order of commits within a thread.
    """
    session.add(
        Event(
            workflow_id=node.workflow_id,
            node_id=node.id,
            attempt=node.attempt,
            name=name,
            data=data or {},
            notify=notify,
        )
    )
