"""Pictures of graphs: a workflow as it is now, a plan as it would be. From facts to PNG bytes.

Shapes are drawn larger, band by band, and reduced, since Pillow does not smooth them; text comes
on top. The ground is the picture's own and light, so that it holds in Slack's dark theme too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from io import BytesIO

from PIL import Image, ImageDraw

from bot.layout import Box, Layout, arranged
from bot.messages import words
from bot.messages.graph import STOPPING, graph_title, label, plan_title, plan_word, state_word
from bot.pen import LARGER, LINE, STRONG, Lettering, Letters, Pen
from engine import TERMINAL, AgentSpec, Card, Kind, NodeSpec, NodeView, Status, WorkflowSpec

MOST = 50  # nodes in a picture
SIDE, HEADER, FOOT = 40, 132, 44  # pixels around the nodes, as everything here
NARROWEST = 760
BAND = 512
HALO = 11  # how far the outline of a waiting node is from it
GROUND, INK, FAINT = "#f7f8fa", "#1d1c1d", "#5c6570"
TITLE, SUBTITLE = Letters(42, STRONG), Letters(28)
KEYS = (Letters(34, STRONG), Letters(29, STRONG), Letters(25, STRONG))
TASK, WORD, ASIDE = Letters(27), Letters(26, STRONG), Letters(24)
STATE = Letters(23, STRONG)  # where there is one line only


@dataclass(frozen=True)
class Look:
    """How a state looks: never by colour alone, a sign and the word stand with it."""

    sign: str
    strong: str  # border, sign and word
    pale: str = "#ffffff"
    ink: str = INK
    outlined: bool = False


LOOKS: Mapping[Status, Look] = {
    Status.BLOCKED: Look("○", "#66707c"),
    Status.PENDING: Look("…", "#4b5563"),
    Status.ACTIVE: Look("▶", "#0b5cad", "#e3effb"),
    Status.WAITING: Look("?", "#945200", "#fff1c9", outlined=True),
    Status.COMPLETED: Look("✓", "#17703a", "#e2f4e7"),
    Status.FAILED: Look("\N{MULTIPLICATION SIGN}", "#b3152a", "#fde6e6"),
    Status.CANCELLED: Look("■", "#754b36", "#f4ebe6"),
    Status.SKIPPED: Look("\N{EN DASH}", "#68717c", "#eceef1", "#68717c"),
}
PLANNED = Look("", "#3d4b8f")  # its sign is its number


@dataclass(frozen=True)
class Vertex:
    """A node as it is drawn."""

    label: str
    task: str
    word: str  # its state
    look: Look
    kind: Kind
    aside: str = ""


@dataclass(frozen=True)
class Picture:
    """All that is drawn."""

    title: str
    subtitle: str
    vertices: Mapping[str, Vertex]
    needs: Mapping[str, Sequence[str]]


def draw(card: Card) -> bytes:
    """A workflow with the states of its nodes, as a PNG of at most 4000 x 4000 pixels.

    Of more than 50 nodes those are drawn first that have not ended. It computes for up to a
    second: call it in a thread.
    """
    nodes = _first(card.nodes)
    left = (sum(card.counts.values()) or len(card.nodes)) - len(nodes)
    more = f"{words.count(left, 'more node')} not drawn" if left > 0 else ""
    vertices = {str(node.id): _vertex(node) for node in nodes}
    needs = {str(node.id): _needs(node, vertices) for node in nodes}
    subtitle = " · ".join(filter(None, [more, words.flat(card.title)]))
    return _png(Picture(graph_title(card), subtitle, vertices, needs))


def draw_plan(spec: WorkflowSpec) -> bytes:
    """A workflow that nobody has started; otherwise as `draw`."""
    nodes = spec.nodes[:MOST]
    vertices = {node.key: _planned(place, node) for place, node in enumerate(nodes, 1)}
    needs = {node.key: [need for need in node.needs if need in vertices] for node in nodes}
    left = len(spec.nodes) - len(nodes)
    more = f" · {words.count(left, 'more step')} not drawn" if left else ""
    return _png(Picture(plan_title(spec), f"Not started{more}", vertices, needs))


def _first(nodes: Sequence[NodeView]) -> list[NodeView]:
    urgent = sorted(nodes, key=lambda node: (node.status in TERMINAL, node.id))
    return sorted(urgent[:MOST], key=lambda node: node.id)


def _needs(node: NodeView, drawn: Mapping[str, Vertex]) -> list[str]:
    return [need for need in map(str, dict.fromkeys(node.needs)) if need in drawn]


def _vertex(node: NodeView) -> Vertex:
    word = state_word(node)
    look = LOOKS[Status.CANCELLED if word == STOPPING else node.status]
    aside = f"agent {node.id}" if node.key and node.kind is Kind.AGENT else ""
    return Vertex(label(node), node.task, word, look, node.kind, aside)


def _planned(place: int, node: NodeSpec) -> Vertex:
    task = node.does.task if isinstance(node.does, AgentSpec) else node.does.question
    look = replace(PLANNED, sign=str(place))
    return Vertex(node.key, task, plan_word(node), look, node.kind)


def _png(picture: Picture) -> bytes:
    layout = arranged(picture.needs)
    width = max(NARROWEST, round(layout.width) + 2 * SIDE)
    image = _shapes(picture, layout, (width, HEADER + round(layout.height) + FOOT))
    lettering = Lettering(ImageDraw.Draw(image))
    room = width - 2 * SIDE
    lettering.write((SIDE, 46), lettering.cut(picture.title, TITLE, room), TITLE, INK)
    lettering.write((SIDE, 92), lettering.cut(picture.subtitle, SUBTITLE, room), SUBTITLE, FAINT)
    for key, box in layout.boxes.items():
        _letter(lettering, picture.vertices[key], _moved(box, (width - layout.width) / 2))
    written = BytesIO()
    _plain(image).save(written, "PNG")
    return written.getvalue()


def _plain(image: Image.Image) -> Image.Image:
    """The image in its 256 most frequent colours, which takes a third of the room."""
    counted = sorted(image.getcolors(image.width * image.height) or [], reverse=True)[:256]
    colours = [colour for _, colour in counted if isinstance(colour, tuple)]
    palette = Image.new("P", (1, 1))
    palette.putpalette([part for colour in colours for part in colour])
    return image.quantize(palette=palette, dither=Image.Dither.NONE)


def _moved(box: Box, right: float) -> Box:
    """From the layout's corner to the image's."""
    return Box(box.left + right, box.top + HEADER, box.right + right, box.bottom + HEADER)


def _shapes(picture: Picture, layout: Layout, size: tuple[int, int]) -> Image.Image:
    """The image without text; in bands, so that little of it is ever held enlarged."""
    image = Image.new("RGB", size, GROUND)
    for top in range(0, size[1], BAND):
        band = Image.new("RGB", (LARGER * size[0], LARGER * BAND), GROUND)
        middle = (size[0] - layout.width) / 2
        pen = Pen(ImageDraw.Draw(band), LARGER * BAND, middle, HEADER - top)
        _shape(pen, picture, layout)
        image.paste(band.reduce(LARGER), (0, top))
    return image


def _shape(pen: Pen, picture: Picture, layout: Layout) -> None:
    nodes = [(box, picture.vertices[key]) for key, box in layout.boxes.items()]
    for box, vertex in nodes:
        if vertex.look.outlined:
            pen.node(box, vertex.kind, HALO, vertex.look.strong)
            pen.node(box, vertex.kind, HALO - LINE, GROUND)
    for stroke in layout.strokes:
        pen.wire(stroke)
    for box, vertex in nodes:
        pen.node(box, vertex.kind, 0, vertex.look.strong)
        pen.node(box, vertex.kind, -LINE, vertex.look.pale)
        x, y, radius = _badge(box, vertex.kind)
        pen.disc(x, y, radius, vertex.look.strong)


def _badge(box: Box, kind: Kind) -> tuple[float, float, float]:
    """Middle and radius of the disc with the sign."""
    high = box.bottom - box.top
    radius = min(20, high / 2 - 8)
    aside = 20 if kind is Kind.AGENT else 40
    x = box.left + max(16, aside * min(1, high / 90)) + radius
    return x, box.top + min(40, high / 2), radius


def _letter(lettering: Lettering, vertex: Vertex, box: Box) -> None:
    x, y, radius = _badge(box, vertex.kind)
    lettering.sign((x, y), vertex.look.sign, radius, "#ffffff")
    left = x - radius
    room = box.right - box.left - 2 * (left - box.left)
    beside = room - 2 * radius - 12
    if box.bottom - box.top < 100:
        end = _letter_word(lettering, vertex, (left + room, y), 0.6 * beside)
        _letter_key(lettering, vertex, (x + radius + 12, y), end - 16 - x - radius - 12, KEYS[1:])
        return
    _letter_key(lettering, vertex, (x + radius + 12, y), beside, KEYS)
    for row, line in enumerate(lettering.lines(vertex.task, TASK, room)):
        lettering.write((left, box.top + 82 + 32 * row), line, TASK, vertex.look.ink)
    _letter_foot(lettering, vertex, (left, box.bottom - 26), room)


def _letter_key(
    lettering: Lettering,
    vertex: Vertex,
    at: tuple[float, float],
    room: float,
    sizes: Sequence[Letters],
) -> None:
    """The key as large as there is room."""
    fitting = (size for size in sizes if lettering.width(vertex.label, size) <= room)
    letters = next(fitting, sizes[-1])
    lettering.write(at, lettering.cut(vertex.label, letters, room), letters, vertex.look.ink)


def _letter_foot(
    lettering: Lettering, vertex: Vertex, at: tuple[float, float], room: float
) -> None:
    """The state, and what stands opposite to it if there is room."""
    word = lettering.cut(vertex.word, WORD, room)
    lettering.write(at, word, WORD, vertex.look.strong)
    wide = lettering.width(vertex.aside, ASIDE)
    if wide <= room - lettering.width(word, WORD) - 20:
        lettering.write((at[0] + room - wide, at[1]), vertex.aside, ASIDE, FAINT)


def _letter_word(
    lettering: Lettering, vertex: Vertex, end: tuple[float, float], room: float
) -> float:
    """The state, up to `end`; gives where it begins."""
    word = lettering.cut(vertex.word, STATE, room)
    start = end[0] - lettering.width(word, STATE)
    lettering.write((start, end[1]), word, STATE, vertex.look.strong)
    return start
