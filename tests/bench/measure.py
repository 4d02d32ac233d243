"""How much is measured, and the arithmetic of it."""

from collections.abc import Sequence
from dataclasses import dataclass

QUICK = 0.001  # the part of everything that a quick run measures


@dataclass(frozen=True)
class Extent:
    """How much a run measures."""

    repeat: int = 3
    part: float = 1.0
    sides: tuple[str, ...] = ()  # parts of names; () = all

    @property
    def quick(self) -> bool:
        """Whether it is only to be seen that everything runs."""
        return self.part <= QUICK

    @property
    def times(self) -> range:
        """The repetitions."""
        return range(self.repeat)

    def of(self, many: int) -> int:
        """How many of so many are measured."""
        return max(round(many * self.part), 1)

    def takes(self, side: str) -> bool:
        """Whether a side is measured."""
        return not self.sides or any(part in side for part in self.sides)


def percentile(values: Sequence[float], part: float) -> float:
    """The least value that `part` of all (0 … 1) do not exceed."""
    ordered = sorted(values)
    return ordered[min(int(part * len(ordered)), len(ordered) - 1)]


def quantiles(milliseconds: Sequence[float], of: str) -> dict[str, float]:
    """p50, p95, p99 and the largest, as metrics."""
    return {
        f"{of} p50 ms": percentile(milliseconds, 0.50),
        f"{of} p95 ms": percentile(milliseconds, 0.95),
        f"{of} p99 ms": percentile(milliseconds, 0.99),
        f"{of} max ms": max(milliseconds),
    }
