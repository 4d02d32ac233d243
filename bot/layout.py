"""Where the nodes of a graph go in a picture, in pixels: top to bottom, row by row. Pure.

Longest paths give the rows; a row that is too wide for a phone is broken into several. Edges to one
node, or from one, share a track past the rows between, so that no edge runs behind a node.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import floor

from engine import levels

Needs = Mapping[str, Sequence[str]]
HIGHEST = 3_750  # pixels that the rows may take
BESIDE = 24  # kept free on either side of a node
TRACK = 12  # the same of a track
SWEEPS = 8
WHOLE = (0.0, 1.0)
BENDS = {"to": (0.0, 0.55), "from": (0.45, 1.0)}  # where tracks meet is apart from where they part


@dataclass(frozen=True)
class Grid:
    """How large a node is and how far apart the rows are; `across` nodes at most in a row."""

    width: int
    height: int
    gap: int
    across: int


ROOMY = tuple(Grid(380, 176, 76, across) for across in (3, 4, 5))
TIGHT = Grid(440, 46, 76, 3)  # one line per node


@dataclass(frozen=True)
class Box:
    """The place of a node."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Stroke:
    """A part of an edge, downwards: across a gap between rows, or straight past a row."""

    x: float
    top: float
    to_x: float
    bottom: float
    arrives: bool = False  # ends at a node
    bend: tuple[float, float] = (0.0, 1.0)  # in which part of its height it goes sideways


@dataclass(frozen=True)
class Layout:
    """The whole picture without its margins."""

    grid: Grid
    width: float
    height: float
    boxes: Mapping[str, Box]
    strokes: tuple[Stroke, ...]


@dataclass(frozen=True, order=True)
class _Slot:
    """What takes room in a row: a node, or the track of edges to it or from it."""

    row: int
    key: str
    track: str = ""  # "to" | "from" | "" = the node itself


def arranged(needs: Needs) -> Layout:
    """The places of at most 50 keys and of the edges from what each of them needs.

    Raises graphlib.CycleError for a graph that is none.
    """
    grid = _grid(needs)
    rows = _rows(needs, grid.across)
    links = _links(needs, {key: row for row, keys in enumerate(rows) for key in keys})
    near = _neighbours(links)
    slots = _ordered(_slots(rows, links), near)
    reach = {slot: _reach(slot, grid) for row in slots for slot in row}
    settled, width = _settled(slots, near, reach)
    at = {slot: floor(x + 0.5) for slot, x in settled.items()}
    boxes = {slot.key: _box(slot, at[slot], grid) for slot in at if not slot.track}
    height = max(0, len(rows) * (grid.height + grid.gap) - grid.gap)
    return Layout(grid, width, height, boxes, tuple(_strokes(links, at, grid)))


def _grid(needs: Needs) -> Grid:
    """The first that leaves the picture low enough."""
    for grid in ROOMY:
        if len(_rows(needs, grid.across)) * (grid.height + grid.gap) <= HIGHEST:
            return grid
    room = HIGHEST // len(_rows(needs, TIGHT.across)) - TIGHT.height
    return replace(TIGHT, gap=min(TIGHT.gap, room))


def _rows(needs: Needs, across: int) -> list[list[str]]:
    depth = levels(needs)
    deep: defaultdict[int, list[str]] = defaultdict(list)
    for key in needs:
        deep[depth[key]].append(key)
    return [row for level in sorted(deep) for row in _split(deep[level], across)]


def _split(keys: Sequence[str], across: int) -> list[list[str]]:
    """The keys in as few rows as possible, equally full."""
    rows = -(-len(keys) // across)
    cuts = [len(keys) * row // rows for row in range(rows + 1)]
    return [list(keys[start:end]) for start, end in pairwise(cuts)]


def _links(needs: Needs, row_of: Mapping[str, int]) -> list[tuple[_Slot, _Slot]]:
    """Every edge, from row to row."""
    leaving = Counter(need for sources in needs.values() for need in sources)
    links: dict[tuple[_Slot, _Slot], None] = {}
    for key, sources in needs.items():
        for need in sources:
            shared = (key, "to") if len(sources) >= leaving[need] else (need, "from")
            between = [_Slot(row, *shared) for row in range(row_of[need] + 1, row_of[key])]
            way = [_Slot(row_of[need], need), *between, _Slot(row_of[key], key)]
            links |= dict.fromkeys(pairwise(way))
    return list(links)


def _neighbours(links: Iterable[tuple[_Slot, _Slot]]) -> dict[_Slot, list[_Slot]]:
    near: defaultdict[_Slot, list[_Slot]] = defaultdict(list)
    for upper, lower in links:
        near[upper].append(lower)
        near[lower].append(upper)
    return near


def _slots(
    rows: Sequence[Sequence[str]], links: Iterable[tuple[_Slot, _Slot]]
) -> list[list[_Slot]]:
    slots = [[_Slot(row, key) for key in keys] for row, keys in enumerate(rows)]
    tracks = {slot for link in links for slot in link if slot.track}
    for slot in sorted(tracks):
        slots[slot.row].append(slot)
    return slots


def _ordered(
    slots: Sequence[list[_Slot]], near: Mapping[_Slot, Sequence[_Slot]]
) -> list[list[_Slot]]:
    """The rows, each sorted by where its neighbours are, downwards and upwards by turns."""
    rows = [list(row) for row in slots]
    rank = {slot: _rank(place, row) for row in rows for place, slot in enumerate(row)}
    for sweep in range(SWEEPS):
        step = -1 if sweep % 2 else 1
        for row in rows[::step]:
            wish = {slot: _mean(slot, near, rank, slot.row - step) for slot in row}
            row.sort(key=wish.__getitem__)
            rank |= {slot: _rank(place, row) for place, slot in enumerate(row)}
    return rows


def _rank(place: int, row: Sequence[_Slot]) -> float:
    return place + (1 - len(row)) / 2


def _mean(
    slot: _Slot,
    near: Mapping[_Slot, Sequence[_Slot]],
    of: Mapping[_Slot, float],
    row: int | None = None,
) -> float:
    """The mean of the neighbours in `row`, or in both rows; without any, its own."""
    found = [of[other] for other in near.get(slot, ()) if row in {None, other.row}]
    return sum(found) / len(found) if found else of[slot]


def _reach(slot: _Slot, grid: Grid) -> float:
    """Half the room that it takes."""
    return TRACK if slot.track else grid.width / 2 + BESIDE


def _settled(
    slots: Sequence[Sequence[_Slot]],
    near: Mapping[_Slot, Sequence[_Slot]],
    reach: Mapping[_Slot, float],
) -> tuple[dict[_Slot, float], float]:
    """The middle of everything, near its neighbours, and the width of the whole."""
    width = max((2 * sum(reach[slot] for slot in row) for row in slots), default=0.0)
    at = {slot: width / 2 for row in slots for slot in row}
    for sweep in range(SWEEPS):
        for row in slots[:: -1 if sweep % 2 else 1]:
            at |= _placed(row, [_mean(slot, near, at) for slot in row], reach, width)
    return at, width


def _placed(
    row: Sequence[_Slot], wished: Sequence[float], reach: Mapping[_Slot, float], width: float
) -> dict[_Slot, float]:
    """One row in its order, as near as can be to what is wished, without touching."""
    offsets, taken = [], 0.0
    for slot in row:
        offsets.append(taken + reach[slot])
        taken += 2 * reach[slot]
    free = _rising([wish - offset for wish, offset in zip(wished, offsets, strict=True)])
    shifts = [min(max(shift, 0.0), width - taken) for shift in free]
    return {slot: shift + offset for slot, shift, offset in zip(row, shifts, offsets, strict=True)}


def _rising(values: Iterable[float]) -> list[float]:
    """The nearest numbers (least squares) of which none is smaller than the one before."""
    pools: list[tuple[float, int]] = []
    for value in values:
        total, count = value, 1
        while pools and pools[-1][0] / pools[-1][1] > total / count:
            more, others = pools.pop()
            total, count = total + more, count + others
        pools.append((total, count))
    return [total / count for total, count in pools for _ in range(count)]


def _box(slot: _Slot, x: float, grid: Grid) -> Box:
    top = slot.row * (grid.height + grid.gap)
    return Box(x - grid.width / 2, top, x + grid.width / 2, top + grid.height)


def _strokes(
    links: Sequence[tuple[_Slot, _Slot]], at: Mapping[_Slot, float], grid: Grid
) -> Iterable[Stroke]:
    pitch = grid.height + grid.gap
    simple = {upper.row for upper, lower in links if not upper.track and not lower.track}
    for upper, lower in links:
        top, bottom = upper.row * pitch + grid.height, lower.row * pitch
        bend = WHOLE if upper.row in simple else BENDS[upper.track or lower.track]
        yield Stroke(at[upper], top, at[lower], bottom, not lower.track, bend)
    for slot, x in at.items():
        if slot.track:
            yield Stroke(x, slot.row * pitch, x, slot.row * pitch + grid.height)
