"""What an attempt is given to do: a job, complete for an executor; and why one cannot be done."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from engine import planner
from engine.beginnings import Beginning
from engine.briefing import Background, Tray, briefing, going_on
from engine.budgets import OutOfBudget
from engine.executor import AgentResult, Confinement, Job, Usage
from engine.givens import Given
from engine.policy import Policy
from engine.repos import RepositoryError
from engine.sandbox import SandboxMissing
from engine.settings import Repo, Settings
from engine.states import Cause
from engine.views import Check, NodeView, NoteKind, Work
from engine.workshop import Bench
from engine.worktrees import DiskFull, WorktreeError

OF_SHELLS = frozenset({NoteKind.BASH_OFF, NoteKind.UNCONFINED})


@dataclass(frozen=True)
class Assignment:
    """What an attempt has to do, under which policy, and where it begins."""

    view: NodeView
    policy: Mapping[str, Any]
    begin: Beginning

    @property
    def check(self) -> str:
        """The check that the task itself names, and that its work has to pass; or ""."""
        return str(self.policy.get(Policy.CHECK) or "")

    def within(self, budget: Decimal) -> "Assignment":
        """The same task, for at most so many US dollars."""
        return replace(self, policy={**self.policy, Policy.BUDGET: str(budget)})

    @property
    def merges_only(self) -> bool:
        """Whether the work is done once the branches are merged."""
        return bool(self.policy.get(Policy.MERGES)) and not self.begin.clashed

    @property
    def plans(self) -> bool:
        """Whether it is to answer with a plan, and leaves nothing else."""
        return bool(self.policy.get(Policy.PLANS))

    def shown(self, work: Work) -> Work:
        """What is told of the work in git."""
        if not self.plans:
            return work
        return Work(notes=tuple(note for note in work.notes if note.kind not in OF_SHELLS))


@dataclass(frozen=True)
class Site:
    """Where an attempt takes place, and within which walls."""

    bench: Bench
    attempt: int
    confinement: Confinement
    environment: Mapping[str, str]
    trusted: bool
    ask: tuple[str, ...] = ()


def confinement(
    settings: Settings, hidden: tuple[Path, ...], bench: Bench, tray: Tray | None
) -> Confinement:
    """What an agent's processes may reach beside their workspace: nothing of other repositories."""
    hidden = (*hidden, *_foreign(settings.repos, bench))
    python = Path(sys.prefix)  # the executor's programs lie there, and perhaps the agent's own
    ours = (python,) if any(python.is_relative_to(path) for path in hidden) else ()
    readable = (bench.tree.common_dir, *([tray.inside] if tray else []), *ours)
    writable = (tray.out,) if tray else ()
    policy = settings.agent
    return Confinement(policy.sandbox, policy.network, hidden, writable, readable)


def _foreign(repos: Mapping[str, Repo], bench: Bench) -> Iterator[Path]:
    """The checkouts of the repositories that the agent does not work on."""
    own = (bench.tree.common_dir, bench.repo.head_dir, repos[bench.repo.name].path)
    for path in (repo.path for repo in repos.values()):
        if path and not any(place and place.is_relative_to(path) for place in own):
            yield path


def job(task: Assignment, given: Given, tray: Tray, site: Site) -> Job:
    """The job of an attempt."""
    view, policy, bench = task.view, task.policy, site.bench
    background = Background(
        given.said,
        () if given.session_id else given.before,  # a session that goes on knows it
        task.begin.clashed,
        given.advice,
        interrupted=bench.tree.head != bench.base.commit,
        follows=view.parent_id is not None,
        failed=_failed(view),
    )
    return Job(
        agent_id=view.id,
        attempt=site.attempt,
        task=view.task,
        workspace=bench.tree.path,
        model=str(policy[Policy.MODEL]),
        max_turns=int(policy[Policy.MAX_TURNS]),
        budget=Decimal(policy[Policy.BUDGET]),
        confinement=site.confinement,
        environment=site.environment,
        instructions=bench.instructions,
        context=_context(task, background, tray, given, bench.tree.path),
        trusted=site.trusted,
        session_id=given.session_id,
        project=given.project,
        reads_only=bool(policy.get(Policy.READS_ONLY)),
        schema=policy.get(Policy.SCHEMA),
        ask=site.ask,
        allowed=given.allowed,
        settled=given.settled,
    )


def _failed(view: NodeView) -> Check | None:
    """The check that the attempt before did not pass."""
    check = view.work.check
    return check if check and not check.passed else None


def broken(error: BaseException, said: str, usage: Usage) -> AgentResult:
    """The result of an attempt that was not carried out to its end, with what is known of it."""
    detail = str(error) or repr(error)
    return AgentResult(success=False, output=said, error=detail, cause=cause_of(error), usage=usage)


def _context(
    task: Assignment, background: Background, tray: Tray, given: Given, workspace: Path
) -> str:
    if given.settled is not None:  # the conversation goes on, which knows everything else
        return going_on(background, tray, workspace)
    told = briefing(background, tray, given.files)
    if not task.plans:
        return told
    return f"{planner.instructions(gates=bool(task.policy[Policy.GATES]))}\n\n{told}"


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
        case OutOfBudget():
            return Cause.BUDGET
        case _:
            return Cause.INTERNAL
