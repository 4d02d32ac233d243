"""Where recipes are found: in a repository's base commit, and where the configuration says.

Neither the working tree nor an agent's branch counts: what an agent writes starts nothing. A file
that is broken stands in the list with its error, and hides no other.
"""

import asyncio
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from engine.bases import OpenRepo, RepositoryError
from engine.recipe_text import MAX_BYTES
from engine.recipes import BadRecipe, Recipe, is_name, read
from engine.repos import Repos

PLACE = ".agents/workflows"
ENDINGS = frozenset({".yml", ".yaml"})
MOST_FILES = 50
AGENTS_BRANCH = re.compile(r"agent/[0-9]+(?:-|\Z)")


@dataclass(frozen=True)
class Unreadable:
    """A file that is no recipe, and why; `name` is what it would be called."""

    name: str
    file: str
    error: str


Entry = Recipe | Unreadable


@dataclass(frozen=True)
class _Blob:
    name: str
    file: str
    id: str
    size: int


async def recipes(repos: Repos, repo_name: str) -> tuple[Entry, ...]:
    """The recipes of a repository's base commit, by name.

    Raises RepositoryError, also where the base is an agent's branch; GitError.
    """
    repo = await repos.open(repo_name)
    base = await repos.base(repo, "")
    if AGENTS_BRANCH.match(base.ref):
        raise RepositoryError(
            f"the base of {repo_name} is {base.ref}, an agent's branch, and no workflow is read "
            "from one; set `base` of the repository in the configuration"
        )
    blobs = await _blobs(repo, base.commit)
    entries = [await _entry(repo, blob) for blob in blobs[:MOST_FILES]]
    if len(blobs) > MOST_FILES:
        said = f"there are {len(blobs):,} files; those after the first {MOST_FILES} are not read"
        entries.append(Unreadable("", PLACE, said))
    return _once(entries)


async def configured(workflows: Mapping[str, Path]) -> tuple[Entry, ...]:
    """The recipes that the configuration names, by name; their files are read anew each time."""
    entries = [await asyncio.to_thread(_configured, name, path) for name, path in workflows.items()]
    return tuple(sorted(entries, key=lambda entry: entry.name))


async def _blobs(repo: OpenRepo, commit: str) -> list[_Blob]:
    """The regular files of the place; symbolic links, submodules and directories are none."""
    found = []
    for line in await repo.git.paths("ls-tree", "-z", "-l", "--full-tree", commit, f"{PLACE}/"):
        facts, _, path = line.partition("\t")
        mode, kind, blob, size = facts.split()
        name = PurePosixPath(path)
        if kind == "blob" and mode.startswith("100") and name.suffix in ENDINGS:
            shown = os.fsencode(path).decode("utf-8", "backslashreplace")
            found.append(_Blob(name.stem, shown, blob, int(size)))
    return found


async def _entry(repo: OpenRepo, blob: _Blob) -> Entry:
    if not is_name(blob.name):  # also what is no text
        return _described(b"", blob.file, "")
    if blob.size > MAX_BYTES:
        said = f"{blob.file}: the file has {blob.size:,} bytes; at most {MAX_BYTES:,} are possible"
        return Unreadable(blob.name, blob.file, said)
    content = await repo.git.out("cat-file", "blob", blob.id, limit=MAX_BYTES)
    return await asyncio.to_thread(_described, content, blob.file, blob.name)


def _configured(name: str, path: Path) -> Entry:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        said = f"{path}: {error.strerror}; correct `{name}` in `[workflows]`"
        return Unreadable(name, str(path), said)
    entry = _described(content, str(path), name)
    return replace(entry, configured=True) if isinstance(entry, Recipe) else entry


def _described(content: bytes, file: str, name: str) -> Entry:
    """What a file holds; it takes up to half a second, so not on the event loop."""
    try:
        return read(content.decode("utf-8"), file, name)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return Unreadable(name, file, f"{file}, line {line}: this is not text in UTF-8")
    except BadRecipe as error:
        return Unreadable(name, file, error.detail)


def _once(entries: list[Entry]) -> tuple[Entry, ...]:
    """Of two files with one name (`.yml`, `.yaml`) only the first can be run."""
    seen: dict[str, Entry] = {}
    doubles: list[Entry] = []
    for entry in entries:
        first = seen.setdefault(entry.name or entry.file, entry)
        if first is not entry:
            said = f"{entry.file}: {first.file} has the same name; rename one of them"
            doubles.append(Unreadable(entry.name, entry.file, said))
    return (*sorted(seen.values(), key=lambda entry: entry.name), *doubles)
