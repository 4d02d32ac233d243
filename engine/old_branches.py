"""Agents' branches of long ago, taken away where that is wanted and their commits are elsewhere.

A branch stays while something happens in its thread, while it is checked out anywhere, and while
nothing else holds its commits: neither another branch nor, as far as we know, the remote.
"""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import islice
from time import time
from typing import Any

import structlog
from sqlalchemy import or_, select

from engine.clock import now
from engine.models import Node, Workflow
from engine.repos import OpenRepo
from engine.retention import DAY, in_use
from engine.store import Database

BATCH = 50  # that are removed from one repository at a time
MOST = 5000  # that are looked at
OURS = "refs/heads/agent/"
FIELDS = "%(refname) %(objectname) %(committerdate:unix) %(worktreepath)"
log = structlog.get_logger()


@dataclass(frozen=True)
class Branch:
    """An agent's branch."""

    ref: str
    commit: str

    @property
    def name(self) -> str:
        """As people call it."""
        return self.ref.removeprefix("refs/heads/")

    @property
    def agent(self) -> int:
        """The agent that began it; 0: it is no agent's."""
        found = re.match(r"agent/(\d{1,18})-", self.name)
        return int(found[1]) if found else 0


@dataclass(frozen=True)
class OldBranches:
    """Takes away what is older than so many days; None: nothing, ever."""

    db: Database
    days: float | None
    clock: Callable[[], float] = time

    async def sweep(self, repo: OpenRepo) -> list[str]:
        """Take away some of what is due, and name it; raises GitError."""
        if self.days is None:
            return []
        old = await self._old(repo, self.clock() - self.days * DAY)
        due = await self._idle(repo.name, old, self.days)
        free = await _held(repo, due)
        chosen = [branch for branch, pushed in due.items() if pushed or branch in free][:BATCH]
        return [branch.name for branch in chosen if await _gone(repo, branch)]

    async def _old(self, repo: OpenRepo, since: float) -> list[Branch]:
        """Branches whose last commit is older than that, and which no worktree has."""
        listed = await repo.git.text(
            "for-each-ref", "--sort=committerdate", f"--format={FIELDS}", OURS
        )
        fields = [line.split(" ", 3) for line in listed.splitlines()]
        old = (Branch(f[0], f[1]) for f in fields if not f[3] and float(f[2] or "inf") < since)
        return [*islice(old, MOST)]

    async def _idle(self, repo: str, branches: Sequence[Branch], days: float) -> dict[Branch, bool]:
        """Those in whose threads nothing has happened for long; and whether each was pushed."""
        agents = {branch.agent for branch in branches}
        flow = select(Node.id, Node.workflow_id).join(Workflow).where(
            Node.id.in_(agents),
            Node.repo == repo,
            or_(Workflow.kept_since.is_(None), Workflow.kept_since < now(-days * DAY)),
        )  # fmt: skip
        async with self.db.reading() as session:
            flows: dict[int, int] = dict((await session.execute(flow)).all())
            idle = set(flows.values()) - await in_use(session, sorted(flows.values()))
            works = select(Node.work).where(Node.workflow_id.in_(idle), Node.repo == repo)
            pushed = {_pushed(work) for work in await session.scalars(works) if work}
        ours = (branch for branch in branches if flows.get(branch.agent) in idle)
        return {branch: (branch.name, branch.commit) in pushed for branch in ours}


def _pushed(work: dict[str, Any]) -> tuple[str, str]:
    """The branch, and where the remote's was left."""
    return str(work.get("branch")), str(work.get("remote_commit"))


async def _held(repo: OpenRepo, branches: Collection[Branch]) -> set[Branch]:
    """Those whose commits are on somebody else's branch too."""
    if not branches:
        return set()
    tips = [branch.commit for branch in branches]
    others = ("--not", "--exclude=agent/*", "--branches", "--remotes")
    lonely = set((await repo.git.text("rev-list", *tips, *others)).split())
    return {branch for branch in branches if branch.commit not in lonely}


async def _gone(repo: OpenRepo, branch: Branch) -> bool:
    """Take it away, if it is still where it was."""
    if (await repo.git.run("update-ref", "-d", branch.ref, branch.commit)).code != 0:
        return False
    log.info("branch removed", branch=branch.name, commit=branch.commit, repo=repo.name)
    return True
