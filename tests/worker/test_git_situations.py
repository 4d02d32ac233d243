"""Repositories as people have them, from the spawn to the end: each works or says why not."""

import asyncio
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from engine.executor import Step, Usage
from engine.scripted import Action, Use, Wait, Write, failure
from engine.settings import Repo
from engine.states import Cause, Status
from engine.views import FileChange, NodeView, NoteKind, Work
from tests.repositories import checkout, commit, create, git, with_remote
from tests.worker.conftest import Station

HELLO = Write("hello.txt", "Hello from agent!\n")


@pytest.fixture(params=["sqlite"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """Git alone counts here, but for one test."""
    return str(request.param)


def serve(station: Station, path: Path, **settings: object) -> None:
    """Let `shop` be the repository at this path."""
    shop = Repo(path=path, **settings)  # type: ignore[arg-type]
    station.settings = station.settings.model_copy(update={"repos": {"shop": shop}})
    station.shop = path


async def hello(station: Station, task: str = "Say hello", *actions: Action) -> NodeView:
    """An agent that writes hello.txt, from its spawn to its end."""
    station.script[task] = [HELLO, *actions]
    agent = await station.spawn(task)
    await (await station.worker()).tick()
    return await station.ended(agent)


async def again(station: Station, view: NodeView, *actions: Action) -> NodeView:
    """A further attempt of an agent that failed."""
    station.script[view.task] = actions
    await station.mending.retry(view.id, await station.wish())
    await (await station.worker()).tick()
    return await station.ended(view.id)


def kinds(work: Work) -> list[NoteKind]:
    return [note.kind for note in work.notes]


async def test_a_dirty_checkout_stays_as_it_is_byte_for_byte(station: Station) -> None:
    shop = station.shop
    commit(shop, {"gone.txt": "x", "mixed.txt": "1\n"})
    (shop / "README.md").write_text("changed, not staged\n")
    (shop / "mixed.txt").write_text("2\n")
    git(shop, "add", "mixed.txt")
    (shop / "mixed.txt").write_text("3\n")
    (shop / "gone.txt").unlink()
    (shop / "hello.txt").write_text("mine, never added\n")
    status, before = git(shop, "status", "--porcelain"), checkout(shop)
    view = await hello(station)
    assert view.work.files == (FileChange("hello.txt", 1, 0),)
    assert station.on_branch(view, "hello.txt") == "Hello from agent!"
    assert station.on_branch(view, "mixed.txt") == "1"
    assert checkout(shop) == before
    assert git(shop, "status", "--porcelain") == status


async def test_a_repository_without_commits_is_a_sentence(station: Station, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "new")
    serve(station, tmp_path / "new")
    view = await hello(station)
    assert (view.status, view.cause) == (Status.FAILED, Cause.REPOSITORY)
    assert "make a first commit in" in view.error
    assert not (station.home / ".worktrees").exists()


async def test_a_missing_repository_is_a_sentence(station: Station, tmp_path: Path) -> None:
    serve(station, tmp_path / "nowhere")
    view = await hello(station)
    assert (view.status, view.cause) == (Status.FAILED, Cause.REPOSITORY)
    assert "does not exist; correct `path`" in view.error


async def test_a_bare_repository_is_worked_on(station: Station, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(station.shop), "bare.git")
    git(tmp_path / "bare.git", "remote", "remove", "origin")
    serve(station, tmp_path / "bare.git")
    view = await hello(station)
    assert station.on_branch(view, "hello.txt") == "Hello from agent!"
    assert view.work.fetch == f"git fetch {tmp_path}/bare.git {view.work.branch}"


async def test_paths_and_files_with_spaces_and_all_letters(
    station: Station, tmp_path: Path
) -> None:
    shop = create(tmp_path / "Läden & Söhne 日本" / "my 'shop'", {"Größe .txt": "1\n"})
    serve(station, shop)
    station.home = tmp_path / "Büro von Zoë"
    station.settings = station.settings.model_copy(update={"home": station.home})
    view = await hello(station, "Grüße schreiben", Write("neu/ünïcødé 日本.txt", "ja\n"))
    assert view.status is Status.COMPLETED
    assert [file.path for file in view.work.files] == ["hello.txt", "neu/ünïcødé 日本.txt"]
    assert view.work.branch == f"agent/{view.id}-grue-schreiben"
    assert station.on_branch(view, "neu/ünïcødé 日本.txt") == "ja"
    assert [path.parent.parent for path in station.home.glob(".worktrees/agent-*")] == [
        station.home
    ]


async def test_a_branch_that_exists_already_is_left_alone(station: Station) -> None:
    git(station.shop, "branch", "agent/1-say-hello")
    theirs = commit(station.shop, {"later.txt": "x"})
    view = await hello(station)
    assert view.work.branch == "agent/1-say-hello-2"
    assert station.on_branch(view, "hello.txt") == "Hello from agent!"
    assert git(station.shop, "rev-parse", "agent/1-say-hello") != theirs


async def test_a_branch_that_is_called_agent_is_a_sentence(station: Station) -> None:
    git(station.shop, "branch", "agent")
    view = await hello(station)
    assert (view.status, view.cause) == (Status.FAILED, Cause.WORKTREE)
    assert "rename that one" in view.error
    assert not list((station.home / ".worktrees").glob("agent-*"))


async def test_a_shallow_clone_with_submodules_and_lfs_pointers_is_worked_on(
    station: Station, tmp_path: Path
) -> None:
    part = create(tmp_path / "part")
    git(station.shop, "submodule", "--quiet", "add", str(part), "part")
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 5\n"
    attributes = "*.png filter=lfs diff=lfs merge=lfs -text\n"
    commit(station.shop, {".gitattributes": attributes, "a.png": pointer})
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{station.shop}", "shallow")
    serve(station, tmp_path / "shallow", push=False)
    view = await hello(station)
    assert view.work.files == (FileChange("hello.txt", 1, 0),)
    assert kinds(view.work) == [NoteKind.SUBMODULES, NoteKind.LFS_POINTERS]


@pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"], indirect=True)
async def test_with_a_remote_the_newest_base_is_taken_and_the_branch_is_pushed(
    station: Station, tmp_path: Path
) -> None:
    remote, clone = with_remote(tmp_path / "there")
    newest = commit(tmp_path / "there/source", {"new.txt": "x"})
    git(tmp_path / "there/source", "push", "--quiet", str(remote), "main")
    serve(station, clone)
    before = checkout(clone)
    view = await hello(station)
    assert (view.work.base_commit, view.work.pushed, view.work.notes) == (newest, True, ())
    assert git(remote, "show", f"{view.work.branch}:hello.txt") == "Hello from agent!"
    assert (view.work.compare_url, view.work.fetch) == (
        "",
        f"git fetch {remote} {view.work.branch}",
    )
    assert checkout(clone) == before


async def test_a_known_forge_is_linked_where_a_pull_request_begins(
    station: Station, tmp_path: Path
) -> None:
    remote, clone = with_remote(tmp_path / "there")
    wire = tmp_path / "wire"
    wire.write_text(f"#!/bin/sh\nexec \"${{2%% *}}\" '{remote}'\n")
    wire.chmod(0o755)
    git(clone, "remote", "set-url", "origin", "git@github.com:acme/shop.git")
    git(clone, "config", "core.sshCommand", str(wire))
    git(clone, "config", "ssh.variant", "simple")
    serve(station, clone)
    view = await hello(station)
    assert git(remote, "rev-parse", view.work.branch) == view.work.commit
    compare = f"https://github.com/acme/shop/compare/main...{view.work.branch}?expand=1"
    assert (view.work.compare_url, view.work.notes) == (compare, ())


def _away(remote: Path) -> Callable[[], object]:
    remote.rename(remote.with_name("away"))
    return lambda: remote.with_name("away").rename(remote)


async def test_with_the_remote_down_the_work_goes_on_and_both_is_said(
    station: Station, tmp_path: Path
) -> None:
    remote, clone = with_remote(tmp_path / "there")
    serve(station, clone)
    _away(remote)
    view = await hello(station)
    assert view.status is Status.COMPLETED
    assert kinds(view.work) == [NoteKind.BASE_STALE, NoteKind.PUSH_FAILED]
    assert all("does not appear to be a git repository" in note.detail for note in view.work.notes)
    assert (view.work.pushed, view.work.compare_url) == (False, "")
    assert station.on_branch(view, "hello.txt") == "Hello from agent!"
    assert view.work.fetch == f"git fetch {clone}/.git {view.work.branch}"


async def test_what_could_not_be_pushed_goes_with_the_next_attempt(
    station: Station, tmp_path: Path
) -> None:
    remote, clone = with_remote(tmp_path / "there")
    serve(station, clone)
    stuck = failure(Cause.MODEL, "no idea")
    first = await hello(station, "Say hello", stuck)
    back = _away(remote)
    second = await again(station, first, Write("two.txt", "2"), stuck)
    back()
    third = await again(station, second, Write("three.txt", "3"))
    assert [view.work.pushed for view in (first, second, third)] == [True, False, True]
    assert [file.path for file in third.work.files] == ["hello.txt", "three.txt", "two.txt"]
    assert git(remote, "rev-parse", third.work.branch) == third.work.commit


async def test_what_others_pushed_to_the_branch_is_never_overwritten(
    station: Station, tmp_path: Path
) -> None:
    remote, clone = with_remote(tmp_path / "there")
    serve(station, clone)
    first = await hello(station, "Say hello", failure(Cause.MODEL, "no idea"))
    theirs = commit(tmp_path / "there/source", {"theirs.txt": "x"})
    branch = first.work.branch
    git(tmp_path / "there/source", "push", "--quiet", "--force", str(remote), f"main:{branch}")
    second = await again(station, first, Write("two.txt", "2"))
    assert (second.status, second.work.pushed) == (Status.COMPLETED, False)
    assert kinds(second.work) == [NoteKind.PUSH_FAILED]
    assert git(remote, "rev-parse", branch) == theirs
    assert station.on_branch(second, "two.txt") == "2"


async def test_without_push_the_branch_stays_here(station: Station, tmp_path: Path) -> None:
    remote, clone = with_remote(tmp_path / "there")
    serve(station, clone, push=False)
    view = await hello(station)
    assert (view.work.pushed, view.work.notes) == (False, ())
    assert view.work.fetch == f"git fetch {clone}/.git {view.work.branch}"
    assert git(remote, "branch", "--list", "agent/*") == ""


async def test_an_attempt_that_could_not_begin_takes_nothing_from_the_next(
    station: Station, tmp_path: Path
) -> None:
    first = await hello(station, "Say hello", failure(Cause.MODEL, "no idea"))
    commit(station.shop, {"later.txt": "x"})
    shutil.move(station.shop, tmp_path / "away")
    second = await again(station, first)
    assert (second.cause, second.work.branch) == (Cause.REPOSITORY, first.work.branch)
    shutil.move(tmp_path / "away", station.shop)
    third = await again(station, second, Write("two.txt", "2"))
    assert third.work.base_commit == first.work.base_commit
    assert [file.path for file in third.work.files] == ["hello.txt", "two.txt"]


async def test_a_worktree_that_vanished_is_a_sentence(station: Station) -> None:
    gate = asyncio.Event()
    station.script["Say hello"] = [
        HELLO,
        Use(Usage(cost=Decimal(1))),
        Step("Bash", "rm"),
        Wait(gate),
    ]
    agent = await station.spawn("Say hello")
    await (await station.worker()).tick()
    await station.until(agent, lambda view: view.usage.cost == 1)
    [worktree] = (station.home / ".worktrees").glob("agent-*")
    shutil.rmtree(worktree)
    gate.set()
    view = await station.ended(agent)
    assert (view.status, view.cause) == (Status.FAILED, Cause.WORKTREE)
    assert view.error.startswith(f"the worktree {worktree.name} is missing")
    assert (view.work.branch, view.usage.cost) == (f"agent/{agent}-say-hello", Decimal(1))
