"""The clock that leases are compared with: the database's own, plus an offset that tests set."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Dialect, TypeDecorator
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.expression import ColumnElement, FunctionElement, literal

OFFSET = "(SELECT seconds FROM clock)"


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC; SQLite keeps it naive, PostgreSQL with its zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive moments, store UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs its time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002 - the signature is SQLAlchemy's
    ) -> datetime | None:
        """Give the zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class _Now(FunctionElement[datetime]):
    type = UtcDateTime()
    inherit_cache = True
    name = "mab_now"


@compiles(_Now, "sqlite")
def _sqlite(element: _Now, compiler: SQLCompiler, **kw: Any) -> str:
    # The text has the form in which SQLAlchemy stores datetimes, so that both compare as text.
    seconds = compiler.process(element.clauses, **kw)
    return f"strftime('%Y-%m-%d %H:%M:%f000', 'now', ({OFFSET} + {seconds}) || ' seconds')"


@compiles(_Now, "postgresql")
def _postgresql(element: _Now, compiler: SQLCompiler, **kw: Any) -> str:
    seconds = compiler.process(element.clauses, **kw)
    return f"(statement_timestamp() + make_interval(secs => {OFFSET} + ({seconds})))"


def now(plus: float = 0) -> ColumnElement[datetime]:
    """The database's present moment, `plus` seconds from now."""
    return _Now(literal(float(plus)))
