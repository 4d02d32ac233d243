"""The transcripts of sessions: where they are kept, as an agent's run sees it, and their lines.

Pure.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from engine.errors import MabError

if TYPE_CHECKING:  # the SDK takes most of a second to load
    from claude_agent_sdk import SessionKey, SessionListSubkeysKey, SessionStoreEntry


class TranscriptsAway(MabError):
    """The transcripts cannot be reached now; this may pass by itself."""


Attempt = tuple[int, int]  # agent, attempt: in whose name lines are added


class Transcripts(Protocol):
    """What the SDK needs of a SessionStore during a run; everything raises TranscriptsAway."""

    async def append(
        self,
        key: "SessionKey",
        entries: "list[SessionStoreEntry]",
        attempt: Attempt | None = None,
    ) -> None:
        """Add lines to a transcript, all or none; raises LostLease once the attempt has ended."""

    async def load(self, key: "SessionKey") -> "list[SessionStoreEntry] | None":
        """A transcript as it was appended; None where there is none."""

    async def list_subkeys(self, key: "SessionListSubkeysKey") -> list[str]:
        """The names of a session's other transcripts (of subagents)."""

    async def holds(self, project: str, session_id: str) -> bool:
        """Whether there is such a session to go on with."""


def name(project: str, session_id: str, subpath: str = "") -> "SessionKey":
    """What the SDK calls a transcript; without a subpath the session's own."""
    key: SessionKey = {"project_key": project, "session_id": session_id}
    return {**key, "subpath": subpath} if subpath else key


def blocks(entry: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The parts of the message in a line of a transcript; none where it is shaped otherwise."""
    message = entry.get("message")
    content = message.get("content") if isinstance(message, Mapping) else None
    found = content if isinstance(content, list) else ()
    return [block for block in found if isinstance(block, Mapping)]
