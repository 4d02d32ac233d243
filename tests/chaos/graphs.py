"""Random workflows, in the words that people type. Pure."""

from collections.abc import Sequence
from random import Random

KEYS = "abcdefgh"


def text(tasks: Sequence[str], chance: Random) -> str:
    """A graph with a step for each task and perhaps a gate; each step needs some before it."""
    lines: list[str] = []
    keys: list[str] = []
    gate = chance.randrange(1, len(tasks) + 1) if chance.random() < 0.5 else None
    for number, task in enumerate(tasks):
        if number == gate:
            needs = chance.sample(keys, chance.randint(1, len(keys)))
            lines.append(f"?gate(needs {', '.join(needs)}): May it go on?")
            keys.append("gate")
        few = chance.sample(keys, chance.randint(0, min(2, len(keys))))
        key = KEYS[number]
        lines.append(f"{key}(needs {', '.join(few) or 'nothing'}): {task}")
        keys.append(key)
    return "\n".join(lines)
