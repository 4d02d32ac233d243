"""What an attempt is given to do: a job, complete for an executor; and why one cannot be done."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from engine.beginnings import Beginning
from engine.briefing import Background, Tray, briefing
from engine.executor import Confinement, Job
from engine.repos import RepositoryError
from engine.runs import Given
from engine.sandbox import SandboxMissing
from engine.states import Cause
from engine.views import NodeView
from engine.workshop import Bench
from engine.worktrees import DiskFull, WorktreeError


@dataclass(frozen=True)
class Assignment:
    """What an attempt has to do, under which policy, and where it begins."""

    view: NodeView
    policy: Mapping[str, Any]
    begin: Beginning

    @property
    def merges_only(self) -> bool:
        """Whether the work is done once the branches are merged."""
        return bool(self.policy.get("merges")) and not self.begin.clashed


@dataclass(frozen=True)
class Site:
    """Where an attempt takes place, and within which walls."""

    bench: Bench
    attempt: int
    confinement: Confinement
    environment: Mapping[str, str]
    trusted: bool


def job(task: Assignment, given: Given, tray: Tray, site: Site) -> Job:
    """The job of an attempt."""
    view, policy, bench = task.view, task.policy, site.bench
    background = Background(
        given.said,
        () if given.session_id else given.before,  # a session that goes on knows it
        task.begin.clashed,
        given.advice,
        interrupted=bench.tree.head != bench.base.commit,
    )
    return Job(
        agent_id=view.id,
        attempt=site.attempt,
        task=view.task,
        workspace=bench.tree.path,
        model=str(policy["model"]),
        max_turns=int(policy["max_turns"]),
        budget=Decimal(policy["budget_usd"]),
        confinement=site.confinement,
        environment=site.environment,
        instructions=bench.instructions,
        context=briefing(background, tray, given.files),
        trusted=site.trusted,
        session_id=given.session_id,
        project=given.project,
        reads_only=bool(policy.get("reads_only")),
        schema=policy.get("schema"),
    )


def cause_of(error: BaseException) -> Cause:
    """Why an attempt failed that could not even be carried out."""
    match error:
        case RepositoryError():
            return Cause.REPOSITORY
        case DiskFull():
            return Cause.DISK
        case WorktreeError():
            return Cause.WORKTREE
        case SandboxMissing():
            return Cause.SANDBOX
        case _:
            return Cause.INTERNAL
