"""What separates the steps in a text, and what protects its words from being a step. Pure.

A separator counts only directly before a head (`key:`, `key(needs`, `?gate`) or before a bracket
that begins with one. Everything else is text, and so is what stands in quotation marks or in code.
"""
# ruff: noqa: RUF001 - phones write such quotation marks and dashes

import re
from dataclasses import dataclass, field
from enum import Enum, auto

from bot.messages import refusals
from engine import MabError

# What opens a quotation, with what closes it; a ' inside of a word is an apostrophe.
CLOSERS = {
    '"': re.compile('"'),
    "“": re.compile("[”“]"),
    "„": re.compile("[“”]"),
    "«": re.compile("»"),
    "`": re.compile("`"),
    "'": re.compile(r"(?<!\s)'(?!\w)"),
    "‘": re.compile(r"(?<!\s)’(?!\w)"),
}
FENCE = "```"
BLANK = r"[^\S\n]"
ARROW = r"(?:(?<![^\s\]])[-–—]{1,2}>|→)"
ARROWS = re.compile(ARROW)
NAME = r"\w[\w-]{0,99}"
# Lists of phones and of Markdown; a key may be bold or code.
BULLET = re.compile(rf"(?:(?:[-*•‣◦–—]|\d{{1,3}}[.)]){BLANK}+)?(?:\[[ xX]\]{BLANK}+)?")
HEAD = re.compile(
    rf"(?P<deco>[*`]{{0,2}})(?P<gate>\?)?(?P<key>{NAME})"
    rf"(?:(?P=deco)(?P<needs>{BLANK}*+\({BLANK}*+needs?\b)"
    r"|(?P=deco)(?P<colon>:)(?=[\s\"'“„«‘`\]]|\Z)"
    r"|(?P<inner>:)(?P=deco)(?=\s|\Z)"
    r"|(?(gate)(?P=deco)(?![\w-])|(?!)))"
)
LOOSE = re.compile(rf"(?P<key>{NAME})(?:{BLANK}:(?=\s)|:(?=[^\W\d_]))")  # almost a head
GAP = re.compile(rf"(?:\s|{ARROW})*+")
MARK = re.compile(
    rf"(?P<quote>[{''.join(CLOSERS)}])|(?P<gap>\n|{ARROW})"
    r"|(?P<comma>,)|(?P<close>\])|(?P<open>[(\[{])"
)
CLOSING = re.compile(rf"{BLANK}*+(?:\Z|(?=\n)|(?={ARROW}))")  # after the ] of a bracket of steps
TAIL = re.compile(rf"{BLANK}*+(?:\Z|[\n,\]]|{ARROW})")
OPENS = {")": "(", "]": "[", "}": "{"}


class Broken(MabError):
    """The text of a workflow cannot be read at one place."""

    def __init__(self, at: int | None, reason: str, repaired: str = "") -> None:
        self.at, self.reason, self.repaired = at, reason, repaired
        super().__init__(reason)


class Then(Enum):
    """What follows the text of a step."""

    END = auto()
    STEP = auto()
    MEMBER = auto()  # another step in the same brackets
    CLOSE = auto()


@dataclass(frozen=True)
class Cut:
    """Where the text of a step ends, and where the next thing begins."""

    end: int
    next: int
    then: Then


@dataclass(frozen=True)
class Marks:
    """A text, and the places of what counts in it; one pass over it takes linear time."""

    text: str
    _pairs: dict[int, int] = field(init=False, repr=False)
    _closers: dict[str, tuple[int, int]] = field(init=False, repr=False, default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_pairs", _pairs(self.text))

    def spliced(self, start: int, end: int, instead: str) -> str:
        """The text with something else between two places."""
        return self.text[:start] + instead + self.text[end:]

    def past_gap(self, at: int, *, bulleted: bool = False) -> int:
        """After white space and arrows, and after the bullet of a new line."""
        found = GAP.match(self.text, at)
        after = found.end() if found else at
        if not bulleted and "\n" not in self.text[at:after]:
            return after
        bullet = BULLET.match(self.text, after)
        return bullet.end() if bullet else after

    def past_blank(self, at: int) -> int:
        """After the white space of this line."""
        while at < len(self.text) and self.text[at].isspace() and self.text[at] != "\n":
            at += 1
        return at

    def begins(self, at: int) -> bool:
        """Whether a step, or a bracket of steps, begins here."""
        if self.text.startswith("[", at):
            at = self.past_gap(at + 1, bulleted=True)
        return HEAD.match(self.text, at) is not None

    def closes(self, opened: int) -> bool:
        """Whether a bracket has its counterpart on the same line."""
        return opened in self._pairs

    def cut(self, start: int, opened: int | None = None) -> Cut:
        """Where the text from `start` ends; `opened` is where the bracket around it begins.

        Raises Broken where a separator stands before something that is almost a step.
        """
        at = start
        while found := MARK.search(self.text, at):
            kind, at = found.lastgroup, found.start()
            if kind == "gap":
                after = self.past_gap(at)
                if cut := self._at_gap(at, after, opened):
                    return cut
                at = after
            elif kind == "quote":
                at = self._past_quote(at, start)
            elif opened is None:
                at += 1
            elif cut := self._in_brackets(at, kind):
                return cut
            else:
                at = self._pairs.get(at, at) + 1
        return Cut(len(self.text), len(self.text), Then.END)

    def _at_gap(self, at: int, after: int, opened: int | None) -> Cut | None:
        if after == len(self.text):
            return Cut(at, after, Then.END)
        if not self.begins(after):
            self.refuse_loose(after)
            return None
        arrow = ARROWS.search(self.text, at, after)
        if opened is None or not arrow:
            return Cut(at, after, Then.MEMBER if opened is not None else Then.STEP)
        # Closed further on: what was meant is anybody's guess.
        closed = "" if self.closes(opened) else f"{self.text[:at].rstrip()}] {self.text[at:]}"
        raise Broken(at, refusals.arrow_in_brackets(), closed)

    def refuse_loose(self, at: int) -> None:
        """Raise Broken where something stands that may be a step or may be text."""
        if loose := LOOSE.match(self.text, at):
            spaced = self.spliced(at, self.past_blank(loose.end()), f"{loose['key']}: ")
            raise Broken(at, refusals.loose_key(loose["key"]), spaced)

    def _in_brackets(self, at: int, kind: str | None) -> Cut | None:
        if kind == "open":
            return None
        after = self.past_gap(at + 1)
        if kind == "comma":
            return Cut(at, after, Then.MEMBER) if self.begins(after) else None
        if closing := CLOSING.match(self.text, at + 1):
            return Cut(at, closing.end(), Then.CLOSE)
        if self.text[at + 1].isspace() and self.begins(after):
            raise Broken(at, refusals.no_arrow(), self.spliced(at + 1, after, " -> "))
        return None

    def _past_quote(self, at: int, start: int) -> int:
        """After the quotation that begins here, or after its mark when it is only a character.

        It ends on its line, unless it is a fence of code, or the whole text of a step.
        """
        mark = self.text[at]
        if self.text.startswith(FENCE, at):
            end = self.text.find(FENCE, at + len(FENCE))
            return max(end, at) + len(FENCE)
        if mark != "`" and self.text[at - 1 : at].isalnum():
            return at + 1
        closer, end = self._closer(mark, at)
        on_this_line = bool(end) and self.text.find("\n", at, closer) < 0
        whole = at == start and end and TAIL.match(self.text, end)
        return end if on_this_line or whole else at + 1

    def _closer(self, mark: str, at: int) -> tuple[int, int]:
        """Where the next closer of a quotation begins and ends; the end is 0 if there is none."""
        start, end = self._closers.get(mark, (-1, 0))
        if start <= at:
            found = CLOSERS[mark].search(self.text, at + 1)
            start, end = found.span() if found else (len(self.text), 0)
            self._closers[mark] = start, end
        return start, end


def _pairs(text: str) -> dict[int, int]:
    """Where each bracket that is closed on its line is closed."""
    pairs: dict[int, int] = {}
    stack: list[int] = []
    for found in re.finditer(r"[\n()\[\]{}]", text):
        mark = found[0]
        if mark == "\n":
            stack.clear()
        elif mark in OPENS.values():
            stack.append(found.start())
        elif stack and text[stack[-1]] == OPENS[mark]:
            pairs[stack.pop()] = found.start()
    return pairs
