"""A short storm on each database, and the judge before a world in which promises were broken."""

import copy
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from sqlalchemy import inspect, select, update

from bot.local import Message
from engine.models import Command, Event, Inquiry, Node, Request, Run
from engine.processes import MARKER
from tests import repositories
from tests.chaos import books
from tests.chaos.judge import judge
from tests.chaos.place import Place
from tests.chaos.sights import Sight
from tests.chaos.site import site
from tests.chaos.storm import Storm
from tests.chaos.watch import doubles
from tests.chaos.weather import Weather

SEED = 7
KINDS = ("worker killed", "worker frozen long", "bot killed", "slack answer lost", "slack 429")


@asynccontextmanager
async def storm(database: str, root: Path) -> AsyncIterator[Storm]:
    """A short storm that broke no promise; its Slack, tables and files can still be looked at."""
    weather = Weather(database, SEED, 12.0, KINDS, asks=(1.0, 2.5), between=(0.2, 0.6), lease=4.0)
    async with site(database, root, weather.lease, limits=False) as place:
        blowing = Storm(weather, place)
        report = await blowing.blows()
        assert report.violations == [], report.table()
        assert report.errors == [], report.table()
        assert sum(report.struck.values()) >= 2, report.table()  # fewer where all stands still
        assert report.counts["asked"] >= 3, report.table()
        yield blowing


@pytest.mark.timeout(600)
async def test_a_short_storm_breaks_no_promise_on_postgresql(tmp_path: Path) -> None:
    async with storm("postgresql", tmp_path):
        pass


@pytest.mark.timeout(600)
async def test_a_short_storm_breaks_no_promise_and_broken_ones_are_named(tmp_path: Path) -> None:
    async with storm("sqlite", tmp_path) as blown:
        place = blown.place
        known = set(await judge(place, blown.people.asked))
        for forge, rule, fact in FORGERIES:
            await forge(place)
            found = set(await judge(place, blown.people.asked))
            named = [f"({each.rule}) {each.about}: {each.fact}" for each in found - known]
            fits = [said for said in named if said.startswith(f"({rule})") and fact in said]
            assert fits, f"{forge.__name__} was not seen: {named}"
            known |= found
        with orphan(place) as process:
            found = set(await judge(place, blown.people.asked))
            assert any(f"process {process.pid}" in each.about for each in found - known)


def terminals(place: Place) -> list[Message]:
    """The terminal messages of requests, as Slack holds them."""
    state = place.slack.parts.state
    all_ = [m for messages in state.messages.values() for m in messages.values()]
    return [m for m in all_ if m.metadata and m.metadata["event_type"] == "mab_notice"]


def hang(place: Place, message: Message, number: int) -> None:
    """Hang a copy of a message below all others, as the notice of this number."""
    fresh = copy.deepcopy(message)
    fresh.ts = place.slack.parts.state.ids.ts()
    fresh.metadata = {"event_type": "mab_notice", "event_payload": {"id": number}}
    place.slack.parts.state.messages[fresh.channel][fresh.ts] = fresh


async def twice(place: Place) -> None:
    """A message is posted twice."""
    message = terminals(place)[0]
    assert message.metadata
    hang(place, message, message.metadata["event_payload"]["id"])


async def missing(place: Place) -> None:
    """A message is gone."""
    message = terminals(place)[1]
    del place.slack.parts.state.messages[message.channel][message.ts]


async def disordered(place: Place) -> None:
    """An older notice hangs below a newer one."""
    hang(place, terminals(place)[2], 0)


async def written(place: Place, table: Any, **values: Any) -> None:
    """Change the first row of a table."""
    key = next(iter(inspect(table).primary_key))
    async with place.db.writing() as session:
        first = await session.scalar(select(key).order_by(key).limit(1))
        await session.execute(update(table).where(key == first).values(**values))


async def unended(place: Place) -> None:
    """A request has not ended."""
    await written(place, Request, ended_at=None)


async def owned(place: Place) -> None:
    """A run is still somebody's."""
    await written(place, Run, ended_at=None)


async def reserved(place: Place) -> None:
    """Money is still set aside."""
    await written(place, Run, reserved=5)


async def repeated(place: Place) -> None:
    """An attempt is missing from the history."""
    await written(place, Node, attempt=9)


async def ignored(place: Place) -> None:
    """A command was never carried out."""
    await written(place, Command, done_at=None)


async def unsaid(place: Place) -> None:
    """A notice was not delivered."""
    last = select(Event.id).where(Event.notify).order_by(Event.id.desc()).limit(1)
    async with place.db.writing() as session:
        number = (await session.scalars(last)).one()
        await session.execute(update(Event).where(Event.id == number).values(delivered_at=None))


async def lost(place: Place) -> None:
    """A branch is gone, and with it what was written."""
    rows = await books.read(place.db)
    branch = next(n.branch for n in rows.nodes if n.status == "completed" and n.branch)
    repositories.git(place.shop, "update-ref", "-d", f"refs/heads/{branch}")


async def littered(place: Place) -> None:
    """A worktree and a temporary directory are left behind."""
    left = place.homes[0] / ".worktrees" / "agent-1-x"
    left.mkdir(parents=True)
    await written(place, Run, workspace=str(left))
    (place.scratch / "mab-run-x").mkdir()


async def asking(place: Place) -> None:
    """A message has its buttons although everything is decided."""
    message = terminals(place)[0]
    async with place.db.writing() as session:
        request = (await session.scalars(select(Request).order_by(Request.id))).first()
        assert request is not None
        whose = {"workflow_id": request.workflow_id, "request_id": request.id}
        closed = Inquiry(
            **whose, kind="plan", digest="", content={}, approvers=[], expires_at=request.at,
            closed_at=request.at,
        )  # fmt: skip
        session.add(closed)
        await session.flush()
        told = Event(
            workflow_id=request.workflow_id, name="inquiry.opened", data={}, notify=True,
            inquiry_id=closed.id, delivered_at=request.at,
        )  # fmt: skip
        session.add(told)
        await session.flush()
        number = told.id
    shown = copy.deepcopy(message)
    button = {"type": "button", "text": {"type": "plain_text", "text": "Start"}, "action_id": "x"}
    shown.blocks = [{"type": "actions", "block_id": "b", "elements": [button]}]
    hang(place, shown, number)


FORGERIES: list[tuple[Callable[[Place], Awaitable[None]], str, str]] = [
    (twice, "a", "hangs 2 times"),
    (missing, "e", "not on the wall"),
    (disordered, "e", "in the order"),
    (unended, "a", "has not ended"),
    (owned, "c", "still owned"),
    (reserved, "c", "still reserved"),
    (repeated, "b", "at attempt 9"),
    (ignored, "a", "never carried out"),
    (unsaid, "e", "not delivered"),
    (asking, "e", "still asks: Start"),
    (lost, "d", "is not on"),
    (littered, "c", "worktree agent-1-x"),
]


@contextmanager
def orphan(place: Place) -> Iterator[psutil.Process]:
    """A process that a run has left behind."""
    environ = {"HOME": str(place.homes[0]), MARKER: "x", "PATH": os.environ["PATH"]}
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    process = subprocess.Popen(command, env=environ)
    try:
        yield psutil.Process(process.pid)
    finally:
        process.kill()
        process.wait()


def sight(marker: str, worktree: str, *, stopped: bool = False) -> Sight:
    return Sight(psutil.Process(), marker, "claude", (), f"/x/.worktrees/{worktree}", stopped)


def test_two_live_owners_of_an_agent_are_seen() -> None:
    one = sight("a", "agent-3-2026")
    assert doubles([one, sight("a", "agent-3-2026"), sight("b", "agent-4-2026")]) == []
    assert doubles([one, sight("b", "agent-3-2027", stopped=True)]) == []
    [found] = doubles([one, sight("b", "agent-3-2027")])
    assert found.about == "agent 3"
