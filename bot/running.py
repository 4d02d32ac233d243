"""From `run release version=1.4` to what is to be run, or to a refusal. Pure."""

import re

from bot import options
from bot.grammar import Refusal, Run
from bot.messages import recipes as sentences
from engine import MabError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}", re.ASCII)
WORD = re.compile(r"\S+")
# A parameter, with the blanks that should not be there.
GIVEN = re.compile(r"(?P<name>[^\s=]+)(?P<before>\s*)=(?P<after>\s*)")
PARAMETER = re.compile(r"[A-Za-z][\w-]{0,39}", re.ASCII)
ONLY = {"repo": options.EXAMPLES["repo"]}
QUOTES = {**options.QUOTES, "`": "`"}


def read(text: str, typed: str = "") -> Run | Refusal:
    """Read what follows the word `run`; `typed` is the whole, for the refusal. Never raises.

    The name stands first, `--repo` anywhere: `release version=1.4 notes="two words" --repo shop`.
    """
    try:
        return _Reading(text).run()
    except _Unclear as unclear:
        suggestion = f"run {unclear.repaired}" if unclear.repaired else ""
        return Refusal(unclear.reason, typed or f"run {text}", suggestion)


class _Unclear(MabError):
    """A part of the text can mean nothing."""

    def __init__(self, reason: str, repaired: str = "") -> None:
        self.reason, self.repaired = reason, repaired
        super().__init__(reason)


class _Reading:
    """One pass over the text."""

    def __init__(self, text: str) -> None:
        self.text = text.strip()
        self.at = 0
        self.name = self.repo = ""
        self.values: dict[str, str] = {}
        self.bare: int | None = None  # where the value before begins, if it has no quotes

    def run(self) -> Run:
        while rest := self.text[self.at :].lstrip():
            self.at = len(self.text) - len(rest)
            if options.NAME.match(rest):
                self._option(rest)
            elif given := GIVEN.match(self.text, self.at):
                self._parameter(given)
            else:
                self._word(rest.split()[0])
        if self.values and not self.name:
            raise _Unclear(sentences.no_name())
        return Run(self.name, self.values, self.repo)

    def _option(self, rest: str) -> None:
        given = options.read(rest, ONLY)
        if isinstance(given, options.Fault):
            raise _Unclear(given.reason)
        if self.repo:
            raise _Unclear(sentences.repeated("--repo"))
        self.repo = str(given.values["repo"])
        self.at, self.bare = len(self.text) - len(given.rest), None

    def _parameter(self, given: re.Match[str]) -> None:
        name = given["name"].lower()
        if not PARAMETER.fullmatch(name):
            raise _Unclear(sentences.bad_parameter(given["name"]))
        if name in self.values:
            raise _Unclear(sentences.repeated(name))
        if given["before"] or given["after"] or given.end() == len(self.text):
            raise _Unclear(sentences.blanks(name), self._closed_up(given))
        self.values[name] = self._value(name, given.end())

    def _closed_up(self, given: re.Match[str]) -> str:
        """The text without the blanks around an equals sign, if a value follows."""
        rest = self.text[given.end() :]
        if not rest or GIVEN.match(rest) or options.NAME.match(rest):
            return ""
        return f"{self.text[: given.start()]}{given['name']}={rest}"

    def _value(self, name: str, start: int) -> str:
        if closers := QUOTES.get(self.text[start]):
            found = re.compile(rf"[{closers}](?=\s|\Z)").search(self.text, start + 1)
            if not found:
                raise _Unclear(sentences.open_quote(name, self.text[start]))
            self.at, self.bare = found.end(), None
            return self.text[start + 1 : found.start()]
        value = self.text[start:].split()[0]
        self.at, self.bare = start + len(value), start
        return value

    def _word(self, word: str) -> None:
        if self.name or self.values:
            raise _Unclear(sentences.no_value(word), self._quoted())
        if not NAME.fullmatch(word):
            raise _Unclear(sentences.bad_name(word))
        self.name, self.at = word, self.at + len(word)

    def _quoted(self) -> str:
        """The text with quotation marks around the words of the value before, if it has none."""
        if self.bare is None:
            return ""
        end = self.at
        for word in WORD.finditer(self.text, self.at):
            if GIVEN.match(word[0]) or options.NAME.match(word[0]):
                break
            end = word.end()
        words = self.text[self.bare : end]
        return "" if '"' in words else f'{self.text[: self.bare]}"{words}"{self.text[end:]}'
