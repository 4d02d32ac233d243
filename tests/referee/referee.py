"""Judges what we send to Slack by what Slack has published, not by what we wrote ourselves.

Three judges, since each is blind somewhere: the schema made from Slack's TypeScript types with
their limits (`make.mjs`), the validators of slack_sdk's models, and a few rules that neither has.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from jsonschema import Draft7Validator
from jsonschema.exceptions import best_match
from jsonschema.validators import extend
from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import Block

TOTAL = 13_200  # text of all blocks together, in UTF-16 units; undocumented, seen by others
MARKDOWN = 12_000  # text of all markdown blocks together
TASKS = 50  # of a plan


@cache
def schema() -> dict[str, Any]:
    path = Path(__file__).with_name("slack.schema.json")
    made: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return made


def check(message: Mapping[str, Any]) -> list[str]:
    """What is wrong with a message: `text`, `blocks`, `metadata`."""
    blocks = message.get("blocks") or []
    shell = {**message, "blocks": [{"type": "divider"}] * len(blocks)}
    return [
        *against("Message", shell),
        *(f"blocks[{i}]: {problem}" for i, block in enumerate(blocks) for problem in judged(block)),
        *together(blocks),
        *([] if str(message.get("text", "")).strip() else ["the text is empty"]),
    ]


def check_view(view: Mapping[str, Any]) -> list[str]:
    """What is wrong with a modal or a home tab."""
    blocks = view.get("blocks") or []
    shell = {**view, "blocks": [{"type": "divider"}] * len(blocks)}
    kind = {"modal": "ModalView", "home": "HomeView"}.get(str(view.get("type")), "View")
    inside = (f"blocks[{i}]: {problem}" for i, b in enumerate(blocks) for problem in judged(b))
    return [*against(kind, shell), *inside, *together(blocks)]


def check_manifest(manifest: Mapping[str, Any]) -> list[str]:
    """What is wrong with an app's manifest."""
    return against("Manifest", manifest)


def against(definition: str, instance: Any) -> list[str]:
    """The problems that the schema sees, the innermost of each."""
    return [_sentence(error) for error in _judge(definition).iter_errors(instance)]


@cache
def _judge(definition: str) -> Draft7Validator:
    named = {**schema(), "$ref": f"#/definitions/{definition}"}
    likely = extend(Draft7Validator, {"anyOf": _any_of})  # type: ignore[no-untyped-call]
    judge: Draft7Validator = likely(named)
    return judge


def _any_of(judge: Any, members: list[Any], instance: Any, parent: Any) -> Iterator[Any]:
    """`anyOf` without the members that are of another type: these fail, and take their time."""
    kind = instance.get("type") if isinstance(instance, Mapping) else None
    likely = [each for each in members if _constant(each) in (None, kind)]
    yield from Draft7Validator.VALIDATORS["anyOf"](judge, likely or members, instance, parent)


def _constant(member: Any) -> str | None:
    """The type that a member of `anyOf` demands, if it demands one."""
    name = member.get("$ref", "").rsplit("/", 1)[-1]
    whole = schema()["definitions"][name] if name else member
    kind = whole.get("properties", {}).get("type", {}).get("const")
    return str(kind) if kind and "type" in whole.get("required", ()) else None


def _sentence(error: Any) -> str:
    inner = (best_match(error.context) if error.context else None) or error
    where = "/".join(str(part) for part in inner.absolute_path)
    return f"schema: {where or '.'}: {inner.message[:200]}"


@cache
def definitions() -> dict[str, str]:
    """The name of each block's definition by its type."""
    union = schema()["definitions"]["KnownBlock"]["anyOf"]
    names = [member["$ref"].rsplit("/", 1)[-1] for member in union]
    return {_type(schema()["definitions"][name]): name for name in names}


def _type(definition: Any) -> str:
    whole = definition.get("anyOf", [definition])[0]
    return str(whole["properties"]["type"]["const"])


def judged(block: Any) -> tuple[str, ...]:
    """What is wrong with one block."""
    return _judged(json.dumps(block))


@lru_cache(4096)  # messages are changed again and again, and most of their blocks stay as they are
def _judged(sent: str) -> tuple[str, ...]:
    block = json.loads(sent)
    name = definitions().get(str(block.get("type"))) if isinstance(block, Mapping) else None
    if name is None:
        return (f"unknown type of block: {str(block)[:80]}",)
    return (*against(name, block), *_modelled(block), *_ruled(block))


def _modelled(block: Mapping[str, Any]) -> list[str]:
    try:
        parsed = Block.parse(dict(block))
        if parsed is not None:
            parsed.to_dict()
    except SlackObjectFormationError as error:
        return [f"slack_sdk: {error}"]
    except (TypeError, ValueError, AttributeError) as error:
        return [f"slack_sdk cannot read it: {error!r}"]
    return []


def _ruled(block: Mapping[str, Any]) -> Iterator[str]:
    kind = block["type"]
    if kind == "section" and not block.get("text") and not block.get("fields"):
        yield "a section without text and fields"
    if kind in {"actions", "context", "rich_text"} and not block.get("elements"):
        yield f"a block of type {kind} without elements"
    if kind == "markdown" and not str(block.get("text", "")).strip():
        yield "a markdown block without text"
    if kind == "plan":
        yield from _planned(block)
    yield from _twice("action_id", _named("action_id", block))
    if any(not text for text in texts(block)):
        yield "an empty text"


def _planned(plan: Mapping[str, Any]) -> Iterator[str]:
    tasks = plan.get("tasks") or []
    if len(tasks) > TASKS:
        yield f"a plan of {len(tasks)} tasks"
    yield from _twice("task_id", (str(task.get("task_id")) for task in tasks))


def together(blocks: list[Any]) -> list[str]:
    """What is wrong with blocks as a whole."""
    blocks = [block for block in blocks if isinstance(block, Mapping)]
    kinds = Counter(block.get("type") for block in blocks)
    marked = sum(
        units(block.get("text", "")) for block in blocks if block.get("type") == "markdown"
    )
    total = sum(units(text) for text in texts(blocks))
    return [
        *_twice("block_id", (block["block_id"] for block in blocks if "block_id" in block)),
        *(["more than one table"] if kinds["table"] > 1 else []),
        *(["plan and task_card in one message"] if kinds["plan"] and kinds["task_card"] else []),
        *([f"{marked} characters of markdown"] if marked > MARKDOWN else []),
        *([f"{total} characters of text"] if total > TOTAL else []),
    ]


def units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def texts(part: Any) -> Iterator[str]:
    """Every text in blocks or a part of them."""
    if isinstance(part, Mapping):
        for key, value in part.items():
            if key == "text" and isinstance(value, str):
                yield value
            else:
                yield from texts(value)
    elif isinstance(part, list):
        for value in part:
            yield from texts(value)


def _named(key: str, part: Any) -> Iterator[str]:
    if isinstance(part, Mapping):
        if isinstance(part.get(key), str):
            yield part[key]
        for value in part.values():
            yield from _named(key, value)
    elif isinstance(part, list):
        for value in part:
            yield from _named(key, value)


def _twice(what: str, names: Iterator[str]) -> list[str]:
    return [f"{what} {name!r} is there twice" for name, n in Counter(names).items() if n > 1]
