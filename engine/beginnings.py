"""What an attempt begins from: the base, the work of one node, or the merge of several."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine import bases
from engine.landings import Missing, Resolved, Unresolved
from engine.matters import Conflict
from engine.merges import Clash, Merged, merge
from engine.policy import BY_AGENT, Policy
from engine.repos import OpenRepo
from engine.views import Handed, NodeView
from engine.workshop import Workshop


@dataclass(frozen=True)
class Beginning:
    """Where an agent starts."""

    onto: str = ""  # commit; "" = the repository's base
    clashed: tuple[str, ...] = ()  # files with conflict markers, which the agent resolves


async def beginning(
    workshop: Workshop, view: NodeView, policy: Mapping[str, Any], before: Sequence[Handed]
) -> Beginning | Conflict:
    """Find the commit that an attempt starts from; raises RepositoryError, GitError.

    A follow-up starts from the work that it continues, which its own record names already.
    """
    if view.parent_id is not None and view.work.base_commit:
        return Beginning(view.work.base_commit)
    theirs = (each.work.commit for each in before if each.repo == view.repo)
    commits = tuple(dict.fromkeys(commit for commit in theirs if commit))
    if len(commits) < 2:
        return Beginning(commits[0] if commits else "")
    repo = await workshop.repos.open(view.repo)
    for commit in commits:  # some may have been made on another host
        await bases.brought(repo, commit)
    match await merge(repo, commits, f"Merge for agent {view.id}"):
        case Merged(commit):
            return Beginning(commit)
        case Clash(files, commit):
            conflict = Conflict(files, commits, f"merge/{view.id}")
            settled_by = str(policy.get(Policy.CONFLICT, ""))
            return await _settled(workshop, repo, conflict, commit, settled_by)


async def _settled(
    workshop: Workshop, repo: OpenRepo, conflict: Conflict, marked: str, settled_by: str
) -> Beginning | Conflict:
    """How people decided that a conflict is to be resolved, if they did."""
    if not settled_by:
        return conflict
    if settled_by == BY_AGENT:
        return Beginning(marked, conflict.files)
    match await workshop.landings.resolved(repo, settled_by, conflict.commits):
        case Resolved(commit):
            return Beginning(commit)
        case Unresolved(why, detail, files):
            return Conflict(
                files or conflict.files, conflict.commits, conflict.branch, _lacks(why, detail)
            )


def _lacks(why: Missing, detail: str) -> str:
    match why:
        case Missing.BRANCH:
            return "no such branch was found"
        case Missing.REMOTE:
            return f"the remote could not be asked: {detail}"
        case Missing.COMMITS:
            return "the branch does not hold all of the commits"
        case Missing.MARKERS:
            return "files still have conflict markers"
