"""Where this machine keeps things: room on its disk, and paths that are not too long."""

import os
import shutil
from pathlib import Path

from bot.host import Verdict, bad, good, note
from engine import Spares

LEAST_DISK = 2.0  # GiB
LONGEST_TEMPORARY = 35  # bytes; a run's own directory there, with a socket in it, has 63 more


def disk(home: Path, keep_free: float) -> Verdict:
    """Whether there is room, where MAB_HOME is or would be made; blocks.

    Below `keep_free` GiB no agent begins.
    """
    place = next(path for path in (home, *home.parents) if path.exists())
    free = shutil.disk_usage(place).free / 1024**3
    if not os.access(place, os.W_OK):
        return bad(f"{place} is not writable", "export MAB_HOME=…")
    if free < keep_free:
        said = f"{free:.1f} GiB free in {place}; no agent begins with less than {keep_free:g} GiB"
        return bad(said, "make room there, or write less: [limits]\nkeep_free_gb = …")
    if free < LEAST_DISK:
        said = f"{free:.1f} GiB free in {place}; {LEAST_DISK:g} GiB are needed"
        return bad(said, "export MAB_HOME=…")
    return good(f"{free:.1f} GiB free in {place}{_spares(home)}")


def _spares(home: Path) -> str:
    """What the worktrees that wait for the next agents use."""
    spares = Spares.at(home)
    if not (there := spares.of()):
        return ""
    return f"; {len(there)} spare worktrees use {spares.disk_used() / 1024**3:.1f} GiB of the rest"


def temporary(place: Path) -> Verdict:
    """Whether the paths of the sockets of agents' sandboxes are short enough; blocks."""
    length = len(os.fsencode(place))
    if not place.is_dir() or not os.access(place, os.W_OK):
        return bad(f"{place} is not writable", "export TMPDIR=/tmp")
    if length <= LONGEST_TEMPORARY:
        return good(str(place))
    lost = "agents share it, and their commands may lack the network"
    said = f"{place} has {length} characters, more than {LONGEST_TEMPORARY}: {lost}"
    return note(said, "export TMPDIR=/tmp")
