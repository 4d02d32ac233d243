"""Shell commands that can be judged from their text: one plain command, and what it may run. Pure.

A command that is not certainly harmless counts as dangerous: the lists here name what is known,
and whoever is in doubt asks a person. Not judged, since it stands in files and not in the command:
what `make`, `npm run`, `pytest`, hooks, scripts and the aliases of somebody's shell do.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence

from engine.permission_programs import (
    CARRIERS,
    FAMILIES,
    HINTS,
    INTERPRETERS,
    LONG,
    MODULES,
    SUBCOMMANDS,
)

MAX_COMMAND = 4_000  # characters; nobody sees through a longer one at a glance
_BARE = r"(?:[A-Za-z0-9_@%+:,./-]|(?<=[A-Za-z0-9_/=-])=|(?<=[A-Za-z0-9_])[~^])+"
_TOKEN = rf"""(?:{_BARE}|'[^'\\$`]*'|"[^"\\$`!]*")"""
_COMMAND = re.compile(rf"{_TOKEN}(?: +{_TOKEN})*")
_TOKENS = re.compile(_TOKEN)
_PROGRAM = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
_PART = re.compile(r"[\w+]+")
_VERSION = re.compile(r"[-0-9.]+$")
_MAKE_WORD = re.compile(r"-[Bkns]|-j[0-9]*|-C|[A-Za-z0-9_./][A-Za-z0-9_./-]*")


def plain(command: object) -> tuple[str, ...] | None:
    """The words of one plain command that the shell leaves as they are; None for anything else.

    Plain is a program's bare name and words, each bare or quoted as a whole. Whatever a shell may
    expand, join, split or redirect is not; nor are control characters, backslashes, a `$` or a
    backtick, even inside quotes, nor a program named by its path.
    """
    words = _words(command)
    return words if words and _PROGRAM.fullmatch(words[0]) else None


def _words(command: object) -> tuple[str, ...] | None:
    if not isinstance(command, str) or len(command) > MAX_COMMAND or not command.isprintable():
        return None
    text = command.strip(" ")
    if not _COMMAND.fullmatch(text) or text[0] in "'\"":
        return None
    return tuple(_unquoted(token) for token in _TOKENS.findall(text))


def _unquoted(token: str) -> str:
    return token[1:-1] if token[0] in "'\"" else token


def names(pattern: str) -> tuple[str, ...]:
    """What a rule's command is recognised by: its words without options; () where there is none.

    Options are left out, since they can be written in many ways: `rm -rf` stands for all of `rm`.
    """
    words = _words(pattern) or ()
    kept = [words[0].rpartition("/")[2], *words[1:]] if words else []
    return tuple(part for part in _parts(kept) if not part.startswith("-"))


def mentions(words: Sequence[str], named: Sequence[str]) -> bool:
    """Whether a command has these names in this order, wherever they stand and in any case.

    An abbreviation or a continuation of a name is that name: `npm pub`, `npm run-script`.
    """
    left = iter(_parts(words))
    if not any(_same_program(part, named[0]) for part in left):
        return False
    return all(any(_same_word(part, name) for part in left) for name in named[1:])


def equals(words: Sequence[str], named: Sequence[str]) -> bool:
    """Whether a command may be exactly the named one, whatever its options and its wrapper are."""
    told = [part for part in _parts(words) if not part.startswith("-")][-len(named) :]
    if len(told) < len(named) or not _same_program(told[0], named[0]):
        return False
    return all(_same_word(*pair) for pair in zip(told[1:], named[1:], strict=True))


def _parts(words: Sequence[str]) -> Iterator[str]:
    """Letters and digits that stand together; those of an option begin with `-`."""
    for word in _flat(words):
        option = "-" if word.startswith("-") else ""
        yield from (option + part for part in _PART.findall(word))


def _flat(words: Sequence[str]) -> list[str]:
    """The words within the words, as another shell would read a quoted one."""
    bare = re.sub("['\"]", "", " ".join(words))
    return unicodedata.normalize("NFKC", bare).casefold().split()


def _same_program(part: str, name: str) -> bool:
    return _unversioned(part.lstrip("-")) == _unversioned(name)


def _unversioned(name: str) -> str:
    return _VERSION.sub("", name) or name


def _same_word(part: str, name: str) -> bool:
    return part.lstrip("-").startswith(name) or name.startswith(part)


def carries(words: Sequence[str]) -> bool:
    """Whether a plain command can run another program that its own words name or spell out."""
    program = words[0].casefold().removesuffix(".exe")
    rest = words[1:]
    if any(_hints(word) or _interprets(word) for word in _flat(rest)):
        return True
    match _unversioned(program):
        case "python":
            return not (len(rest) > 1 and rest[0] == "-m" and rest[1] in MODULES)
        case "git" if any("::" in word for word in rest):
            return True  # git's way to name a program where a repository is meant
        case "make" | "gmake":
            return not all(_MAKE_WORD.fullmatch(word) for word in rest)
        case name if name in SUBCOMMANDS:
            return _first(rest) not in SUBCOMMANDS[name]
        case name:
            return name in CARRIERS or program in CARRIERS or program.startswith(FAMILIES)


def _hints(word: str) -> bool:
    """Whether a word says by its name that a program follows; options may be abbreviated."""
    name = word.lstrip("-").partition("=")[0]
    if not word.startswith("-") or name.startswith("no-"):
        return False
    short = word.startswith("--") and name and any(long.startswith(name) for long in LONG)
    return bool(short) or any(hint in name for hint in HINTS)


def _interprets(word: str) -> bool:
    """Whether a word names what reads commands, for wrappers that nobody here has heard of."""
    return _unversioned(word.rpartition("/")[2]) in INTERPRETERS


def _first(words: Sequence[str]) -> str:
    """The subcommand; an option before it may change what it means."""
    named = words[1:] if words and words[0] == "--no-pager" else words
    return named[0] if named else ""
