"""Directories and files around worktrees. Everything here blocks: run it in a thread."""

import json
import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from engine.directories import erase, is_directory

WORKTREES = ".worktrees"  # below MAB_HOME
LOST = "lost+found"
RECORDS = ".records"
GOING = ".going-"


def worktrees(root: Path) -> list[Path]:
    """What lies or is recorded below the root as a worktree, whoever it belongs to."""
    found = root.iterdir() if root.is_dir() else iter(())
    there = {path for path in found if is_directory(path) and not path.name.startswith(".")}
    recorded = {root / file.stem for file in (root / RECORDS).glob("*.json")}
    return sorted((there | recorded) - {root / LOST})


def unchanged(paths: list[Path], since: float) -> list[Path]:
    """Those whose entry has not changed since a moment (seconds since the epoch)."""
    return [path for path in paths if _changed_at(path) < since]


def _changed_at(path: Path) -> float:
    """When a worktree or, where that is gone, its record changed; no program can set this back."""
    for place in (path, record_file(path)):
        with suppress(OSError):
            return place.lstat().st_ctime
    return 0.0


def scratch(git_dir: Path, root: Path) -> Path:
    """A private directory for a moment; where git no longer knows the worktree, below the root."""
    where = git_dir if git_dir.is_dir() else root
    return Path(tempfile.mkdtemp(prefix=".saving-", dir=where))


def record_file(path: Path) -> Path:
    """Where the record of a worktree is; the agent cannot write there."""
    return path.parent / RECORDS / f"{path.name}.json"


def write_record(path: Path, record: dict[str, str]) -> None:
    """Keep what a worktree belongs to, whole or not at all."""
    file = record_file(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_suffix(".new")
    fresh.write_text(json.dumps(record, ensure_ascii=True))
    fresh.replace(file)


def read_record(path: Path) -> dict[str, str] | None:
    """What is known of a worktree; None when nothing is, or nothing that can be read."""
    try:
        record = json.loads(record_file(path).read_text())
    except (OSError, ValueError):
        return None
    fit = isinstance(record, dict) and all(isinstance(value, str) for value in record.values())
    return record if fit else None


def point(path: Path, git_dir: Path) -> None:
    """Let `.git` in the worktree name its git directory, whatever lies there now."""
    dot, wanted = path / ".git", f"gitdir: {git_dir}\n"
    if dot.is_file() and not dot.is_symlink() and dot.read_text(errors="replace") == wanted:
        return
    erase(dot)
    dot.write_text(wanted)


def adopt_index(index: Path, git_dir: Path) -> None:
    """Give the worktree the index of its new commit; a lock that was left behind goes.

    Without it `git status` would show the commit's changes as undone. Nothing depends on it.
    """
    with suppress(OSError):
        (git_dir / "index.lock").unlink(missing_ok=True)
        fresh = git_dir / "index.mab"
        shutil.copyfile(index, fresh)
        fresh.replace(git_dir / "index")


def last_head(git_dir: Path) -> str:
    """The commit that HEAD of the worktree had when a command last moved it there."""
    with suppress(OSError, IndexError), (git_dir / "logs" / "HEAD").open("rb") as log:
        log.seek(max(0, os.fstat(log.fileno()).st_size - 2**16))
        return log.read().splitlines()[-1].split(b" ", 2)[1].decode("ascii", "replace")
    return ""


def take_away(path: Path) -> None:
    """Remove a worktree; a half removed one has another name, and is nobody's work."""
    going = path.with_name(f"{GOING}{path.name}")
    if is_directory(path):
        erase(going)
        path.rename(going)
    erase(path)
    erase(going)


def is_half_made(git_dir: Path) -> bool:
    """Whether `git worktree add` was killed before the files were complete."""
    try:
        return (git_dir / "locked").read_text(errors="replace").strip() == "initializing"
    except OSError:
        return False


def forget(path: Path, git_dir: Path) -> None:
    """Remove git's entry of a worktree, if it is this worktree's, and our record.

    Raises OSError while the repository is away: the record alone tells of the entry then.
    """
    unlist(path, git_dir)
    git_dir.parents[1].stat()
    record_file(path).unlink(missing_ok=True)


def unlist(path: Path, git_dir: Path) -> None:
    """Remove git's entry of a worktree, if it is this worktree's."""
    with suppress(FileNotFoundError):
        if (git_dir / "gitdir").read_text().strip() == str(path / ".git"):
            erase(git_dir)


def set_aside(path: Path) -> Path | None:
    """Move a directory that cannot be saved to `lost+found`; None when it is not there."""
    if not is_directory(path):
        record_file(path).unlink(missing_ok=True)
        return None
    lost = path.parent / LOST
    lost.mkdir(exist_ok=True)
    place = lost / path.name
    if place.exists():
        place = Path(tempfile.mkdtemp(prefix=f"{path.name}-", dir=lost)) / path.name
    path.rename(place)
    record_file(path).unlink(missing_ok=True)
    return place
