"""What one trouble has in hand, and no other at the same time."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.chaos.place import Place


@contextmanager
def grip(place: Place, what: str) -> Iterator[bool]:
    """Whether it could be had; it is let go at the end."""
    if what in place.held:
        yield False
        return
    place.held.add(what)
    try:
        yield True
    finally:
        place.held.remove(what)
