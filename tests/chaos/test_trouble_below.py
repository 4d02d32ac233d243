"""Trouble with git, the clock, the database and the disk: it can be seen, and is over afterwards."""

import asyncio
import errno
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest
from sqlalchemy import select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from engine.models import Clock
from tests import repositories
from tests.chaos import trouble_clock, trouble_database, trouble_disk, trouble_git
from tests.chaos.conftest import LEASE, ids, raging
from tests.chaos.fault import Fault
from tests.chaos.place import Place
from tests.conftest import ONE_DATABASE
from tests.database_server import DatabaseServer

ON_A_SERVER = pytest.mark.parametrize("database_kind", ["postgresql"])


def worktree(place: Place) -> Path:
    path = place.homes[0] / ".worktrees" / "agent-1-x"
    path.parent.mkdir(parents=True)
    repositories.git(place.shop, "worktree", "add", "--quiet", str(path))
    return path


def of(module: Any, kind: str) -> Fault:
    [fault] = (fault for fault in module.FAULTS if fault.kind == kind)
    found: Fault = fault
    return found


@ONE_DATABASE
@pytest.mark.parametrize("where", ["worktree", "repository"])
async def test_a_lock_is_left_and_removed(where: str, stocked: Place) -> None:
    own = where == "worktree"
    fault = of(trouble_git, f"git index.lock in {'a' if own else 'the'} {where}")
    if own:
        assert not await fault.strike(stocked, Random(1))
    path = worktree(stocked)
    lock = stocked.shop / ".git" / ("worktrees/agent-1-x" if own else "") / "index.lock"
    assert await raging(fault, stocked, lock.exists)
    repositories.commit(path if own else stocked.shop, {"a": "b"})
    lock.touch()
    assert not await fault.strike(stocked, Random(1)), "a living git's lock is left alone"
    assert lock.exists()


@ONE_DATABASE
@pytest.mark.parametrize("what", ["repository moved", "remote down"])
async def test_a_repository_is_away_and_comes_back(what: str, stocked: Place) -> None:
    assert stocked.remote
    path = stocked.shop if what == "repository moved" else stocked.remote
    assert await raging(of(trouble_git, f"git {what}"), stocked, lambda: not path.exists())
    repositories.git(stocked.shop, "fetch", "--quiet")


@ONE_DATABASE
async def test_a_worktree_is_removed(stocked: Place) -> None:
    fault = of(trouble_git, "git worktree removed")
    assert not await fault.strike(stocked, Random(1))
    path = worktree(stocked)
    assert await fault.strike(stocked, Random(1))
    assert (path.exists(), stocked.destroyed) == (False, {path.name})


@ONE_DATABASE
async def test_pushes_are_refused_for_a_while(stocked: Place) -> None:
    fault = of(trouble_git, "git push refused")
    assert not await fault.strike(stocked, Random(1)), "nobody has pushed"
    repositories.commit(stocked.shop, {"a": "b"})
    assert stocked.remote
    hook = stocked.remote / "hooks" / "pre-receive"
    assert await raging(
        fault, stocked, lambda: hook.exists() and "takes nothing" in pushed(stocked)
    )
    assert pushed(stocked) == ""
    assert not (stocked.remote / "mab-refused").exists()


def pushed(stocked: Place) -> str:
    """What a push says when it is refused."""
    command = ["git", "push", "--quiet", "origin", "HEAD"]
    done = subprocess.run(command, cwd=stocked.shop, capture_output=True, check=False)
    return done.stderr.decode()


@ONE_DATABASE
@pytest.mark.parametrize("fault", trouble_clock.FAULTS, ids=ids(trouble_clock.FAULTS))
async def test_the_clock_is_turned_and_set_right(fault: Fault, place: Place) -> None:
    place = replace(place, lease=10 * LEASE)  # brief as it is, it has to be seen
    striking = asyncio.create_task(fault.strike(place, Random(1)))
    ahead = 0.0
    while not ahead and not striking.done():
        ahead = await offset(place)
    long, forward = "lease" in fault.kind, "forward" in fault.kind
    assert (abs(ahead) > place.lease, ahead > 0) == (long, forward)
    assert await striking
    assert await offset(place) == 0


async def offset(place: Place) -> float:
    async with place.db.reading() as session:
        return (await session.scalars(select(Clock.seconds))).one()


@ON_A_SERVER
async def test_connections_are_cut(place: Place) -> None:
    fault = of(trouble_database, "database connections cut")
    async with await psycopg.AsyncConnection.connect(place.url) as session:
        assert await fault.strike(place, Random(1))
        with pytest.raises(psycopg.OperationalError):
            await session.execute("SELECT 1")
    assert await writes(place) == ""


@ON_A_SERVER
@pytest.mark.parametrize("kind", ["read-only", "read-only for longer than a lease"])
async def test_a_database_is_read_only(kind: str, place: Place) -> None:
    place = replace(place, lease=10 * LEASE)  # brief as it is, it has to be seen
    fault = of(trouble_database, f"database {kind}")
    assert await writes(place) == ""  # which connects, for it may not last long
    striking = asyncio.create_task(fault.strike(place, Random(1)))
    while "read-only" not in await writes(place):
        assert not striking.done()
    assert await striking
    assert await writes(place) == ""


async def writes(place: Place) -> str:
    """Write something; what is said of it when it cannot be done."""
    try:
        async with place.db.writing() as session:
            (await session.scalars(select(Clock))).one().seconds = 0.5
            await session.flush()
            await session.rollback()
    except DBAPIError as error:
        return str(error.orig)
    return ""


@ONE_DATABASE
async def test_a_server_is_stopped_and_started(place: Place) -> None:
    for fault in trouble_database.FAULTS:
        if "locked" not in fault.kind:
            assert not await fault.strike(place, Random(1)), "it has no server"
    async with DatabaseServer() as server:
        place = replace(
            place, url=server.url, stop_database=server.stop, start_database=server.start
        )
        fault = of(trouble_database, "database stopped")
        assert await raging(fault, place, lambda: not server.running)
        assert await server.execute("SELECT 1")


@ONE_DATABASE
@pytest.mark.parametrize("kind", ["locked", "locked for longer than a lease"])
async def test_a_file_is_locked(kind: str, place: Place) -> None:
    fault = of(trouble_database, f"database {kind}")
    assert await raging(fault, place, lambda: locked(place))
    assert not locked(place)
    assert await writes(place) == ""


def locked(place: Place) -> bool:
    """Whether another program may not write."""
    file = str(make_url(place.url).database)
    with closing(sqlite3.connect(file, timeout=0, isolation_level=None)) as other:
        try:
            other.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
    return False


@ONE_DATABASE
async def test_a_disk_is_full(place: Place, tmp_path: Path) -> None:
    fault = of(trouble_disk, "disk full")
    assert not await fault.strike(place, Random(1)), "it has no disk of its own"
    with trouble_disk.small_disk(tmp_path / "disk", 4) as disk:
        if disk is None:
            pytest.skip("no file system may be mounted here")
        place = replace(place, disk=disk)
        assert await raging(fault, place, lambda: not fits(disk / "a"))
        assert fits(disk / "a")
        assert not list(disk.iterdir())
        (disk / "kept").touch()
    assert not (tmp_path / "disk" / "kept").exists()


def fits(file: Path) -> bool:
    """Whether a file can be written."""
    try:
        file.write_bytes(bytes(10_000))
    except OSError as error:
        return error.errno != errno.ENOSPC
    finally:
        file.unlink(missing_ok=True)
    return True
