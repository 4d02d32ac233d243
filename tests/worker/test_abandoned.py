"""What dead processes leave among the temporary files under names that tell no run."""

import asyncio
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from claude_agent_sdk import project_key_for_directory

from engine import abandoned
from engine.janitor import Janitor
from engine.scripted import Wait, Write
from engine.station import make_janitor
from tests.worker.conftest import Station

LATER = abandoned.SETTLED_SECONDS + 1


@pytest.fixture
def short() -> Iterator[Path]:
    """A directory with a short path, as sockets need it."""
    with tempfile.TemporaryDirectory(dir="/tmp", prefix="mab-t-") as place:
        yield Path(place)


def _socket(place: Path, name: str) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.bind(str(place / name))
    made.listen()
    return made


def test_dead_sockets_go_and_what_lives_or_is_called_otherwise_stays(short: Path) -> None:
    for name in ("claude-http-1.sock", "claude-socks-1.sock", "srt-mux-1-0.sock", "other.sock"):
        _socket(short, name).close()
    (short / "claude-http-file.sock").write_text("somebody's")
    (short / "claude-http-directory").mkdir()
    (short / "claude-http-link.sock").symlink_to(short / "other.sock")
    with closing(_socket(short, "claude-http-2.sock")):
        assert abandoned.sweep(short) == 0, "they are new"
        assert abandoned.sweep(short, LATER) == 3
    assert {path.name for path in short.iterdir()} == {
        *("other.sock", "claude-http-file.sock", "claude-http-directory"),
        *("claude-http-link.sock", "claude-http-2.sock"),
    }


def test_a_merge_that_goes_on_keeps_its_directory_and_a_dead_one_loses_it(
    short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(short))
    place, held = abandoned.make(abandoned.MERGES)
    dead = short / "mab-merge-dead"
    (dead / "refs").mkdir(parents=True)
    (short / "mab-merge-link").symlink_to(place)
    assert abandoned.sweep(short, LATER) == 1
    assert {path.name for path in short.iterdir()} == {place.name, "mab-merge-link"}
    os.close(held)  # as the kernel does when its process dies
    assert abandoned.sweep(short, LATER) == 1
    assert not place.exists()


@pytest.fixture
async def janitor(station: Station, tmp_path: Path) -> Janitor:
    made = make_janitor(await station.worker())
    return replace(made, scratch=replace(made.scratch, place=tmp_path / "nowhere"))


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_the_clis_transcripts_go_with_their_worktrees(
    station: Station, janitor: Janitor
) -> None:
    [worker] = station.workers
    gate = asyncio.Event()
    station.script["live"] = [Write("a", "x"), Wait(gate)]
    station.script["done"] = station.script["gone"] = [Write("b", "x")]
    agents = [await station.spawn(task) for task in ("live", "done", "gone")]
    await worker.tick()
    await station.active(agents[0])
    for agent in agents[1:]:
        await station.ended(agent)
    kept = janitor.scratch.home / ".claude" / "projects"
    paths = sorted((station.home / ".worktrees").glob("agent-*"))
    live, done, gone = (kept / project_key_for_directory(str(path)) for path in paths)
    others = kept / "-home-somebody-else"
    for folder in (live, done, gone, others):
        folder.mkdir(parents=True)
        (folder / "session.jsonl").write_text("{}")
    await janitor.worktrees.remove(paths[2])
    await asyncio.to_thread(shutil.rmtree, paths[0])  # by hand, under the run that uses it
    assert await janitor.scratch.sweep(janitor._live) == 1
    assert [path.exists() for path in (live, done, gone, others)] == [True, True, False, True]
    gate.set()
    await station.ended(agents[0])
