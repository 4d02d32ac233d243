"""Looks on during the storm: whether an agent ever has two live owners."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.chaos import sights
from tests.chaos.judge import Violation
from tests.chaos.place import Place
from tests.chaos.sights import Sight

EVERY = 0.7  # seconds between two looks


@dataclass
class Watch:
    """Samples the process table."""

    place: Place
    seen: list[Violation] = field(default_factory=list)
    most: int = 0  # CLIs at a time

    async def look(self) -> None:
        """Look until cancelled."""
        while True:
            found = await asyncio.to_thread(sights.of_agents, self.place.root)
            self.most = max(self.most, len([sight for sight in found if sight.is_cli]))
            if doubles(found):
                await self._suspect(found)
            await asyncio.sleep(EVERY)

    async def _suspect(self, found: Sequence[Sight]) -> None:
        """Look again: a look takes its time, in which one owner may have followed another."""
        pids = {sight.process for sight in found}
        again = await asyncio.to_thread(sights.of_agents, self.place.root)
        for each in doubles([sight for sight in again if sight.process in pids]):
            if each.about not in {known.about for known in self.seen}:
                self.seen.append(each)


def doubles(found: Sequence[Sight]) -> list[Violation]:
    """Agents for which processes of two runs are alive, and none of them stands still. Pure."""
    runs: dict[int, dict[str, list[Sight]]] = defaultdict(lambda: defaultdict(list))
    for sight in found:
        if sight.agent and not sight.stopped:
            runs[sight.agent][sight.marker].append(sight)
    return [
        Violation("b", f"agent {agent}", f"two runs at work: {_told(owners)}")
        for agent, owners in runs.items()
        if len(owners) > 1
    ]


def _told(owners: dict[str, list[Sight]]) -> str:
    return "; ".join(
        f"{marker[:7]}: {', '.join(f'{s.name} {s.process.pid}' for s in found)}"
        for marker, found in owners.items()
    )
