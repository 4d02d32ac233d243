"""Work without a worktree: what a bench of the ledger leaves out, and nothing else.

A queue's no-op job has no directory; an agent's worktree takes longer than all that the ledger
does for it, and has a bench of its own (`worktree`). Everything around it stays: the trays, the
look for what the sandbox left, the scan of the process table, budgets, checks and masking.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from engine.bases import Base, OpenRepo
from engine.checkouts import Worktree
from engine.executor import AgentResult, Job, Watch
from engine.views import Check, NodeView, Work
from engine.worker import Worker
from engine.workshop import Bench, Workshop
from tests.bench.sides.work import Count

COMMIT = "0" * 40


@dataclass(frozen=True)
class NoExecutor:
    """Says that it is done."""

    count: Count

    async def run(self, job: Job, _watch: Watch) -> AgentResult:
        """Do nothing; see `engine.executor.Executor`."""
        self.count(job.agent_id)
        return AgentResult(success=True, output="Done.")


@dataclass(frozen=True)
class BareWorkshop(Workshop):
    """A workshop in which every agent works in the same directory, and changes nothing."""

    place: Path = field(kw_only=True)

    async def open(self, view: NodeView, onto: str = "") -> Bench:  # noqa: ARG002 - begins nowhere
        """A worktree that nobody has made."""
        branch = f"agent/{view.id}"
        tree = Worktree(
            path=self.place,
            branch=branch,
            git_dir=self.place,
            base_commit=COMMIT,
            head=COMMIT,
            agent=view.id,
            repo=view.repo,
            common_dir=self.place,
        )
        repo = OpenRepo(view.repo, self.place, self.place)
        return Bench(repo, tree, Base(COMMIT, "main"), instructions="")

    async def keep(
        self,
        bench: Bench,
        view: NodeView,  # noqa: ARG002 - nothing is written, so nobody signs it
        check: Check | None,
        *,
        push: bool = True,  # noqa: ARG002 - nor does it go anywhere
        approved: str = "",  # noqa: ARG002 - as above
    ) -> Work:
        """A commit that nobody has made."""
        return Work(branch=bench.tree.branch, base_commit=COMMIT, commit=COMMIT, check=check)

    async def whole(self, bench: Bench, view: NodeView, work: Work) -> Work:  # noqa: ARG002 - no git
        """A merge of what was nothing."""
        return work


def without_worktrees(worker: Worker, place: Path) -> None:
    """Let a worker's agents work without worktrees."""
    shop = worker.tools.workshop
    parts: Sequence[object] = (shop.repos, shop.worktrees, shop.push, shop.protected)
    worker.tools = replace(worker.tools, workshop=BareWorkshop(*parts, place=place))  # type: ignore[arg-type]
