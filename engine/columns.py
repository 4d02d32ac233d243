"""What the ledger's tables are made of: column types, names, partial indexes."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Dialect,
    Index,
    Integer,
    MetaData,
    Numeric,
    Text,
    TypeDecorator,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase

from engine.clock import UtcDateTime
from engine.states import (
    Cause,
    Decision,
    Direction,
    InquiryKind,
    InquiryStatus,
    Kind,
    OnFailure,
    Status,
)

Json = JSON().with_variant(JSONB(), "postgresql")
BigId = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers only INTEGER keys itself
MONEY = Numeric(12, 6)


def partial(name: str, *columns: str, where: str, unique: bool = False) -> Index:
    """An index of the rows that a poll looks for, and of no others."""
    condition = text(where)
    return Index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


class Word(TypeDecorator[StrEnum]):
    """A closed set of words, kept as plain text."""

    impl = Text
    cache_ok = True

    def __init__(self, words: type[StrEnum]) -> None:
        super().__init__()
        self.words = words

    def process_result_value(
        self,
        value: str | None,
        dialect: Dialect,  # noqa: ARG002 - the signature is SQLAlchemy's
    ) -> StrEnum | None:
        """Give the word back as its enum's."""
        return None if value is None else self.words(value)


class Base(DeclarativeBase):
    """Common ground of all tables."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads this plain mapping
        str: Text,
        datetime: UtcDateTime,
        Decimal: MONEY,
        dict[str, Any]: Json,
        list[str]: Json,
        Status: Word(Status),
        Kind: Word(Kind),
        Cause: Word(Cause),
        Direction: Word(Direction),
        Decision: Word(Decision),
        InquiryKind: Word(InquiryKind),
        InquiryStatus: Word(InquiryStatus),
        OnFailure: Word(OnFailure),
    }
