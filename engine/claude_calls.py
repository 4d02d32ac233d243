"""The tool calls of a run: which message each belongs to, and what came of it. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from claude_agent_sdk import AssistantMessage, UserMessage

from engine import claude_messages
from engine.executor import Step


class Calls:
    """The calls so far."""

    def __init__(self, workspace: Path) -> None:
        self._workspace = workspace
        self._steps: dict[str, Step] = {}
        self._messages: dict[str, str] = {}  # the message of each call
        self._finished: set[str] = set()
        self._newest = ""

    def made(self, message: AssistantMessage) -> None:
        """The model has made calls; a message may come in several parts."""
        found = claude_messages.calls(message, self._workspace)
        self._newest = message.message_id or ""
        self._steps |= found
        self._messages |= dict.fromkeys(found, self._newest)

    def ended(self, message: UserMessage) -> Iterator[Step]:
        """Calls have ended; yields those that failed."""
        for call, failed in claude_messages.results(message).items():
            if call in self._steps:
                self._finished.add(call)
                self._steps[call] = replace(self._steps[call], failed=failed)
                if failed:
                    yield self._steps[call]

    def is_newest(self, call: str) -> bool:
        """Whether a call belongs to the newest message."""
        return self._messages.get(call) == self._newest

    def beside(self, puts_off: Callable[[str], bool]) -> tuple[Step, ...]:
        """The calls of the newest message that ran."""
        ran = (call for call in self._steps if call in self._finished and self.is_newest(call))
        return tuple(self._steps[call] for call in ran if not puts_off(call))
