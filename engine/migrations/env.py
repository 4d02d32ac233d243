"""Alembic's entry: runs on the connection that `engine.store` hands over."""

from typing import Any, Literal

from alembic import context
from sqlalchemy import TypeDecorator

from engine import models  # noqa: F401 - the tables make themselves known
from engine.columns import Base, Json

JSON = 'sa.JSON().with_variant(postgresql.JSONB(), "postgresql")'


def render(kind: str, item: Any, _: Any) -> str | Literal[False]:
    """Write types in SQLAlchemy's own words: migrations must not follow later changes of ours."""
    if kind != "type":
        return False
    if item is Json:
        return JSON
    return f"sa.{item.impl!r}" if isinstance(item, TypeDecorator) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    render_item=render,
)
with context.begin_transaction():
    context.run_migrations()
