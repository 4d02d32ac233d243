"""The circumstances of a run, in words. Pure."""

from collections.abc import Sequence

from bot.messages import blocks
from bot.messages.blocks import Block
from bot.messages.words import code
from engine import Note, NoteKind

SHOWN = 8
DETAIL = 200  # characters

SENTENCES = {
    NoteKind.BASE_STALE: "The remote could not be fetched; its last known state was the start.",
    NoteKind.BASH_OFF: "The agent works without a shell: this host lacks what the sandbox needs.",
    NoteKind.UNCONFINED: 'The agent\'s commands run without a sandbox (`sandbox = "off"`).',
    NoteKind.PUSH_FAILED: "The branch could not be pushed; it is in the worker's repository.",
    NoteKind.RESCUED: "Work that could not go to the branch is kept under a name of its own.",
    NoteKind.INTERRUPTED: "An earlier attempt was interrupted.",
    NoteKind.LEFT_OUT: "Some files could not be committed.",
    NoteKind.SUBMODULES: "The repository has submodules; they were not checked out.",
    NoteKind.NOT_HANDED_OUT: "Some files that the agent wanted to hand out are not here.",
    NoteKind.LFS_POINTERS: "git-lfs is missing here: large files are only pointers.",
}


def lines(notes: Sequence[Note]) -> list[Block]:
    """A line of small print for each circumstance, in one block; none without any."""
    if not notes:
        return []
    more = len(notes) - SHOWN
    said = [_sentence(note) for note in notes[:SHOWN]]
    return [blocks.context(*said, f"and {more} more" if more > 0 else "")]


def _sentence(note: Note) -> str:
    detail = f" {code(note.detail, DETAIL)}" if note.detail.strip() else ""
    return f"⚠ {SENTENCES[note.kind]}{detail}"
