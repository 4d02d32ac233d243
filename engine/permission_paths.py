"""Where a tool reaches: files inside and outside the workspace, and hosts. Pure.

What cannot be told for certain is None, and whoever judges by it must ask.
"""

import os.path
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

WRITING = frozenset({"Write", "Edit", "MultiEdit", "NotebookEdit"})
SEARCHING = frozenset({"Glob", "Grep", "LS"})  # a directory and all below it
READING = frozenset({"Read", "NotebookRead"}) | SEARCHING
FILES = READING | WRITING
_WILD = re.compile(r"[*?\[]")
_GLOB = re.compile(r"(?P<any>\*\*/|/\*\*$|\*+|\?|\[[^\]/]+\])|(?P<text>[^*?\[]|\[)")
_LABEL = r"[a-z0-9](?:[a-z0-9_-]*[a-z0-9])?"
_HOST = rf"{_LABEL}(?:\.{_LABEL})*\.[a-z][a-z0-9-]*"  # an address of numbers is no name
_ASCII = re.IGNORECASE | re.ASCII
_URL = re.compile(rf"https?://(?P<host>{_HOST})\.?(?P<port>:[0-9]+)?(?:[/?#][!-\[\]-~]*)?", _ASCII)
DOMAIN = re.compile(rf"(?:\*\.)?(?:localhost|{_HOST})", _ASCII)


KEYS = ("file_path", "notebook_path", "path")  # under which tools are given paths


def named(tool: str, given: Mapping[str, Any], workspace: Path) -> str | None:
    """The path that a file tool is given; None where there is no clear one."""
    key = "notebook_path" if tool.startswith("Notebook") else "file_path"
    path = given.get("path", str(workspace)) if tool in SEARCHING else given.get(key)
    if not isinstance(path, str) or not path.isprintable() or path != path.strip():
        return None
    return None if not path or path[0] == "~" or "$" in path or "\\" in path else path


def seen(path: str, workspace: Path) -> str:
    """A path as seen from the workspace, if it names a place in there from the root."""
    place = _normal(Path(path))
    inside = path.startswith("/") and place.is_relative_to(_normal(workspace))
    return str(place.relative_to(_normal(workspace))) if inside else path


def target(tool: str, given: Mapping[str, Any], workspace: Path) -> Path | None:
    """Where a file tool's path leads from the workspace, `..` resolved, links not followed.

    None: it cannot be said, also where a search's pattern may leave its directory.
    """
    path = named(tool, given, workspace)
    pattern = str(given.get("pattern", "")) if tool == "Glob" else ""
    if path is None or pattern.startswith(("/", "~", "{")) or ".." in pattern or "\\" in pattern:
        return None
    return _normal(workspace / path)


def _normal(path: Path) -> Path:
    return Path(re.sub("^/+", "/", os.path.normpath(path)))  # normpath keeps two slashes


def outside(target: Path | None, real: Path | None, workspace: Path) -> bool:
    """Whether a place, or where it really leads, lies outside the workspace, or may do so."""
    if target is None:
        return True
    root = _normal(workspace)
    return not all(path.is_relative_to(root) for path in (target, real or target))


def glob_fault(glob: str) -> str:
    """Why this is no pattern of paths; "" for one that can be used."""
    if not glob.strip("/ ") or not glob.isprintable() or "\\" in glob:
        return "the pattern of its paths cannot be used"
    if glob.startswith(("~", "!")):
        return f"a pattern of paths cannot begin with {glob[0]}; // begins an absolute path"
    if ".." in PurePosixPath(glob).parts:
        return "a pattern of paths cannot have .. in it"
    return ""


def covers(glob: str, path: Path, workspace: Path, *, below: bool) -> bool:
    """Whether a pattern may hold for a path, or with `below` for something under it.

    Patterns are those of gitignore from the workspace on, as for protected files; `//` begins an
    absolute one. Case and the composition of accents are ignored, as some file systems do.
    """
    whole = _absolute(glob, workspace)
    text = _folded(path.as_posix())
    if re.fullmatch(_regex(whole), text):
        return True
    return below and _may_hold_below(whole, text)


def _absolute(glob: str, workspace: Path) -> str:
    if glob.startswith("//"):
        return _folded("/" + glob.strip("/"))
    inside = glob.removeprefix("./").strip("/")
    anchored = "/" in glob.removeprefix("./").rstrip("/")
    root = _WILD.sub("?", str(_normal(workspace)))
    return _folded(f"{root}/{inside if anchored else f'**/{inside}'}")


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())


def _regex(glob: str) -> str:
    """The pattern as a regular expression; a directory stands for all that is in it."""
    return "".join(map(_piece, _GLOB.finditer(glob))) + "(?:/.*)?"


def _piece(found: re.Match[str]) -> str:
    match found["any"]:
        case None:
            return re.escape(found["text"])
        case "**/":
            return "(?:.*/)?"
        case "/**":
            return "(?:/.*)?"
        case "*":
            return "[^/]*"
        case stars if stars.startswith("**"):
            return ".*"
        case _:
            return "[^/]{1,3}"  # as many as one letter may become without its case


def _may_hold_below(glob: str, text: str) -> bool:
    """Whether the fixed beginning of a pattern leads through a directory, or into it."""
    fixed = _WILD.split(glob, maxsplit=1)[0]
    begun = fixed if fixed == glob else fixed.rpartition("/")[0] or "/"
    beginning, directory = PurePosixPath(begun), PurePosixPath(text)
    return beginning.is_relative_to(directory) or directory.is_relative_to(beginning)


def host(given: Mapping[str, Any]) -> str | None:
    """The name that a WebFetch goes to, with its port where one is written; None: not certain."""
    found = _URL.fullmatch(str(given.get("url", "")))
    return f"{found['host'].lower()}{found['port'] or ''}" if found else None


def reaches(domain: str, host: str | None) -> bool:
    """Whether a host is the domain or below it; one that is not certain is."""
    name = domain.removeprefix("*.").casefold()
    at = host.partition(":")[0] if host else name
    return at == name or at.endswith("." + name)
