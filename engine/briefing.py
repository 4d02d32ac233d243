"""What an agent should know beside its task, in words. Pure."""

from dataclasses import dataclass
from pathlib import Path

from engine.spec import LARGEST_FILE, MOST_FILES, File

INTERRUPTED = (
    "An earlier attempt at this task was interrupted. What it had changed is in the working "
    "directory, already committed. Look at it first, then go on from there."
)


@dataclass(frozen=True)
class Tray:
    """What an agent was given, and where it may leave files for people."""

    inside: Path
    out: Path
    given: tuple[Path, ...] = ()


def briefing(said: str, tray: Tray, files: tuple[File, ...], *, interrupted: bool) -> str:
    """Everything beside the task: the talk before it, files in and out, earlier attempts."""
    parts = [said, _given(tray, files), _out(tray), INTERRUPTED if interrupted else ""]
    return "\n\n".join(part for part in parts if part)


def _given(tray: Tray, files: tuple[File, ...]) -> str:
    if not files:
        return ""
    pairs = zip(tray.given, files, strict=True)
    lines = [f"- {path} ({_kind(file)}, {len(file.content):,} bytes)" for path, file in pairs]
    return "\n".join(["These files came with the task. Read them; they cannot be changed:", *lines])


def _kind(file: File) -> str:
    return "".join(c for c in file.mimetype if c.isalnum() or c in "/.+-")[:60]


def _out(tray: Tray) -> str:
    return (
        "Files that people should get beside your answer (a screenshot, a report) go into "
        f"{tray.out}: at most {MOST_FILES} files, each at most {LARGEST_FILE // 2**20} MiB, no "
        "directories. They are posted with your last message. What belongs to the repository "
        "stays in the working directory."
    )
