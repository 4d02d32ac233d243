"""What a storm did, as people and programs read it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

from tests.chaos.judge import Violation


@dataclass
class Report:
    """The facts of one storm."""

    database: str
    seed: int
    seconds: float
    settled: float  # seconds from the end of the trouble until everything had ended
    tried: Mapping[str, int]
    struck: Mapping[str, int]
    did: Mapping[str, int]  # what people did
    counts: Mapping[str, int]
    ends: Sequence[str]  # programs that ended with an error
    errors: Sequence[str]  # of the suite itself
    violations: Sequence[Violation]
    kept: str = ""  # where the logs and files are

    def json(self) -> str:
        """For programs."""
        return json.dumps(asdict(self), indent=2)

    def table(self) -> str:
        """For people."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield f"{self.database}, seed {self.seed}: {self.seconds} s, settled in {self.settled} s"
        yield ""
        yield f"{'fault':40} {'struck':>7} {'tried':>6}"
        for kind in sorted(self.tried):
            yield f"{kind:40} {self.struck.get(kind, 0):7} {self.tried[kind]:6}"
        yield f"{'all':40} {sum(self.struck.values()):7} {sum(self.tried.values()):6}"
        yield ""
        for name, count in [*self.counts.items(), *self.did.items()]:
            yield f"{name:40} {count:7}"
        yield from (f"! {line}" for line in (*self.ends, *self.errors))
        yield ""
        yield f"violations: {len(self.violations)}"
        for each in self.violations:
            yield f"  ({each.rule}) seed {self.seed}: {each.about}: {each.fact}"
        if self.kept:
            yield f"logs and files: {self.kept}"
