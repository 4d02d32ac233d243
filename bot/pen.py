"""The shapes and letters of a picture, with Pillow and a font that comes as a package.

Text is cut to its room, and a character that the font lacks becomes a box.
"""

from dataclasses import dataclass, field

from fontpkg import path
from PIL import ImageDraw, ImageFont

from bot.layout import Box, Stroke
from bot.messages import words
from engine import Kind

FONT = "Inter"
PLAIN, STRONG = 420, 640  # weights
LARGER = 2  # shapes are drawn so many times as large, and reduced
LINE, ROUND, POINT = 4, 20, 0.19  # pixels; the points of a gate are in parts of its height
ARROW = (9, 14)  # half its width, and its height
WIRE = "#8a94a3"
PIECES = 24  # of a curve
LOOKED_AT = 300  # characters of a text


@dataclass(frozen=True)
class Pen:
    """Draws shapes of a layout whose corner is at `right`, `down` of the image."""

    canvas: ImageDraw.ImageDraw
    high: int  # of the canvas, which is LARGER
    right: float
    down: float

    def node(self, box: Box, kind: Kind, more: float, colour: str) -> None:
        """A node, larger by `more` pixels on every side: agents are round, gates have points."""
        left, top = self._at((box.left - more, box.top - more))
        right, bottom = self._at((box.right + more, box.bottom + more))
        match kind:
            case Kind.AGENT:
                radius = LARGER * min(ROUND + more, (box.bottom - box.top) / 2)
                self.canvas.rounded_rectangle((left, top, right, bottom), radius, fill=colour)
            case Kind.GATE:
                near, far, middle = left, right, (top + bottom) / 2
                point = POINT * (bottom - top)
                upper = [(near + point, top), (far - point, top)]
                lower = [(far - point, bottom), (near + point, bottom)]
                self.canvas.polygon([*upper, (far, middle), *lower, (near, middle)], fill=colour)

    def disc(self, x: float, y: float, radius: float, colour: str) -> None:
        """A filled circle."""
        middle = self._at((x, y))
        self.canvas.circle(middle, LARGER * radius, fill=colour)

    def wire(self, stroke: Stroke) -> None:
        """A part of an edge, with an arrow where it arrives."""
        if self._at((0, stroke.bottom))[1] < 0 or self._at((0, stroke.top))[1] > self.high:
            return
        high = ARROW[1] if stroke.arrives else 0
        points = [self._at(point) for point in _curve(stroke, stroke.bottom - high)]
        self.canvas.line(points, WIRE, LARGER * LINE, joint="curve")
        if stroke.arrives:
            self._arrow(stroke.to_x, stroke.bottom)

    def _arrow(self, x: float, y: float) -> None:
        half, high = ARROW
        base = y - high - 1
        corners = [(x - half, base), (x + half, base), (x, y)]
        self.canvas.polygon([self._at(corner) for corner in corners], fill=WIRE)

    def _at(self, point: tuple[float, float]) -> tuple[float, float]:
        return LARGER * (point[0] + self.right), LARGER * (point[1] + self.down)


def _curve(stroke: Stroke, bottom: float) -> list[tuple[float, float]]:
    """A line that leaves and arrives upright."""
    start, end = (stroke.top + part * (bottom - stroke.top) for part in stroke.bend)
    bent = [(stroke.x, stroke.top)]
    for piece in range(PIECES + 1 if stroke.x != stroke.to_x else 0):
        part = piece / PIECES
        eased = part * part * (3 - 2 * part)
        bent.append((stroke.x + (stroke.to_x - stroke.x) * eased, start + (end - start) * part))
    return [*bent, (stroke.to_x, bottom)]


@dataclass(frozen=True)
class Letters:
    """Text of one size and weight."""

    size: int
    weight: int = PLAIN

    def font(self) -> ImageFont.FreeTypeFont:
        """A font of its own, since one must not be used in two threads."""
        # the other engine depends on libraries of the machine
        font = ImageFont.truetype(path(FONT), self.size, layout_engine=ImageFont.Layout.BASIC)
        font.set_variation_by_axes([min(max(self.size, 14), 32), self.weight])  # opsz, wght
        return font


SAMPLE = Letters(40, STRONG)


@dataclass(frozen=True)
class Lettering:
    """Writes on an image."""

    canvas: ImageDraw.ImageDraw
    fonts: dict[Letters, ImageFont.FreeTypeFont] = field(default_factory=dict)  # in use

    def width(self, text: str, letters: Letters) -> float:
        """How wide a text is."""
        return self._font(letters).getlength(text)

    def write(self, at: tuple[float, float], text: str, letters: Letters, colour: str) -> None:
        """One line, from the left, with its middle at this height."""
        self.canvas.text(at, text, colour, self._font(letters), anchor="lm")

    def sign(self, at: tuple[float, float], text: str, extent: float, colour: str) -> None:
        """One character with its ink around a point, so large or wide."""
        left, top, right, bottom = self._ink(text, SAMPLE)
        scale = extent / max(right - left, bottom - top, 1)
        letters = Letters(round(SAMPLE.size * scale), STRONG)
        left, top, right, bottom = self._ink(text, letters)
        corner = (at[0] - (left + right) / 2, at[1] - (top + bottom) / 2)
        self.canvas.text(corner, text, colour, self._font(letters), anchor="ls")

    def _ink(self, text: str, letters: Letters) -> tuple[float, float, float, float]:
        font = self._font(letters)
        x, y, *_ = font.getbbox(text, anchor="ls")  # which counts the way to the next letter
        left, top, right, bottom = font.getmask(text).getbbox() or (0, 0, 0, 0)
        return x + left, y + top, x + right, y + bottom

    def cut(self, text: str, letters: Letters, room: float) -> str:
        """As much of a text as has room, on one line."""
        flat = words.flat(text[: 4 * LOOKED_AT])[:LOOKED_AT]
        if self.width(flat, letters) <= room:
            return flat
        return flat[: self._fitting(flat, letters, room, "…")].rstrip() + "…"

    def lines(self, text: str, letters: Letters, room: float) -> list[str]:
        """The text on at most two lines, the first of them whole words where it can be."""
        flat = words.flat(text[: 4 * LOOKED_AT])[:LOOKED_AT]
        if self.width(flat, letters) <= room:
            return [flat] if flat else []
        end = self._fitting(flat, letters, room)
        space = flat.rfind(" ", 0, end + 1)
        end = space if space > 0 else end
        return [flat[:end], self.cut(flat[end:], letters, room)]

    def _fitting(self, text: str, letters: Letters, room: float, tail: str = "") -> int:
        """How many characters have room, at least one."""
        low, high = 1, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            fits = self.width(text[:middle] + tail, letters) <= room
            low, high = (middle, high) if fits else (low, middle - 1)
        return low

    def _font(self, letters: Letters) -> ImageFont.FreeTypeFont:
        if letters not in self.fonts:
            self.fonts[letters] = letters.font()
        return self.fonts[letters]
