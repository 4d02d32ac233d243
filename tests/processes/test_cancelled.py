"""Somebody presses Stop while a shell runs below the CLI."""

from time import monotonic

import pytest

from tests.processes.conftest import LONG, Installation, marked, until

GONE_SECONDS = 30.0


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_stop_ends_the_whole_tree_within_ten_seconds_and_keeps_the_work(
    mab: Installation,
) -> None:
    mab.configure()
    await mab.plays(long=[LONG])
    await mab.serves()
    card = await mab.spawns("long")
    marker = await mab.at_work()
    pressed = monotonic()
    await mab.presses("you", card.ts, "agent.cancel")
    await until(lambda: not marked(marker))
    assert monotonic() - pressed < GONE_SECONDS
    assert await mab.story(card) == ["was stopped"]
    assert await mab.runs() == [(1, "cancelled")]
    assert "half.txt" in await mab.on_branch()
