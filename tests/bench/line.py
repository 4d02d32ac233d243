"""A line of agents that wait for a slot, made by the database itself."""

import json

from sqlalchemy import text

from engine.policy import Policy
from engine.store import Database
from tests.ledger.crowd import SERIAL, SERIES

PEOPLE = 100
POLICY = {
    Policy.MODEL: "",
    Policy.TIMEOUT: 1800.0,
    Policy.MAX_TURNS: 100,
    Policy.BUDGET: "5",
    Policy.CHECK: None,
    Policy.READS_ONLY: False,
}


async def line_up(db: Database, first: int, last: int) -> None:
    """Pending agents with these ids, each in a thread of its own; the people are there."""
    kind = "sqlite" if db.is_sqlite else "postgresql"
    async with db.engine.begin() as connection:
        for into, values in _rows(db):
            insert = f"INSERT INTO {into}"
            made = SERIES[kind].format(insert=insert, values=values, first=first, last=last)
            await connection.exec_driver_sql(made if db.is_sqlite else made.replace("%", "%%"))
        if not db.is_sqlite:
            for table in ("workflows", "requests", "nodes"):
                assert table in SERIAL
                await connection.exec_driver_sql(
                    f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {last})"
                )
    async with db.engine.connect() as connection:
        await connection.execute(text("ANALYZE"))
        await connection.commit()


def _rows(db: Database) -> list[tuple[str, str]]:
    now = "strftime('%Y-%m-%d %H:%M:%f000', 'now')" if db.is_sqlite else "statement_timestamp()"
    no = "0" if db.is_sqlite else "false"
    policy = f"'{json.dumps(POLICY)}'" + ("" if db.is_sqlite else "::jsonb")
    who = f"'U' || (n % {PEOPLE})"
    return [
        (
            (
                "workflows(id, place, thread, title, created_at, version, shown, tries, retry_at,"
                " card_at, parked, delivery_no, kept_since)"
            ),
            f"n, 'T/L' || (n % 50), n || '.0', '', {now}, 9, 9, 0, {now}, {now}, '', 3, {now}",
        ),
        (
            "requests(id, workflow_id, command_key, kind, by, at)",
            f"n, n, 'line:' || n, 'spawn', {who}, {now}",
        ),
        (
            (
                "nodes(id, workflow_id, request_id, kind, key, role, task, context, quoted, attached,"
                " unmet, repo, base, status, attempt, failures, max_failures, available_at,"
                " created_at, requested_by, policy, redo, branch, commit_sha, result, error)"
            ),
            (
                f"n, n, n, 'agent', '', '', 'task ' || n, '', 0, 0, 0, 'shop', '', 'pending', 0, 0, 3,"
                f" {now}, {now}, {who}, {policy}, {no}, '', '', '', ''"
            ),
        ),
    ]
