"""Worktrees that nobody needs any more: saved, removed, and never too many of them."""

import asyncio
import json
import shutil
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import gethostname
from typing import Any

import pytest
from sqlalchemy import event, insert, select, text, update
from structlog.testing import capture_logs

from engine import station as composition
from engine.endings import tell_rescue
from engine.executor import Sandbox
from engine.janitor import BATCH, ORPHAN_SECONDS, SURVEY_SECONDS, Janitor
from engine.models import Event, Run
from engine.models import Worker as WorkerRow
from engine.scripted import Wait, Write, failure
from engine.settings import Limits, Repo
from engine.states import Cause, Status
from engine.views import NodeView
from engine.worker import Worker
from tests.worker.conftest import Station, git

KEEP = timedelta(hours=48).total_seconds()
MEGABYTE = "x" * 2**20
LEFT = "lost run is left for a lease: its worker may live"
# where the database is not the point
once = pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)


@dataclass
class Clocks:
    """Monotonic time and the calendar, ahead of what they are by so many seconds."""

    ahead: float = 0.0

    def monotonic(self) -> float:
        return 1000.0 + self.ahead

    def calendar(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.ahead)


@dataclass
class House:
    """A station with one worker and its janitor."""

    station: Station
    worker: Worker
    janitor: Janitor
    clocks: Clocks

    async def agent(self, task: str, **files: str) -> NodeView:
        """An agent that has written files and ended."""
        self.station.script[task] = [Write(name, content) for name, content in files.items()]
        agent = await self.station.spawn(task)
        await self.worker.tick()
        view = await self.station.ended(agent)
        await self.station.idle(self.worker)  # or it claims what is spawned next
        return view

    async def ticks(self, later: float = 0.0) -> bool:
        """The janitor's next tick, `later` seconds after the last one; whether there is more."""
        self.clocks.ahead += later
        await self.station.pass_time(later)
        return await self.janitor.tick()

    async def runs(self) -> list[Run]:
        async with self.station.db.reading() as session:
            return list(await session.scalars(select(Run).order_by(Run.node_id, Run.attempt)))

    async def write(self, **values: Any) -> None:
        """Change all runs."""
        async with self.station.db.writing() as session:
            await session.execute(update(Run).values(**values))

    async def kept(self) -> list[int]:
        """The agents whose last worktree has not been pruned, as the ledger has it."""
        return [run.node_id for run in await self.runs() if run.pruned_at is None]

    @property
    def root(self) -> Path:
        return self.station.home / ".worktrees"

    def there(self) -> list[int]:
        """The agents of the worktrees on the disk."""
        return sorted(int(path.name.split("-")[1]) for path in self.root.glob("agent-*"))

    def branches(self) -> list[str]:
        return git(
            "branch", "--list", "agent/*", "--format=%(refname:short)", cwd=self.station.shop
        ).split()


@pytest.fixture
async def house(station: Station) -> House:
    return await moved_in(station, Limits(per_user=50))


async def moved_in(station: Station, limits: Limits) -> House:
    """A worker and a janitor with these limits."""
    station.settings = station.settings.model_copy(update={"limits": limits})
    worker, clocks = await station.worker(), Clocks()
    made = composition.make_janitor(worker)
    workshop = made.workshop
    workshop = replace(workshop, worktrees=replace(workshop.worktrees, clock=clocks.calendar))
    return House(station, worker, replace(made, workshop=workshop, clock=clocks.monotonic), clocks)


def only(root: Path) -> Path:
    """The one worktree that is there."""
    [path] = root.glob("agent-*")
    return path


async def test_a_worktree_is_kept_for_a_while_and_then_removed(house: House) -> None:
    view = await house.agent("first", hello="x")
    await house.ticks()
    await house.ticks(KEEP - 60)
    assert (house.there(), await house.kept()) == ([view.id], [view.id])
    await house.ticks(120)
    assert (house.there(), await house.kept()) == ([], [])
    assert house.station.on_branch(view, "hello") == "x"
    assert git("worktree", "list", cwd=house.station.shop).count("\n") == 0
    assert not list((house.root / ".records").iterdir())


@once
async def test_what_was_left_unsaved_is_on_the_branch_before_the_worktree_goes(
    house: House,
) -> None:
    view = await house.agent("first", hello="x")
    (only(house.root) / "later").write_text("written after the end")
    await house.ticks(KEEP + 1)
    assert house.there() == []
    assert house.station.on_branch(view, "later") == "written after the end"


async def test_worktrees_of_an_agent_that_goes_on_are_left_alone(house: House) -> None:
    station = house.station
    station.script["twice"] = [Write("a", "a"), failure(Cause.MODEL)]
    agent = await station.spawn("twice")
    await house.worker.tick()
    await station.ended(agent)
    await station.idle(house.worker)
    await station.pass_time(KEEP + 1)
    await station.mending.retry(agent, await station.wish())
    await house.ticks()
    assert (await station.ledger.agent(agent)).status is Status.PENDING
    assert house.there() == [agent]
    await house.worker.tick()
    await station.until(agent, lambda view: view.attempt == 2 and view.status is Status.FAILED)
    await house.ticks()
    assert house.there() == [agent], "the first is gone, the second is young"
    assert [run.pruned_at is None for run in await house.runs()] == [False, True]


@once
async def test_a_worktree_that_is_gone_already_is_only_marked(house: House) -> None:
    view = await house.agent("first", hello="x")
    shutil.rmtree(only(house.root))
    await house.ticks(KEEP + 1)
    assert await house.kept() == []
    assert house.station.on_branch(view, "hello") == "x"


@once
async def test_one_that_cannot_be_removed_waits_and_holds_up_nobody(house: House) -> None:
    first, second = await house.agent("first", hello="x"), await house.agent("second", hello="x")
    [record] = (house.root / ".records").glob(f"agent-{first.id}-*")
    whole = record.read_text()
    record.write_text("{}")
    with capture_logs() as logs:
        await house.ticks(KEEP + 1)
        await house.ticks(60)
    assert [told["event"] for told in logs if told["log_level"] == "error"] == [
        "worktree not removed; tried again later"
    ]
    assert (house.there(), await house.kept()) == ([first.id], [first.id])
    record.write_text(whole)
    await house.ticks(SURVEY_SECONDS)
    assert (house.there(), await house.kept()) == ([], [])
    assert house.station.on_branch(second, "hello") == "x"


@once
async def test_the_oldest_go_when_the_disk_is_too_full(station: Station) -> None:
    house = await moved_in(station, Limits(per_user=50, disk_gb=2.5 / 1024))
    agents = []
    for number in range(4):
        agents.append((await house.agent(f"task {number}", big=MEGABYTE)).id)
        await station.pass_time(10)
    await house.ticks()
    assert (house.there(), await house.kept()) == (agents[2:], agents[2:])
    (only_newest := next(house.root.glob(f"agent-{agents[3]}-*")) / "more").write_text(MEGABYTE)
    await house.ticks(SURVEY_SECONDS - 1)
    assert house.there() == agents[2:], "the disk is not measured all the time"
    await house.ticks(1)
    assert house.there() == agents[3:]
    assert only_newest.exists()


async def thrifty(station: Station, limits: Limits, reuse: int) -> House:
    """One that keeps so many spares."""
    shop = Repo(path=station.shop, reuse=reuse)
    station.settings = station.settings.model_copy(update={"repos": {"shop": shop}})
    return await moved_in(station, limits)


@once
async def test_spares_are_reused_and_go_first_when_room_is_needed(station: Station) -> None:
    house = await thrifty(station, Limits(per_user=50, keep_hours=0, disk_gb=2.5 / 1024), 1)
    spares = house.janitor.worktrees.spares
    first = await house.agent("one", big=MEGABYTE)
    await house.ticks(1)
    assert (house.there(), len(spares.of()), await house.kept()) == ([], 1, [])
    assert house.station.on_branch(first, "big") == MEGABYTE
    second = await house.agent("two", hello="x")
    assert (house.there(), spares.of()) == ([second.id], []), "it is in the spare's place"
    assert not (only(house.root) / "big").exists()
    await house.ticks(1)
    assert len(spares.of()) == 1
    (spares.of()[0] / "more").write_text(MEGABYTE * 3)
    await house.ticks(SURVEY_SECONDS)
    assert spares.of() == []


@once
async def test_spares_go_when_fewer_are_wanted(station: Station) -> None:
    house = await thrifty(station, Limits(per_user=50, keep_hours=0), 1)
    await house.agent("one", hello="x")
    await house.ticks(1)
    assert len(house.janitor.worktrees.spares.of()) == 1
    house = await thrifty(station, Limits(per_user=50), 0)
    await house.ticks(1)
    assert list(house.janitor.worktrees.spares.place.iterdir()) == []


@once
async def test_a_spare_that_cannot_be_judged_holds_up_nobody(station: Station) -> None:
    house = await thrifty(station, Limits(per_user=50, keep_hours=0), 1)
    await house.agent("one", hello="x")
    await house.ticks(1)
    [note] = house.janitor.worktrees.spares.place.glob("*.json")
    note.write_text(json.dumps(json.loads(note.read_text()) | {"repo": []}))
    second = await house.agent("two", hello="x")
    with capture_logs() as logs:
        await house.ticks(SURVEY_SECONDS)
    failed = [told["event"] for told in logs if told["log_level"] == "error"]
    assert failed[0] == "spare worktrees not removed; tried again later"
    assert second.id not in house.there()
    assert await house.kept() == []


@once
async def test_nothing_is_reused_where_agents_are_not_confined(station: Station) -> None:
    policy = station.settings.agent.model_copy(update={"sandbox": Sandbox.OFF})
    station.settings = station.settings.model_copy(update={"agent": policy})
    house = await thrifty(station, Limits(per_user=50, keep_hours=0), 1)
    await house.agent("one", hello="x")
    await house.ticks(1)
    assert house.there() == []
    assert house.janitor.worktrees.spares.of() == []


@once
async def test_a_running_agent_keeps_its_worktree_however_full_the_disk(station: Station) -> None:
    house = await moved_in(station, Limits(per_user=50, disk_gb=0.1 / 1024, keep_hours=0))
    gate = asyncio.Event()
    station.script["long"] = [Write("big", MEGABYTE), Wait(gate)]
    agent = await station.spawn("long")
    await house.worker.tick()
    await station.active(agent)
    assert house.janitor.active() == [only(house.root)]
    with capture_logs() as logs:
        await house.ticks()
    assert house.there() == [agent]
    assert [told["event"] for told in logs] == ["worktrees fill the disk"]
    gate.set()
    await station.ended(agent)
    await house.ticks(1)
    assert house.there() == []


@once
async def test_a_run_that_others_ended_keeps_its_worktree_while_it_is_at_work_here(
    house: House,
) -> None:
    view = await house.agent("first", hello="x")
    path = only(house.root)
    house.janitor = replace(house.janitor, active=lambda: [path])
    await house.ticks(KEEP + 1)
    assert (house.there(), await house.kept()) == ([view.id], [view.id])


async def orphan(house: House, task: str = "lost", **files: str) -> tuple[NodeView, Path]:
    """A worktree whose worker died before it could say so."""
    agent = await house.station.spawn(task)
    view = await house.station.ledger.agent(agent)
    path = (await house.worker.tools.workshop.open(view)).tree.path
    for name, content in files.items():
        (path / name).write_text(content)
    return view, path


async def test_an_orphan_is_saved_and_removed_when_it_is_old_enough(house: House) -> None:
    known = await house.agent("known", hello="x")
    view, path = await orphan(house, half="half")
    await house.ticks(ORPHAN_SECONDS - 60)
    assert path.exists(), "it may be just being opened"
    with capture_logs() as logs:
        await house.ticks(SURVEY_SECONDS)
    assert house.there() == [known.id]
    assert git("show", f"agent/{view.id}-lost:half", cwd=house.station.shop) == "half"
    assert "worktree belongs to no run" in [told["event"] for told in logs]


@once
async def test_an_orphan_in_which_nothing_was_done_leaves_no_branch(house: House) -> None:
    await orphan(house)
    record = house.root / ".records" / "agent-99-20200101T000000000000.json"
    record.write_text(only(house.root / ".records").read_text())
    await house.ticks(ORPHAN_SECONDS + 60)
    assert (house.there(), house.branches()) == ([], [])
    assert not list((house.root / ".records").iterdir())


@once
async def test_what_cannot_be_saved_is_set_aside_and_never_deleted(house: House) -> None:
    _, path = await orphan(house, half="half")
    (house.root / ".records" / f"{path.name}.json").write_text("{}")
    (house.root / "strange").mkdir()
    (house.root / "strange" / "file").write_text("x")
    with capture_logs() as logs:
        await house.ticks(ORPHAN_SECONDS + 60)
        await house.ticks(SURVEY_SECONDS)
    lost = house.root / "lost+found"
    assert (lost / path.name / "half").read_text() == "half"
    assert (lost / "strange" / "file").read_text() == "x"
    told = [told for told in logs if told["event"] == "worktree set aside"]
    assert [Path(each["moved_to"]) for each in told] == [lost / path.name, lost / "strange"]
    assert "damaged" in told[0]["why"]


async def test_what_is_kept_survives_a_reboot_and_is_pruned_in_its_time(house: House) -> None:
    view = await house.agent("first", hello="x")
    await house.write(host="this machine:an earlier boot:4026531836")
    await house.ticks(ORPHAN_SECONDS + 60)
    assert (house.there(), await house.kept()) == ([view.id], [view.id])
    await house.ticks(KEEP)
    assert (house.there(), await house.kept()) == ([], [])


async def test_the_worktrees_of_another_host_are_its_own_affair(house: House) -> None:
    view = await house.agent("first", hello="x")
    await house.write(host="another machine", workspace="/elsewhere/.worktrees/agent-1-x")
    await house.ticks(KEEP + 1)
    assert await house.kept() == [view.id]


async def test_the_work_of_an_agent_that_a_reboot_ended_goes_on(house: House) -> None:
    station = house.station
    station.script["long"] = [Write("half.txt", "half"), Wait(asyncio.Event())]
    agent = await station.spawn("long")
    await house.worker.tick()
    await station.active(agent)
    await house.write(host="this machine:an earlier boot:4026531836")
    await station.pass_time(61)
    station.script["long"] = [Write("rest.txt", "rest")]
    await (await station.worker()).tick()
    view = await station.ended(agent)
    assert [change.path for change in view.work.files] == ["half.txt", "rest.txt"]


@once
async def test_a_worktree_of_another_home_is_its_own_workers(house: House) -> None:
    view = await house.agent("first", hello="x")
    elsewhere = house.station.home.parent / "other" / ".worktrees" / only(house.root).name
    await house.write(workspace=str(elsewhere))
    await house.ticks(KEEP + 1)
    assert await house.kept() == [view.id]


async def test_work_that_is_rescued_later_is_told_once_with_its_ref(house: House) -> None:
    view = await house.agent("first", hello="x")
    [path] = house.root.glob("agent-*")
    (path / "later").write_text("written after the end")
    shop = house.station.shop
    other = git("commit-tree", "main^{tree}", "-p", "main", "-m", "Somebody else's", cwd=shop)
    git("update-ref", f"refs/heads/{view.branch}", other, cwd=shop)
    assert await house.station.told() == ["request.ended"]
    await house.ticks(KEEP + 1)
    ref = f"refs/mab/rescue/agent-{view.id}-1"
    assert git("show", f"{ref}:later", cwd=shop) == "written after the end"
    async with house.station.db.reading() as session:
        rows = select(Event.data).where(Event.name == "agent.rescued", Event.notify)
        [told] = await session.scalars(rows)
    assert (told["place"], told["host"]) == (ref, gethostname())
    async with house.station.db.writing() as session:
        await tell_rescue(session, view.id, ref)
    assert (await house.station.told()).count("agent.rescued") == 1


async def test_a_lost_run_on_a_shared_disk_is_left_while_its_worker_may_live(house: House) -> None:
    station = house.station
    station.script["long"] = [Write("half.txt", "half"), Wait(asyncio.Event())]
    agent = await station.spawn("long")
    await house.worker.tick()
    await station.active(agent)
    other = await station.worker()
    container = house.worker.tools.host + "1"  # machine and boot are ours, the pids are not
    await house.write(host=container)
    async with station.db.writing() as session:
        first = update(WorkerRow).where(WorkerRow.id == house.worker.leases.worker)
        await session.execute(first.values(host=container))
    station.script["long"] = [Write("rest.txt", "rest")]
    await station.pass_time(61)
    with capture_logs() as logs:
        await other.tick()
        await station.idle(other)
    assert LEFT in [told["event"] for told in logs]
    assert (house.there(), (await station.ledger.agent(agent)).attempt) == ([agent], 1)
    await station.pass_time(61)
    await other.tick()
    view = await station.ended(agent)
    assert [change.path for change in view.work.files] == ["half.txt", "rest.txt"]


@once
async def test_two_workers_of_a_host_do_not_clear_away_the_same(house: House) -> None:
    view = await house.agent("first", hello="x")
    (only(house.root) / "later").write_text("written after the end")
    other = composition.make_janitor(await house.station.worker())
    await house.station.pass_time(KEEP + 1)
    with capture_logs() as logs:
        await asyncio.gather(house.janitor.tick(), other.tick())
    assert [told["event"] for told in logs] == ["worktree removed"]
    assert house.station.on_branch(view, "later") == "written after the end"
    assert git("for-each-ref", "refs/mab/rescue", cwd=house.station.shop) == ""


async def test_a_tick_takes_a_few_and_the_next_one_the_rest(house: House) -> None:
    view = await house.agent("first")
    [run] = await house.runs()
    gone = {"worker": "w", "host": run.host, "marker": "", "lease_until": run.ended_at}
    rows = [
        {**gone, "node_id": view.id, "attempt": number, "workspace": str(house.root / f"agent-1-{number}"),
         "ended_at": run.ended_at}
        for number in range(2, BATCH + 7)
    ]  # fmt: skip
    async with house.station.db.writing() as session:
        await session.execute(insert(Run).values(rows))
    assert await house.ticks(KEEP + 1), "it goes on at once"
    assert len(await house.kept()) == 6
    assert not await house.ticks()
    assert await house.kept() == []


async def test_a_tick_that_finds_nothing_costs_four_small_queries(house: House) -> None:
    await house.agent("first")
    await house.ticks()
    asked: list[tuple[str, Any]] = []

    def note(_c: object, _u: object, statement: str, parameters: Any, *_: object) -> None:
        asked.append((statement, parameters))

    engine = house.station.db.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    await house.janitor.tick()
    event.remove(engine, "before_cursor_execute", note)
    looks = [(s, p) for s, p in asked if s.startswith("SELECT")]
    assert len(looks) == 4  # worktrees, history, inbox, workers
    assert not [s for s, _ in asked if s.startswith(("UPDATE", "DELETE", "BEGIN IMMEDIATE"))]
    explain = "EXPLAIN QUERY PLAN" if house.station.db.is_sqlite else "EXPLAIN"
    async with house.station.db.engine.connect() as connection:
        if not house.station.db.is_sqlite:
            await connection.execute(text("SET enable_seqscan = off"))
        for index, (statement, parameters) in zip(
            ("ix_runs_kept", "ix_workflows_kept_since"), looks[:2], strict=True
        ):
            plan = await connection.exec_driver_sql(f"{explain} {statement}", parameters)
            assert index in str(plan.all())
