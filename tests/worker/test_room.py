"""A worker whose disk has no room begins nothing, says so, and makes room where it can."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from engine.room import GIB, lacking
from engine.scripted import Write
from engine.settings import Limits
from engine.states import Status
from tests.conftest import ONE_DATABASE
from tests.worker.conftest import Station
from tests.worker.test_janitor import MEGABYTE, moved_in

ENDLESS = 10.0**9  # GiB, which no disk has


async def test_without_room_nothing_begins_and_the_card_says_why(station: Station) -> None:
    worker = await station.worker()
    station.script["Do it"] = [Write("x", "x")]
    worker.room.least_gb = ENDLESS
    agent = await station.spawn("Do it")
    await worker.tick()
    view = await station.ledger.agent(agent)
    assert (view.status, view.attempt) == (Status.PENDING, 0)
    card = await station.ledger.workflow(view.workflow_id)
    assert (card.slots, card.workers) == (0, 1)
    worker.room.least_gb = 0
    await worker.tick()
    assert (await station.ended(agent)).status is Status.COMPLETED
    assert not worker.room.full


@ONE_DATABASE
async def test_worktrees_of_ended_agents_go_earlier_when_the_disk_wants_room(
    station: Station, tmp_path: Path
) -> None:
    house = await moved_in(station, Limits(per_user=50))
    first = await house.agent("first", big=MEGABYTE)
    await station.pass_time(10)
    second = await house.agent("second", big=MEGABYTE)
    while len(house.there()) == 2:  # others of this disk may make room meanwhile
        free = shutil.disk_usage(tmp_path).free
        limits = Limits(keep_free_gb=(free + 2**19) / GIB)
        house.janitor = replace(
            house.janitor, settings=station.settings.model_copy(update={"limits": limits})
        )
        await house.ticks()
    assert first.id not in house.there(), "the oldest first"
    house.janitor = replace(
        house.janitor,
        settings=station.settings.model_copy(update={"limits": Limits(keep_free_gb=ENDLESS)}),
    )
    await house.ticks()
    assert house.there() == []
    for view in (first, second):
        assert station.on_branch(view, "big") == MEGABYTE


def test_what_is_lacking_is_measured_where_the_directory_will_be(tmp_path: Path) -> None:
    assert lacking(tmp_path / "not" / "yet", 0) <= 0
    assert lacking(tmp_path / "not" / "yet", ENDLESS) > 0


@pytest.mark.parametrize("keep", [0, 0.5])
def test_how_much_stays_free_is_a_setting(keep: float) -> None:
    assert Limits(keep_free_gb=keep).keep_free_gb == keep
