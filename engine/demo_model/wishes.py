"""What the demo model understands of a task: whole sentences of a few forms, or nothing. Pure."""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

_QUOTES = ['""', "“”", "„“", "«»", "''", "``", "\u2018\u2019"]  # opening and closing
_FENCE = r"```[^\n`]*\n(?P<{0}_f>.*?)\n?```"
_POLITE = r"(?:please[, ]+)?(?:(?:can|could|would) you (?:please )?)?"
_END = r"\s*(?:,?\s*please)?[.!?]?"


def _quoted(name: str) -> str:
    """A text in any of the usual quotation marks, or in a code fence.

    The marks may not occur within it: what reads like two texts is better not understood.
    """
    marks = (f"{pair[0]}(?P<{name}_{n}>[^{pair}]*){pair[1]}" for n, pair in enumerate(_QUOTES))
    return f"(?:{_FENCE.format(name)}|{'|'.join(marks)})"


def _path(name: str) -> str:
    """A path: one word, or quoted."""
    return rf"(?:[\"'`“](?P<{name}_q>[^\"'`“”\n]+)[\"'`”]|(?P<{name}>[^\s\"'`“”,;:]+?))"


_FILE = r"(?:(?:a|an|the|another|new|empty|small|text|markdown)\s+)*file\s+"
_CALLED = r"(?:(?:called|named|at)\s+)?"
_WITHIN = (
    rf"(?:\s+(?:in|into|inside|under)\s+(?:the\s+|a\s+)?(?:(?:folder|directory|subfolder)\s+)?"
    rf"{_path('folder')}(?:\s+(?:folder|directory|subfolder))?)?"
)
_HOLDS = (
    r"(?:with|containing|contains|that\s+(?:contains|says|reads)|which\s+(?:contains|says|reads)"
    r"|saying|and\s+(?:write|put))"
)
_WHAT = r"(?:\s+(?:the|this|following|content|contents|text|line|words|into\s+it|in\s+it))*\s*:?\s*"
_CREATE = re.compile(
    rf"{_POLITE}(?:create|make|write|add)\s+(?:me\s+)?{_FILE}{_CALLED}{_path('path')}{_WITHIN}"
    rf"(?:\s*,?\s+{_HOLDS}{_WHAT}{_quoted('content')}(?:\s+(?:in|inside)\s+it)?)?{_END}",
    re.IGNORECASE | re.DOTALL,
)
_WRITE = re.compile(
    rf"{_POLITE}(?:write|put|save){_WHAT}{_quoted('content')}\s+(?:to|into|in)\s+"
    rf"(?:{_FILE}{_CALLED})?{_path('path')}{_END}",
    re.IGNORECASE | re.DOTALL,
)
_APPEND = re.compile(
    rf"{_POLITE}(?:append|add)(?:\s+(?:the|a|this|line|text|words))*\s*:?\s*{_quoted('content')}\s+"
    rf"(?:to|at)\s+(?:the\s+end\s+of\s+)?(?:the\s+)?(?:file\s+)?{_CALLED}{_path('path')}{_END}",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True)
class Create:
    """A file is wanted with this content, whatever it held before."""

    path: str
    content: str


@dataclass(frozen=True)
class Append:
    """A line is wanted at the end of a file."""

    path: str
    line: str


def understand(task: str) -> Create | Append | None:
    """The wish that the whole task expresses; None when any word of it is left over."""
    text = task.strip()
    if found := _APPEND.fullmatch(text):
        return Append(_named(found, "path"), _content(found))
    if found := _CREATE.fullmatch(text) or _WRITE.fullmatch(text):
        return Create(
            str(PurePosixPath(_named(found, "folder"), _named(found, "path"))), _content(found)
        )
    return None


def _named(found: re.Match[str], name: str) -> str:
    groups = found.groupdict()
    return groups.get(f"{name}_q") or groups.get(name) or ""


def _content(found: re.Match[str]) -> str:
    groups = found.groupdict()
    return next(
        (text for name, text in groups.items() if name.startswith("content_") and text is not None),
        "",
    )
