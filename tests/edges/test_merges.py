"""Commits of several nodes: merged, taken back from people, and brought into the base branch."""

import asyncio
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.git import GitError
from engine.landings import Landed, Landings, Missing, Refusal, Refused, Resolved, Unresolved
from engine.merges import MAX_FILES, Clash, Merged, contains, merge, unresolved
from engine.protected import touched
from engine.repos import OpenRepo, Repos
from engine.settings import CI_CONFIGURATION, Repo
from tests.repositories import IDENTITY, checkout, commit, create, git, with_remote

LINES = "".join(f"{n}\n" for n in range(1, 31))


def changed(line: int, to: str) -> str:
    """Thirty lines, one of them otherwise."""
    return "".join(f"{to if n == line else n}\n" for n in range(1, 31))


class Shop:
    """A repository whose branches are made by hand."""

    def __init__(self, path: Path, home: Path) -> None:
        self.path, self.home = path, home
        self.repos = Repos({"shop": Repo(path=path)}, home)

    @property
    def landings(self) -> Landings:
        return Landings(self.repos, {"shop": True})

    async def open(self) -> OpenRepo:
        return await self.repos.open("shop")

    def branch(self, name: str, files: dict[str, str], start: str = "main") -> str:
        """A branch with one commit on top of another; main stays checked out."""
        git(self.path, "checkout", "--quiet", "-b", name, start)
        made = commit(self.path, files, f"work of {name}")
        git(self.path, "checkout", "--quiet", "main")
        return made

    def on(self, name: str, work: Callable[[], object]) -> str:
        """A branch from main, with what somebody does to the files."""
        git(self.path, "checkout", "--quiet", "-b", name, "main")
        work()
        made = commit(self.path, {}, f"work of {name}")
        git(self.path, "checkout", "--quiet", "main")
        return made

    def names(self, at: str) -> set[str]:
        return {
            os.fsdecode(name)
            for name in self.raw("ls-tree", "-r", "-z", "--name-only", at).split(b"\0")
            if name
        }

    def raw(self, *args: str) -> bytes:
        return subprocess.run(
            ["git", *args],
            cwd=self.path,
            env=os.environ | IDENTITY,
            capture_output=True,
            check=True,
        ).stdout

    def parents(self, at: str) -> list[str]:
        return git(self.path, "show", "-s", "--format=%P", at).split()


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    files = {"README.md": "hello\n", "a.txt": LINES, "b.txt": LINES, "gone.txt": LINES}
    return Shop(create(tmp_path / "shop", files), tmp_path / "home")


async def merged(shop: Shop, *commits: str) -> str:
    made = await merge(await shop.open(), commits, "Merge them")
    assert isinstance(made, Merged), made
    return made.commit


async def clash(shop: Shop, *commits: str) -> Clash:
    made = await merge(await shop.open(), commits, "Merge them")
    assert isinstance(made, Clash), made
    return made


async def test_two_branches_become_one_commit_and_nothing_else_moves(shop: Shop) -> None:
    one, two = shop.branch("one", {"1": "x"}), shop.branch("two", {"2": "x"})
    (shop.path / "README.md").write_text("not committed\n")
    before = checkout(shop.path)
    made = await merged(shop, two, one)
    assert shop.parents(made) == [two, one]
    assert shop.names(made) == {"README.md", "a.txt", "b.txt", "gone.txt", "1", "2"}
    assert git(shop.path, "show", "-s", "--format=%an|%ae|%cn|%s", made) == (
        "mab|mab@mab.invalid|mab|Merge them"
    )
    assert checkout(shop.path) == before


async def test_the_same_commits_give_the_same_merge_at_any_time(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_COMMITTER_DATE", "@2000000000 +0000")
    one, two = shop.branch("one", {"1": "x"}), shop.branch("two", {"2": "x"})
    first = await merged(shop, one, two)
    assert git(shop.path, "show", "-s", "--format=%at %ct", first) == "2000000000 2000000000"
    git(shop.path, "config", "merge.conflictStyle", "merge")
    git(shop.path, "config", "user.name", "Somebody")
    assert await merged(shop, one, two) == first


async def test_changes_of_one_file_in_different_places_go_together(shop: Shop) -> None:
    one = shop.branch("one", {"a.txt": changed(2, "two")})
    two = shop.branch("two", {"a.txt": changed(29, "twenty-nine")})
    text = git(shop.path, "show", f"{await merged(shop, one, two)}:a.txt").splitlines()
    assert (text[1], text[28]) == ("two", "twenty-nine")


async def test_a_rename_meets_a_change(shop: Shop) -> None:
    one = shop.on("one", lambda: git(shop.path, "mv", "a.txt", "new.txt"))
    two = shop.branch("two", {"a.txt": changed(5, "five")})
    made = await merged(shop, one, two)
    assert "a.txt" not in shop.names(made)
    assert "five" in git(shop.path, "show", f"{made}:new.txt")


async def test_five_branches_come_together_in_one_commit(shop: Shop) -> None:
    five = [
        shop.branch(f"n{n}", {f"file {n}": "x", "a.txt": changed(n * 6, "x")}) for n in range(1, 6)
    ]
    made = await merged(shop, *five)
    assert shop.parents(made) == five
    assert {f"file {n}" for n in range(1, 6)} <= shop.names(made)
    assert git(shop.path, "show", f"{made}:a.txt").splitlines().count("x") == 5
    assert await contains(await shop.open(), made, five)


async def test_what_is_contained_already_adds_nothing(shop: Shop) -> None:
    one = shop.branch("one", {"1": "x"})
    further = shop.branch("further", {"2": "x"}, start="one")
    main = git(shop.path, "rev-parse", "main")
    for given in ([further], [main, one, further], [further, one, further], [main, main, further]):
        assert await merged(shop, *given) == further
    beside = shop.branch("beside", {"3": "x"})
    assert shop.parents(await merged(shop, main, one, further, beside)) == [further, beside]


async def test_ancestors_are_told_from_others(shop: Shop) -> None:
    one, two = shop.branch("one", {"1": "x"}), shop.branch("two", {"2": "x"})
    repo, main = await shop.open(), git(shop.path, "rev-parse", "main")
    assert await contains(repo, one, [main, one])
    assert not await contains(repo, one, [main, two])
    assert not await contains(repo, one, ["0" * 40])


async def test_a_clash_names_its_files_and_holds_markers_and_all_parents(shop: Shop) -> None:
    one = shop.branch("one", {"a.txt": changed(3, "ours"), "1": "x"})
    two = shop.branch("two", {"a.txt": changed(3, "theirs"), "2": "x"})
    after = shop.branch("after", {"b.txt": changed(1, "after"), "3": "x"})
    found = await clash(shop, one, two, after)
    assert found.files == ("a.txt",)
    assert shop.parents(found.commit) == [one, two, after]
    assert {"1", "2", "3"} <= shop.names(found.commit)
    assert git(shop.path, "show", f"{found.commit}:b.txt").startswith("after")
    text = git(shop.path, "show", f"{found.commit}:a.txt")
    assert all(word in text for word in ("<<<<<<< ", "ours", "||||||| ", "theirs", ">>>>>>> "))
    assert await clash(shop, one, two, after) == found


async def test_a_file_that_clashes_twice_keeps_all_three_texts(shop: Shop) -> None:
    given = [shop.branch(name, {"a.txt": changed(3, name)}) for name in ("red", "green", "blue")]
    found = await clash(shop, *given)
    text = git(shop.path, "show", f"{found.commit}:a.txt")
    assert found.files == ("a.txt",)
    assert all(name in text for name in ("red", "green", "blue"))


async def test_deleted_renamed_and_binary_files_clash(shop: Shop) -> None:
    (shop.path / "bin").write_bytes(b"\0\1\2" * 50)
    commit(shop.path, {})

    def ours() -> None:
        git(shop.path, "rm", "--quiet", "gone.txt")
        git(shop.path, "mv", "b.txt", "left.txt")
        (shop.path / "bin").write_bytes(b"\0ours" * 50)

    def theirs() -> None:
        (shop.path / "gone.txt").write_text(changed(4, "four"))
        git(shop.path, "mv", "b.txt", "right.txt")
        (shop.path / "bin").write_bytes(b"\0theirs" * 50)

    found = await clash(shop, shop.on("one", ours), shop.on("two", theirs))
    assert set(found.files) == {"bin", "gone.txt", "b.txt", "left.txt", "right.txt"}
    assert "gone.txt" in shop.names(found.commit)


async def test_strange_names_are_shown_on_one_line(shop: Shop) -> None:
    names = [
        "with space",
        'it\'s "quoted"',
        "two\nlines",
        "Größe 日本.txt",
        "-rf",
        ":(glob)*",
        "tab\there",
    ]
    raw = os.fsdecode(b"not \xff utf-8")
    commit(shop.path, dict.fromkeys([*names, raw], "base\n"))
    one = shop.branch("one", dict.fromkeys([*names, raw], "one\n"))
    two = shop.branch("two", dict.fromkeys([*names, raw], "two\n"))
    found = await clash(shop, one, two)
    assert set(found.files) == {
        *("with space", 'it\'s "quoted"', "two\\nlines", "Größe 日本.txt", "-rf", ":(glob)*"),
        *("tab\\there", "not \ufffd utf-8"),
    }
    assert (
        len(await unresolved(await shop.open(), shop.branch("three", {}, found.commit), (one, two)))
        == 8
    )


async def test_not_every_one_of_many_files_is_named(shop: Shop) -> None:
    names = [f"f{n}" for n in range(MAX_FILES + 120)]
    one, two = (shop.branch(side, dict.fromkeys(names, f"{side}\n")) for side in ("one", "two"))
    found = await clash(shop, one, two)
    assert len(found.files) == MAX_FILES
    assert set(found.files) < set(names)


@pytest.mark.parametrize("where", ["tree", "info", "user", "default"])
async def test_no_merge_driver_runs_whoever_names_it(
    shop: Shop, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = tmp_path / "ran"
    git(shop.path, "config", "merge.evil.driver", f"touch '{ran}'; exit 0")
    git(shop.path, "config", "filter.evil.smudge", f"touch '{ran}'; cat")
    git(shop.path, "config", "filter.evil.clean", f"touch '{ran}'; cat")
    words = "* merge=evil filter=evil\n"
    (shop.path / ".git/hooks").mkdir(exist_ok=True)
    for hook in ("reference-transaction", "post-merge", "pre-merge-commit", "pre-push"):
        (shop.path / ".git/hooks" / hook).write_text(f"#!/bin/sh\ntouch '{ran}'\n")
        (shop.path / ".git/hooks" / hook).chmod(0o755)
    one = shop.branch("one", {"a.txt": changed(3, "ours")})
    two = shop.branch("two", {"a.txt": changed(3, "theirs")})
    match where:
        case "tree":
            one = shop.branch("one-evil", {".gitattributes": words}, "one")
            two = shop.branch("two-evil", {".gitattributes": words}, "two")
            (shop.path / ".gitattributes").write_text(words)
        case "info":
            (shop.path / ".git/info").mkdir(exist_ok=True)
            (shop.path / ".git/info/attributes").write_text(words)
        case "user":
            (tmp_path / "attributes").write_text(words)
            (tmp_path / "gitconfig").write_text(f"[core]\nattributesFile = {tmp_path}/attributes\n")
            monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
        case _:
            git(shop.path, "config", "merge.default", "evil")
    ran.unlink(missing_ok=True)
    found = await clash(shop, one, two)
    assert found.files == ("a.txt",)
    assert "<<<<<<< " in git(shop.path, "cat-file", "blob", f"{found.commit}:a.txt")
    assert not ran.exists()


async def test_linked_shallow_partial_and_sha256_repositories_merge(
    shop: Shop, tmp_path: Path
) -> None:
    one, two = shop.branch("one", {"1": "x" * 999}), shop.branch("two", {"a.txt": changed(3, "y")})
    git(shop.path, "config", "uploadpack.allowFilter", "true")
    url = f"file://{shop.path}"
    git(tmp_path, "clone", "--quiet", "--no-checkout", "--filter=blob:none", url, "partial")
    git(tmp_path, "clone", "--quiet", "--depth=2", "--no-single-branch", url, "shallow")
    git(shop.path, "worktree", "add", "--quiet", "--detach", str(tmp_path / "linked"))
    expected = await merged(shop, one, two)
    for name in ("partial", "shallow", "linked"):
        assert await merged(Shop(tmp_path / name, tmp_path / "home"), one, two) == expected
    (tmp_path / "new").mkdir()
    git(tmp_path / "new", "init", "--quiet", "--object-format=sha256", "--initial-branch=main")
    commit(tmp_path / "new", {"a.txt": LINES})
    other = Shop(tmp_path / "new", tmp_path / "home")
    long = await merged(other, other.branch("one", {"1": "x"}), other.branch("two", {"2": "x"}))
    assert len(long) == 64


async def test_what_cannot_be_merged_is_an_error(shop: Shop) -> None:
    one = shop.branch("one", {"1": "x"})
    git(shop.path, "checkout", "--quiet", "--orphan", "island")
    island = commit(shop.path, {"2": "x"})
    repo = await shop.open()
    with pytest.raises(GitError, match="no commit 0000"):
        await merge(repo, [one, "0" * 40], "m")
    with pytest.raises(GitError, match="unrelated histories"):
        await merge(repo, [one, island], "m")
    with pytest.raises(GitError, match="nothing to merge"):
        await merge(repo, [], "m")


async def test_a_clash_is_resolved_when_all_is_in_and_no_marker_is_left(shop: Shop) -> None:
    one = shop.branch("one", {"a.txt": changed(3, "ours")})
    two = shop.branch("two", {"a.txt": changed(3, "theirs")})
    repo, landings = await shop.open(), shop.landings
    found = await clash(shop, one, two)

    async def asked(branch: str) -> Resolved | Unresolved:
        return await landings.resolved(repo, branch, [one, two])

    assert await asked("nowhere") == Unresolved(Missing.BRANCH)
    assert await asked("one") == Unresolved(Missing.COMMITS)
    git(shop.path, "branch", "same", found.commit)
    assert await asked("same") == Unresolved(Missing.MARKERS, files=("a.txt",))
    shop.branch("half", {"c.txt": "x"}, found.commit)
    assert await asked("half") == Unresolved(Missing.MARKERS, files=("a.txt",))
    done = shop.branch("done", {"a.txt": changed(3, "both")}, found.commit)
    assert await asked("done") == Resolved(done)


async def test_a_file_about_conflicts_is_not_one(shop: Shop) -> None:
    about = "<<<<<<< yours\n=======\n>>>>>>> theirs\n"
    commit(shop.path, {"guide.md": about + LINES})
    one = shop.branch("one", {"guide.md": about + changed(3, "ours")})
    two = shop.branch("two", {"guide.md": about + changed(3, "theirs")})
    found = await clash(shop, one, two)
    done = shop.branch("done", {"guide.md": about + changed(3, "both")}, found.commit)
    assert await unresolved(await shop.open(), done, [one, two]) == ()


async def test_binary_files_count_as_resolved_once_somebody_did_something(shop: Shop) -> None:
    one, two = shop.branch("one", {"bin": "\0one"}), shop.branch("two", {"bin": "\0two"})
    found = await clash(shop, one, two)
    assert await unresolved(await shop.open(), found.commit, [one, two]) == ("bin",)
    done = shop.branch("done", {"bin": "\0both"}, found.commit)
    assert await unresolved(await shop.open(), done, [one, two]) == ()


async def test_what_a_person_pushed_to_the_remote_is_fetched(tmp_path: Path) -> None:
    remote, clone = with_remote(tmp_path, {"a.txt": LINES})
    shop = Shop(clone, tmp_path / "home")
    one = shop.branch("one", {"a.txt": changed(3, "ours")})
    two = shop.branch("two", {"a.txt": changed(3, "theirs")})
    git(clone, "push", "--quiet", "origin", "one", "two")
    git(tmp_path, "clone", "--quiet", str(remote), "person")
    git(tmp_path / "person", "checkout", "--quiet", "-b", "mend", "origin/one")
    git(tmp_path / "person", "merge", "--quiet", "-s", "ours", "-m", "Both", "origin/two")
    git(tmp_path / "person", "push", "--quiet", "origin", "mend")
    before = checkout(clone)
    found = await shop.landings.resolved(await shop.open(), "mend", [one, two])
    assert found == Resolved(git(remote, "rev-parse", "mend"))
    assert checkout(clone) == before
    remote.rename(tmp_path / "away")
    lost = await shop.landings.resolved(await shop.open(), "other", [one, two])
    assert isinstance(lost, Unresolved)
    assert lost.why is Missing.REMOTE
    assert "does not appear to be a git repository" in lost.detail


def typed(command: str) -> None:
    """Do what somebody was told to type."""
    shell = ["sh", "-c", command]
    subprocess.run(shell, env=os.environ | IDENTITY, check=True, capture_output=True)


def elsewhere(shop: Shop) -> None:
    """Let nobody have main checked out."""
    git(shop.path, "checkout", "--quiet", "--detach")


async def test_work_goes_into_the_base_by_fast_forward_or_by_a_merge(shop: Shop) -> None:
    start = git(shop.path, "rev-parse", "main")
    one, two = shop.branch("one", {"1": "x"}), shop.branch("two", {"2": "x"})
    elsewhere(shop)
    repo, landings = await shop.open(), shop.landings
    assert await landings.into_base(repo, "main", one, start) == Landed(one)
    made = await landings.into_base(repo, "main", two, one, "Merge agent/2-x")
    assert isinstance(made, Landed)
    assert shop.parents(made.commit) == [one, two]
    assert git(shop.path, "log", "-1", "--format=%H %s", "main") == f"{made.commit} Merge agent/2-x"
    assert await landings.into_base(repo, "main", two, one) == made, "it has landed already"


async def test_a_base_that_moved_is_not_moved_unseen(shop: Shop) -> None:
    start = git(shop.path, "rev-parse", "main")
    one = shop.branch("one", {"1": "x"})
    now = commit(shop.path, {"later": "x"})
    elsewhere(shop)
    refused = await shop.landings.into_base(await shop.open(), "main", one, start)
    assert refused == Refused(Refusal.MOVED, now=now)
    assert git(shop.path, "rev-parse", "main") == now


async def test_of_many_who_land_at_once_each_is_in_or_told(shop: Shop) -> None:
    start = git(shop.path, "rev-parse", "main")
    works = [shop.branch(f"n{n}", {f"{n}": "x"}) for n in range(6)]
    elsewhere(shop)
    repo = await shop.open()
    ends = await asyncio.gather(
        *(shop.landings.into_base(repo, "main", work, start) for work in works)
    )
    landed = [work for work, end in zip(works, ends, strict=True) if isinstance(end, Landed)]
    assert len(landed) == 1
    assert git(shop.path, "rev-parse", "main") == landed[0]
    refused = [end for end in ends if isinstance(end, Refused)]
    assert {(end.why, end.now) for end in refused} == {(Refusal.MOVED, landed[0])}


async def test_a_branch_on_which_somebody_works_is_left_to_them(shop: Shop, tmp_path: Path) -> None:
    one = shop.branch("one", {"1": "x"})
    (shop.path / "README.md").write_text("mine\n")
    before = checkout(shop.path)
    refused = await shop.landings.into_base(await shop.open(), "main", one)
    assert isinstance(refused, Refused)
    assert (refused.why, refused.detail) == (Refusal.CHECKED_OUT, str(shop.path))
    assert checkout(shop.path) == before
    typed(refused.command)
    assert git(shop.path, "rev-parse", "main") == one
    assert (shop.path / "README.md").read_text() == "mine\n"
    git(shop.path, "worktree", "add", "--quiet", "-b", "side", str(tmp_path / "it's a side"))
    two = shop.branch("two", {"2": "x"})
    beside = await shop.landings.into_base(await shop.open(), "side", two)
    assert isinstance(beside, Refused)
    assert beside.command == f"git -C '{tmp_path}/it'\"'\"'s a side' merge --no-edit {two}"


async def test_a_base_that_clashes_or_does_not_exist_is_refused(shop: Shop) -> None:
    one = shop.branch("one", {"a.txt": changed(3, "ours")})
    git(shop.path, "tag", "v1", one)
    now = commit(shop.path, {"a.txt": changed(3, "theirs")})
    elsewhere(shop)
    repo, landings = await shop.open(), shop.landings
    assert await landings.into_base(repo, "main", one) == Refused(
        Refusal.CONFLICT, files=("a.txt",)
    )
    assert git(shop.path, "rev-parse", "main") == now
    for name in ("nowhere", "main~1", "v1", one, "HEAD"):
        assert await landings.into_base(repo, name, one) == Refused(Refusal.NO_BRANCH), name


async def test_the_branch_that_a_bare_repository_names_can_move(shop: Shop, tmp_path: Path) -> None:
    one = shop.branch("one", {"1": "x"})
    git(tmp_path, "clone", "--quiet", "--bare", str(shop.path), "bare.git")
    git(tmp_path / "bare.git", "remote", "remove", "origin")
    bare = Shop(tmp_path / "bare.git", tmp_path / "home")
    assert await bare.landings.into_base(await bare.open(), "main", one) == Landed(one)


async def test_with_a_remote_the_remotes_branch_moves(tmp_path: Path) -> None:
    remote, clone = with_remote(tmp_path)
    shop = Shop(clone, tmp_path / "home")
    start, one = git(clone, "rev-parse", "main"), shop.branch("one", {"1": "x"})
    before = checkout(clone)
    repo = await shop.open()
    assert await shop.landings.into_base(repo, "main", one, start) == Landed(one)
    assert git(remote, "rev-parse", "main") == one
    assert checkout(clone) == before, "main is checked out here, and stays where it was"
    theirs = commit(tmp_path / "source", {"theirs": "x"})
    git(tmp_path / "source", "push", "--quiet", "--force", str(remote), "main")
    two = shop.branch("two", {"2": "x"})
    refused = await shop.landings.into_base(repo, "main", two, one)
    assert refused == Refused(Refusal.MOVED, now=theirs)
    made = await shop.landings.into_base(repo, "main", two, theirs)
    assert isinstance(made, Landed)
    assert git(remote, "rev-parse", "main") == made.commit


async def test_a_push_that_lost_the_race_is_refused(tmp_path: Path) -> None:
    remote, clone = with_remote(tmp_path)
    shop = Shop(clone, tmp_path / "home")
    works = [shop.branch(f"n{n}", {f"{n}": "x"}) for n in range(4)]
    start = git(clone, "rev-parse", "main")
    repo = await shop.open()
    ends = await asyncio.gather(
        *(shop.landings.into_base(repo, "main", work, start) for work in works)
    )
    landed = [end.commit for end in ends if isinstance(end, Landed)]
    assert landed == [git(remote, "rev-parse", "main")]
    assert all(
        isinstance(end, Landed) or end.why in {Refusal.MOVED, Refusal.REMOTE} for end in ends
    )


async def test_a_remote_that_refuses_or_is_away_is_said_in_its_words(tmp_path: Path) -> None:
    remote, clone = with_remote(tmp_path)
    shop = Shop(clone, tmp_path / "home")
    one = shop.branch("one", {"1": "x"})
    (remote / "hooks").mkdir(exist_ok=True)
    (remote / "hooks/pre-receive").write_text("#!/bin/sh\necho 'main is protected' >&2\nexit 1\n")
    (remote / "hooks/pre-receive").chmod(0o755)
    repo = await shop.open()
    refused = await shop.landings.into_base(repo, "main", one)
    assert isinstance(refused, Refused)
    assert refused.why is Refusal.REMOTE
    assert "main is protected" in refused.detail
    remote.rename(tmp_path / "away")
    gone = await shop.landings.into_base(repo, "main", one)
    assert isinstance(gone, Refused)
    assert gone.why is Refusal.REMOTE


async def test_where_pushing_is_off_the_remote_is_left_alone(tmp_path: Path) -> None:
    remote, clone = with_remote(tmp_path)
    shop = Shop(clone, tmp_path / "home")
    start, one = git(clone, "rev-parse", "main"), shop.branch("one", {"1": "x"})
    elsewhere(shop)
    quiet = Landings(shop.repos, {"shop": False})
    assert await quiet.into_base(await shop.open(), "main", one) == Landed(one)
    assert git(clone, "rev-parse", "main") == one
    assert git(remote, "rev-parse", "main") == start
    git(clone, "branch", "-D", "main")
    refused = await quiet.into_base(await shop.open(), "main", one)
    assert isinstance(refused, Refused)
    assert refused.why is Refusal.NOT_PUSHED
    typed(refused.command)
    assert git(remote, "rev-parse", "main") == one


FLOW = ".github/workflows/ci.yml"


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (CI_CONFIGURATION, {FLOW, ".github/owners", ".GitHub/Workflows/new.yml", "sub/Jenkinsfile"}),
        ((".github/workflows/**",), {FLOW, ".GitHub/Workflows/new.yml"}),
        (("/Jenkinsfile",), set()),
        (("jenkinsFILE",), {"sub/Jenkinsfile"}),
        (("sub/",), {"sub/Jenkinsfile", "sub/übung 1.TF"}),
        (("*.tf",), {"sub/übung 1.TF"}),
        (("sub/*",), {"sub/Jenkinsfile", "sub/übung 1.TF"}),
        (("*/Jenkins*", "/"), {"sub/Jenkinsfile"}),
        (("ÜBUNG", "nowhere/**", "!x", ":(exclude)x"), set()),
        ((), set()),
    ],
)  # fmt: skip
async def test_protected_files_are_found_however_they_are_changed(
    shop: Shop, patterns: tuple[str, ...], expected: set[str]
) -> None:
    files = {FLOW: LINES, ".github/owners": "x", "sub/Jenkinsfile": "x", "sub/übung 1.TF": "x"}
    start = commit(shop.path, files)

    def work() -> None:
        git(shop.path, "mv", FLOW, "ci-elsewhere.yml")
        git(shop.path, "rm", "--quiet", ".github/owners")
        (shop.path / "sub/Jenkinsfile").chmod(0o755)
        (shop.path / "sub/übung 1.TF").write_text("y")
        commit(shop.path, {".GitHub/Workflows/new.yml": "x", "README.md": "y"})

    made = shop.on("work", work)
    assert set(await touched(await shop.open(), start, made, patterns)) == expected


async def test_links_and_submodules_count_in_place_of_a_directory(shop: Shop) -> None:
    part = git(shop.path, "rev-parse", "HEAD")
    start = commit(shop.path, {"ci/steps/x": "x", "ci/other": "x"})

    def link() -> None:
        (shop.path / ".github").symlink_to("sub")

    def module() -> None:
        git(shop.path, "update-index", "--add", "--cacheinfo", f"160000,{part},.GitHub")
        git(shop.path, "commit", "--quiet", "-m", "x")

    repo = await shop.open()
    linked = shop.on("linked", link)
    git(shop.path, "checkout", "--quiet", "-b", "module")
    module()
    moduled = git(shop.path, "rev-parse", "HEAD")
    for pattern in (".github/**", ".github/workflows/**", ".github/workflows/ci.yml"):
        assert await touched(repo, start, linked, (pattern,)) == (".github",)
        assert await touched(repo, start, moduled, (pattern,)) == (".GitHub",)
    git(shop.path, "checkout", "--quiet", "--force", "main")
    other = shop.branch("other", {"ci/other": "y", ".github/readme": "x", "top": "x"})
    assert await touched(repo, start, other, ("*/steps/**", ".github/workflows/**")) == ()


async def test_what_others_did_to_the_base_meanwhile_does_not_count(shop: Shop) -> None:
    commit(shop.path, {FLOW: "1\n"})
    made = shop.branch("work", {"a.txt": "x"})
    now = commit(shop.path, {FLOW: "2\n"})
    repo = await shop.open()
    assert await touched(repo, now, made, CI_CONFIGURATION) == ()
    taken = await merged(shop, made, now)
    assert await touched(repo, now, taken, CI_CONFIGURATION) == ()
    worse = shop.branch("worse", {FLOW: "evil\n"}, taken)
    assert await touched(repo, now, worse, CI_CONFIGURATION) == (FLOW,)
