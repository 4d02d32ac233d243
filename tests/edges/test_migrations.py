"""The migrations make the tables that the models describe, on both databases, and unmake them."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from engine import models
from engine.migrations import configuration
from engine.settings import async_url
from engine.store import Database, DatabaseAhead, DatabaseBehind


@pytest.fixture
async def empty(
    database_kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[Database]:
    """A database without any table."""
    if database_kind == "sqlite":
        url, dropping = f"sqlite:///{tmp_path / 'mab.db'}", None
    else:
        server, name = request.getfixturevalue("postgres"), f"mab_{uuid4().hex[:12]}"
        _administer(server, f"CREATE DATABASE {name}")
        url = re.sub(r"/[^/?]*(\?|\Z)", rf"/{name}\1", server, count=1)
        dropping = (server, f"DROP DATABASE {name} WITH (FORCE)")
    db = Database.connect(async_url(url))
    yield db
    await db.close()
    if dropping:
        _administer(*dropping)


async def test_the_migrations_make_what_the_models_describe(empty: Database) -> None:
    await empty.upgrade()
    assert await _seen(empty, _differences) == []
    await empty.check_version()


async def test_a_table_that_no_migration_makes_is_noticed(empty: Database) -> None:
    await empty.upgrade()
    await _seen(empty, lambda c: c.exec_driver_sql("DROP TABLE clock"))
    [(change, table)] = await _seen(empty, _differences)
    assert (change, table.name) == ("add_table", "clock")


async def test_an_upgrade_is_repeatable_and_can_be_taken_back(empty: Database) -> None:
    with pytest.raises(DatabaseBehind):
        await empty.check_version()
    await empty.upgrade()
    await empty.upgrade()
    await _seen(empty, _downgrade)
    assert await _seen(empty, lambda c: inspect(c).get_table_names()) == ["alembic_version"]
    await empty.upgrade()
    assert await _seen(empty, _differences) == []


async def test_a_database_of_a_newer_program_asks_for_a_newer_program(empty: Database) -> None:
    await empty.upgrade()
    newer = "UPDATE alembic_version SET version_num = '9999'"
    await _seen(empty, lambda c: c.exec_driver_sql(newer))
    for refuses in (empty.check_version, empty.prepare, empty.upgrade):
        with pytest.raises(DatabaseAhead, match="newer version than this program; update"):
            await refuses()


def test_the_migrations_are_one_line_of_descent() -> None:
    script = ScriptDirectory.from_config(configuration())
    assert len(script.get_heads()) == 1
    assert len(script.get_bases()) == 1


async def _seen(db: Database, look: Any) -> Any:
    async with db.engine.connect() as connection:
        seen = await connection.run_sync(look)
        await connection.commit()
        return seen


def _differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "compare_server_default": True}
    )
    return list(compare_metadata(context, models.Node.metadata))


def _downgrade(connection: Connection) -> None:
    config = configuration()
    config.attributes["connection"] = connection
    command.downgrade(config, "base")


def _administer(server: str, statement: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(statement.encode())
