"""Who clears away what nobody needs any more: worktrees, first of all.

These are the worktrees of agents that ended a while ago, and those that nobody knows.

Nothing is removed before what lies in it has been saved. A tick does what is due, in small
batches; what cannot be removed is left where it is and tried again after the next survey.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic

import structlog
from sqlalchemy import ColumnElement, literal_column, or_, select, update

from engine import killed_git
from engine.clock import now
from engine.endings import tell_rescue
from engine.git import GitError
from engine.leases import RunKey
from engine.models import Node, Run
from engine.old_branches import OldBranches
from engine.repos import RepositoryError
from engine.retention import Retention
from engine.room import GIB, lacking
from engine.scratch import Live, Scratch
from engine.settings import Settings
from engine.states import TERMINAL
from engine.store import Database
from engine.survivors import Survivors
from engine.trays import Trays
from engine.workshop import Workshop
from engine.worktrees import Salvaged, Worktrees

BATCH = 20  # worktrees of one tick
SURVEY_SECONDS = 600.0  # between two looks at the whole disk
ORPHAN_SECONDS = 3600.0  # no attempt takes so long to be opened
HOUR = 3600.0
log = structlog.get_logger()


@dataclass
class Survey:
    """What was found on the disk, and what has become of it since."""

    at: float | None = None  # monotonic seconds
    used: int = 0  # bytes of all worktrees
    lacking: float = 0.0  # bytes that must become free on the disk
    inherited: frozenset[str] = frozenset()  # kept worktrees of this disk's earlier hosts
    orphans: list[Path] = field(default_factory=list)
    stuck: set[Path] = field(default_factory=set)  # could not be removed


@dataclass(frozen=True)
class Kept:
    """The worktree of a run that has ended."""

    run: RunKey
    path: Path


@dataclass(frozen=True)
class Janitor:
    """Clears away the worktrees of one host."""

    db: Database
    host: str
    workshop: Workshop
    settings: Settings
    trays: Trays
    active: Callable[[], Collection[Path]]  # worktrees in which this process is at work
    scratch: Scratch
    survivors: Survivors
    retention: Retention
    branches: OldBranches
    clock: Callable[[], float] = monotonic
    survey: Survey = field(default_factory=Survey)

    @property
    def worktrees(self) -> Worktrees:
        """What is cleared away."""
        return self.workshop.worktrees

    async def tick(self) -> bool:
        """Remove what is due, at most 20 worktrees; whether there may be more.

        Only one process of a host does so at once.
        """
        async with self.workshop.repos.locks.held("janitor"):
            if self._survey_due():
                await self._look_around()
                await self._sweep_repositories()
                await self.survivors.end(self._live)
                await self.scratch.sweep(self._live)
            room = BATCH
            room -= await self._prune_old(room)
            room -= await self._make_room(room)
            room -= await self._salvage_orphans(room)
            await self.retention.tick()
        return room == 0

    def _survey_due(self) -> bool:
        return self.survey.at is None or self.clock() - self.survey.at >= SURVEY_SECONDS

    async def _look_around(self) -> None:
        """Measure the disk, and find out whose worktrees lie there."""
        survey = self.survey
        there = await self.worktrees.orphans(())
        known = await self._known(there)
        survey.inherited = frozenset(path for path, host in known.items() if host != self.host)
        mine = [*map(Path, known), *self.active()]
        survey.orphans = list(await self.worktrees.orphans(mine, ORPHAN_SECONDS))
        survey.stuck.clear()
        await self._trim()
        survey.used = await self.worktrees.disk_used()
        survey.at = self.clock()
        if self._excess() > 0:
            limits = self.settings.limits
            wanted = {"limit_gb": limits.disk_gb, "keep_free_gb": limits.keep_free_gb}
            log.warning("worktrees fill the disk", used_gb=survey.used / GIB, **wanted)

    async def _sweep_repositories(self) -> None:
        """Take away what killed sandboxes have left in the repositories, and old branches."""
        for name in self.settings.repos:
            with suppress(RepositoryError, GitError):  # its next agent will say so
                repo = await self.workshop.repos.open(name)
                await self.workshop.mounts.sweep(repo.git_dir)
                await asyncio.to_thread(killed_git.sweep, repo.git_dir)
                await self.branches.sweep(repo)

    async def _live(self) -> Live:
        """The runs that have not ended, on any host."""
        query = select(Run.marker, Run.workspace).where(Run.ended_at.is_(None))
        async with self.db.reading() as session:
            runs = (await session.execute(query)).all()
        return Live([run.marker for run in runs], [run.workspace for run in runs])

    async def _known(self, paths: Collection[Path]) -> dict[str, str]:
        """Those of the worktrees that runs, live or kept, know, and the host of each run."""
        query = select(Run.workspace, Run.host).where(*_unpruned())
        query = query.where(Run.workspace.in_([str(path) for path in paths]))
        async with self.db.reading() as session:
            return dict((await session.execute(query)).all())

    async def _prune_old(self, room: int) -> int:
        """Remove what was kept long enough; gives the number of worktrees that it tried."""
        kept = await self._ended(self.settings.limits.keep_hours, room)
        for each in kept:
            await self._prune(each, spare=self._excess() <= 0)
        return len(kept)

    async def _make_room(self, room: int) -> int:
        """Remove the oldest until the rest fits; gives the number that it tried."""
        limits, tried = self.settings.limits, 0
        where = self.worktrees.root, limits.keep_free_gb
        self.survey.lacking = await asyncio.to_thread(lacking, *where)
        if self._excess() > 0:  # what is only a convenience goes first
            freed = await self._trim(every=True)
            self.survey.used -= freed
            self.survey.lacking -= freed
        if self._excess() > 0 and room:
            for each in await self._ended(0.0, room):
                if self._excess() <= 0:
                    break
                tried += 1
                await self._prune(each)
        return tried

    async def _trim(self, *, every: bool = False) -> int:
        """Throw spares away as `Worktrees.trim`; what cannot go keeps nothing else from going."""
        try:
            return await self.worktrees.trim(every=every)
        except Exception:
            log.exception("spare worktrees not removed; tried again later")
            return 0

    def _excess(self) -> float:
        """Bytes that have to go: above the limit, or wanted by the disk."""
        above = self.survey.used - self.settings.limits.disk_gb * GIB
        return max(above, self.survey.lacking)

    async def _salvage_orphans(self, room: int) -> int:
        batch, self.survey.orphans[:] = self.survey.orphans[:room], self.survey.orphans[room:]
        for path in batch:
            log.warning("worktree belongs to no run", worktree=path.name)
            await self._clear(path, self.worktrees.salvage)
        return len(batch)

    async def _ended(self, hours: float, room: int) -> list[Kept]:
        """Unpruned runs that ended so long ago and whose agents have ended, oldest first.

        Those of another home on this host are its own worker's: two would remove the same at once.
        """
        passed_over = {*self.survey.stuck, *self.active()}
        query = (
            select(Run.node_id, Run.attempt, Run.workspace)
            .join(Node, Node.id == Run.node_id)
            .where(
                *_unpruned(),
                Run.ended_at < now(-hours * HOUR),
                or_(Run.host == self.host, Run.workspace.in_(self.survey.inherited)),
                Run.workspace.startswith(f"{self.worktrees.root}/", autoescape=True),
                Node.status.in_(TERMINAL),
            )
            .order_by(Run.ended_at)
            .limit(room + len(passed_over))
        )
        async with self.db.reading() as session:
            rows = (await session.execute(query)).all()
            found = [Kept((node, attempt), Path(path)) for node, attempt, path in rows]
        return [each for each in found if each.path not in passed_over][:room]

    async def _prune(self, kept: Kept, *, spare: bool = False) -> None:
        if kept.path in self.active():
            return
        remove = partial(self.worktrees.remove, spare=spare)
        if (done := await self._clear(kept.path, remove)) is None:
            return
        agent, attempt = kept.run
        pruned = update(Run).where(Run.node_id == agent, Run.attempt == attempt)
        at_work = select(Run.node_id).where(Run.node_id == agent, Run.ended_at.is_(None))
        async with self.db.writing() as session:
            if place := _rescued(done):
                await tell_rescue(session, agent, place)
            await session.execute(pruned.values(pruned_at=now()))
            idle = await session.scalar(at_work.limit(1)) is None
        if idle:  # what it was given and what it handed out is in the ledger
            await self.trays.remove(agent)

    async def _clear(
        self, path: Path, remove: Callable[[Path], Awaitable[Salvaged]]
    ) -> Salvaged | None:
        """Remove a worktree; None when that must wait, which nobody else has to wait for."""
        size = await self.worktrees.disk_used(path)
        try:
            done = await remove(path)
        except Exception:
            self.survey.stuck.add(path)
            log.exception("worktree not removed; tried again later", worktree=path.name)
            return None
        if not done.moved_to:
            self.survey.used -= size
            self.survey.lacking -= size
        _report(done)
        return done


def _unpruned() -> tuple[ColumnElement[bool], ...]:
    """In the words of the partial index, so that the database can use it."""
    return Run.pruned_at.is_(None), Run.workspace != literal_column("''")


def _rescued(done: Salvaged) -> str:
    """Where work lies that is not on its branch; "" = there is none."""
    return str(done.moved_to or "") or (done.saved.rescued if done.saved else "")


def _report(done: Salvaged) -> None:
    told = {"worktree": done.path.name, "branch": done.branch}
    if done.moved_to is not None:
        log.warning("worktree set aside", moved_to=str(done.moved_to), why=done.why, **told)
    elif done.saved is not None and done.saved.rescued:
        log.warning("worktree removed, its work rescued", ref=done.saved.rescued, **told)
    else:
        log.info("worktree removed", commit=done.saved.commit if done.saved else "", **told)
