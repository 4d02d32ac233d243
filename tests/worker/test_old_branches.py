"""Agents' branches of long ago: which of them go, and which stay."""

from dataclasses import replace
from pathlib import Path
from time import time

import pytest

from engine.retention import DAY
from engine.scripted import Write
from engine.settings import Limits, Repo
from engine.station import make_janitor
from engine.views import NodeView
from tests.repositories import git, with_remote
from tests.worker.conftest import Station

DAYS = 30
LATER = (DAYS + 1) * DAY


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def shop(station: Station, tmp_path: Path) -> Path:
    """The clone of a remote; branches are kept for a month, worktrees not at all."""
    _, clone = with_remote(tmp_path / "there")
    _configure(station, clone, push=False)
    return clone


def _configure(station: Station, shop: Path, *, push: bool, days: float | None = DAYS) -> None:
    limits = Limits(per_user=50, keep_hours=0, keep_branches_days=days)
    told = {"repos": {"shop": Repo(path=shop, push=push)}, "limits": limits}
    station.settings, station.shop = station.settings.model_copy(update=told), shop


async def _worked(station: Station, task: str) -> NodeView:
    """An agent that has written a file and ended."""
    station.script[task] = [Write(f"{task}.txt", task)]
    agent = await station.spawn(task)
    await (await station.worker()).tick()
    return await station.ended(agent)


async def _clear_away(station: Station, later: float = LATER) -> None:
    """All that the janitor does, first now and then so many seconds later."""
    janitor = make_janitor(await station.worker())
    await janitor.tick()
    await station.pass_time(later)
    branches = replace(janitor.branches, clock=lambda: time() + later)
    janitor.survey.at = None
    await replace(janitor, branches=branches).tick()


def _there(shop: Path) -> list[str]:
    return git(shop, "branch", "--list", "agent/*", "--format=%(refname:short)").split()


async def test_what_was_merged_goes_and_what_nothing_else_holds_stays(
    station: Station, shop: Path
) -> None:
    merged, alone = await _worked(station, "merged"), await _worked(station, "alone")
    git(shop, "merge", "--quiet", "--no-edit", merged.work.branch)
    await _deliver_all(station)
    await _clear_away(station)
    assert _there(shop) == [alone.work.branch]
    assert git(shop, "show", "main:merged.txt") == "merged"


async def test_what_was_pushed_goes(station: Station, shop: Path) -> None:
    _configure(station, shop, push=True)
    view = await _worked(station, "pushed")
    assert view.work.pushed
    await _deliver_all(station)
    await _clear_away(station)
    assert _there(shop) == []


async def test_what_was_pushed_and_went_on_here_stays(station: Station, shop: Path) -> None:
    _configure(station, shop, push=True)
    view = await _worked(station, "pushed")
    await _deliver_all(station)
    await make_janitor(await station.worker()).tick()
    git(shop, "checkout", "--quiet", view.work.branch)
    git(shop, "commit", "--quiet", "--allow-empty", "-m", "mine")
    git(shop, "checkout", "--quiet", "main")
    await _clear_away(station)
    assert _there(shop) == [view.work.branch]


@pytest.mark.parametrize("reason", ["young", "for good", "untold", "checked out"])
async def test_what_stays_although_it_was_merged(station: Station, shop: Path, reason: str) -> None:
    if reason == "for good":
        _configure(station, shop, push=False, days=None)
    view = await _worked(station, "merged")
    git(shop, "merge", "--quiet", "--no-edit", view.work.branch)
    if reason != "untold":
        await _deliver_all(station)
    if reason == "checked out":
        await make_janitor(await station.worker()).tick()
        git(shop, "checkout", "--quiet", view.work.branch)
    await _clear_away(station, LATER / 2 if reason == "young" else LATER)
    assert _there(shop) == [view.work.branch]


async def _deliver_all(station: Station) -> None:
    """Tell the threads everything."""
    for workflow in await station.outbox.due(100):
        delivery = await station.outbox.take(workflow)
        assert delivery is not None
        for told in delivery.notices:
            await station.outbox.delivered(delivery, told.notice, {"ts": "1.1"})
        await station.outbox.release(delivery)
