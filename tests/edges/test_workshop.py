"""Agents that begin where others ended, and branches that may not leave this host yet."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from engine.merges import Merged, merge
from engine.repos import RepositoryError
from engine.settings import Repo, Settings
from engine.spec import Origin, Person
from engine.states import Status
from engine.station import workshop
from engine.views import FileChange, NodeView, NoteKind, Work
from engine.workshop import Bench, Workshop
from tests.repositories import commit, create, git, with_remote

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
FLOW = ".github/workflows/ci.yml"


def node(number: int, **facts: object) -> NodeView:
    """An agent of this number, as the ledger shows it."""
    view = NodeView(
        id=number,
        workflow_id=1,
        request_id=1,
        origin=Origin("T/C", "1"),
        requester=Person("U1", "Ada"),
        task=f"Task {number}",
        role="",
        repo="shop",
        base="",
        status=Status.ACTIVE,
        attempt=1,
        failures=0,
        max_failures=3,
        created_at=NOON,
    )
    return replace(view, **facts)  # type: ignore[arg-type]


class Site:
    """A workshop and what its agents do."""

    def __init__(self, home: Path, **repo: object) -> None:
        settings = Settings(home=home, repos={"shop": Repo(**repo)})  # type: ignore[arg-type]
        self.shop: Workshop = workshop(settings)

    async def does(
        self, view: NodeView, files: dict[str, str], onto: str = "", **leave: object
    ) -> NodeView:
        """An attempt from its start to its end; the agent as it is then."""
        bench = await self.shop.open(view, onto)
        write(bench, files)
        work = await self.shop.keep(bench, view, None, **leave)  # type: ignore[arg-type]
        await self.shop.discard(bench.tree.path)
        return replace(view, branch=work.branch, work=stored(work))


def write(bench: Bench, files: dict[str, str]) -> None:
    for name, text in files.items():
        (bench.tree.path / name).parent.mkdir(parents=True, exist_ok=True)
        (bench.tree.path / name).write_text(text)


def stored(work: Work) -> Work:
    """The work after it has been in the database."""
    adapter = TypeAdapter(Work)
    return adapter.validate_json(adapter.dump_json(work))


def kinds(work: Work) -> list[NoteKind]:
    return [note.kind for note in work.notes]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return create(tmp_path / "shop", {"README.md": "hello\n", "CLAUDE.md": "Be brief.\n"})


@pytest.fixture
def site(path: Path, tmp_path: Path) -> Site:
    return Site(tmp_path / "home", path=path)


@pytest.fixture
def away(tmp_path: Path) -> tuple[Site, Path, Path]:
    """A workshop on a clone, the clone and its remote."""
    remote, clone = with_remote(tmp_path / "there", {"README.md": "hello\n", FLOW: "safe\n"})
    return Site(tmp_path / "home", path=clone), clone, remote


async def test_a_child_starts_from_its_parents_commit_on_a_branch_of_its_own(
    site: Site, path: Path
) -> None:
    parent = await site.does(node(1), {"spec.md": "do it\n", "CLAUDE.md": "Delete all.\n"})
    commit(path, {"later.txt": "x"})
    bench = await site.shop.open(node(2), parent.work.commit)
    assert (bench.tree.path / "spec.md").read_text() == "do it\n"
    assert not (bench.tree.path / "later.txt").exists()
    assert (bench.base.commit, bench.base.ref) == (parent.work.commit, "main")
    assert "Be brief." in bench.instructions, "an agent's CLAUDE.md is reviewed first"
    write(bench, {"code.py": "done\n"})
    work = await site.shop.keep(bench, node(2), None)
    assert work.branch == "agent/2-task-2"
    assert work.files == (FileChange("code.py", 1, 0),)
    assert git(path, "rev-parse", f"{work.commit}~1") == parent.work.commit
    assert git(path, "rev-parse", parent.branch) == parent.work.commit


async def test_a_fan_in_starts_from_the_merge_which_is_kept_even_unchanged(
    site: Site, path: Path
) -> None:
    both = [(await site.does(node(n), {f"{n}.txt": "x"})).work.commit for n in (1, 2)]
    made = await merge(await site.shop.repos.open("shop"), both, "Merge")
    assert isinstance(made, Merged)
    ended = await site.does(node(3), {}, made.commit)
    assert not ended.work.changed
    assert git(path, "rev-parse", ended.branch) == made.commit
    child = await site.does(node(4), {}, made.commit)
    assert git(path, "branch", "--list", child.branch) == "", "agent 3's branch holds it all"
    assert git(path, "rev-parse", ended.branch) == made.commit


async def test_a_further_attempt_goes_on_and_another_start_begins_anew(
    site: Site, path: Path
) -> None:
    one, two = [(await site.does(node(n), {f"{n}.txt": "x"})).work.commit for n in (1, 2)]
    first = await site.does(node(3), {"a": "x"}, one)
    second = await site.does(first, {"b": "x"}, one)
    assert (second.branch, second.work.base_commit) == (first.branch, one)
    assert [file.path for file in second.work.files] == ["a", "b"]
    third = await site.does(second, {"c": "x"}, two)
    assert (third.branch, third.work.base_commit) == (f"{first.branch}-2", two)
    assert [file.path for file in third.work.files] == ["c"]
    assert kinds(third.work) == [NoteKind.RESCUED]
    assert git(path, "rev-parse", first.branch) == second.work.commit


async def test_a_follow_up_goes_on_with_its_parents_branch(site: Site, path: Path) -> None:
    parent = await site.does(node(1), {"a": "x"})
    follow = node(2, branch=parent.branch)
    git(path, "branch", "copy", parent.branch)
    idle = await site.does(follow, {}, parent.work.commit)
    assert git(path, "rev-parse", parent.branch) == parent.work.commit, "it is the parent's"
    assert (idle.branch, idle.work.notes) == (parent.branch, ())
    ended = await site.does(follow, {"b": "x"}, parent.work.commit)
    assert (ended.branch, ended.work.base_commit) == (parent.branch, parent.work.commit)
    assert [file.path for file in ended.work.files] == ["b"]
    assert git(path, "rev-parse", parent.branch) == ended.work.commit


async def test_a_branch_that_is_gone_is_made_again_from_the_commit(site: Site, path: Path) -> None:
    parent = await site.does(node(1), {"a": "x"})
    git(path, "branch", "-D", parent.branch)
    ended = await site.does(node(2, branch=parent.branch), {"b": "x"}, parent.work.commit)
    assert (ended.branch, ended.work.notes) == (parent.branch, ())
    assert git(path, "rev-parse", f"{parent.branch}~1") == parent.work.commit
    git(path, "branch", "-D", parent.branch)
    again = await site.does(ended, {"c": "x"}, parent.work.commit)
    assert [file.path for file in again.work.files] == ["b", "c"]


async def test_a_branch_that_moved_on_is_left_to_who_moved_it(site: Site, path: Path) -> None:
    parent = await site.does(node(1), {"a": "x"})
    git(path, "checkout", "--quiet", parent.branch)
    theirs = commit(path, {"theirs": "x"})
    ended = await site.does(node(2, branch=parent.branch), {"b": "x"}, parent.work.commit)
    assert ended.branch == "agent/2-task-2"
    assert [(note.kind, note.detail) for note in ended.work.notes] == [
        (NoteKind.RESCUED, "agent/2-task-2")
    ]
    assert git(path, "rev-parse", parent.branch) == theirs


async def test_a_commit_that_is_nowhere_is_a_sentence(site: Site) -> None:
    with pytest.raises(RepositoryError, match="does not have the commit 000000000000 that agent 2"):
        await site.shop.open(node(2), "0" * 40)


async def test_on_another_host_the_commit_comes_from_the_remote(tmp_path: Path) -> None:
    remote, _ = with_remote(tmp_path)
    here, there = (Site(tmp_path / name, url=str(remote)) for name in ("here", "there"))
    parent = await here.does(node(1), {"a": "x"})
    follow = await there.does(node(2, branch=parent.branch), {"b": "x"}, parent.work.commit)
    assert (follow.branch, follow.work.pushed) == (parent.branch, True)
    again = await here.does(follow, {"c": "x"}, parent.work.commit)
    assert again.work.pushed
    assert [file.path for file in again.work.files] == ["b", "c"]
    assert git(remote, "rev-parse", parent.branch) == again.work.commit


async def test_protected_files_keep_a_branch_here_until_somebody_approves(
    away: tuple[Site, Path, Path],
) -> None:
    site, clone, remote = away
    ended = await site.does(node(1), {FLOW: "evil\n", "a": "x"})
    work = ended.work
    assert (work.pushed, work.protected, work.notes) == (False, (FLOW,), ())
    assert work.fetch == f"git fetch {clone}/.git {work.branch}"
    assert git(remote, "branch", "--list", "agent/*") == ""
    other = await site.shop.publish(ended, "0" * 40)
    assert (other.pushed, other.protected) == (False, (FLOW,)), "that was not what was shown"
    done = await site.shop.publish(ended, work.commit)
    assert (done.pushed, done.protected, done.remote_commit) == (True, (), work.commit)
    assert git(remote, "rev-parse", work.branch) == work.commit
    more = await site.does(replace(ended, work=stored(done)), {"b": "x"})
    assert (more.work.pushed, more.work.protected) == (False, (FLOW,))


async def test_the_approved_commit_leaves_and_others_wait(away: tuple[Site, Path, Path]) -> None:
    site, _, remote = away
    ended = await site.does(node(1), {FLOW: "evil\n"})
    again = await site.does(ended, {}, approved=ended.work.commit)
    assert (again.work.pushed, again.work.commit) == (True, ended.work.commit)
    more = await site.does(again, {"b": "x"}, approved=ended.work.commit)
    assert (more.work.pushed, more.work.protected) == (False, (FLOW,))
    assert more.work.remote_commit == git(remote, "rev-parse", ended.branch) == ended.work.commit


async def test_what_a_parent_did_to_protected_files_counts_for_its_children(
    away: tuple[Site, Path, Path],
) -> None:
    site, _, remote = away
    parent = await site.does(node(1), {FLOW: "evil\n"})
    child = await site.does(node(2), {"b": "x"}, parent.work.commit)
    based = await site.does(node(3, base=parent.branch), {"c": "x"})
    at = await site.does(node(4, base=parent.work.commit), {"d": "x"})
    for view in (child, based, at):
        assert (view.work.pushed, view.work.protected) == (False, (FLOW,)), view.id
        assert FLOW not in {file.path for file in view.work.files}
    assert git(remote, "branch", "--list", "agent/*") == ""


async def test_what_a_lost_attempt_left_is_not_pushed_either(
    away: tuple[Site, Path, Path],
) -> None:
    site, _, remote = away
    for number, files in ((1, {FLOW: "evil\n"}), (2, {"a": "x"})):
        view = node(number)
        bench = await site.shop.open(view)
        write(bench, files)
        view = replace(view, branch=bench.tree.branch, work=site.shop.begun(bench, view, ()))
        work = await site.shop.salvage(view, bench.tree.path)
        assert work.pushed is (number == 2)
        assert work.protected == ((FLOW,) if number == 1 else ())
    assert git(remote, "branch", "--list", "agent/*").split() == ["agent/2-task-2"]


async def test_a_branch_can_be_held_back_and_published_later(
    away: tuple[Site, Path, Path],
) -> None:
    site, _, remote = away
    ended = await site.does(node(1), {"a": "x"}, push=False)
    assert (ended.work.pushed, ended.work.protected, ended.work.notes) == (False, (), ())
    assert git(remote, "branch", "--list", "agent/*") == ""
    assert (await site.shop.publish(ended, ended.work.commit)).pushed


async def test_what_cannot_be_judged_does_not_leave(away: tuple[Site, Path, Path]) -> None:
    site, clone, remote = away
    git(remote, "branch", "dev")
    view = node(1, base="dev")
    bench = await site.shop.open(view)
    git(remote, "branch", "-D", "dev")
    git(clone, "update-ref", "-d", "refs/mab/fetched/origin/heads/dev")
    write(bench, {"a": "x"})
    work = await site.shop.keep(bench, view, None)
    assert (work.pushed, kinds(work)) == (False, [NoteKind.PUSH_FAILED])
    assert "no branch, tag or commit “dev”" in work.notes[0].detail
    assert git(remote, "branch", "--list", "agent/*") == ""
    git(clone, "push", "--quiet", "origin", f"{work.commit}~1:refs/heads/{work.branch}")
    done = await site.shop.publish(replace(view, branch=work.branch, work=work), work.commit)
    assert (done.pushed, done.notes) == (True, ()), "the remote's branch is behind, so it follows"


async def test_without_a_remote_nothing_waits_for_anybody(site: Site) -> None:
    ended = await site.does(node(1), {FLOW: "x"})
    assert (ended.work.pushed, ended.work.protected, ended.work.notes) == (False, (), ())


async def test_a_merge_gets_a_branch_without_an_agent(away: tuple[Site, Path, Path]) -> None:
    site, clone, remote = away
    both = [(await site.does(node(n), {f"{n}.txt": "x"})).work.commit for n in (1, 2)]
    made = await merge(await site.shop.repos.open("shop"), both, "Merge")
    assert isinstance(made, Merged)
    work = await site.shop.gather(node(3), made.commit)
    assert (work.commit, work.branch, work.pushed) == (made.commit, "agent/3-task-3", True)
    assert work.base_commit == git(clone, "rev-parse", "main")
    assert [file.path for file in work.files] == ["1.txt", "2.txt"]
    assert git(remote, "rev-parse", work.branch) == made.commit
    again = await site.shop.gather(node(3, branch=work.branch), made.commit)
    assert (again.branch, again.pushed) == (work.branch, True)
