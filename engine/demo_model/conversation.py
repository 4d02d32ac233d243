"""What the CLI sends to the Messages API, read as a conversation. Pure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

CONTEXT = "\n\n<context>\n"  # what the executor puts between the task and what goes with it


@dataclass(frozen=True)
class Result:
    """A tool call of an earlier turn and what really came of it."""

    tool: str
    arguments: Mapping[str, Any]
    text: str
    failed: bool


@dataclass(frozen=True)
class Conversation:
    """A request of the CLI: the task, what has been done for it, what can be done."""

    task: str
    turn: int  # how many turns the model has taken already
    results: tuple[Result, ...]
    tools: frozenset[str]
    model: str
    session: str

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
    return Conversation(
        task=_task(messages),
        turn=sum(message["role"] == "assistant" for message in messages),
        results=tuple(_results(messages)),
        tools=frozenset(tool["name"] for tool in body.get("tools") or ()),
        model=body.get("model", ""),
        session=_session(body.get("metadata", {}).get("user_id", "")),
    )


def _blocks(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _task(messages: list[dict[str, Any]]) -> str:
    """The first text of the user that is not a reminder of the CLI, without its context."""
    texts = (
        block["text"]
        for message in messages
        if message["role"] == "user"
        for block in _blocks(message)
        if block["type"] == "text" and not block["text"].lstrip().startswith("<system-reminder>")
    )
    return next(texts, "").split(CONTEXT)[0].strip()


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
