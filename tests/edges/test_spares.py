"""Reused worktrees: whatever an agent did to one, the next agent finds what a fresh one has."""

import asyncio
import json
import os
import stat
import struct
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from engine import checkouts
from engine.git import Git
from engine.repos import Repos
from engine.settings import Repo
from engine.worktrees import Worktree, Worktrees
from tests.repositories import commit, create, git

FILES = {
    "README.md": "hello\n",
    ".gitignore": "*.log\nbuild/\n",
    "src/a.py": "a\n" * 20,
    "src/b.py": "b\n",
    "src/deep/er/c.py": "c\n",
    "lib/d.py": "d\n",
    "one/same.py": "1\n",
    "two/same.py": "2\n",
    "run.sh": "#!/bin/sh\n",
}


class Yard:
    """A repository whose finished worktrees are reused."""

    def __init__(self, home: Path, path: Path) -> None:
        self.path = path
        self.repos = Repos({"shop": Repo(path=path)}, home)
        self.worktrees = Worktrees(self.repos, home / ".worktrees", reuse={"shop": 1})
        self.agents = 0

    async def open(self, *, reuse: int = 1) -> Worktree:
        """The worktree of a new agent."""
        self.agents += 1
        trees = replace(self.worktrees, reuse={"shop": reuse})
        repo = await self.repos.open("shop")
        base = await self.repos.base(repo, "")
        return await trees.open(self.agents, "task", repo, base.commit)

    async def end(self, worktree: Worktree) -> None:
        """Its agent has ended, and nobody needs it any more."""
        await self.worktrees.remove(worktree.path, spare=True)

    def spares(self) -> list[Path]:
        return self.worktrees.spares.of()

    async def fresh(self) -> Worktree:
        """One that is made from nothing, as is done where no spare is."""
        aside = self.worktrees.spares.place.with_name(".aside")
        self.worktrees.spares.place.rename(aside)
        try:
            return await self.open(reuse=0)
        finally:
            aside.rename(self.worktrees.spares.place)


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    path = create(tmp_path / "shop", FILES)
    (path / "link").symlink_to("README.md")
    (path / "run.sh").chmod(0o755)
    commit(path, {})
    return Yard(tmp_path / "home", path)


def everything(top: Path) -> dict[str, tuple[int, int, int, bytes]]:
    """Each file, link and directory but `.git`: mode, links, owner, content."""
    found = {}
    for path in [top, *top.rglob("*")]:
        facts, name = path.lstat(), str(path.relative_to(top))
        if stat.S_ISLNK(facts.st_mode):
            content = os.fsencode(path.readlink())
        else:
            content = path.read_bytes() if stat.S_ISREG(facts.st_mode) else b""
        links = facts.st_nlink if not stat.S_ISDIR(facts.st_mode) else 0
        if name != ".git":
            found[name] = (facts.st_mode, links, facts.st_uid, content)
    return found


def of_git(worktree: Worktree) -> dict[str, str | list[str]]:
    """What git's own commands say in it, and what lies in its entry."""
    top, names = worktree.path, ("refs/worktree", "refs/bisect", "refs/heads/evil")
    return {
        "status": git(top, "status", "--porcelain", "--ignored"),
        "index": git(top, "ls-files", "--stage", "-v", "-t"),
        "refs": git(top, "for-each-ref", *names),
        "log": git(top, "log", "-g", "--format=%gs", "HEAD").replace(top.name, "X"),
        "bits": git(top, "diff", "--stat", "HEAD"),
        "entry": sorted(path.name for path in worktree.git_dir.rglob("*")),
    }


async def alike(yard: Yard, reused: Worktree) -> None:
    """Nothing tells a reused worktree from a fresh one."""
    fresh = await yard.fresh()
    assert everything(reused.path) == everything(fresh.path)
    assert of_git(reused) == of_git(fresh)
    assert (reused.path / ".git").read_text() == f"gitdir: {reused.git_dir}\n"


def same_size_and_time(top: Path) -> None:
    file = top / "src/a.py"
    facts = file.stat()
    file.write_text("z\n" * 20)
    os.utime(file, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def swapped_files(top: Path) -> None:
    (top / "src/a.py").rename(top / "x")
    (top / "src/b.py").rename(top / "src/a.py")
    (top / "x").rename(top / "src/b.py")


def swapped_directories(top: Path) -> None:
    for one, other in (("lib", "src"), ("one", "two")):  # nothing changes the files in them
        (top / one).rename(top / "x")
        (top / other).rename(top / one)
        (top / "x").rename(top / other)


def linked_directory(top: Path) -> None:
    outside = top.parent.parent / "outside"
    outside.mkdir()
    (top / "lib/d.py").rename(outside / "d.py")
    (top / "lib").rmdir()
    (top / "lib").symlink_to(outside)


def nested(top: Path) -> None:
    create(top / "nested")
    create(top / "src/deep/nested")


def bits(top: Path) -> None:
    git(top, "update-index", "--skip-worktree", "README.md")
    git(top, "update-index", "--assume-unchanged", "src/b.py")
    (top / "README.md").write_text("evil\n")
    (top / "src/b.py").write_text("e\n")


def sparse(top: Path) -> None:
    git(top, "sparse-checkout", "set", "lib")


def worktree_config(top: Path) -> None:
    git(top, "config", "--worktree", "core.hooksPath", str(top / "hooks"))


def hard_links(top: Path) -> None:
    (top.parent.parent / "held").hardlink_to(top / "src/a.py")


def entry(top: Path) -> None:
    own = Path((top / ".git").read_text().removeprefix("gitdir: ").strip())
    git(top, "update-ref", "refs/worktree/evil", "HEAD")
    git(top, "update-ref", "refs/bisect/bad", "HEAD")
    (own / "hooks").mkdir()
    (own / "hooks/post-checkout").write_text("#!/bin/sh\ntouch /tmp/evil\n")
    (own / "info").mkdir(exist_ok=True)
    (own / "info/sparse-checkout").write_text("lib\n")
    (own / "index.lock").touch()
    (own / "HEAD.lock").touch()


def ignored(top: Path) -> None:
    (top / "trace.log").write_text("x")
    (top / "build").mkdir()
    (top / "build/out").write_text("x")
    (top / "src/deep/trace.log").write_text("x")


def odd_files(top: Path) -> None:
    os.mkfifo(top / "pipe")
    (top / "empty/er").mkdir(parents=True)
    (top / os.fsdecode(b"\xff\n")).write_text("x")
    (top / "back").symlink_to("..")


def closed(top: Path) -> None:
    (top / "src/a.py").chmod(0)
    (top / "run.sh").chmod(0o644)
    (top / "lib").chmod(0)
    (top / "src/deep").chmod(0o555)
    (top / "src/deep/er").chmod(0o777)


def types(top: Path) -> None:
    (top / "link").unlink()
    (top / "link").write_text("README.md")
    (top / "README.md").unlink()
    (top / "README.md").mkdir()
    (top / "README.md/x").write_text("x")
    (top / "src/b.py").unlink()
    (top / "src/b.py").symlink_to("/etc/passwd")


def dot_git(top: Path) -> None:
    (top / ".git").unlink()
    create(top / ".git/evil")


def index(top: Path) -> None:
    own = Path((top / ".git").read_text().removeprefix("gitdir: ").strip())
    (own / "index").write_bytes(b"DIRC\0\0\0\2\0\0\0\0")


def attributes(top: Path) -> None:
    (top / ".gitattributes").write_text("* text eol=crlf\n")


def marked(top: Path) -> None:
    os.setxattr(top / "src", "user.evil", b"1")
    os.setxattr(top / "lib/d.py", "user.evil", b"1")


def committed(top: Path) -> None:
    (top / "src/b.py").write_text("mine\n")
    git(top, "commit", "--quiet", "--all", "-m", "mine")


DEEDS = (
    *(same_size_and_time, swapped_files, swapped_directories, linked_directory, nested, bits),
    *(sparse, hard_links, entry, ignored, odd_files, closed, types, dot_git, index, attributes),
    *(committed, worktree_config),
)


@pytest.mark.parametrize("deed", DEEDS, ids=lambda deed: deed.__name__)
async def test_whatever_an_agent_did_the_next_finds_what_a_fresh_worktree_has(
    yard: Yard, deed: Callable[[Path], None]
) -> None:
    if deed is worktree_config:
        git(yard.path, "config", "extensions.worktreeConfig", "true")
    first = await yard.open()
    deed(first.path)
    await yard.end(first)
    assert len(yard.spares()) == 1
    second = await yard.open()
    assert not yard.spares()
    await alike(yard, second)


@pytest.mark.skipif(sys.platform != "linux", reason="extended attributes are Linux's")
async def test_attributes_of_files_do_not_stay(yard: Yard) -> None:
    first = await yard.open()
    marked(first.path)
    await yard.end(first)
    second = await yard.open()
    await alike(yard, second)
    for name in ("src", "lib/d.py"):
        assert not os.listxattr(second.path / name)


def rights(other: int) -> bytes:
    """An access control list as acl(5) stores it: what everybody `other` than user 1 may do."""
    entries = ((1, 7, -1), (2, 7, 1), (4, 5, -1), (16, 7, -1), (32, other, -1))
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in entries)


@pytest.mark.skipif(sys.platform != "linux", reason="extended attributes are Linux's")
async def test_what_new_files_inherit_is_not_left_as_an_agent_changed_it(yard: Yard) -> None:
    inherited = "system.posix_acl_default"
    yard.worktrees.root.mkdir(parents=True)
    os.setxattr(yard.worktrees.root, inherited, rights(5))
    first = await yard.open()
    os.setxattr(first.path / "src", inherited, rights(7))
    await yard.end(first)
    second = await yard.open()
    await alike(yard, second)
    assert os.getxattr(second.path / "src", inherited) == rights(5)


async def test_untouched_files_stay_and_the_commit_is_the_new_one(yard: Yard) -> None:
    first = await yard.open()
    kept = (first.path / "src/deep/er/c.py").stat().st_ino
    await yard.end(first)
    git(yard.path, "rm", "--quiet", "-r", "lib")
    commit(yard.path, {"src/b.py": "new\n", "fresh/e.py": "e\n"})
    second = await yard.open()
    assert (second.path / "src/deep/er/c.py").stat().st_ino == kept
    await alike(yard, second)
    (second.path / "made.txt").write_text("work\n")
    saved = await yard.worktrees.save(second, "agent 2", "Do it")
    assert [change.path for change in saved.files] == ["made.txt"]
    await yard.end(second)
    await alike(yard, await yard.open())


async def test_work_is_saved_before_and_only_so_many_are_kept(yard: Yard) -> None:
    one, two = await yard.open(), await yard.open()
    (one.path / "made.txt").write_text("work\n")
    await yard.end(one)
    await yard.end(two)
    assert [path.name for path in yard.spares()] == [one.path.name]
    assert not two.path.exists()
    assert git(yard.path, "show", f"{one.branch}:made.txt") == "work"
    assert "made.txt" not in everything((await yard.open()).path)


async def test_spares_go_when_fewer_are_wanted_or_room_is(yard: Yard) -> None:
    await yard.end(await yard.open())
    assert await yard.worktrees.trim() == 0
    assert len(yard.spares()) == 1
    assert await yard.worktrees.trim(every=True) > 0
    await yard.end(await yard.open())
    await replace(yard.worktrees, reuse={}).trim()
    assert not list(yard.worktrees.spares.place.iterdir())


@pytest.mark.parametrize("nothing", ["no reuse", "not asked for"])
async def test_nothing_is_kept_unless_it_is_wanted(yard: Yard, nothing: str) -> None:
    worktree = await yard.open(reuse=0 if nothing == "no reuse" else 1)
    await yard.worktrees.remove(worktree.path, spare=nothing == "no reuse")
    assert not yard.spares()
    assert not worktree.path.exists()


def foreign_settings(yard: Yard, _: Path) -> None:
    git(yard.path, "config", "core.autocrlf", "true")


def other_attributes(yard: Yard, _: Path) -> None:
    commit(yard.path, {".gitattributes": "*.py text eol=crlf\n"})


def other_global_attributes(yard: Yard, _: Path) -> None:
    (yard.path.parent / "attributes").write_text("*.py text eol=crlf\n")


def another_group(_: Yard, spare: Path) -> None:
    os.chown(spare, -1, 4711)


def odd_note(_: Yard, spare: Path) -> None:
    note = spare.with_name(f"{spare.name}.json")
    note.write_text(json.dumps(json.loads(note.read_text()) | {"moment": "now"}))


def damaged_note(_: Yard, spare: Path) -> None:
    spare.with_name(f"{spare.name}.json").write_text("{")


def damaged_index(_: Yard, spare: Path) -> None:
    spare.with_name(f"{spare.name}.index").write_bytes(b"x")


def no_index(_: Yard, spare: Path) -> None:
    spare.with_name(f"{spare.name}.index").unlink()


def other_mode(_: Yard, spare: Path) -> None:
    spare.chmod(0o700)


ODDITIES = (
    *(foreign_settings, other_attributes, other_global_attributes, damaged_note, odd_note),
    *(damaged_index, no_index, other_mode),
    pytest.param(another_group, marks=pytest.mark.skipif(os.geteuid() != 0, reason="root's")),
)


@pytest.mark.parametrize("oddity", ODDITIES)
async def test_what_is_odd_is_thrown_away_and_a_fresh_one_made(
    yard: Yard, oddity: Callable[[Yard, Path], None]
) -> None:
    git(yard.path, "config", "core.attributesFile", str(yard.path.parent / "attributes"))
    first = await yard.open()
    inode = (first.path / "README.md").stat().st_ino
    await yard.end(first)
    keep = os.open(yard.spares()[0] / "README.md", os.O_RDONLY)  # the inode is not given again
    try:
        oddity(yard, yard.spares()[0])
        second = await yard.open()
        assert (second.path / "README.md").stat().st_ino != inode
    finally:
        os.close(keep)
    await alike(yard, second)
    await yard.worktrees.trim()
    assert not yard.spares()


async def test_a_spare_that_was_touched_while_it_lay_there_is_mended(yard: Yard) -> None:
    await yard.end(await yard.open())
    same_size_and_time(yard.spares()[0])
    (yard.spares()[0] / "left").write_text("x")
    await alike(yard, await yard.open())


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
async def test_a_worktree_in_which_a_process_still_works_is_no_spare(yard: Yard) -> None:
    first = await yard.open()
    inside = await asyncio.create_subprocess_exec("cat", cwd=first.path, stdin=subprocess.PIPE)
    try:
        await yard.end(first)
    finally:
        await inside.communicate(b"")
    assert not yard.spares()
    assert not first.path.exists()


async def test_one_that_cannot_be_moved_is_removed_like_any_other(yard: Yard) -> None:
    first = await yard.open()
    yard.worktrees = replace(yard.worktrees, reuse={"shop": 2})
    (yard.worktrees.spares.place / first.path.name / "in the way").mkdir(parents=True)
    (first.path / "made.txt").write_text("work\n")
    await yard.end(first)
    assert not first.path.exists()
    assert git(yard.path, "show", f"{first.branch}:made.txt") == "work"
    assert not yard.spares()


async def half_made(yard: Yard) -> Worktree:
    """A worktree whose worker was killed before its files were there."""
    repo = await yard.repos.open("shop")
    base = await yard.repos.base(repo, "")

    async def killed(worktree: Worktree) -> None:
        await checkouts.add(worktree, "--no-checkout", "--lock", "--reason", "initializing")

    return await checkouts.create(repo, yard.worktrees.wanted(9, "task", base.commit), killed)


async def test_one_that_was_killed_while_it_was_filled_is_nobodys_work(yard: Yard) -> None:
    half = await half_made(yard)
    found = await yard.worktrees.salvage(half.path)
    assert found.saved is None
    assert not await Git(yard.path / ".git").commit_of(half.ref)


async def test_what_is_missing_in_one_that_was_not_filled_is_not_gone_on_from(yard: Yard) -> None:
    half = await half_made(yard)
    assert await yard.worktrees.catch_up(9) == []
    assert await Git(yard.path / ".git").commit_of(half.ref) == half.base_commit
