"""Programs that stand still just before they write, are replaced, and go on as if nothing were.

On PostgreSQL: a program may be in the middle of another transaction when it is stopped. The
server ends such a one; in SQLite's file it keeps everybody else from writing.
"""

import signal

import psutil
import pytest

from engine.demo_model import call, say
from engine.executor import Sandbox
from engine.failpoints import Failpoint
from tests import repositories
from tests.processes.aftermath import later, over, roots
from tests.processes.conftest import SECONDS, Installation, Running, scene, until

pytestmark = pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
LEASE = 4.0  # seconds
THREAD_SECONDS = 31.0  # a bot that is not heard of owns its threads for so long
FIRST = scene("first.txt", say("The first."))
SECOND = scene("second.txt", say("The second."))
AGAIN = [(1, "lost"), (2, "completed")]


def standing(program: Running) -> bool:
    """Whether a program has been stopped."""
    return psutil.Process(program.pid).status() == psutil.STATUS_STOPPED


async def speaks(mab: Installation, **environ: str) -> Running:
    """Start a bot that Slack has."""
    before = mab.slack.greeted
    bot = await (await mab.starts("bot", **environ)).ready()
    await mab.slack.settled(lambda: mab.slack.greeted >= before + 2, timeout=SECONDS)
    return bot


async def refused(late: Running) -> None:
    """Wait until a late worker has found out."""
    await until(lambda: any(event.startswith("lease lost") for event in late.events()))


@pytest.mark.parametrize(
    "point",
    [
        Failpoint.BEFORE_STEP,
        Failpoint.BEFORE_SESSION_APPEND,
        Failpoint.BEFORE_CHECKPOINT,
        Failpoint.BEFORE_FINISH,
        Failpoint.BEFORE_FINISH_COMMIT,
    ],
)
async def test_a_replaced_worker_changes_nothing_any_more(
    mab: Installation, point: Failpoint
) -> None:
    mab.configure(lease=LEASE, sandbox=Sandbox.OFF)
    await mab.plays(task=[FIRST, SECOND])
    await speaks(mab)
    late = await (await mab.starts("worker", MAB_FAILPOINTS=f"{point}=stop")).ready()
    card = await mab.spawns("task")
    await until(lambda: standing(late))
    await (await mab.starts("worker")).ready()
    await until(lambda: mab.came_to(AGAIN))
    before = await mab.ledger.agent(1)
    late.signal(signal.SIGCONT)
    await refused(late)
    assert await mab.story(card) == ["taken over", "done"]
    assert await mab.runs() == AGAIN
    agent = await mab.ledger.agent(1)
    assert (agent.result, agent.work) == (before.result, before.work)
    assert repositories.git(mab.shop, "rev-parse", agent.branch) == before.work.commit
    assert len({run.worker for run in await mab.ledger.runs(1)}) == 1
    await over(mab, card)


async def test_what_people_allowed_is_not_done_again_by_a_replaced_worker(
    mab: Installation,
) -> None:
    mab.configure(lease=LEASE, sandbox=Sandbox.OFF, ask=["Bash(echo:*)"])
    await mab.plays(task=[[call("Bash", command="echo once >> times.txt"), say("It is over.")]])
    await speaks(mab)
    trap = f"{Failpoint.AFTER_CALLS_GIVEN}=stop"
    late = await (await mab.starts("worker", MAB_FAILPOINTS=trap)).ready()
    card = await mab.spawns("task")
    asked = await mab.slack.settled(
        lambda: mab.slack.thread("general", card.ts)[1:], timeout=SECONDS
    )
    await mab.presses("reviewer", asked[0], "Allow once")
    await until(lambda: standing(late))
    await (await mab.starts("worker")).ready()
    runs = [(1, "asked"), (2, "lost"), (3, "completed")]
    await until(lambda: mab.came_to(runs))
    late.signal(signal.SIGCONT)
    await refused(late)
    assert await mab.runs() == runs
    branch = (await mab.ledger.agent(1)).branch
    assert repositories.git(mab.shop, "show", f"{branch}:times.txt") == "once"
    await over(mab, card)


@pytest.mark.parametrize("point", [Failpoint.BEFORE_POST, Failpoint.AFTER_POST])
async def test_a_replaced_bot_leaves_one_card(mab: Installation, point: Failpoint) -> None:
    mab.configure(sandbox=Sandbox.OFF)
    late = await speaks(mab, MAB_FAILPOINTS=f"{point}=stop")
    await mab.commands("/agent spawn task")
    await until(lambda: standing(late))
    await later(mab, THREAD_SECONDS)
    await speaks(mab)
    (card,) = await until(lambda: roots(mab))
    await until(lambda: _recorded(mab, card.ts))
    late.signal(signal.SIGCONT)
    said = "somebody else speaks in this thread now"
    await until(lambda: said in late.events())
    await until(lambda: [each.ts for each in roots(mab)] == [card.ts])
    await over(mab, card)


async def _recorded(mab: Installation, ts: str) -> bool:
    (agent,) = await mab.ledger.unfinished()
    return agent.origin.thread == ts
