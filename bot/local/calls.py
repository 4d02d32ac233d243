"""A call of the Web API as it came in: any of the encodings that Slack's SDKs use."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from bot.local.schema import error
from bot.local.validation import Refused

Json = dict[str, Any]
STRUCTURES = ("blocks", "attachments", "metadata", "view", "files", "message")


@dataclass(frozen=True)
class Call:
    """A call and its answer, for tests to read. `status` is the HTTP status, 0 for a reset."""

    method: str
    args: Json
    response: Json
    status: int
    at: float


@dataclass(frozen=True)
class Args:
    """The arguments of a call."""

    given: Mapping[str, Any]

    def text(self, key: str, default: str = "") -> str:
        """An argument as text."""
        value = self.given.get(key)
        return default if value is None else str(value)

    def need(self, key: str) -> str:
        """An argument that must be there."""
        value = self.text(key)
        if not value:
            raise Refused("invalid_arguments", [error("missing required field", f"/{key}")])
        return value

    def flag(self, key: str, *, default: bool = False) -> bool:
        """A yes or no in any of the spellings."""
        value = self.given.get(key)
        return default if value is None else str(value).lower() in ("1", "true")

    def number(self, key: str, default: int) -> int:
        """A whole number."""
        try:
            return int(self.text(key) or default)
        except ValueError:
            raise Refused("invalid_arguments", [error("must be a number", f"/{key}")]) from None


async def read(request: web.Request) -> tuple[str, Json]:
    """The token and the arguments, from header, query string, form and JSON body."""
    args: Json = dict(request.query)
    if request.method == "POST":
        args |= await _body(request)
    token = str(args.pop("token", "") or "")
    kind, _, bearer = request.headers.get("Authorization", "").partition(" ")
    token = bearer.strip() if kind.lower() == "bearer" else token
    return token, {key: _structure(key, value) for key, value in args.items()}


def parsed(text: str) -> Json:
    """A JSON object, or an empty one when the text is none."""
    try:
        body = json.loads(text)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


async def _body(request: web.Request) -> Json:
    if request.content_type == "application/json":
        return _json(await request.text())
    if request.content_type.startswith(("application/x-www-form", "multipart/")):
        form = await request.post()
        return {key: value for key, value in form.items() if isinstance(value, str)}
    return {}


def _json(text: str) -> Json:
    try:
        body = json.loads(text) if text.strip() else {}
    except ValueError:
        raise Refused("invalid_json") from None
    if not isinstance(body, dict):
        raise Refused("json_not_object")
    return body


def _structure(key: str, value: Any) -> Any:
    """Blocks and their like come as JSON text in forms and query strings."""
    if key not in STRUCTURES or not isinstance(value, str) or not value:
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
