"""Which option of a question a reply names. Pure."""

import re

from engine import Ask

BETWEEN = re.compile(r"\s*(?:,|;|\band\b|&|\+)\s*", re.IGNORECASE)
LETTERS = "abcdefghijklmnopqrstuvwxyz"


def picked(ask: Ask, text: str) -> str:
    """The label that a text stands for: by number, letter or name; of several, joined. Or ""."""
    said = _plain(text)
    if only := _one(ask, said):
        return only
    if not ask.several:
        return ""
    found = [_one(ask, part) for part in BETWEEN.split(said)]
    return ", ".join(dict.fromkeys(found)) if found and all(found) else ""


def _one(ask: Ask, said: str) -> str:
    labels = [option.label for option in ask.options]
    named = [label for label in labels if _plain(label) == said]
    if named:  # an option that is called 2 is meant before the second one
        return named[0]
    place = int(said) if said.isdecimal() and len(said) < 4 else 0
    if len(said) == 1 and said in LETTERS:
        place = LETTERS.index(said) + 1
    return labels[place - 1] if 0 < place <= len(labels) else ""


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold().strip(" .!)(\"'`“”")
