"""What a kind of trouble is, for the program that makes trouble."""

from random import Random
from typing import Protocol

from tests.chaos.place import Place


class Fault(Protocol):
    """A kind of trouble that can be made again and again."""

    @property
    def kind(self) -> str:
        """Its name in the report: who and what (`worker killed`, `slack answer lost`)."""
        ...

    async def strike(self, place: Place, chance: Random) -> bool:
        """Make the trouble, and end it where it does not end by itself; whether it could be made.

        False when there was nothing to strike (no CLI ran, no push was under way).
        """
        ...
