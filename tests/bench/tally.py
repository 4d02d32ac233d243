"""What is asked of the database: statements by their text, transactions, and the time of each."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from sqlalchemy import event

from engine.store import Database


@dataclass
class Tally:
    """Counts what goes to a database while it listens."""

    statements: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    writing: int = 0  # transactions
    reading: int = 0

    @contextmanager
    def listening(self, db: Database) -> Iterator[None]:
        """Count during the block."""
        heard: dict[str, Callable[..., Any]] = {
            "before_cursor_execute": self._before,
            "after_cursor_execute": self._after,
            "begin": self._begin,
        }
        for name, hears in heard.items():
            event.listen(db.engine.sync_engine, name, hears)
        try:
            yield
        finally:
            for name, hears in heard.items():
                event.remove(db.engine.sync_engine, name, hears)

    @property
    def most(self) -> list[tuple[int, float, str]]:
        """Statements: how often, seconds in all, text; the most frequent first."""
        return [(many, self.seconds[text], text) for text, many in self.statements.most_common()]

    def _before(self, connection: Any, _cursor: Any, _statement: str, *_: Any) -> None:
        connection.info["mab_bench_began"] = perf_counter()

    def _after(self, connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        text = " ".join(statement.split())
        if text.startswith("BEGIN"):  # SQLite is told so in words; it is counted as a transaction
            return
        self.statements[text] += 1
        self.seconds[text] += perf_counter() - connection.info["mab_bench_began"]

    def _begin(self, connection: Any) -> None:
        if connection.get_execution_options().get("mab_reading"):
            self.reading += 1
        else:
            self.writing += 1
