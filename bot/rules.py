"""What `mab doctor` says of the people and channels in the configuration."""

import asyncio
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.census import Registry
from bot.host import Verdict, bad, good, note
from bot.policies import Census, Doubt, Rules, State, doubts, matter, shown

MOST_SHOWN = 100  # of one list
LONGEST_LINE = 200


@dataclass(frozen=True)
class Examined:
    """The rules of a configuration file, and whom to ask what its ids stand for."""

    rules: Rules
    config: Path
    registry: Registry | None  # None: there is no token to ask with

    async def findings(self) -> list[tuple[str, Verdict]]:
        """What each list says, with the names of its ids; then what nobody could do."""
        census: Census = {}
        if self.registry:
            census = await self.registry.census((*self.rules.people, *self.rules.places))
        lines = await asyncio.to_thread(_lines, self.config)
        listed = [
            (what, _listed(entries, census, lines))
            for what, entries in _lists(self.rules)
            if entries
        ]
        return [*listed, *_policies(doubts(self.rules.access, census, asks=self.rules.asks))]


def _lists(rules: Rules) -> Iterable[tuple[str, Sequence[str]]]:
    access = rules.access
    yield "Access admin", access.admin
    yield "Access spawn", access.spawn
    yield "Access approve", access.approve or ()
    for name, places in rules.channels.items():
        yield f"Channels of {name}", places


def _listed(entries: Sequence[str], census: Census, lines: Sequence[str]) -> Verdict:
    """The entries with their names, the doubtful ones first, and the lines to mend."""
    troubled = [entry for entry in entries if entry in census and matter(census[entry])]
    ordered = [*troubled, *(entry for entry in entries if entry not in troubled)]
    said = ", ".join(shown(entry, census) for entry in ordered[:MOST_SHOWN])
    said += f" and {len(ordered) - MOST_SHOWN} more" if len(ordered) > MOST_SHOWN else ""
    remedy = "\n".join(
        dict.fromkeys(line for entry in troubled for line in _mend(entry, census, lines))
    )
    if any(census[entry].state is State.UNKNOWN for entry in troubled):
        return bad(said, remedy)
    asked = all(entry in census or entry == "*" for entry in entries)
    return good(said) if asked and not troubled else note(said, remedy)


def _mend(entry: str, census: Census, lines: Sequence[str]) -> list[str]:
    """What to type about an entry: the lines of the file that name it, or an invitation."""
    found = census[entry]
    if found.state is State.UNASKED:
        return []
    if found.state is State.OUTSIDE:
        return [f"/invite @agent   # in Slack, in {found.name or entry}"]
    word = re.compile(rf"(?<!\w){re.escape(entry)}(?!\w)")
    return [line for line in lines if word.search(line)] or [f"the setting that names {entry}"]


def _lines(config: Path) -> list[str]:
    """The lines of the file with their numbers; none when it cannot be read."""
    try:
        text = config.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    numbered = enumerate(text.splitlines(), start=1)
    return [f"{config}:{number}: {line.strip()[:LONGEST_LINE]}" for number, line in numbered]


def _policies(found: Sequence[Doubt]) -> list[tuple[str, Verdict]]:
    if not found:
        return [("Policy", good("for everything there is somebody who may"))]
    return [
        ("Policy", bad(doubt.said, doubt.remedy) if doubt.fatal else note(doubt.said, doubt.remedy))
        for doubt in found
    ]
