"""Files for agents and from them: laid out, taken, bounded, and never followed elsewhere."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from engine import files
from engine.briefing import INTERRUPTED
from engine.claude import ClaudeExecutor
from engine.demo_model import DemoModel, Scene, Script, call, say
from engine.demo_model.conversation import read
from engine.executor import Job
from engine.models import File as Row
from engine.sandbox import sandbox_tools
from engine.scripted import Action, ScriptedExecutor, Write, failure
from engine.spec import LARGEST_FILE, MOST_FILES, Context, File
from engine.states import Cause, Direction, Status
from engine.station import Listeners, Outside, make_janitor, make_worker
from engine.trays import NAME, Trays, safe, unique
from engine.views import NodeView, NoteKind
from engine.worker import Worker
from tests.worker.conftest import Station

PNG = b"\x89PNG\r\n\x1a\nimage"


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("shot.png", "shot.png"),
        ("Überblick (2).txt", "Überblick (2).txt"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("..", "file"),
        ("", "file"),
        (".bashrc", "bashrc"),
        ("-rf", "rf"),
        ("a\nb\0c\x1b[31m.txt", "a_b_c_31m.txt"),
        ("a\u202egnp.exe", "a_gnp.exe"),
        ("<context>", "_context_"),
        ("$(id);`id`.md", "_(id)_id_.md"),
        ("x" * 300 + ".png", "x" * (NAME - 4) + ".png"),
        ("x" * 300, "x" * NAME),
        ("\udcff.txt", "_.txt"),
    ],
)
def test_a_name_is_harmless_wherever_it_stands(name: str, kept: str) -> None:
    assert safe(name) == kept


def test_names_stay_apart_on_every_file_system() -> None:
    assert unique(["a.png", "A.png", "a-2.png", "a.png", "b", "b"]) == [
        *("a.png", "A-2.png", "a-2-2.png", "a-3.png", "b", "b-2"),
    ]


@pytest.fixture
def trays(tmp_path: Path) -> Trays:
    return Trays(tmp_path / "files")


async def test_files_are_laid_out_for_the_agent_alone(trays: Trays) -> None:
    given = (File("a.png", "image/png", PNG), File("../a.png", "image/png", b"two"))
    tray = await trays.open(7, given, emptied=True)
    assert [path.name for path in tray.given] == ["a.png", "a-2.png"]
    assert [path.read_bytes() for path in tray.given] == [PNG, b"two"]
    assert stat.S_IMODE(trays.root.stat().st_mode) == 0o700
    (tray.inside / "more").write_text("of an earlier attempt")
    again = await trays.open(7, given[:1], emptied=True)
    assert [path.name for path in again.inside.iterdir()] == ["a.png"]


async def test_what_is_no_file_of_the_directory_is_left_out(trays: Trays, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    out = (await trays.open(7, (), emptied=True)).out
    (out / "good.txt").write_text("good")
    (out / "link.txt").symlink_to(secret)
    (out / "gone").symlink_to(tmp_path / "gone")
    (out / "folder").mkdir()
    (out / "folder" / "deep.txt").write_text("deep")
    os.mkfifo(out / "pipe")
    (out / "empty").touch()
    with (out / "large").open("wb") as file:
        file.truncate(LARGEST_FILE + 1)
    (out / "just").write_bytes(b"x" * LARGEST_FILE)
    taken = await trays.take(7)
    assert [(file.name, file.content[:4]) for file in taken.files] == [
        ("good.txt", b"good"),
        ("just", b"xxxx"),
    ]
    assert taken.left_out == (
        *("empty (empty)", "folder (not a regular file)", "gone (not a regular file)"),
        *("large (larger than 10 MiB)", "link.txt (not a regular file)"),
        "pipe (not a regular file)",
    )


async def test_more_files_than_anybody_wants_are_left_out(trays: Trays) -> None:
    out = (await trays.open(7, (), emptied=True)).out
    for number in range(MOST_FILES + 40):
        (out / f"{number:02}").write_text("x")
    taken = await trays.take(7)
    assert len(taken.files) == MOST_FILES
    assert taken.left_out[0] == "10 (more than 10 files)"
    assert taken.left_out[-1] == "and 20 more"


async def test_an_out_tray_that_is_a_link_is_not_followed(trays: Trays, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "key").write_text("secret")
    out = (await trays.open(7, (), emptied=True)).out
    out.rmdir()
    out.symlink_to(elsewhere)
    taken = await trays.take(7)
    assert taken.files == ()
    assert taken.left_out
    assert not (await trays.open(7, (), emptied=False)).out.is_symlink()
    assert (elsewhere / "key").exists()


async def test_what_a_lost_attempt_left_waits_for_the_next_one(trays: Trays) -> None:
    out = (await trays.open(7, (), emptied=True)).out
    (out / "report.md").write_text("half")
    await trays.open(7, (), emptied=False)
    assert [file.content for file in (await trays.take(7)).files] == [b"half"]
    await trays.open(7, (), emptied=True)
    assert (await trays.take(7)).files == ()


async def test_an_agent_that_never_began_has_left_nothing(trays: Trays) -> None:
    assert (await trays.take(9)).notes == ()


class Hands:
    """A station whose one worker plays what a function of the job says."""

    def __init__(self, station: Station) -> None:
        self.station = station
        self.executor = ScriptedExecutor(self._plan)
        self.leaves: dict[str, str] = {}
        self.then: list[Action] = []

    def _plan(self, job: Job) -> list[Action]:
        out = job.confinement.writable[0]
        return [*(Write(str(out / name), text) for name, text in self.leaves.items()), *self.then]

    async def worker(self) -> Worker:
        outside = Outside(
            {"PATH": "/usr/bin:/bin"}, {}, self.station.home / "mab.toml", self.station.home
        )
        made = make_worker(self.station.workflows, self.executor, outside, Listeners())
        await made.join("test")
        self.station.workers.append(made)
        return made

    async def run(self, **spec: Any) -> NodeView:
        agent = await self.station.spawn("work", **spec)
        await (await self.worker()).tick()
        return await self.station.ended(agent)

    async def handouts(self, view: NodeView) -> dict[str, bytes]:
        async with self.station.db.reading() as session:
            found = await files.untold(session, view.id, view.attempt)
            return {each.name: await files.content(session, each.id) for each in found}


@pytest.fixture
def hands(station: Station) -> Hands:
    return Hands(station)


async def test_the_prompt_names_what_came_and_where_files_go(hands: Hands) -> None:
    given = (File("shot 1.png", "image/png", PNG), File("a.log", "text/plain", b"log"))
    view = await hands.run(files=given, context=Context("said before", 3))
    assert view.status is Status.COMPLETED
    assert (view.quoted, view.attached) == (3, 2)
    [job] = hands.executor.jobs
    home = hands.station.home.resolve() / "files" / f"agent-{view.id}"
    assert job.task == "work"
    assert job.context.startswith("said before\n\n")
    assert f"- {home}/in/shot 1.png (image/png, 13 bytes)" in job.context
    assert f"- {home}/in/a.log (text/plain, 3 bytes)" in job.context
    assert f"{home}/out" in job.context
    assert job.confinement.writable == (home / "out",)
    assert home / "in" in job.confinement.readable
    assert any(home.is_relative_to(place) for place in job.confinement.hidden)
    assert (home / "in" / "a.log").read_bytes() == b"log"


async def test_what_an_agent_leaves_is_in_the_ledger_with_its_end(hands: Hands) -> None:
    hands.leaves = {"report.md": "# Report", "empty": ""}
    view = await hands.run()
    assert await hands.handouts(view) == {"report.md": b"# Report"}
    [note] = [n for n in view.work.notes if n.kind is NoteKind.NOT_HANDED_OUT]
    assert note.detail == "empty (empty)"
    assert view.work.files == ()


async def test_a_file_is_handed_out_once_however_many_attempts_there_are(hands: Hands) -> None:
    hands.leaves, hands.then = {"a.txt": "one"}, [failure(Cause.MODEL)]
    view = await hands.run()
    assert await hands.handouts(view) == {"a.txt": b"one"}
    hands.leaves, hands.then = {"b.txt": "two"}, []
    [worker] = hands.station.workers
    await hands.station.mending.retry(view.id, await hands.station.wish())
    await worker.tick()
    view = await hands.station.until(view.id, lambda v: v.status is Status.COMPLETED)
    assert await hands.handouts(view) == {"a.txt": b"one", "b.txt": b"two"}
    async with hands.station.db.writing() as session:
        for each in await files.untold(session, view.id, view.attempt):
            await files.told(session, each.id)
    assert await hands.handouts(view) == {}
    async with hands.station.db.reading() as session:
        left = await session.scalars(select(Row).where(Row.direction == Direction.OUT))
        assert [(row.name, row.content) for row in left] == [("a.txt", b""), ("b.txt", b"")]
    assert INTERRUPTED not in hands.executor.jobs[1].context


async def test_the_janitor_takes_the_trays_with_the_worktree(hands: Hands) -> None:
    hands.leaves = {"a.txt": "x"}
    view = await hands.run(files=(File("in.txt", "text/plain", b"x"),))
    home = hands.station.home / "files" / f"agent-{view.id}"
    janitor = make_janitor(hands.station.workers[0])
    await janitor.tick()
    assert home.is_dir()
    await hands.station.pass_time(hands.station.settings.limits.keep_hours * 3600 + 60)
    await janitor.tick()
    assert not home.exists()
    assert await hands.handouts(view) == {"a.txt": b"x"}


@pytest.mark.skipif(bool(sandbox_tools()), reason="the sandbox's programs are missing here")
async def test_the_real_agent_reads_its_files_and_leaves_others(station: Station) -> None:
    home = station.home.resolve() / "files" / "agent-1"
    other = station.home / "files" / "agent-99" / "in"
    other.mkdir(parents=True)
    (other / "theirs.txt").write_text("not for agent 1")
    turns = [
        call("Read", file_path=str(home / "in" / "note.txt")),
        call("Write", file_path=str(home / "out" / "report.md"), content="# Report"),
        call("Bash", command=f"cat {home}/in/note.txt > {home}/out/copy.txt; echo x > {home}/in/y"),
        call("Read", file_path=str(other / "theirs.txt")),
        call("Bash", command=f"cat {other}/theirs.txt"),
        call("Write", file_path=str(home / "in" / "z.txt"), content="x"),
        say("Done."),
    ]
    async with DemoModel(Script((Scene("handle the note", turns),))) as model:
        outside = Outside(
            {"PATH": os.environ["PATH"]}, model.environment, station.home / "mab.toml", station.home
        )
        worker = make_worker(station.workflows, ClaudeExecutor(), outside, Listeners())
        await worker.join("test")
        station.workers.append(worker)
        note = File("note.txt", "text/plain", b"words of the note")
        agent = await station.spawn("handle the note", files=(note,))
        await worker.tick()
        view = await station.ended(agent)
        told = [answer.text for answer in read(model.requests[-1].body).results]
    assert (agent, view.status) == (1, Status.COMPLETED), view.error
    assert "words of the note" in told[0]
    async with station.db.reading() as session:
        found = await files.untold(session, 1, 1)
        left = {each.name: await files.content(session, each.id) for each in found}
    assert left == {"report.md": b"# Report", "copy.txt": b"words of the note"}
    assert not any("not for agent 1" in answer for answer in told)
    assert [path.name for path in (home / "in").iterdir()] == ["note.txt"]
