"""Where the sessions of one run are kept, whatever the CLI calls their project."""

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import structlog

from engine.errors import LostLease
from engine.transcripts import Attempt, Transcripts, TranscriptsAway, name

if TYPE_CHECKING:  # the SDK takes most of a second to load
    from claude_agent_sdk import SessionKey, SessionListSubkeysKey, SessionStoreEntry

log = structlog.get_logger()


@dataclass(frozen=True)
class Shelf:
    """The sessions of one project, as the SDK sees them during one run.

    The CLI names a project after its directory, which is another one on every host: here the
    name is ours. What cannot be written is kept and written with what comes next, in order:
    a transcript with a gap could not be gone on with.
    """

    transcripts: Transcripts
    project: str
    attempt: Attempt | None = None  # whose run it is: what it adds once it has ended is refused
    seconds: float = 3.0  # for writing: a database that hangs must not hold up the agent's end
    _late: "dict[tuple[str, str], list[SessionStoreEntry]]" = field(default_factory=dict)

    async def append(self, key: "SessionKey", entries: "list[SessionStoreEntry]") -> None:
        """Add lines to a transcript, now or with the next ones."""
        late = self._late.setdefault((key["session_id"], key.get("subpath", "")), [])
        late.extend(entries)
        await self._write(self._named(key), late)

    async def load(self, key: "SessionKey") -> "list[SessionStoreEntry] | None":
        """A transcript as it was appended; None where there is none."""
        return await self.transcripts.load(self._named(key))

    async def list_subkeys(self, key: "SessionListSubkeysKey") -> list[str]:
        """The names of a session's other transcripts."""
        return await self.transcripts.list_subkeys({**key, "project_key": self.project})

    async def holds(self, session_id: str) -> bool:
        """Whether there is such a session to go on with."""
        return await self.transcripts.holds(self.project, session_id)

    async def transcript(self, session_id: str) -> "list[SessionStoreEntry]":
        """All of a session; raises TranscriptsAway."""
        return await self.transcripts.load(name(self.project, session_id)) or []

    async def add(self, session_id: str, entries: "list[SessionStoreEntry]") -> None:
        """Add lines to a session that nobody works on, now; raises TranscriptsAway, LostLease."""
        await self.transcripts.append(name(self.project, session_id), entries, self.attempt)

    async def finish(self) -> None:
        """Write what could not be written so far; what cannot be now is lost, and logged."""
        for (session_id, subpath), late in self._late.items():
            if late:
                await self._write(name(self.project, session_id, subpath), late)
            if late:
                log.error("transcript not kept", session=session_id, entries=len(late))

    async def _write(self, key: "SessionKey", late: "list[SessionStoreEntry]") -> None:
        writing = list(late)
        try:
            async with asyncio.timeout(self.seconds):
                await self.transcripts.append(key, writing, self.attempt)
        except (TranscriptsAway, TimeoutError) as error:
            log.warning("transcript not written yet", project=self.project, error=str(error))
        except LostLease as error:
            log.warning("transcript refused", project=self.project, error=str(error))
            late.clear()
        else:
            del late[: len(writing)]

    def _named(self, key: "SessionKey") -> "SessionKey":
        return {**key, "project_key": self.project}


@dataclass(frozen=True)
class Sight:
    """A shelf on which a CLI finds one session as it is given here."""

    shelf: Shelf
    entries: "list[SessionStoreEntry]"
    records: bool = True  # False: what the CLI writes is forgotten

    async def append(self, key: "SessionKey", entries: "list[SessionStoreEntry]") -> None:
        """Add lines to a transcript, as the shelf does."""
        if self.records:
            await self.shelf.append(key, entries)

    async def load(self, key: "SessionKey") -> "list[SessionStoreEntry] | None":
        """The session as given; its other transcripts as they are."""
        return await self.shelf.load(key) if key.get("subpath") else self.entries

    async def list_subkeys(self, key: "SessionListSubkeysKey") -> list[str]:
        """The names of a session's other transcripts."""
        return await self.shelf.list_subkeys(key)
