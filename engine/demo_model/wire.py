"""Turns in the words of the Messages API: JSON messages, server-sent events, errors. Pure."""

import json
import secrets
from collections.abc import Iterator
from typing import Any

from engine.demo_model.turns import Call, Turn

_ERRORS = {
    400: "invalid_request_error", 401: "authentication_error", 403: "permission_error",
    404: "not_found_error", 429: "rate_limit_error", 529: "overloaded_error",
}  # fmt: skip


def error(status: int, message: str) -> dict[str, Any]:
    """The body of an error answer."""
    kind = _ERRORS.get(status, "api_error")
    return {"type": "error", "error": {"type": kind, "message": message}}


def message(turn: Turn, model: str) -> dict[str, Any]:
    """A turn as a whole message, as answered when no stream is asked for."""
    return {
        "id": f"msg_{secrets.token_hex(12)}",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [*_text(turn.text), *(_tool_use(call) for call in turn.calls)],
        "stop_reason": turn.stop_reason or ("tool_use" if turn.calls else "end_turn"),
        "stop_sequence": None,
        "usage": {"input_tokens": turn.tokens_in, "output_tokens": turn.tokens_out},
    }


def stream(whole: dict[str, Any]) -> bytes:
    """The same message as server-sent events."""
    return b"".join(
        f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
        for event in _events(whole)
    )


def _events(whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    usage = whole["usage"]
    start = {**whole, "content": [], "stop_reason": None, "usage": {**usage, "output_tokens": 0}}
    yield {"type": "message_start", "message": start}
    for index, block in enumerate(whole["content"]):
        yield from _block_events(index, block)
    delta = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": delta, "usage": usage}
    yield {"type": "message_stop"}


def _block_events(index: int, block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if block["type"] == "text":
        opened = {**block, "text": ""}
        delta = {"type": "text_delta", "text": block["text"]}
    else:
        opened = {**block, "input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
    yield {"type": "content_block_start", "index": index, "content_block": opened}
    yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


def _text(text: str) -> list[dict[str, Any]]:
    return [{"type": "text", "text": text}] if text else []


def _tool_use(call: Call) -> dict[str, Any]:
    arguments = dict(call.arguments)
    return {
        "type": "tool_use", "id": f"toolu_{secrets.token_hex(12)}",
        "name": call.tool, "input": arguments,
    }  # fmt: skip
