"""The circumstances of a run, in words. Pure."""

from collections.abc import Sequence

from bot.messages import blocks
from bot.messages.blocks import Block
from bot.messages.words import code
from engine import Note, NoteKind, Work

SHOWN = 8
DETAIL = 200  # characters
PATHS = 5  # protected ones
PATH = 60  # characters

SENTENCES = {
    NoteKind.BASE_STALE: "The remote could not be fetched; its last known state was the start.",
    NoteKind.BASH_OFF: "The agent works without a shell: this host lacks what the sandbox needs.",
    NoteKind.UNCONFINED: 'The agent\'s commands run without a sandbox (`sandbox = "off"`).',
    NoteKind.PUSH_FAILED: "The branch could not be pushed; it is in the worker's repository.",
    NoteKind.RESCUED: "Work that could not go to the branch is kept under a name of its own.",
    NoteKind.OUT_OF_REACH: "What was not committed lies on the lost worker's host, in a worktree:",
    NoteKind.INTERRUPTED: "An earlier attempt was interrupted.",
    NoteKind.LEFT_OUT: "Some files could not be committed.",
    NoteKind.SUBMODULES: "The repository has submodules; they were not checked out.",
    NoteKind.NOT_HANDED_OUT: "Some files that the agent wanted to hand out are not here.",
    NoteKind.NOT_PUSHED: "The branch touches protected files and was not pushed.",
    NoteKind.SESSION_GONE: "The earlier session is gone; the agent went on from its commit.",
    NoteKind.FILES_GONE: "The files that came with the task are not kept any more.",
    NoteKind.LFS_POINTERS: "git-lfs is missing here: large files are only pointers.",
}


def of(work: Work) -> list[Block]:
    """The circumstances of an agent's work, and what keeps it from being pushed."""
    held = [blocks.context(_held_back(work.protected))] if work.protected else []
    return [*lines(work.notes), *held]


def _held_back(paths: Sequence[str]) -> str:
    return f"⚠ Not pushed without an approval, because of {listed(paths)}"


def listed(paths: Sequence[str], most: int = PATHS) -> str:
    """The first of some paths as code, the rest counted."""
    more = len(paths) - most
    named = ", ".join(code(path, PATH) for path in paths[:most])
    return f"{named} and {more:,} more" if more > 0 else named


def lines(notes: Sequence[Note]) -> list[Block]:
    """A line of small print for each circumstance, in one block; none without any."""
    if not notes:
        return []
    more = len(notes) - SHOWN
    said = [_sentence(note) for note in notes[:SHOWN]]
    return [blocks.context(*said, f"and {more} more" if more > 0 else "")]


def _sentence(note: Note) -> str:
    return f"⚠ {SENTENCES[note.kind]}{_detail(note)}"


def _detail(note: Note) -> str:
    said = code(note.detail, DETAIL) if note.detail.strip() else ""
    if note.kind is NoteKind.NOT_PUSHED:
        return f" Rejected by {said}." if said else " Nobody approved it in time."
    return f" {said}" if said else ""
