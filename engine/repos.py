"""The repositories that agents may work on.

A repository with a `path` is used in place; only objects, `refs/heads/agent/*`, `refs/mab/*`
and its list of worktrees grow. One with a `url` is cloned once, bare, below `home`.
"""

import asyncio
import os
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine import bases, forges
from engine.bases import Base, OpenRepo, RepositoryError
from engine.git import Git, GitError, without_credentials
from engine.locks import Locks
from engine.settings import Repo

__all__ = ["Base", "OpenRepo", "Pushed", "Repos", "RepositoryError"]

CLONE_SECONDS = 1800.0
PUSH_SECONDS = 180.0
MAX_INSTRUCTIONS = 40_000  # bytes of each file
INSTRUCTIONS = ("CLAUDE.md", "AGENTS.md")


@dataclass(frozen=True)
class Pushed:
    """What came of a push."""

    ok: bool
    detail: str = ""  # the remote's words when it did not go


class Repos:
    """The configured repositories, opened when they are needed."""

    def __init__(self, settings_repos: Mapping[str, Repo], home: Path) -> None:
        self._settings = settings_repos
        self._home = home
        self.locks = Locks(home / "locks")

    async def open(self, name: str) -> OpenRepo:
        """The repository of this name, ready to work on.

        Raises RepositoryError, with what to do about it: unknown name, missing path, no
        repository, no commits, a clone that did not succeed.
        """
        settings = self._settings.get(name)
        if settings is None:
            known = ", ".join(sorted(self._settings)) or "none is configured"
            raise RepositoryError(f"there is no repository “{name[:80]}”; known here: {known}")
        if settings.path is not None:
            return await _in_place(name, settings, settings.path)
        return await self._cloned(name, settings)

    async def base(self, repo: OpenRepo, ref: str) -> Base:
        """Where an agent starts; see `bases.resolve`."""
        return await bases.resolve(repo, ref)

    async def instructions(self, repo: OpenRepo, commit: str) -> str:
        """CLAUDE.md and AGENTS.md at the root of a commit, as text; "" without them."""
        listed = await repo.git.text("ls-tree", commit, *INSTRUCTIONS)
        texts: dict[str, str] = {}
        for line in listed.splitlines():
            facts, _, name = line.partition("\t")
            if facts.startswith("100"):  # a regular file; 120000 is a symbolic link
                texts[name] = await _text(repo, facts.split()[2])
        return "\n\n".join(f"# {name}\n\n{text}" for name, text in texts.items() if text)

    async def push(self, repo: OpenRepo, branch: str, commit: str, expected_old: str) -> Pushed:
        """Push a commit to the agent's branch, if the remote's is still at `expected_old`.

        "" means that the remote must not have the branch yet. It goes to the remote's address,
        not its name, so that no remote-tracking branch appears in the owner's repository.
        What does not hold `expected_old` is refused: it would take commits away there.
        """
        if not repo.remote:
            return Pushed(ok=False, detail="the repository has no remote")
        if expected_old and not await repo.git.contains(commit, expected_old):
            return Pushed(ok=False, detail="the remote's branch holds commits that this lacks")
        ref = f"refs/heads/{branch}"
        lease = f"--force-with-lease={ref}:{expected_old}"
        calm = ("--porcelain", "--no-verify", "--no-follow-tags", "--recurse-submodules=no")
        git = repo.git.within(PUSH_SECONDS)
        try:
            ran = await git.run(
                "push", *calm, "--no-signed", lease, "--", repo.url, f"{commit}:{ref}"
            )
        except GitError as error:
            return Pushed(ok=False, detail=error.detail)
        return Pushed(ran.code == 0, "" if ran.code == 0 else _refusal(ran.out, ran.words))

    def links(
        self, repo: OpenRepo, branch: str, base: str, *, pushed: bool = True
    ) -> tuple[str, str]:
        """The forge's page for a pull request ("" if unknown), and the `git fetch` line.

        What was not `pushed` has no page and is fetched from the worker's own repository.
        """
        there = bool(repo.remote) and pushed
        onto = "" if base == "HEAD" else base
        page = forges.compare_url(repo.url, onto, branch) if there else ""
        source = without_credentials(repo.url) if there else str(repo.git_dir)
        return page, f"git fetch {shlex.quote(source)} {shlex.quote(branch)}"

    async def _cloned(self, name: str, settings: Repo) -> OpenRepo:
        place = self._home / "repos" / name
        async with self.locks.held(f"clone {name}"):
            if not await asyncio.to_thread((place / "HEAD").exists):
                await _clone(name, settings.url, place)
        git = Git(place)
        if await git.text("config", "remote.origin.url") != settings.url:
            await git.out("config", "remote.origin.url", settings.url)
        await _must_have_commits(name, git, without_credentials(settings.url))
        address = await _address(git, "origin")
        return OpenRepo(name, place, place, "", "origin", address, settings.base, own=True)


async def _in_place(name: str, settings: Repo, path: Path) -> OpenRepo:
    if not await asyncio.to_thread(path.is_dir):
        raise RepositoryError(
            f"the directory of {name}, {path}, does not exist; correct `path` in the configuration"
        )
    top = await asyncio.to_thread(path.resolve)
    head_dir, git_dir = await _dirs(name, top)
    git = Git(git_dir)
    await _must_have_commits(name, Git(head_dir), str(path))
    head = await Git(head_dir).branch()
    remote = await _remote(git, head)
    address = await _address(git, remote) if remote else ""
    return OpenRepo(name, git_dir, head_dir, head, remote, address, settings.base)


async def _dirs(name: str, top: Path) -> tuple[Path, Path]:
    """Git directory and common git directory; the only search, and not above `top`."""
    dot = top / ".git"
    start = dot if await asyncio.to_thread(dot.is_dir) else top
    if await asyncio.to_thread(dot.is_file):  # a linked worktree or a submodule
        start = await asyncio.to_thread(_pointed_to, dot)
    asked = ("rev-parse", "--path-format=absolute", "--git-dir", "--git-common-dir")
    ran = await Git(start).run(*asked)
    if ran.code != 0:
        raise RepositoryError(
            f"{top} ({name}) is not a git repository; run `git init` and commit there, "
            "or correct `path` in the configuration"
        )
    found = [Path(os.fsdecode(line)) for line in ran.out.splitlines()]
    return found[0], found[1]


def _pointed_to(dot: Path) -> Path:
    text = dot.read_text(errors="surrogateescape").removeprefix("gitdir:").strip()
    return dot.parent / text


async def _must_have_commits(name: str, git: Git, where: str) -> None:
    any_ref = await git.text("for-each-ref", "--count=1", "--format=%(objectname)")
    if not any_ref and not await git.commit_of("HEAD"):
        raise RepositoryError(
            f"{name} has no commits yet, so there is nothing to start from; "
            f"make a first commit in {where}"
        )


async def _remote(git: Git, branch: str) -> str:
    """The remote of HEAD's branch, else `origin`, else the only one."""
    names = (await git.text("remote")).splitlines()
    configured = (await git.run("config", f"branch.{branch}.remote")).out.decode().strip()
    wanted = [name for name in (configured, "origin") if name in names]
    return next(iter(wanted or (names if len(names) == 1 else [])), "")


async def _address(git: Git, remote: str) -> str:
    return (await git.text("remote", "get-url", "--push", remote)).splitlines()[0]


async def _clone(name: str, url: str, place: Path) -> None:
    """Clone beside the place and move there, so that a broken clone is never taken for one."""
    fresh = place.with_name(f".{place.name}.new")
    await asyncio.to_thread(shutil.rmtree, fresh, ignore_errors=True)
    await asyncio.to_thread(fresh.mkdir, parents=True)
    git = Git(fresh, timeout=CLONE_SECONDS)
    try:
        await git.out("init", "--quiet", "--template=", "--bare", str(fresh))
        await git.out("config", "remote.origin.url", url)
        fetched = "refs/mab/fetched/origin"
        specs = (f"+refs/heads/*:{fetched}/heads/*", f"+refs/tags/*:{fetched}/tags/*")
        await git.out(*bases.QUIET, "origin", *specs)
        await asyncio.to_thread(fresh.rename, place)
    except GitError as error:
        raise RepositoryError(
            f"{name} could not be cloned from {without_credentials(url)}: {error.detail}; "
            "see whether the worker may read it (`mab doctor`)"
        ) from error


async def _text(repo: OpenRepo, blob: str) -> str:
    read = await repo.git.out("cat-file", "blob", blob, limit=MAX_INSTRUCTIONS)
    text = read.decode("utf-8", "replace").replace("\0", "").strip()
    return text + ("\n[cut here]" if len(read) == MAX_INSTRUCTIONS else "")


def _refusal(out: bytes, words: str) -> str:
    """Why the push did not go: git's line for the branch, and what the remote said."""
    lines = out.decode("utf-8", "replace").splitlines()
    refused = [line.split("\t")[-1] for line in lines if line.startswith("!")]
    said = [line for line in words.splitlines() if not line.startswith("error: failed to push")]
    return without_credentials("\n".join([*refused, *said]))[:1000] or "git push failed"
