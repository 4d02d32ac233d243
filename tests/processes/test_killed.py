"""A worker that is killed in mid-run, with a shell below the CLI."""

from time import monotonic

import pytest

from engine.executor import Sandbox
from tests.processes.conftest import CONFINED, LONG, REST, Installation, marked, until


@pytest.fixture
def sandbox(database_kind: str) -> Sandbox:
    """Without a sandbox the shell outlives the CLI, with one only the sandbox's helpers do."""
    return Sandbox.OFF if database_kind == "postgresql" else CONFINED


async def test_after_a_kill_nothing_of_the_old_run_lives_and_its_work_goes_on(
    mab: Installation, sandbox: Sandbox
) -> None:
    mab.configure(lease=600, sandbox=sandbox)
    await mab.plays(long=[LONG, REST])
    first = await mab.serves()
    card = await mab.spawns("long")
    marker = await mab.at_work()
    await first.dies()
    await until(lambda: not any("stream-json" in line for line in marked(marker)))
    assert marked(marker), "somebody is left for the next worker to end"
    begun = monotonic()
    await mab.serves()
    await mab.told(card, "taken over")
    assert marked(marker) == []
    assert await mab.story(card) == ["taken over", "done"]
    assert monotonic() - begun < 200, "a dead worker of this host is not waited for"
    assert await mab.runs() == [(1, "lost"), (2, "completed")]
    assert {"half.txt", "rest.txt"} <= set(await mab.on_branch())
