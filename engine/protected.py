"""Files that matter more than others: which of them a branch touches."""

from collections.abc import Iterator, Sequence

from engine.bases import OpenRepo
from engine.git import Git
from engine.merges import safe

WILD = "*?[\\"
LINKS = frozenset({"120000", "160000"})  # modes of symbolic links and submodules


async def touched(
    repo: OpenRepo, base_commit: str, commit: str, patterns: Sequence[str]
) -> tuple[str, ...]:
    """The paths that match a pattern and that `commit` has otherwise than its base.

    Patterns are those of gitignore, without `!`: `*` stays within a directory, `**` does not,
    one without a slash holds in every directory. Git matches them itself, as it does for its
    own commands: names are bytes there, and no library has to agree with it. Capital and small
    letters are the same, since file systems may think so. Compared are the files where the two
    histories part, so what others did to the base meanwhile does not count. A renamed file counts
    with both names, a symbolic link or submodule also where it stands for a directory of a
    pattern.

    Raises GitError.
    """
    if not patterns or base_commit == commit:
        return ()
    fork = (await repo.git.run("merge-base", base_commit, commit)).out.decode().strip()
    globs = [glob for pattern in patterns for glob in _globs(pattern)]
    above = [_itself(place) for glob in globs for place in _above(glob)]
    changed = await _changed(repo.git, fork or base_commit, commit, globs)
    linked = await _changed(repo.git, fork or base_commit, commit, above)
    names = {path for path, _ in changed} | {path for path, mode in linked if mode in LINKS}
    return safe(sorted(names))


async def _changed(git: Git, base: str, commit: str, globs: Sequence[str]) -> list[tuple[str, str]]:
    """Path and new mode of what differs."""
    if not globs:
        return []
    how = ("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-ext-diff")
    asked = [f":(top,glob,icase){glob}" for glob in dict.fromkeys(globs)]
    fields = await git.paths(*how, base, commit, "--", *asked)
    return [(path, facts.split()[1]) for facts, path in zip(fields[::2], fields[1::2], strict=True)]


def _globs(pattern: str) -> Iterator[str]:
    inside = pattern.strip().strip("/")
    if not inside:
        return
    anchored = pattern.strip().startswith("/") or "/" in inside
    glob = inside if anchored else f"**/{inside}"
    yield glob
    yield f"{glob}/**"  # the pattern may name a directory


def _above(glob: str) -> Iterator[str]:
    """The directories above, which a link to somewhere else may replace."""
    parts = glob.split("/")
    places = ("/".join(parts[:depth]) for depth in range(1, len(parts)))
    return (place for place in places if not place.endswith("**"))


def _itself(glob: str) -> str:
    """A glob for this entry alone: git takes a plain name for all that is below it as well."""
    last = glob[-1].lower() if glob.isascii() else glob[-1]  # git does not fold what is escaped
    return glob if any(c in WILD for c in glob) else f"{glob[:-1]}\\{last}"
