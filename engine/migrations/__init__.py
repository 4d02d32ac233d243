"""The changes of the ledger's tables, from version to version, as Alembic makes them."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from engine.errors import MabError


class DatabaseAhead(MabError):
    """Its tables were made by a program that is newer than this one."""

    def __init__(self) -> None:
        super().__init__(
            "The database is of a newer version than this program; "
            "update multi-agent-builder on this host."
        )


def is_current(connection: Connection) -> bool:
    """Whether the tables are this version's; raises DatabaseAhead for what no script here knows."""
    scripts = ScriptDirectory.from_config(configuration())
    there = set(MigrationContext.configure(connection).get_current_heads())
    if there - {script.revision for script in scripts.walk_revisions()}:
        raise DatabaseAhead
    return there == set(scripts.get_heads())


def upgrade(connection: Connection) -> None:
    """Bring the tables to this version, if they are older; raises DatabaseAhead."""
    if not is_current(connection):
        config = configuration()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def configuration() -> Config:
    """What Alembic needs to find the scripts; to run them, add a `connection` to its attributes."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    return config
