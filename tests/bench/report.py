"""The findings as a table, ratios first, and as JSON."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import groupby

from tests.bench.machine import Machine
from tests.bench.rows import Row, ratios

HEAD = ("ratio", "bench", "metric", "side", "median", "spread", "unit")


@dataclass
class Report:
    """What a run has found so far."""

    machine: Machine
    began: str  # ISO 8601, UTC
    repeat: int
    part: float  # of what is measured as a rule; 1.0 = all
    rows: list[Row] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)  # by bench: why it gave no more rows

    def table(self) -> str:
        """Markdown: each of our numbers, how many times better than the best peer, then theirs."""
        better = ratios(self.rows)
        ordered = sorted(self.rows, key=lambda r: (r.bench, r.metric, not r.ours, r.side))
        lines = [_cells(HEAD), _cells("---" for _ in HEAD)]
        lines += [_cells(_shown(row, better.get(row))) for row in ordered]
        notes = [f"- {bench}: {why}" for bench, why in self.failed.items()]
        return "\n".join(
            [f"{self.machine}; part {self.part}", "", *lines, *notes, *self._remarks()]
        )

    def json(self, kept: str = "") -> str:
        """Everything, by bench, for whoever compares runs; `kept` is what others found before."""
        better = ratios(self.rows)
        found: dict[str, object] = json.loads(kept) if kept else {}
        for bench in {row.bench: None for row in self.rows} | dict.fromkeys(self.failed):
            rows = [
                {
                    **asdict(row),
                    "median": row.median,
                    "spread": row.spread,
                    "ratio": better.get(row),
                }
                for row in self.rows
                if row.bench == bench
            ]
            extent = {"began": self.began, "repeat": self.repeat, "part": self.part}
            failed = self.failed.get(bench, "")
            machine = asdict(self.machine)
            found[bench] = {**extent, "machine": machine, "failed": failed, "rows": rows}
        return json.dumps(found, indent=1)

    def _remarks(self) -> Iterator[str]:
        """What has to be known of the sides, once each."""
        told = sorted({(row.bench, row.side, row.note) for row in self.rows if row.note})
        for bench, same in groupby(told, key=lambda each: each[0]):
            for _, side, note in same:
                yield f"- {bench}, {side}: {note}"


def _shown(row: Row, ratio: float | None) -> Sequence[str]:
    shown = "" if ratio is None else f"**{_number(ratio)} x**"
    spread = f"{row.spread:.0%}" if len(row.values) > 1 else ""
    return (shown, row.bench, row.metric, row.side, _number(row.median), spread, row.unit)


def _number(value: float) -> str:
    """Three digits that mean something."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _cells(texts: Iterable[object]) -> str:
    return "| " + " | ".join(str(text) for text in texts) + " |"
