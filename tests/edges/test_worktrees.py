"""Worktrees: made, saved and removed, whatever lies in them; nothing is lost, nothing runs."""

import asyncio
import os
import re
import resource
import shutil
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from engine import checkouts
from engine.checkouts import MAX_SLUG
from engine.commits import HUGE, SHOWN
from engine.repos import OpenRepo, Repos
from engine.settings import Repo
from engine.views import FileChange, NoteKind
from engine.worktrees import DiskFull, Saved, Worktree, WorktreeError, Worktrees, slug
from tests.repositories import checkout, commit, create, git, with_remote


class Yard:
    """A repository and the worktrees of its agents."""

    def __init__(self, home: Path, path: Path) -> None:
        self.path = path
        self.repos = Repos({"shop": Repo(path=path)}, home)
        self.worktrees = Worktrees(self.repos, home / ".worktrees")
        self.repo: OpenRepo

    async def open(self, agent: int = 1, branch: str | None = None, name: str = "task") -> Worktree:
        self.repo = await self.repos.open("shop")
        base = await self.repos.base(self.repo, "")
        return await self.worktrees.open(agent, name, self.repo, base.commit, branch)

    async def save(self, worktree: Worktree) -> Saved:
        return await self.worktrees.save(worktree, f"agent {worktree.agent}", "Do it", "Ada")

    def names(self, commit: str) -> set[str]:
        return set(
            git(
                self.path, "-c", "core.quotePath=false", "ls-tree", "-r", "--name-only", commit
            ).splitlines()
        )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def yard(home: Path, tmp_path: Path) -> Yard:
    files = {
        "README.md": "hello\n",
        "src/a.py": "a\n" * 20,
        "src/b.py": "b\n",
        "run.sh": "#!/bin/sh\n",
    }
    return Yard(home, create(tmp_path / "shop", files))


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("Fix the login!", "fix-the-login"),
        ("  --help; rm -rf / ", "help-rm-rf"),
        ("Größe ändern, s'il vous plaît", "groe-andern-s-il-vous-plait"),
        ("ログインを直して", "task"),
        ("🎉", "task"),
        ("../../etc/passwd.lock", "etc-passwd-lock"),
        ("word " * 30, "word-word-word-word-word-word-word-word"),
        ("x" * 99, "x" * MAX_SLUG),
    ],
)
def test_a_slug_is_short_plain_and_never_empty(task: str, expected: str) -> None:
    assert slug(task) == expected
    assert len(slug(task)) <= MAX_SLUG


async def test_an_agent_gets_a_directory_and_a_branch_and_the_checkout_is_untouched(
    yard: Yard,
) -> None:
    (yard.path / "README.md").write_text("dirty\n")
    (yard.path / "new.txt").write_text("untracked\n")
    (yard.path / "staged.txt").write_text("staged\n")
    git(yard.path, "add", "staged.txt")
    before = checkout(yard.path)
    worktree = await yard.open(12, name="fix-login")
    assert worktree.path.parent == yard.worktrees.root
    assert worktree.path.name.startswith("agent-12-")
    assert worktree.branch == "agent/12-fix-login"
    assert git(worktree.path, "branch", "--show-current") == worktree.branch
    assert (worktree.path / "README.md").read_text() == "hello\n"
    (worktree.path / "hello.txt").write_text("Hello from agent!")
    saved = await yard.save(worktree)
    await yard.worktrees.remove(worktree.path)
    assert git(yard.path, "show", f"{saved.commit}:hello.txt") == "Hello from agent!"
    assert checkout(yard.path) == before
    assert not (yard.path / "hello.txt").exists()


async def test_everything_that_the_agent_left_is_committed(yard: Yard) -> None:
    (yard.path / ".gitignore").write_text("*.log\n")
    commit(yard.path, {})
    worktree = await yard.open()
    top = worktree.path
    (top / "README.md").write_text("hello\nworld\n")
    (top / "src/a.py").rename(top / "src/ä new name.py")
    (top / "src/b.py").unlink()
    (top / "run.sh").chmod(0o755)
    (top / "bin").write_bytes(b"\0\1\2")
    (top / "trace.log").write_text("ignored")
    (top / "link").symlink_to("/etc/passwd")
    (top / "empty").mkdir()
    saved = await yard.save(worktree)
    assert set(saved.files) == {
        FileChange("README.md", 1, 0),
        FileChange("src/a.py → src/ä new name.py", 0, 0),
        FileChange("src/b.py", 0, 1),
        FileChange("run.sh", 0, 0),
        FileChange("bin", 0, 0, binary=True),
        FileChange("link", 1, 0),
    }
    assert (saved.left_out, saved.rescued) == ((), "")
    assert git(yard.path, "show", f"{saved.commit}:link") == "/etc/passwd"
    assert "100755" in git(yard.path, "ls-tree", saved.commit, "run.sh")
    assert git(yard.path, "rev-parse", worktree.branch) == saved.commit
    assert git(top, "status", "--porcelain") == ""


async def test_the_commit_names_the_agent_and_who_asked(yard: Yard) -> None:
    worktree = await yard.open(7)
    (worktree.path / "x").write_text("x")
    saved = await yard.worktrees.save(
        worktree, "agent 7", "Add x\n\nbecause", "Ada\nSigned-off-by: Eve <eve@example.invalid>"
    )
    shown = git(
        yard.path,
        "show",
        "-s",
        "--format=%an|%ae|%cn|%(trailers:key=Requested-by)|%(trailers:key=Signed-off-by)",
        saved.commit,
    )
    assert shown.startswith(
        "agent 7|agent-7@mab.invalid|agent 7|Requested-by: Ada Signed-off-by: Eve"
    )
    assert shown.strip().endswith("|")


async def test_nothing_changed_is_no_commit(yard: Yard) -> None:
    worktree = await yard.open()
    (worktree.path / "README.md").touch()
    assert await yard.save(worktree) == Saved(worktree.base_commit)
    salvaged = await yard.worktrees.remove(worktree.path)
    assert salvaged.saved == Saved(worktree.base_commit)
    assert git(yard.path, "branch", "--list", "agent/*") == ""
    assert git(yard.path, "worktree", "list").count("\n") == 0


async def test_it_can_be_saved_again_and_gone_on_with(yard: Yard) -> None:
    worktree = await yard.open()
    (worktree.path / "one").write_text("1")
    first = await yard.save(worktree)
    (worktree.path / "two").write_text("2")
    second = await yard.save(worktree)
    assert git(yard.path, "rev-parse", f"{second.commit}^") == first.commit
    again = await yard.worktrees.reopen(worktree.path)
    assert (again.head, replace(again, head=worktree.head)) == (second.commit, worktree)
    (again.path / "three").write_text("3")
    third = await yard.save(again)
    assert {file.path for file in third.files} == {"one", "two", "three"}
    assert third.rescued == ""


async def test_a_further_attempt_starts_where_the_branch_is(yard: Yard) -> None:
    first = await yard.open()
    (first.path / "one").write_text("1")
    saved = await yard.save(first)
    second = await yard.open(branch=first.branch)
    assert (second.head, second.branch, second.base_commit) == (
        saved.commit,
        first.branch,
        first.base_commit,
    )
    assert (second.path / "one").read_text() == "1"
    (second.path / "two").write_text("2")
    more = await yard.save(second)
    assert git(yard.path, "rev-parse", first.branch) == more.commit
    await yard.worktrees.remove(first.path)
    assert git(yard.path, "rev-parse", first.branch) == more.commit


async def test_a_branch_that_was_deleted_is_made_again_from_the_base(yard: Yard) -> None:
    worktree = await yard.open(branch="agent/1-gone")
    assert worktree.head == worktree.base_commit
    (worktree.path / "x").write_text("x")
    git(yard.path, "update-ref", "-d", "refs/heads/agent/1-gone")
    saved = await yard.save(worktree)
    assert git(yard.path, "rev-parse", "agent/1-gone") == saved.commit


async def test_a_branch_name_that_exists_is_left_alone(yard: Yard) -> None:
    commit(yard.path, {"x": "x"})
    git(yard.path, "branch", "agent/1-task", "HEAD~1")
    before = git(yard.path, "rev-parse", "agent/1-task")
    assert (await yard.open()).branch == "agent/1-task-2"
    assert (await yard.open()).branch == "agent/1-task-3"
    assert git(yard.path, "rev-parse", "agent/1-task") == before


async def test_a_branch_called_agent_is_named_as_the_obstacle(yard: Yard) -> None:
    git(yard.path, "branch", "agent")
    with pytest.raises(WorktreeError, match="rename that one"):
        await yard.open()
    assert await yard.worktrees.orphans([]) == ()


async def test_twenty_at_once_share_nothing(yard: Yard) -> None:
    await yard.open(99)
    opened = await asyncio.gather(*(yard.open(agent) for agent in range(1, 21)))
    assert len({worktree.path for worktree in opened}) == 20
    assert len({worktree.git_dir for worktree in opened}) == 20
    for worktree in opened:
        (worktree.path / "mine").write_text(str(worktree.agent))
    saved = await asyncio.gather(*map(yard.save, opened))
    for worktree, result in zip(opened, saved, strict=True):
        assert git(yard.path, "show", f"{worktree.branch}:mine") == str(worktree.agent)
        assert result.rescued == ""
    await asyncio.gather(*(yard.worktrees.remove(worktree.path) for worktree in opened))
    assert len(list(yard.worktrees.root.glob("agent-*"))) == 1


@pytest.mark.parametrize("name", ["bare.git", "shallow", "mit Leerzeichen und ünïcødé"])
async def test_bare_shallow_and_oddly_named_repositories_work(
    name: str, home: Path, tmp_path: Path
) -> None:
    remote, clone = with_remote(tmp_path, {"file": "x\n"})
    commit(clone, {"file": "y\n"})
    git(clone, "push", "--quiet")
    depth = ["--depth=1"] if name == "shallow" else ["--bare"] if name == "bare.git" else []
    git(tmp_path, "clone", "--quiet", *depth, f"file://{remote}", str(tmp_path / name))
    yard = Yard(home / name, tmp_path / name)
    worktree = await yard.open()
    git(worktree.path, "commit", "--quiet", "--allow-empty", "-m", "its own")
    (worktree.path / "new ñ").write_text("x")
    saved = await yard.save(worktree)
    assert saved.files == (FileChange("new ñ", 1, 0),)
    assert saved.rescued == ""
    assert git(tmp_path / name, "log", "--format=%s", "-2", saved.commit) == "Do it\nits own"
    assert (await yard.repos.push(yard.repo, worktree.branch, saved.commit, "")).ok
    await yard.worktrees.remove(worktree.path)
    assert not worktree.path.exists()


async def test_a_sparse_checkout_does_not_make_files_look_deleted(yard: Yard) -> None:
    commit(yard.path, {"docs/guide.md": "x"})
    git(yard.path, "sparse-checkout", "set", "src")
    worktree = await yard.open()
    assert (worktree.path / "docs/guide.md").exists()
    (worktree.path / "x").write_text("x")
    assert (await yard.save(worktree)).files == (FileChange("x", 1, 0),)


async def test_submodules_are_noted_and_what_lies_in_them_is_left_out(
    yard: Yard, tmp_path: Path
) -> None:
    create(tmp_path / "part")
    git(yard.path, "submodule", "--quiet", "add", str(tmp_path / "part"), "vendor/part")
    commit(yard.path, {})
    worktree = await yard.open()
    assert [(note.kind, note.detail) for note in worktree.notes] == [
        (NoteKind.SUBMODULES, "vendor/part")
    ]
    assert await yard.save(worktree) == Saved(worktree.base_commit)
    (worktree.path / "vendor/part/file").write_text("x")
    saved = await yard.save(worktree)
    assert saved.commit == worktree.base_commit
    assert saved.left_out == ("vendor/part/ (inside a submodule)",)


async def test_lfs_pointers_are_noted_also_where_git_lfs_is_configured_but_missing(
    yard: Yard, tmp_path: Path
) -> None:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 5\n"
    commit(
        yard.path,
        {".gitattributes": "*.png filter=lfs diff=lfs merge=lfs -text\n", "a.png": pointer},
    )
    if not shutil.which("git-lfs"):
        for key, value in {"process": "git-lfs filter-process", "required": "true"}.items():
            git(yard.path, "config", f"filter.lfs.{key}", value)
    worktree = await yard.open()
    assert [note.kind for note in worktree.notes] == [NoteKind.LFS_POINTERS]
    (worktree.path / "x").write_text("x")
    assert (await yard.save(worktree)).files == (FileChange("x", 1, 0),)


async def test_what_the_agent_committed_itself_stays(yard: Yard) -> None:
    worktree = await yard.open()
    own = commit(worktree.path, {"own": "x"}, "by itself")
    (worktree.path / "rest").write_text("x")
    saved = await yard.save(worktree)
    assert git(yard.path, "rev-parse", f"{saved.commit}^") == own
    assert saved.rescued == ""
    assert git(yard.path, "rev-parse", worktree.branch) == saved.commit


async def test_commits_on_another_branch_or_none_come_to_the_agents_branch(yard: Yard) -> None:
    worktree = await yard.open()
    git(worktree.path, "checkout", "--quiet", "-b", "elsewhere")
    commit(worktree.path, {"one": "1"})
    git(worktree.path, "checkout", "--quiet", "--detach")
    own = commit(worktree.path, {"two": "2"})
    saved = await yard.save(worktree)
    assert saved == replace(saved, commit=own, rescued="")
    assert git(yard.path, "rev-parse", worktree.branch) == own
    assert git(worktree.path, "branch", "--show-current") == worktree.branch


async def test_history_that_the_agent_rewrote_is_rescued(yard: Yard) -> None:
    first = await yard.open()
    commit(first.path, {"earlier": "x"})
    earlier = (await yard.save(first)).commit
    await yard.worktrees.remove(first.path)
    worktree = await yard.open(branch=first.branch)
    git(worktree.path, "checkout", "--quiet", "--orphan", "nothing-before")
    own = commit(worktree.path, {"later": "y"})
    saved = await yard.save(worktree)
    assert saved.rescued == "refs/mab/rescue/agent-1-1"
    assert git(yard.path, "rev-parse", saved.rescued) == own
    assert git(yard.path, "rev-parse", f"{saved.commit}^") == earlier
    assert {"earlier", "later"} <= yard.names(saved.commit)
    assert git(yard.path, "rev-parse", first.branch) == saved.commit


async def test_a_branch_that_somebody_else_moved_is_not_overwritten(yard: Yard) -> None:
    worktree = await yard.open()
    theirs = commit(yard.path, {"theirs": "x"})
    git(yard.path, "update-ref", f"refs/heads/{worktree.branch}", theirs)
    (worktree.path / "mine").write_text("x")
    saved = await yard.save(worktree)
    assert saved.rescued == "refs/mab/rescue/agent-1-1"
    assert git(yard.path, "rev-parse", worktree.branch) == theirs
    assert git(yard.path, "rev-parse", saved.rescued) == saved.commit
    assert saved.files == (FileChange("mine", 1, 0),)
    again = await yard.save(worktree)
    assert again.rescued == saved.rescued, "the same work is rescued once"


async def test_what_the_sandbox_leaves_and_what_no_commit_can_hold_is_left_out(yard: Yard) -> None:
    worktree = await yard.open()
    top = worktree.path
    (top / ".claude/commands").mkdir(parents=True)
    for mask in (".bashrc", ".gitconfig", ".mcp.json", ".claude/settings.json"):
        (top / mask).touch()
    (top / "src/empty.py").touch()
    os.mkfifo(top / "fifo")
    create(top / "cloned", {"x": "x"})
    (top / "started").mkdir()
    git(top / "started", "init", "--quiet")
    (top / "started/file").write_text("x")
    with (top / "huge").open("wb") as huge:
        huge.truncate(HUGE + 1)
    (top / "git~1").write_text("a name that git refuses")
    (top / "kept").write_text("x")
    saved = await yard.save(worktree)
    assert {file.path for file in saved.files} == {"kept", "src/empty.py"}
    assert {text.split(" (")[0] for text in saved.left_out} == {
        "cloned/",
        "started/",
        "huge",
        "git~1",
    }


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes device nodes")
async def test_a_tracked_file_that_became_a_device_keeps_its_content(yard: Yard) -> None:
    worktree = await yard.open()
    for name in ("README.md", ".bashrc"):
        (worktree.path / name).unlink(missing_ok=True)
        os.mknod(worktree.path / name, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    saved = await yard.save(worktree)
    assert saved == Saved(worktree.base_commit, left_out=("README.md (not a regular file)",))
    await yard.worktrees.remove(worktree.path)
    assert not worktree.path.exists()


async def test_files_and_directories_may_change_places_and_links_lead_nowhere(
    yard: Yard, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.py").write_text("secret")
    worktree = await yard.open()
    shutil.rmtree(worktree.path / "src")
    (worktree.path / "src").symlink_to(outside)
    (worktree.path / "run.sh").unlink()
    (worktree.path / "run.sh").mkdir()
    (worktree.path / "run.sh/now").write_text("a directory")
    saved = await yard.save(worktree)
    assert yard.names(saved.commit) == {"README.md", "run.sh/now", "src"}
    assert saved.left_out == ()
    assert git(yard.path, "show", f"{saved.commit}:src") == str(outside)
    await yard.worktrees.remove(worktree.path)
    assert (outside / "a.py").read_text() == "secret"


async def test_files_that_the_agent_locked_away_are_saved_and_removed(yard: Yard) -> None:
    worktree = await yard.open()
    locked = worktree.path / "cache"
    locked.mkdir()
    (locked / "file").write_text("x")
    (locked / "file").chmod(0)
    locked.chmod(0)
    saved = await yard.save(worktree)
    assert {file.path for file in saved.files} == {"cache/file"}
    locked.chmod(0o500)
    await yard.worktrees.remove(worktree.path)
    assert not worktree.path.exists()


async def test_a_directory_that_its_agent_closed_is_saved_and_removed(yard: Yard) -> None:
    worktree = await yard.open()
    (worktree.path / "made.txt").write_text("work\n")
    worktree.path.chmod(0)
    saved = await yard.save(worktree)
    assert [change.path for change in saved.files] == ["made.txt"]
    worktree.path.chmod(0)
    await yard.worktrees.remove(worktree.path)
    assert not worktree.path.exists()


@pytest.mark.parametrize(
    ("name", "levels", "saved"),
    [
        ("d", 1500, {"made.txt", "deep.txt"}),  # deeper than Python calls itself
        ("d", 5000, {"made.txt"}),  # than the system reaches by a path, and so git
        ("d" * 200, 50, {"made.txt"}),
    ],
)
async def test_however_deep_an_agent_went_the_rest_is_saved_and_all_of_it_removed(
    yard: Yard, name: str, levels: int, saved: set[str]
) -> None:
    worktree = await yard.open()
    (worktree.path / "made.txt").write_text("work\n")
    dig = f"import os\nfor _ in range({levels}): os.mkdir({name!r}); os.chdir({name!r})\n"
    dig += "open('deep.txt', 'w').write('x')\nos.chmod('.', 0o500)"
    digging = await asyncio.create_subprocess_exec(sys.executable, "-c", dig, cwd=worktree.path)
    assert await digging.wait() == 0
    done = await yard.save(worktree)
    assert {Path(change.path).name for change in done.files} == saved
    told = () if "deep.txt" in saved else (f"{'/'.join([name] * levels)[:SHOWN]}… (too deep)",)
    assert done.left_out == told
    assert await yard.worktrees.disk_used(worktree.path) > 0
    await yard.worktrees.remove(worktree.path)
    assert not await yard.worktrees.orphans(())


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("bwrap"), reason="root has no rights so")
def test_what_was_closed_is_not_lost_either_by_who_is_not_root(tmp_path: Path) -> None:
    """Root looks into everything; a worker's user does not."""
    again = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", __file__]
    chosen = [
        "-o",
        "addopts=",
        "-k",
        "locked_away or agent_closed",
        f"--basetemp={tmp_path / 'own'}",
    ]
    plain = ["bwrap", "--dev-bind", "/", "/", "--cap-drop", "ALL"]
    # What was asked of the outer run, a bar of coverage perhaps, is not asked of these two tests.
    env = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    run = subprocess.run(
        [*plain, *again, *chosen], env=env, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout
    assert "2 passed" in run.stdout


async def test_an_index_lock_left_behind_does_not_matter(yard: Yard) -> None:
    worktree = await yard.open()
    (worktree.git_dir / "index.lock").touch()
    (worktree.git_dir / "index").write_bytes(b"broken")
    (worktree.path / "x").write_text("x")
    assert (await yard.save(worktree)).files == (FileChange("x", 1, 0),)
    assert git(worktree.path, "status", "--porcelain") == ""


@pytest.mark.parametrize("form", ["file", "directory", "link", "gone"])
async def test_a_replaced_git_file_is_not_believed_and_nothing_hostile_runs(
    form: str, yard: Yard, tmp_path: Path
) -> None:
    worktree = await yard.open()
    ran = tmp_path / "ran"
    evil = create(tmp_path / "evil", {"README.md": "evil\n"})
    trap = f"sh -c 'touch {ran}; cat' #"
    for key in (
        "core.fsmonitor",
        "filter.trap.clean",
        "filter.trap.smudge",
        "diff.external",
        "core.pager",
    ):
        git(evil, "config", key, trap)
    git(evil, "config", "core.hooksPath", str(evil / "hooks"))
    for hooks in (evil / "hooks", yard.path / ".git/hooks"):
        hooks.mkdir(exist_ok=True)
        for hook in (
            "pre-commit",
            "post-commit",
            "post-checkout",
            "reference-transaction",
            "commit-msg",
        ):
            (hooks / hook).write_text(f"#!/bin/sh\ntouch '{ran}'\n")
            (hooks / hook).chmod(0o755)
    dot = worktree.path / ".git"
    dot.unlink()
    if form == "file":
        dot.write_text(f"gitdir: {evil}/.git\n")
    elif form == "directory":
        shutil.copytree(evil / ".git", dot)
    elif form == "link":
        dot.symlink_to(evil / ".git")
    (worktree.path / ".gitattributes").write_text("* filter=trap diff=trap\n")
    (worktree.path / "x").write_text("x\n")
    saved = await yard.save(worktree)
    assert {file.path for file in saved.files} == {".gitattributes", "x"}
    assert "+x" in await yard.worktrees.diff(yard.repo, worktree.base_commit, saved.commit, 10_000)
    again = await yard.worktrees.reopen(worktree.path)
    assert dot.read_text() == f"gitdir: {worktree.git_dir}\n"
    await yard.worktrees.remove(again.path)
    more = await yard.open(branch=worktree.branch)
    assert (more.path / "x").read_text() == "x\n"
    assert not ran.exists()


async def test_a_missing_directory_is_an_error_and_never_another_place(
    yard: Yard, tmp_path: Path
) -> None:
    worktree = await yard.open()
    (worktree.path / "x").write_text("x")
    shutil.rmtree(worktree.path)
    worktree.path.symlink_to(tmp_path)
    for attempt in (yard.save(worktree), yard.worktrees.reopen(worktree.path)):
        with pytest.raises(WorktreeError, match="is missing"):
            await attempt
    removed = await yard.worktrees.remove(worktree.path)
    assert removed.saved is None
    assert not worktree.path.is_symlink()
    assert yard.path.exists()
    assert git(yard.path, "branch", "--list", "agent/*") == ""


async def test_work_is_saved_when_git_has_forgotten_the_worktree(yard: Yard) -> None:
    worktree = await yard.open()
    shutil.rmtree(worktree.git_dir)
    (worktree.path / "x").write_text("x")
    saved = (await yard.worktrees.remove(worktree.path)).saved
    assert saved
    assert git(yard.path, "show", f"{worktree.branch}:x") == "x"


async def test_orphans_are_saved_to_their_branch_and_removed(yard: Yard) -> None:
    known, lost = await yard.open(1), await yard.open(2)
    (lost.path / "x").write_text("x")
    assert await yard.worktrees.orphans([known.path]) == (lost.path,)
    salvaged = await yard.worktrees.salvage(lost.path)
    assert salvaged.saved
    assert salvaged.branch == lost.branch
    assert git(yard.path, "show", f"{lost.branch}:x") == "x"
    assert await yard.worktrees.orphans([known.path]) == ()
    assert (known.path / "README.md").exists()


async def test_a_branch_that_is_checked_out_elsewhere_is_not_taken_away(yard: Yard) -> None:
    first = await yard.open()
    second = await yard.open(branch=first.branch)
    await yard.worktrees.remove(first.path)
    assert git(second.path, "rev-parse", "HEAD") == second.head
    await yard.worktrees.remove(second.path)
    assert git(yard.path, "branch", "--list", "agent/*") == ""


WORKER = """
import asyncio, sys
from pathlib import Path
from tests.edges.test_worktrees import Yard
yard = Yard(Path(sys.argv[1]), Path(sys.argv[2]))
asyncio.run(eval(sys.argv[3]))
"""


@asynccontextmanager
async def worker_killed_when(
    happened: Callable[[], object], yard: Yard, home: Path, work: str
) -> AsyncIterator[None]:
    """A process that works in the yard and dies at a certain moment, with all that it started."""
    command = (sys.executable, "-c", WORKER, str(home), str(yard.path), work)
    worker = psutil.Popen(command, cwd=Path(__file__).parents[2])
    try:
        async with asyncio.timeout(60):
            while not happened():
                assert worker.poll() is None, "it ended too early"
                await asyncio.sleep(0.001)
    finally:
        for process in (worker, *worker.children(recursive=True)):
            process.kill()
        await asyncio.to_thread(worker.wait)
    yield


async def test_a_worktree_whose_making_was_interrupted_holds_nothing(
    yard: Yard, home: Path
) -> None:
    commit(yard.path, {".gitattributes": "run.sh filter=slow\n"})
    begun = home.parent / "begun"
    git(yard.path, "config", "filter.slow.smudge", f"touch '{begun}'; sleep 60; cat")
    async with worker_killed_when(begun.exists, yard, home, "yard.open()"):
        [lost] = await yard.worktrees.orphans([])
        assert not (lost / "run.sh").exists()
        salvaged = await yard.worktrees.salvage(lost)
    assert salvaged.saved is None
    assert not lost.exists()
    assert git(yard.path, "branch", "--list", "agent/*") == ""


async def test_a_removal_that_was_interrupted_takes_nothing_from_the_branch(
    yard: Yard, home: Path
) -> None:
    commit(yard.path, {".gitignore": "cache*/\n"})
    worktree = await yard.open()
    mine = {f"mine{number}": "x" for number in range(10)}
    commit(worktree.path, mine)
    saved = await yard.save(worktree)
    for number in range(6_000):
        cache = worktree.path / f"cache{number % 10}"
        cache.mkdir(exist_ok=True)
        (cache / str(number)).touch()
    removing = f"yard.worktrees.remove(Path({str(worktree.path)!r}))"
    begun = lambda: any(not (worktree.path / name).exists() for name in mine)  # noqa: E731 - as above
    async with worker_killed_when(begun, yard, home, removing):
        assert not worktree.path.exists(), "nobody takes the rest for the agent's work"
    assert (await yard.worktrees.remove(worktree.path)).saved is None
    assert git(yard.path, "rev-parse", worktree.branch) == saved.commit
    assert [path.name for path in yard.worktrees.root.iterdir()] == [".records"]


async def test_a_repository_that_goes_in_mid_removal_leaves_the_record_until_it_is_back(
    yard: Yard,
) -> None:
    worktree, away = await yard.open(), yard.path.with_name("away")
    yard.path.rename(away)
    with pytest.raises(OSError, match=re.escape(str(yard.path))):
        await checkouts.discard(worktree)
    assert not worktree.path.exists()
    away.rename(yard.path)
    assert await yard.worktrees.orphans(()) == (worktree.path,)
    await yard.worktrees.salvage(worktree.path)
    assert str(worktree.path) not in git(yard.path, "worktree", "list", "--porcelain")
    assert await yard.worktrees.orphans(()) == ()


async def test_what_belongs_to_nothing_is_moved_and_never_deleted(yard: Yard) -> None:
    worktree = await yard.open(1)
    strange = yard.worktrees.root / "strange"
    strange.mkdir()
    (strange / "x").write_text("x")
    (worktree.path / "y").write_text("y")
    shutil.rmtree(yard.path)
    with pytest.raises(WorktreeError, match="left until its repository is back"):
        await yard.worktrees.salvage(worktree.path)
    later = replace(yard.worktrees, clock=lambda: datetime.now(UTC) + timedelta(days=2))
    for path, name in ((strange, "x"), (worktree.path, "y")):
        salvaged = await later.salvage(path)
        assert salvaged.moved_to == yard.worktrees.root / "lost+found" / path.name
        assert (salvaged.moved_to / name).exists()
    assert await yard.worktrees.orphans([]) == ()


async def test_a_repository_that_moved_is_found_by_its_name(
    yard: Yard, home: Path, tmp_path: Path
) -> None:
    worktree = await yard.open()
    (worktree.path / "x").write_text("x")
    yard.path.rename(tmp_path / "moved")
    moved = Yard(home, tmp_path / "moved")
    again = await moved.worktrees.reopen(worktree.path)
    assert again.common_dir == tmp_path / "moved/.git"
    assert git(worktree.path, "status", "--porcelain") == "?? x"
    salvaged = await moved.worktrees.remove(worktree.path)
    assert salvaged.saved
    assert git(moved.path, "show", f"{worktree.branch}:x") == "x"


async def test_a_worktree_that_cannot_be_made_leaves_nothing(yard: Yard, home: Path) -> None:
    commit(yard.path, {".gitattributes": "run.sh filter=broken\n"})
    git(yard.path, "config", "filter.broken.smudge", "false")
    git(yard.path, "config", "filter.broken.required", "true")
    with pytest.raises(WorktreeError, match=r"could not be made(.|\n)*smudge filter broken failed"):
        await yard.open()
    assert await yard.worktrees.orphans([]) == ()
    assert git(yard.path, "branch", "--list", "agent/*") == ""
    assert git(yard.path, "worktree", "list").count("\n") == 0
    assert not list((home / ".worktrees").rglob("*.json"))


async def test_a_write_that_the_system_refuses_for_lack_of_room_is_a_full_disk(yard: Yard) -> None:
    worktree = await yard.open()
    (worktree.path / "big").write_bytes(os.urandom(200_000))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, before[1]))
    try:
        with pytest.raises(DiskFull, match="make room"):
            await yard.save(worktree)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert {file.path for file in (await yard.save(worktree)).files} == {"big"}


FULL_DISK = """
import asyncio, sys
from pathlib import Path
from engine.repos import Repos
from engine.settings import Repo
from engine.worktrees import DiskFull, Worktrees
async def main(path, small):
    repos = Repos({"shop": Repo(path=Path(path))}, Path(small) / "home")
    trees = Worktrees(repos, Path(small) / "home/.worktrees")
    repo = await repos.open("shop")
    base = await repos.base(repo, "")
    try:
        await trees.open(1, "x", repo, base.commit)
    except DiskFull as error:
        print("full:", error, await trees.orphans([]))
asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.skipif(not shutil.which("bwrap"), reason="bubblewrap makes the small disk")
def test_a_full_disk_is_said_and_nothing_half_made_is_left(yard: Yard, tmp_path: Path) -> None:
    (yard.path / "big").write_bytes(os.urandom(3_000_000))
    commit(yard.path, {})
    small = tmp_path / "small"
    small.mkdir()
    room = ["bwrap", "--dev-bind", "/", "/", "--size", "1000000", "--tmpfs", str(small)]
    run = subprocess.run(
        [*room, sys.executable, "-c", FULL_DISK, str(yard.path), str(small)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.stdout.startswith("full: the worktree could not be made"), run.stderr
    assert run.stdout.rstrip().endswith("()")
    assert git(yard.path, "branch", "--list", "agent/*") == ""
    assert not list((yard.path / ".git").glob("worktrees/*"))


async def test_a_diff_is_text_bounded_and_says_where_it_was_cut(yard: Yard) -> None:
    worktree = await yard.open()
    (worktree.path / "long").write_text("".join(f"line {number}\n" for number in range(2000)))
    saved = await yard.save(worktree)
    whole = await yard.worktrees.diff(yard.repo, worktree.base_commit, saved.commit, 10**6)
    assert whole.startswith("diff --git a/long b/long")
    assert "+line 1999\n" in whole
    cut = await yard.worktrees.diff(yard.repo, worktree.base_commit, saved.commit, 1000)
    assert cut.endswith("[cut here after 1,000 bytes]\n")
    assert len(cut) < 1100
    files = await yard.worktrees.changes(yard.repo, worktree.base_commit, saved.commit)
    assert files == saved.files == (FileChange("long", 2000, 0),)


async def test_disk_use_counts_what_lies_in_worktrees(yard: Yard) -> None:
    worktree = await yard.open()
    before = await yard.worktrees.disk_used()
    (worktree.path / "big").write_bytes(b"x" * 1_000_000)
    assert await yard.worktrees.disk_used() - before >= 1_000_000
