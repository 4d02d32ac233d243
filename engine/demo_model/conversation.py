"""What the CLI sends to the Messages API, read as a conversation. Pure."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

CONTEXT = "\n\n<context>\n"  # what the executor puts between the task and what goes with it
_CONTINUE = "Continue from where you left off"  # said where a turn is gone on with
# how texts begin that the CLI itself says in the user's name
_OF_THE_CLI = (
    "<system-reminder>",
    "[structured-output-enforce]",
    "[Request interrupted",
    "Output token limit hit",
    _CONTINUE,
)
_SAID = re.compile(
    r"The user sent a new message while you were working:\n(.*?)\n\nThis is how Claude Code ",
    re.DOTALL,
)


@dataclass(frozen=True)
class Result:
    """A tool call of an earlier turn and what really came of it."""

    tool: str
    arguments: Mapping[str, Any]
    text: str
    failed: bool


@dataclass(frozen=True)
class Conversation:
    """A request of the CLI: the newest task, what has been done for it, what can be done."""

    task: str
    turn: int  # how many turns the model has taken for it already
    results: tuple[Result, ...]  # of these turns
    tools: frozenset[str]
    model: str
    session: str
    earlier: tuple[str, ...] = ()  # the tasks before this one, when a session is gone on with
    said: tuple[str, ...] = ()  # what people said while the model worked on the task
    context: str = ""  # what came with the task
    told: tuple[str, ...] = ()  # what the model was told each time the task was gone on with

    @property
    def last(self) -> Result | None:
        """The newest tool result."""
        return self.results[-1] if self.results else None

    def of(self, tool: str) -> tuple[Result, ...]:
        """The results of one tool, oldest first."""
        return tuple(result for result in self.results if result.tool == tool)


def read(body: Mapping[str, Any]) -> Conversation:
    """The conversation that a request body holds."""
    messages = body.get("messages", [])
    asked, since = _asked(messages)
    tasks = [text.partition(CONTEXT)[0].strip() for text in asked]
    return Conversation(
        task=tasks[-1] if tasks else "",
        turn=sum(message["role"] == "assistant" for message in since),
        results=tuple(_results(since)),
        tools=frozenset(tool["name"] for tool in body.get("tools") or ()),
        model=body.get("model", ""),
        session=_session(body.get("metadata", {}).get("user_id", "")),
        earlier=tuple(tasks[:-1]),
        said=tuple(_said(since)),
        context=asked[-1].partition(CONTEXT)[2] if asked else "",
        told=tuple(_told(since)),
    )


def _asked(messages: list[dict[str, Any]]) -> tuple[list[str], list[dict[str, Any]]]:
    """What the user has asked for, and the messages from the newest of it on.

    A request that follows another before the model has said anything is not a new one.
    """
    asked: list[str] = []
    start = 0
    for number, message in enumerate(messages):
        answered = any(before["role"] == "assistant" for before in messages[start:number])
        if (text := _own(message)) and (answered or not asked):
            asked.append(text)
            start = number
    return asked, messages[start:]


def _own(message: Mapping[str, Any]) -> str:
    """The last text of a message that is the user's own; before it: what was never answered."""
    if message["role"] != "user":
        return ""
    texts = [block["text"].strip() for block in _blocks(message) if block["type"] == "text"]
    return next((text for text in reversed(texts) if not text.startswith(_OF_THE_CLI)), "")


def _said(messages: list[dict[str, Any]]) -> Iterator[str]:
    for block in (block for message in messages for block in _blocks(message)):
        if block["type"] == "text":
            yield from _SAID.findall(block["text"])


def _told(messages: list[dict[str, Any]]) -> Iterator[str]:
    for block in (block for message in messages for block in _blocks(message)):
        if block["type"] == "text" and block["text"].startswith(_CONTINUE):
            yield block["text"].removeprefix(_CONTINUE).removeprefix(".").strip()


def _blocks(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _results(messages: list[dict[str, Any]]) -> Iterator[Result]:
    calls: dict[str, dict[str, Any]] = {}
    for block in (block for message in messages for block in _blocks(message)):
        if block["type"] == "tool_use":
            calls[block["id"]] = block
        elif block["type"] == "tool_result":
            call = calls.get(block["tool_use_id"], {"name": "", "input": {}})
            failed = bool(block.get("is_error"))
            yield Result(call["name"], call["input"], _text(block.get("content")), failed)


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(part.get("text", "") for part in content or ())


def _session(user: str) -> str:
    """The CLI's session id; it travels as JSON in `metadata.user_id`."""
    try:
        return str(json.loads(user).get("session_id", ""))
    except (ValueError, AttributeError):
        return user
