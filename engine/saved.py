"""What became of an agent's work when its worktree was saved or removed."""

from dataclasses import dataclass
from pathlib import Path

from engine.views import FileChange


@dataclass(frozen=True)
class Saved:
    """What an agent left, in git."""

    commit: str  # the worktree's earlier head when nothing was changed
    files: tuple[FileChange, ...] = ()  # since the base
    left_out: tuple[str, ...] = ()  # "path (reason)"
    rescued: str = ""  # the ref that holds what could not go to the branch


@dataclass(frozen=True)
class Salvaged:
    """What became of a directory that no living record knew."""

    path: Path
    branch: str = ""
    base_commit: str = ""
    saved: Saved | None = None
    moved_to: Path | None = None  # it could not be saved; nothing was deleted
    why: str = ""  # it could not be saved
