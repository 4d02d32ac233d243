"""Trouble with the model's API, as it comes to whoever asks at the moment."""

from collections.abc import Callable, Sequence
from random import Random

from engine.demo_model.faults import Fault as Order
from tests.chaos.fault import Fault
from tests.chaos.ordered import BRIEF, PAST_A_LEASE, Ordered
from tests.chaos.place import Place

Ordering = Callable[[Place, Random], Order]


def failing(status: int, most: int = 3) -> Ordering:
    """So many requests in a row are answered with this status."""
    return lambda place, chance: place.model.faults.fails(status, chance.randint(1, most))


def limited(place: Place, chance: Random) -> Order:
    """429, and for how long to stay away."""
    again, times = chance.randint(1, 2), chance.randint(1, 3)
    return place.model.faults.fails(429, times, retry_after=again)


def refused(place: Place, chance: Random) -> Order:
    """The key is not valid, whoever uses it."""
    return place.model.faults.fails(401, None)


def slow(place: Place, chance: Random) -> Order:
    """First bytes that do not come."""
    return place.model.faults.slow(chance.randint(1, 3))


def cut(place: Place, chance: Random) -> Order:
    """A stream that ends in the middle."""
    return place.model.faults.cuts(chance.randint(1, 3))


FAULTS: Sequence[Fault] = (
    Ordered("model 429", limited),
    Ordered("model 500", failing(500)),
    Ordered("model 529", failing(529)),
    Ordered("model slow", slow, hangs=BRIEF),
    Ordered("model slower than a lease", slow, hangs=PAST_A_LEASE),
    Ordered("model stream cut", cut),
    Ordered("model key refused", refused, lasts=BRIEF),
)
