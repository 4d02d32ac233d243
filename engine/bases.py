"""Where an agent starts: the commit that a branch, tag or commit name stands for.

With a remote, the name is fetched first, into `refs/mab/fetched/…`: the refs of the
repository's owner stay as they are.
"""

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

from engine.errors import MabError
from engine.git import Git, GitError

FETCH_SECONDS = 60.0
ASK_SECONDS = 20.0
MAX_REF = 250  # characters
SHA = re.compile(r"[0-9a-fA-F]{7,64}")
QUIET = (
    "fetch",
    "--quiet",
    "--no-write-fetch-head",
    "--no-tags",
    "--no-prune",
    "--no-recurse-submodules",
    "--refmap=",  # else the remote-tracking branches of the owner move as well
)


class RepositoryError(MabError):
    """The repository cannot be used as it is."""


@dataclass(frozen=True)
class OpenRepo:
    """A repository that can be worked on."""

    name: str
    git_dir: Path  # what all its worktrees share
    head_dir: Path  # of the checkout that was named
    head: str = ""  # the branch that its HEAD named when it was opened, the default base
    remote: str = ""  # name of the remote; "" = none
    url: str = ""  # where to push; may hold credentials, never shown
    base: str = ""  # configured; "" = the branch that HEAD names
    own: bool = False  # our own clone, whose HEAD may follow the remote's

    @property
    def git(self) -> Git:
        """Git on this repository."""
        return Git(self.git_dir)


@dataclass(frozen=True)
class Base:
    """Where an agent starts."""

    commit: str
    ref: str  # short name; "HEAD" when the checkout is on no branch
    remote: str = ""  # name of the remote that has this ref; "" = it is only here
    stale: str = ""  # why the remote could not be asked; the commit is its last known state


@dataclass(frozen=True)
class Tips:
    """Where a branch is, at the remote and in the repository itself."""

    remote: str = ""  # commit; "" = the remote has no such branch, or there is no remote
    local: str = ""
    stale: str = ""  # why the remote could not be asked


@dataclass(frozen=True)
class _Fetched:
    ref: str = ""  # where it is now; "" = the remote has no such branch or tag
    stale: str = ""


async def resolve(repo: OpenRepo, ref: str) -> Base:
    """The base that `ref` names ("" = the configured one, else HEAD's branch).

    Raises RepositoryError for what is no ref and for an unknown one, with similar names.
    """
    name = await named(repo, ref)
    if SHA.fullmatch(name) and not await _local(repo, name, remote_first=False):
        await _fetch_all(repo)
    wanted = (f"refs/heads/{name}", f"refs/tags/{name}")
    fetched = await _fetch(repo, wanted) if _worth_asking(repo, name) else _Fetched()
    if fetched.ref:
        return Base(await repo.git.commit_of(fetched.ref), name, repo.remote)
    remote_first = bool(fetched.stale)
    if found := await _local(repo, name, remote_first=remote_first):
        return Base(found, name, repo.remote if fetched.stale else "", fetched.stale)
    raise RepositoryError(await _unknown(repo, name, fetched.stale))


async def named(repo: OpenRepo, ref: str) -> str:
    """The short name that `ref` stands for; raises RepositoryError for what is no ref."""
    name = checked(repo, ref) or checked(repo, repo.base) or await _default(repo)
    return short(name, repo.remote)


async def tips(repo: OpenRepo, branch: str) -> Tips:
    """Where a branch is now; the remote's commits are fetched. Raises RepositoryError."""
    ref = f"refs/heads/{checked(repo, branch)}"
    shown = await repo.git.run("show-ref", "--verify", "--hash", "--", ref)
    local = shown.out.decode().strip() if shown.code == 0 else ""
    if not repo.remote:
        return Tips(local=local)
    fetched = await _fetch(repo, (ref,))
    remote = await repo.git.commit_of(fetched.ref) if fetched.ref else ""
    return Tips(remote, local, fetched.stale)


async def landable(repo: OpenRepo, ref: str, *, push: bool) -> str:
    """The branch that work which began at `ref` can be merged into; "" when there is none.

    The remote is not asked. With `push` a branch counts that only the remote has.
    """
    name = await named(repo, ref)
    shown = await repo.git.run("show-ref", "--verify", "--quiet", "--", f"refs/heads/{name}")
    if shown.code == 0:
        return name
    return name if repo.remote and push and await _newest(repo, name) else ""


async def remote_tip(repo: OpenRepo, branch: str) -> str:
    """The commit that the remote's branch has; "" when it has none or cannot be asked."""
    try:
        asked = repo.git.within(ASK_SECONDS).text("ls-remote", repo.remote, f"refs/heads/{branch}")
        return (await asked).partition("\t")[0]
    except GitError:
        return ""


async def brought(repo: OpenRepo, commit: str) -> bool:
    """Whether a commit is here, after all branches of the remote were fetched if need be."""
    if not await repo.git.commit_of(commit):
        await _fetch_all(repo)
    return bool(await repo.git.commit_of(commit))


def checked(repo: OpenRepo, ref: str) -> str:
    """The ref, if it can be one; raises RepositoryError."""
    ref = ref.strip()
    if ref.startswith("-") or len(ref) > MAX_REF or re.search(r"[\s\x00-\x1f\x7f:?*\\]", ref):
        shown = ref[:60].encode("unicode_escape").decode()
        raise RepositoryError(
            f"“{shown}” cannot be a branch, tag or commit of {repo.name}; give a name like “main”"
        )
    return ref


def short(ref: str, remote: str) -> str:
    """The branch or tag name without what git may put in front of it."""
    for prefix in ("refs/heads/", "refs/tags/", f"refs/remotes/{remote}/", f"{remote}/"):
        if len(prefix) > 1 and ref.startswith(prefix):
            return ref.removeprefix(prefix)
    return ref


def _worth_asking(repo: OpenRepo, name: str) -> bool:
    plain = not re.search(r"[~^@{]|\.\.|^HEAD$", name)
    return bool(repo.remote) and plain and not SHA.fullmatch(name)


async def _default(repo: OpenRepo) -> str:
    """The branch that HEAD names; in our own clone what the remote's HEAD names today."""
    if not repo.own:
        return repo.head or "HEAD"
    await _follow_head(repo)
    return await repo.git.branch() or "HEAD"


async def _follow_head(repo: OpenRepo) -> None:
    """Let HEAD of our own clone name the branch that the remote's HEAD names today."""
    git = repo.git.within(ASK_SECONDS)
    try:
        listed = await git.text("ls-remote", "--symref", repo.remote, "HEAD")
    except GitError:
        return  # the fetch that follows fails as well, and says so
    if named := re.match(r"ref: (refs/heads/\S+)\tHEAD", listed):
        await git.run("symbolic-ref", "HEAD", named[1])


async def _fetch(repo: OpenRepo, wanted: tuple[str, ...]) -> _Fetched:
    """Fetch the first of these refs that the remote has."""
    try:
        listed = await repo.git.within(ASK_SECONDS).text("ls-remote", repo.remote, *wanted)
        there = {line.partition("\t")[2] for line in listed.splitlines()}
        source = next((ref for ref in wanted if ref in there), "")
        if not source:
            return _Fetched()
        target = source.replace("refs/", f"refs/mab/fetched/{repo.remote}/", 1)
        git = repo.git.within(FETCH_SECONDS)
        await git.out(*QUIET, repo.remote, f"+{source}:{target}")
    except GitError as error:
        return _Fetched(stale=error.detail.splitlines()[0])
    return _Fetched(target)


async def _fetch_all(repo: OpenRepo) -> None:
    """Every branch of the remote, for a commit that is not known here; a failure shows later."""
    if repo.remote:
        target = f"refs/mab/fetched/{repo.remote}/heads/*"
        await repo.git.within(FETCH_SECONDS).run(*QUIET, repo.remote, f"+refs/heads/*:{target}")


async def _local(repo: OpenRepo, name: str, *, remote_first: bool) -> str:
    """The commit that is known here under this name; "" when there is none."""
    own = [f"refs/heads/{name}", f"refs/tags/{name}"]
    last = [await _newest(repo, name), f"refs/mab/fetched/{repo.remote}/tags/{name}"]
    for ref in [*last, *own, name] if remote_first else [*own, *last, name]:
        if ref and (commit := await repo.git.commit_of(ref)):
            return commit
    return ""


async def _newest(repo: OpenRepo, name: str) -> str:
    """The later of the two refs that remember the remote's branch: ours and the owner's."""
    ours, theirs = (
        f"refs/mab/fetched/{repo.remote}/heads/{name}",
        f"refs/remotes/{repo.remote}/{name}",
    )
    order = ("--sort=-committerdate", "--count=1", "--format=%(refname)")
    ran = await repo.git.run("for-each-ref", *order, ours, theirs)
    return ran.out.decode("utf-8", "replace").strip()


async def _unknown(repo: OpenRepo, name: str, stale: str) -> str:
    listed = await repo.git.text(
        "for-each-ref", "--format=%(refname)", "refs/heads", "refs/tags", "refs/remotes", "refs/mab"
    )
    names = {_named(ref) for ref in listed.splitlines()}
    similar = difflib.get_close_matches(name, sorted(names), n=3, cutoff=0.5)
    hint = f"; similar names: {', '.join(similar)}" if similar else ""
    asked = f" (the remote could not be asked: {stale})" if stale else ""
    return f"{repo.name} has no branch, tag or commit “{name}”{asked}{hint}"


def _named(ref: str) -> str:
    return re.sub(r"^refs/(mab/fetched/[^/]+/)?(heads/|tags/|remotes/[^/]+/|mab/)", "", ref)
