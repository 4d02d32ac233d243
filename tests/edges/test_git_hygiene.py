"""An agent's whole life in git, with a trap for each thing that makes git run a program.

The same traps catch plain git in the same places, so each would show that its precaution had gone.
"""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.landings import Landed, Landings
from engine.merges import Clash, Merged, merge, unresolved
from engine.repos import Repos
from engine.settings import Repo
from engine.worktrees import Worktree, Worktrees
from tests.repositories import IDENTITY, commit, git, with_remote

HOOKS = (
    *("pre-commit", "commit-msg", "post-commit", "post-checkout", "post-index-change"),
    *("reference-transaction", "pre-push", "pre-merge-commit", "post-merge"),
)
ATTRIBUTES = "* filter=trap diff=trap merge=trap\n"
MODULES = '[submodule "sub"]\n\tpath = sub\n\turl = ext::sh -c "{ran}"\n\tupdate = !{ran}\n'


@dataclass(frozen=True)
class Traps:
    """Programs that leave a mark when they are run."""

    place: Path
    ran: Path

    def program(self, name: str) -> str:
        """A program that leaves its mark, and passes on what it is given."""
        path = self.place / name
        path.write_text(f"#!/bin/sh\ntouch '{self.ran}/{name}'\n{PASSING.get(name, 'true')}\n")
        path.chmod(0o755)
        return str(path)

    def hooks(self, where: Path) -> None:
        """Every hook of a git directory."""
        where.mkdir(exist_ok=True)
        for hook in HOOKS:
            shutil.copy(self.program(hook), where / hook)

    def configure(self, top: Path) -> None:
        """What the configuration of a repository can name, but for filters."""
        settings = {
            "core.fsmonitor": self.program("fsmonitor"),
            "core.alternateRefsCommand": self.program("alternates"),
            "core.pager": self.program("pager"),
            "core.editor": self.program("editor"),
            "commit.gpgSign": "true",
            "push.gpgSign": "if-asked",
            "log.showSignature": "true",
            "gpg.program": self.program("gpg"),
            "diff.external": self.program("external"),
            "diff.trap.textconv": self.program("textconv"),
            "merge.trap.driver": f"{self.program('driver')} %A %B",
            "submodule.recurse": "true",
        }
        for name, value in settings.items():
            git(top, "config", name, value)

    def caught(self) -> set[str]:
        """The programs that were run."""
        return {path.name for path in self.ran.iterdir()}


PASSING = {  # what a program has to do so that git goes on
    "fsmonitor": "exit 1",
    "textconv": 'cat "$1"',
    "clean": "cat",
    "smudge": "cat",
    "driver": 'cp "$2" "$1"',
    "ssh": "exit 1",
    "pager": "cat",
}


@pytest.fixture
def traps(tmp_path: Path) -> Traps:
    made = Traps(tmp_path / "traps", tmp_path / "ran")
    made.place.mkdir()
    made.ran.mkdir()
    return made


@pytest.fixture
def shop(tmp_path: Path, traps: Traps) -> Path:
    """The clone of a hostile repository, full of traps of its owner's besides."""
    source = {".gitattributes": ATTRIBUTES, ".gitmodules": MODULES.format(ran=traps.ran / "module")}
    _, clone = with_remote(tmp_path / "there", {"README.md": "hello\n", **source})
    traps.configure(clone)
    traps.hooks(clone / ".git/hooks")
    return clone


@pytest.fixture
def evil(tmp_path: Path, traps: Traps) -> Path:
    """A repository that an agent has made, with everything that can be configured."""
    top = tmp_path / "evil"
    top.mkdir()
    git(top, "init", "--quiet", "--initial-branch=main")
    git(top, "config", "user.name", "Agent")
    git(top, "config", "user.email", "agent@example.invalid")
    commit(top, {"README.md": "evil\n"})
    (tmp_path / "included").write_text(f"[alias]\n\tincluded = !{traps.program('include')}\n")
    settings = {
        "include.path": str(tmp_path / "included"),
        "filter.trap.clean": traps.program("clean"),
        "filter.trap.smudge": traps.program("smudge"),
        "core.sshCommand": traps.program("ssh"),
        "alias.mine": f"!{traps.program('alias')}",
    }
    for name, value in settings.items():
        git(top, "config", name, value)
    traps.configure(top)
    traps.hooks(top / ".git/hooks")
    return top


@dataclass(frozen=True)
class Life:
    """Agents on the hostile repository; what they leave leads git astray."""

    shop: Path
    evil: Path
    repos: Repos
    worktrees: Worktrees

    async def begun(self, agent: int, base: str = "", branch: str = "") -> Worktree:
        repo = await self.repos.open("shop")
        start = await self.repos.base(repo, base)
        return await self.worktrees.open(agent, "task", repo, start.commit, branch or None)

    async def worked(self, worktree: Worktree, name: str) -> str:
        """Write files, mislead git, and have it saved."""
        (worktree.path / name).write_text(f"{worktree.agent}\n")
        (worktree.path / ".gitattributes").write_text(f"{ATTRIBUTES}# {worktree.agent}\n")
        (worktree.path / ".git").write_text(f"gitdir: {self.evil}/.git\n")
        shutil.copy(self.evil / ".git/config", worktree.git_dir / "config.worktree")
        saved = await self.worktrees.save(worktree, f"agent {worktree.agent}", "Do it")
        assert name in {file.path for file in saved.files}
        return saved.commit

    async def lived(self) -> None:
        """Open, checkpoint, show, push, go on, merge, land, salvage, remove."""
        repo = await self.repos.open("shop")
        one, two = await self.begun(1), await self.begun(2)
        first, second = await self.worked(one, "one"), await self.worked(two, "two")
        assert "+1" in await self.worktrees.diff(repo, one.base_commit, first, 10_000)
        assert (await self.repos.push(repo, one.branch, first, "")).ok
        await self.worktrees.reopen(one.path)
        await self.worktrees.remove(one.path)
        again = await self.begun(1, branch=one.branch)
        further = await self.worked(again, "more")
        clash = await merge(repo, [further, second], "Merge")
        assert isinstance(clash, Clash), "both have changed .gitattributes"
        assert await unresolved(repo, clash.commit, [further, second])
        third = await self.begun(3)
        (third.path / "three").write_text("3\n")
        saved = await self.worktrees.save(third, "agent 3", "Do it")
        assert isinstance(await merge(repo, [further, saved.commit], "Merge"), Merged)
        landed = await Landings(self.repos, {"shop": True}).into_base(repo, "main", saved.commit)
        assert isinstance(landed, Landed), landed
        (two.path / "late").write_text("late\n")
        assert (await self.worktrees.salvage(two.path)).saved
        for worktree in (again, third):
            await self.worktrees.remove(worktree.path)


@pytest.fixture
def life(shop: Path, evil: Path, tmp_path: Path) -> Life:
    repos = Repos({"shop": Repo(path=shop)}, tmp_path / "home")
    return Life(shop, evil, repos, Worktrees(repos, tmp_path / "home/.worktrees"))


async def test_nothing_that_git_can_be_told_to_run_is_run(life: Life, traps: Traps) -> None:
    for name in traps.caught():  # by the git that laid the traps
        (traps.ran / name).unlink()
    await life.lived()
    assert traps.caught() == set()
    held = git(life.shop, "ls-tree", "--name-only", "agent/2-task").split()
    assert {"two", "late"} <= set(held)


CARELESS = """
echo more >> README.md; echo '* filter=trap diff=trap merge=trap' > .gitattributes
git status; git add .; git commit -m x; git commit --no-gpg-sign; git commit --no-gpg-sign -m x
echo again >> README.md; git diff; git diff --no-ext-diff; rm README.md; git checkout README.md
git checkout -b other; echo theirs >> README.md; git commit --no-gpg-sign -am x
git checkout main; echo ours >> README.md; git commit --no-gpg-sign -am x
git merge --no-gpg-sign -m x other; git checkout -b third; echo x > new; git add new
git commit --no-gpg-sign -m x; git checkout main; git merge --no-ff --no-gpg-sign -m x third
git clone --bare . ../copy; git push ../copy main:pushed; git ls-remote ssh://nowhere.invalid/x
git -p log -1; git mine; git included
"""


def test_the_same_traps_catch_plain_git(evil: Path, traps: Traps) -> None:
    environment = {**os.environ, **IDENTITY, "TERM": "xterm"}
    subprocess.run(["sh", "-c", CARELESS], cwd=evil, env=environment, check=False)
    programs = {"fsmonitor", "external", "textconv", "clean", "smudge", "driver", "gpg"}
    assert {*HOOKS, *programs, "editor", "ssh", "alias", "include"} - traps.caught() == set()
