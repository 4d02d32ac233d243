"""What people are told when the ledger was put back to a copy. Pure."""

from datetime import UTC, datetime

from bot.messages import blocks, words
from bot.messages.blocks import Message

HEAD = "The ledger was put back to an earlier copy"


def restored(last: datetime | None) -> Message:
    """In each unfinished thread: what is not known any more, and what happens now."""
    said = (
        f"{HEAD}{_of(last)}. What was said, decided and done here since then is not known any "
        "more. Agents that had not ended then go on, each from what is on its branch; what was "
        "waiting for a decision is asked again. No branch and no message is taken back."
    )
    return Message(words.notification(HEAD, ""), [blocks.plain(said)])


def _of(last: datetime | None) -> str:
    return f" ({last.astimezone(UTC):%Y-%m-%d %H:%M} UTC)" if last else ""
