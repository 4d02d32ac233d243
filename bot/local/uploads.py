"""Files on their way: asked for, sent to their address, then shared in a channel."""

import mimetypes
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from bot.local.state import File, State
from bot.local.timing import Timing
from bot.local.validation import Refused

LARGEST = 64 * 1024 * 1024


@dataclass
class Upload:
    """An address that takes one file of a known length."""

    file: File
    length: int
    expires: float
    arrived: bool = False


@dataclass
class Uploads:
    """The addresses given out by files.getUploadURLExternal."""

    state: State
    timing: Timing
    clock: Callable[[], float]
    _open: dict[str, Upload] = field(default_factory=dict)

    def ask(self, name: str, length: int) -> tuple[str, File]:
        """A ticket for the content of a file. Refused when it is empty or too large."""
        if not 0 < length <= LARGEST:
            raise Refused("invalid_arguments" if length <= 0 else "file_upload_size_restricted")
        file = make_file(self.state, name, b"", self.state.bot.id)
        ticket = secrets.token_urlsafe(24)
        self._open[ticket] = Upload(file, length, self.clock() + self.timing.upload)
        return ticket, file

    def receive(self, ticket: str, content: bytes) -> File | None:
        """Take the content; None when the ticket is unknown or old or the length is another."""
        upload = self._open.get(ticket)
        if upload is None or self.clock() >= upload.expires or len(content) != upload.length:
            return None
        upload.file.content, upload.arrived = content, True
        return upload.file

    def complete(self, file_id: str, title: str) -> File:
        """The file, ready to be shared. Refused unless its content has arrived."""
        for ticket, upload in self._open.items():
            if upload.file.id == file_id and upload.arrived:
                del self._open[ticket]
                upload.file.title = title or upload.file.name
                self.state.files[file_id] = upload.file
                return upload.file
        raise Refused("file_not_found")


def make_file(state: State, name: str, content: bytes, user: str) -> File:
    """A file with a guessed type."""
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return File(state.ids.make("F"), name, name, kind, content, user)
