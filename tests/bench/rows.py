"""What a bench finds: for each side and metric the values of its repetitions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

Group = tuple[str, str]  # bench and metric: what can be compared


@dataclass(frozen=True)
class Row:
    """One metric of one side of one bench; a value for each repetition, in order."""

    bench: str
    side: str
    metric: str
    unit: str  # "/s" is the better the larger; of all others less is better
    values: tuple[float, ...]
    note: str = ""  # what has to be known to read it: settings, seams, smaller numbers
    ours: bool = False

    @property
    def median(self) -> float:
        """The middle value."""
        return median(self.values)

    @property
    def spread(self) -> float:
        """The distance from the least to the largest value, as a part of the median."""
        return (max(self.values) - min(self.values)) / self.median if self.median else 0.0

    @property
    def group(self) -> Group:
        """What it can be compared with."""
        return self.bench, self.metric


def collected(bench: str, found: Iterable[Mapping[str, float]], **rest: str) -> list[Row]:
    """Rows from the repetitions of one side, each a value for every metric "name unit"."""
    repetitions = list(found)
    side, note = rest["side"], rest.get("note", "")
    return [
        Row(bench, side, name, unit, tuple(each[key] for each in repetitions), note, is_ours(side))
        for key in (repetitions[0] if repetitions else ())
        for name, _, unit in [key.rpartition(" ")]
    ]


def is_ours(side: str) -> bool:
    """Whether a side is this product."""
    return side.split(maxsplit=1)[0] == "mab"


def ratios(rows: Iterable[Row]) -> dict[Row, float]:
    """How many times better than the best peer each row of ours is; 1.0 is as good.

    Only where a peer has been measured by the same metric.
    """
    every = list(rows)
    found: dict[Row, float] = {}
    for row in (each for each in every if each.ours):
        peers = [r.median for r in every if r.group == row.group and not r.ours and r.median]
        if peers and row.median:
            more = row.unit == "/s"
            found[row] = row.median / max(peers) if more else min(peers) / row.median
    return found
