"""How much of a request to the model a provider's prompt cache can take from the one before.

Such a cache goes by the beginning, in the order of tools, system prompt, messages: what counts is
where two requests differ first. The real CLI is asked by `mab serve`, the demo model answers.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from bot.local import LocalSlack, Message
from engine.demo_model import DemoModel, Request
from tests.bench.daemon import Installation
from tests.bench.ground import Copy, Ground, Written
from tests.bench.measure import Extent
from tests.bench.process import SideFailed
from tests.bench.rows import Row

TASKS = ("Say in which language this is written", "Look for what nobody calls any more")
MORE = "And now say it once more, in other words."
SECONDS = 90.0  # for an agent to end
ENDED = "SELECT count(*) FROM events WHERE name = 'request.ended'"
AROUND = 40  # characters that are shown of a difference


async def bill(ground: Ground, extent: Extent) -> AsyncIterator[Row]:
    """Percent of tools and system prompt that are equal from the first byte on."""
    if not extent.takes("mab SQLite"):
        return
    pairs = [await _asked(ground) for _ in extent.times]
    for metric, index in (("two agents of a repository", 0), ("an agent and its follow-up", 1)):
        found = [pair[index] for pair in pairs]
        whole = tuple(100 * each.equal / each.whole for each in found)
        note = f"of {found[-1].whole:,} bytes; the first difference: {found[-1].difference}"
        yield Row(
            "bill",
            "mab SQLite",
            f"equal from the first byte, {metric}",
            "%",
            whole,
            note,
            ours=True,
        )


@dataclass(frozen=True)
class Shared:
    """What two requests have in common at their beginning, in bytes."""

    equal: int
    whole: int
    difference: str

    @classmethod
    def of(cls, one: Request, other: Request) -> "Shared":
        """Tools and system prompt of two requests."""
        mine, theirs = _head(one.body), _head(other.body)
        pairs = enumerate(zip(mine, theirs, strict=False))
        at = next((n for n, (a, b) in pairs if a != b), min(len(mine), len(theirs)))
        shown = "none" if at == len(mine) == len(theirs) else _shown(mine, theirs, at)
        return cls(at, max(len(mine), len(theirs)), shown)


def _head(body: dict[str, Any]) -> bytes:
    return json.dumps([body.get("tools"), body.get("system")], ensure_ascii=False).encode()


def _shown(mine: bytes, theirs: bytes, at: int) -> str:
    """A difference, with what stands before it."""
    before = mine[max(at - AROUND, 0) : at].decode(errors="replace")
    ends = (text[at : at + AROUND].decode(errors="replace") for text in (mine, theirs))
    return f"{before!r} goes on {' or '.join(map(repr, ends))}"


async def _asked(ground: Ground) -> tuple[Shared, Shared]:
    """Run two agents of one repository, and a follow-up of the second."""
    copy = Copy(ground, "", ground.file(), Written(0, 0))
    async with LocalSlack(limits=False) as slack, DemoModel() as model:
        root = ground.home()
        installation = await Installation.made(root, copy.url, slack, model.environment)
        async with installation.serving():
            for number, task in enumerate(TASKS, start=1):
                await slack.commands("you", "general", f"/agent spawn {task}")
                await _until(lambda many=number: _ended(copy, many))  # type: ignore[misc]
            card = _card(slack, TASKS[-1])
            last = len(_questions(model))
            await slack.says("you", "general", MORE, card.ts)
            await _until(lambda: _ended(copy, len(TASKS) + 1))
        questions = _questions(model)
    first = {request.session: request for request in reversed(questions[:last])}
    if len(first) != len(TASKS) or len(questions) == last:
        raise SideFailed(f"{len(first)} sessions, {len(questions) - last} requests of a follow-up")
    one, other = list(first.values())
    return Shared.of(one, other), Shared.of(questions[last - 1], questions[last])


def _questions(model: DemoModel) -> list[Request]:
    return [request for request in model.requests if not request.side]


def _card(slack: LocalSlack, task: str) -> Message:
    roots = (m for m in slack.messages("general") if m.thread_ts is None)
    return next(m for m in roots if task in m.text + json.dumps(m.blocks))


async def _ended(copy: Copy, many: int) -> bool:
    return await copy.counted(ENDED) >= many


async def _until(ask: Callable[[], Any]) -> None:
    async with asyncio.timeout(SECONDS):
        while not await ask():  # noqa: ASYNC110 - another process writes
            await asyncio.sleep(0.1)
