"""What people say to an agent while it works, passed on to its CLI."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any
from uuid import uuid4

from claude_agent_sdk import ClaudeSDKClient, CLIConnectionError, UserMessage

from engine.executor import Watch

_SECONDS = 5.0  # for the CLI to say whether a message has left its line


class Steering:
    """Passes on, in order and once, what people say, and knows what the model has not got yet.

    A text that comes during the model's last answer begins another turn, with a result of its
    own: until nothing is `outstanding`, a result is not the run's.
    """

    def __init__(self, watch: Watch, quiet: Callable[[], bool] = lambda: False) -> None:
        self._watch = watch
        self._quiet = quiet  # whether the turn is about to end, and must not be joined
        self._client: ClaudeSDKClient | None = None  # while it can be spoken to
        self._turn = asyncio.Lock()
        self._waiting: dict[str, str] = {}  # texts that the CLI has in its line, by id
        self._held: list[str] = []  # texts taken out of it again
        self._error: Exception | None = None

    @property
    def outstanding(self) -> int:
        """How many of the texts given to the CLI last the model has not got."""
        return len(self._waiting) + len(self._held)

    def begin(self, client: ClaudeSDKClient) -> None:
        """From now on the CLI can be spoken to."""
        self._client = client

    def end(self) -> None:
        """From now on nobody is asked what people have said."""
        self._client = None

    async def pass_on(self) -> None:
        """Ask what people have said, and say it."""
        async with self._turn:
            if not self._client or self._quiet():
                return
            held, self._held = self._held, []
            for text in (*held, *await self._watch.spoken()):
                await self._say(text)

    async def withdraw(self) -> None:
        """Take out of the CLI's line what would begin another turn when this one ends."""
        async with self._turn:
            for name in [*self._waiting]:
                if self._client and await _cancelled(self._client, name):
                    self._held.append(self._waiting.pop(name))

    async def between(self) -> None:
        """The same for a hook of the CLI, which hides what is raised: `check` raises it."""
        try:
            await self.pass_on()
        except Exception as error:  # noqa: BLE001 - see above
            self._error = error

    def check(self) -> None:
        """Raise what the watch has raised in a hook."""
        if self._error:
            raise self._error

    def taken(self, message: UserMessage) -> None:
        """The CLI repeats each message when it gives it to the model."""
        self._waiting.pop(message.uuid or "", None)

    async def _say(self, text: str) -> None:
        name = str(uuid4())
        self._waiting[name] = text
        if self._client:
            with suppress(CLIConnectionError):  # it has died; its outcome says so
                await self._client.query(_message(text, name))


async def _message(text: str, name: str) -> AsyncIterator[dict[str, Any]]:
    yield {
        "type": "user",
        "message": {"role": "user", "content": text},
        "parent_tool_use_id": None,
        "uuid": name,
    }


async def _cancelled(client: ClaudeSDKClient, name: str) -> bool:
    """Whether a message has left the line; the SDK has no public name for the question."""
    question = {"subtype": "cancel_async_message", "message_uuid": name}
    query: Any = client._query  # noqa: SLF001 - see above
    with suppress(Exception):  # it has died, or does not answer: then nothing has left it
        answer = await query._send_control_request(question, timeout=_SECONDS)  # noqa: SLF001
        return bool(answer.get("cancelled"))
    return False
