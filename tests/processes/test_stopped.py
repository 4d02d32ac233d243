"""`kill -TERM`, as a deployment does it."""

import signal

import pytest
from aiohttp import ClientSession

from engine.states import Status
from tests.processes.conftest import LONG, REST, Installation, marked


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_stop_hands_over_and_every_request_ends_once_after_the_restart(
    mab: Installation,
) -> None:
    mab.configure(slots=1)
    await mab.plays(long=[LONG, REST], short=[REST])
    first = await mab.serves()
    long = await mab.spawns("long")
    marker = await mab.at_work()
    short = await mab.spawns("short")
    first.signal(signal.SIGTERM)
    assert await first.ended(within=40) == 0
    assert marked(marker) == []
    assert [view.status for view in await mab.ledger.unfinished()] == [Status.PENDING] * 2
    assert "half.txt" in await mab.on_branch()
    assert mab.notices(long) == mab.notices(short) == []
    second = await mab.serves()
    assert await mab.story(long) == ["done"]
    assert await mab.story(short) == ["done"]
    assert await mab.runs(1) == [(1, "handed_over"), (2, "completed")]
    assert await mab.runs(2) == [(1, "completed")]
    assert {"half.txt", "rest.txt"} <= set(await mab.on_branch())
    second.signal(signal.SIGTERM)
    assert await second.ended(within=12) == 0, "idle, it ends at once"


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_it_answers_operators_and_a_taken_port_is_a_warning(
    mab: Installation, free_port: int
) -> None:
    serving = await mab.serves(MAB_HTTP=f"127.0.0.1:{free_port}")
    async with ClientSession(f"http://127.0.0.1:{free_port}") as operator:
        for path in ("/healthz", "/readyz", "/metrics"):
            async with operator.get(path) as answer:
                assert answer.status == 200, (path, await answer.text())
    second = await mab.starts("worker", MAB_HTTP=f"127.0.0.1:{free_port}")
    await second.ready()
    assert "health_off" in second.events()
    for program in (second, serving):
        program.signal(signal.SIGTERM)
        assert await program.ended(within=12) == 0
