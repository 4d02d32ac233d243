"""What killed runs leave among the temporary files, and agents whose history is forgotten."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp

import pytest
from claude_agent_sdk import project_key_for_directory
from sqlalchemy import select, update

from engine.janitor import Janitor
from engine.models import Event, Run
from engine.processes import MARKER
from engine.scratch import prefix
from engine.scripted import Wait, Write, failure
from engine.spec import File
from engine.states import Cause
from engine.station import make_janitor
from engine.talk import Talk
from engine.views import NoteKind
from tests.conftest import ONE_DATABASE
from tests.worker.conftest import Station

LONG = 91 * 24 * 3600.0
SPEC = File("spec.txt", "text/plain", b"whole numbers only")


@pytest.fixture
async def janitor(station: Station, tmp_path: Path) -> Janitor:
    made = make_janitor(await station.worker())
    place = tmp_path / "tmp"
    place.mkdir()
    return replace(made, scratch=replace(made.scratch, place=place))


async def _run(station: Station, agent: int) -> Run:
    async with station.db.reading() as session:
        return (await session.scalars(select(Run).where(Run.node_id == agent))).one()


def _made(janitor: Janitor, run: Run, home: str = "") -> list[Path]:
    """What a run makes: its own directory, and the SDK's for a session that is gone on with."""
    environment = {"HOME": home or str(janitor.scratch.home), MARKER: run.marker}
    own = Path(mkdtemp(prefix=prefix(environment), dir=janitor.scratch.place))
    (own / "socket").write_text("")
    resumed = Path(mkdtemp(prefix="claude-resume-", dir=janitor.scratch.place))
    workspace = run.workspace if not home else f"{home}/.worktrees/agent-1-2"
    (resumed / "projects" / project_key_for_directory(workspace)).mkdir(parents=True)
    (resumed / ".credentials.json").write_text("{}")
    return [own, resumed]


def _there(paths: Sequence[Path]) -> list[bool]:
    return [path.exists() for path in paths]


@ONE_DATABASE
async def test_a_dead_run_leaves_nothing_and_a_live_one_keeps_everything(
    station: Station, janitor: Janitor
) -> None:
    [worker] = station.workers
    waits = asyncio.Event()
    station.script["live"] = [Write("a", "x"), Wait(waits)]
    station.script["dead"] = [Write("b", "x")]
    dead, live = await station.spawn("dead"), await station.spawn("live")
    await worker.tick()
    await station.ended(dead)
    await station.active(live)
    of_live = _made(janitor, await _run(station, live))
    of_dead = _made(janitor, await _run(station, dead))
    others = _made(janitor, await _run(station, dead), "/elsewhere")
    link = janitor.scratch.place / f"{of_dead[0].name}x"
    link.symlink_to(station.home)
    await janitor.tick()
    assert (_there(of_live), _there(of_dead)) == ([True, True], [False, False])
    assert _there([*others, link, station.home]) == [True] * 4
    waits.set()
    await station.ended(live)
    assert await janitor.scratch.sweep(janitor._live) == 2
    assert _there([*of_live, *others]) == [False, False, True, True]


async def _tell_all(station: Station) -> None:
    async with station.db.writing() as session:
        told = update(Event).where(Event.notify).values(delivered_at=Event.at)
        await session.execute(told)


@ONE_DATABASE
async def test_who_begins_after_the_history_is_gone_begins_from_the_commit_and_says_so(
    station: Station, janitor: Janitor
) -> None:
    [worker] = station.workers
    station.script["add"] = [Write("add.py", "x")]
    station.script["divide"] = [failure(Cause.MODEL)]
    done, broken = [await station.spawn(task, files=(SPEC,)) for task in ("add", "divide")]
    await worker.tick()
    before = await station.ended(done)
    await station.ended(broken)
    await _tell_all(station)
    async with station.db.writing() as session:
        await session.execute(update(Run).values(session_id="s1"))
    await station.pass_time(LONG)
    await janitor.tick()
    assert await station.ledger.log(done) == []
    station.script["divide"] = [Write("divide.py", "x")]
    station.script["subtract"] = [Write("subtract.py", "x")]
    await station.mending.retry(broken, await station.wish())
    said = await Talk(station.workflows).say(done, "subtract", await station.wish())
    await worker.tick()
    again, follow = await station.ended(broken), await station.ended(said.agent_id)
    assert NoteKind.FILES_GONE in [note.kind for note in again.work.notes]
    assert NoteKind.SESSION_GONE in [note.kind for note in follow.work.notes]
    assert follow.work.base_commit == before.work.commit
    assert [station.on_branch(follow, name) for name in ("add.py", "subtract.py")] == ["x", "x"]
