"""A ledger with a long history, made by the database itself: many agents that have ended."""

from dataclasses import dataclass

from sqlalchemy import text

from engine.store import Database

STEPS = 4  # of an agent; to each of them belongs a line of its transcript

NOW = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f000', 'now', '-' || ({}) || ' seconds')",
    "postgresql": "(statement_timestamp() - make_interval(secs => {}))",
}
SERIES = {
    "sqlite": (
        "WITH RECURSIVE s(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM s WHERE n < {last}) "
        "{insert} SELECT {values} FROM s WHERE 1"
    ),
    "postgresql": "{insert} SELECT {values} FROM generate_series({first}, {last}) AS s(n)",
}
SUPERUSER = "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
AGE = 3 * 365 * 24 * 3600  # seconds: the oldest is so old


@dataclass(frozen=True)
class Crowd:
    """So many agents that have ended, asked for by a hundred people."""

    db: Database
    size: int

    @property
    def _kind(self) -> str:
        return "sqlite" if self.db.is_sqlite else "postgresql"

    async def gather(self) -> None:
        """Write all rows."""
        async with self.db.engine.begin() as connection:
            if not self.db.is_sqlite and await connection.scalar(text(SUPERUSER)):
                # references are right, and to check millions of them takes most of the time
                await connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            for statement in self._statements():
                await connection.exec_driver_sql(statement)
            if not self.db.is_sqlite:
                for table in SERIAL:
                    await connection.exec_driver_sql(
                        f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), "
                        f"(SELECT max(id) FROM {table}))"
                    )
        if not self.db.is_sqlite:
            await self.look()

    async def look(self) -> None:
        """Have the database look at what it holds, as a server does by itself."""
        async with self.db.engine.connect() as connection:
            await connection.execute(text("ANALYZE"))
            await connection.commit()

    def _statements(self) -> list[str]:
        then = self._ago(f"({self.size} - n) * {AGE / self.size}")
        json = "'{}'" if self.db.is_sqlite else "'{}'::jsonb"
        plain = "'{}'" if self.db.is_sqlite else "'{}'::json"
        who, node = "'U' || (n % 100)", f"((n - 1) % {self.size} + 1)"
        policy = """'{"budget_usd": "5"}'""" + ("" if self.db.is_sqlite else "::jsonb")
        none = "'[]'" + ("" if self.db.is_sqlite else "::jsonb")
        rows = [
            (100, "people(id, name)", "'U' || (n - 1), 'Person ' || n"),
            (self.size, "workflows(id, place, thread, title, created_at, version, shown, tries, retry_at, card_at, parked, delivery_no, kept_since)",
             f"n, 'T/C' || (n % 50), n || '.0', '', {then}, 9, 9, 0, {then}, {then}, '', 3, {then}"),
            (self.size, "requests(id, workflow_id, command_key, kind, by, at, ended_at)",
             f"n, n, 'command:' || n, 'spawn', {who}, {then}, {then}"),
            (self.size, "nodes(id, workflow_id, request_id, kind, key, role, task, context, quoted, attached, unmet, repo, base, status, attempt, failures, max_failures, available_at, created_at, ended_at, requested_by, policy, redo, branch, commit_sha, result, error)",
             f"n, n, n, 'agent', '', '', 'task ' || n, '', 0, 0, 0, 'shop', '', CASE n % 20 WHEN 0 THEN 'failed' WHEN 1 THEN 'cancelled' ELSE 'completed' END, 1, 0, 3, {then}, {then}, {then}, {who}, {policy}, {self._false}, 'agent/' || n, 'abc', 'done', ''"),
            (self.size, "runs(node_id, attempt, worker, host, marker, workspace, session_id, lease_until, started_at, ended_at, outcome, step, tokens_in, tokens_out, cost, reserved, turns, duration_ms, pruned_at)",
             f"n, 1, 'w' || (n % 7), 'host', 'm' || n, '/w/' || n, 's' || n, {then}, {then}, {then}, 'completed', {json}, 9, 9, 0.05, 0, 3, 1000, CASE WHEN n > {self.size} - 500 THEN NULL ELSE {then} END"),
            (self.size * (STEPS + 5), "events(workflow_id, node_id, attempt, name, data, at, notify, tries, delivered_at)",
             f"{node}, CASE WHEN n % 9 = 0 THEN NULL ELSE {node} END, 1, 'agent.opened', {json}, {self._ago('0')}, {self._true}, 1, {self._ago('0')}"),
            (self.size * STEPS, "session_entries(project_key, session_id, subpath, uuid, entry, at)",
             f"'agent:' || {node}, 's' || {node}, '', 'u' || n, {plain}, {self._ago('0')}"),
            (self.size * 2, "commands(id, key, kind, payload, author, at, tries, done_at, outcome, reply_tries)",
             f"n, 'command:' || n, 'command', {json}, {who}, {self._ago('0')}, 0, {self._ago('0')}, '', 0"),
            (self.size // 2, "inquiries(id, workflow_id, request_id, node_id, kind, revision, digest, content, status, quorum, approvers, opened_at, expires_at, closed_at)",
             f"n, n, n, n, 'tool', 1, '', {json}, 'decided', 1, {none}, {then}, {then}, {then}"),
            (self.size // 2, "votes(inquiry_id, revision, by, target, decision, comment, at)",
             f"n, 1, {who}, '', 'approve', '', {then}"),
            (self.size // 2, "messages(id, node_id, author, text, at, taken_by)",
             f"n, n, {who}, 'go on', {then}, 1"),
            (self.size // 2, "needs(node_id, on_id)", "n * 2, n * 2 - 1"),
            (self.size // 2, "files(node_id, attempt, direction, name, mimetype, content)",
             f"n, 0, 'in', 'a.txt', 'text/plain', {self._bytes}"),
            (self.size * 2, "audit(at, who, did, detail, workflow_id, node_id, revision, digest, command_key)",
             f"{self._ago('0')}, {who}, 'asked', '', {node}, {node}, 0, '', ''"),
            (self.size // 2, "purses(key, raised, noted)", "'agent:' || n, 1, 0"),
        ]  # fmt: skip
        return [self._insert(f"INSERT INTO {into}", values, last) for last, into, values in rows]

    def _insert(self, insert: str, values: str, last: int) -> str:
        made = SERIES[self._kind].format(insert=insert, values=values, first=1, last=last)
        return made if self.db.is_sqlite else made.replace("%", "%%")  # the driver's own sign

    def _ago(self, seconds: str) -> str:
        return NOW[self._kind].format(seconds)

    @property
    def _false(self) -> str:
        return "0" if self.db.is_sqlite else "false"

    @property
    def _true(self) -> str:
        return "1" if self.db.is_sqlite else "true"

    @property
    def _bytes(self) -> str:
        return "x'00'" if self.db.is_sqlite else r"'\x00'::bytea"


SERIAL = (
    *("workflows", "requests", "nodes", "events", "session_entries", "commands", "inquiries"),
    *("messages", "files", "audit"),
)
