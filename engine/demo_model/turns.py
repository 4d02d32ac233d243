"""What a scripted model can say, and how it can fail. Pure."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.demo_model.conversation import Conversation


@dataclass(frozen=True)
class Call:
    """A call of one of the CLI's tools."""

    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Fail:
    """The API answers with an HTTP error."""

    status: int
    message: str = "scripted failure"
    times: int | None = None  # None: always


@dataclass(frozen=True)
class Cut:
    """The connection breaks in the middle of the stream."""

    times: int | None = None  # None: always


@dataclass(frozen=True)
class Turn:
    """One answer of the model: a text, tool calls, or both."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    stop_reason: str = ""  # "" = tool_use or end_turn, as fits; "max_tokens" breaks off
    tokens_in: int = 0
    tokens_out: int = 0
    pause: float = 0  # seconds before the first byte
    after: asyncio.Event | None = None  # the first byte waits for this
    fault: Fail | Cut | None = None


Brain = Callable[[Conversation], Turn]


def say(text: str, *, tokens_in: int = 0, tokens_out: int = 0) -> Turn:
    """A turn that only speaks, and so ends the run."""
    return Turn(text=text, tokens_in=tokens_in, tokens_out=tokens_out)


def call(tool: str, **arguments: Any) -> Turn:
    """A turn that calls one tool."""
    return Turn(calls=(Call(tool, arguments),))
