"""Repositories as people have them: each works, or says in a sentence what to do."""

import asyncio
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from engine.git import Git, GitError
from engine.repos import OpenRepo, Repos, RepositoryError
from engine.settings import Repo
from tests.repositories import checkout, commit, create, git, with_remote


@pytest.fixture
def served(tmp_path: Path) -> Callable[..., Repos]:
    """Repositories as the configuration would name them."""

    def repos(**settings: Repo) -> Repos:
        return Repos(settings, tmp_path / "home")

    return repos


async def at(path: Path, tmp_path: Path) -> tuple[Repos, OpenRepo]:
    """A local repository, opened."""
    repos = Repos({"shop": Repo(path=path)}, tmp_path / "home")
    return repos, await repos.open("shop")


async def sentence(repos: Repos, name: str = "shop") -> str:
    """What opening says when it refuses."""
    with pytest.raises(RepositoryError) as refused:
        await repos.open(name)
    return str(refused.value)


async def test_an_unknown_name_is_refused_with_the_known_ones(served: Callable[..., Repos]) -> None:
    assert "known here: blog, shop" in await sentence(
        served(shop=Repo(path=Path("/x")), blog=Repo(path=Path("/y"))), "sohp"
    )
    assert "none is configured" in await sentence(served())


async def test_a_path_that_is_missing_or_no_repository_is_refused(
    served: Callable[..., Repos], tmp_path: Path
) -> None:
    assert "does not exist" in await sentence(served(shop=Repo(path=tmp_path / "gone")))
    (tmp_path / "plain").mkdir()
    assert "is not a git repository; run `git init`" in await sentence(
        served(shop=Repo(path=tmp_path / "plain"))
    )


async def test_a_directory_inside_a_repository_is_not_taken_for_it(
    served: Callable[..., Repos], tmp_path: Path
) -> None:
    create(tmp_path / "outer", {"inner/file": "x"})
    assert "is not a git repository" in await sentence(
        served(shop=Repo(path=tmp_path / "outer" / "inner"))
    )


async def test_a_repository_without_commits_is_refused(
    served: Callable[..., Repos], tmp_path: Path
) -> None:
    (tmp_path / "new").mkdir()
    git(tmp_path / "new", "init", "--quiet")
    assert "has no commits yet" in await sentence(served(shop=Repo(path=tmp_path / "new")))


async def test_bare_linked_and_oddly_named_repositories_open(tmp_path: Path) -> None:
    source = create(tmp_path / "mit Leerzeichen und ünïcødé")
    git(tmp_path, "clone", "--quiet", "--bare", str(source), str(tmp_path / "bare.git"))
    git(source, "worktree", "add", "--quiet", "-b", "side", str(tmp_path / "linked"))
    for path, branch in (
        (source, "main"),
        (tmp_path / "bare.git", "main"),
        (tmp_path / "linked", "side"),
    ):
        repos, repo = await at(path, tmp_path)
        base = await repos.base(repo, "")
        assert (base.ref, base.commit) == (branch, git(source, "rev-parse", branch))
    assert (await at(tmp_path / "linked", tmp_path))[1].git_dir == source / ".git"


async def test_a_base_is_a_branch_a_tag_a_commit_or_what_head_names(tmp_path: Path) -> None:
    path = create(tmp_path / "shop")
    first = git(path, "rev-parse", "HEAD")
    git(path, "tag", "-a", "v1", "-m", "one")
    second = commit(path, {"more": "x"})
    git(path, "branch", "feature/größe")
    repos, repo = await at(path, tmp_path)
    for ref, expected in {
        "": second, "main": second, "refs/heads/main": second, "feature/größe": second,
        "v1": first, first: first, first[:8]: first, "main~1": first, "HEAD": second,
    }.items():  # fmt: skip
        base = await repos.base(repo, ref)
        assert (base.commit, base.stale, base.remote) == (expected, "", ""), ref
    git(path, "checkout", "--quiet", "--detach", "v1")
    repos, repo = await at(path, tmp_path)
    assert (await repos.base(repo, "")).commit == first


async def test_an_unknown_base_is_refused_with_similar_names(tmp_path: Path) -> None:
    path = create(tmp_path / "shop")
    git(path, "branch", "develop")
    repos, repo = await at(path, tmp_path)
    with pytest.raises(
        RepositoryError, match="no branch, tag or commit “devlop”; similar names: develop"
    ):
        await repos.base(repo, "devlop")


@pytest.mark.parametrize(
    "ref", ["--output=/tmp/x", "-x", "a b", "main:README.md", "a\nb", "x" * 300]
)
async def test_what_cannot_be_a_ref_never_reaches_git(ref: str, tmp_path: Path) -> None:
    repos, repo = await at(create(tmp_path / "shop"), tmp_path)
    with pytest.raises(RepositoryError, match="cannot be a branch"):
        await repos.base(repo, ref)


async def test_with_a_remote_the_base_is_fetched_and_nothing_of_the_owner_moves(
    tmp_path: Path,
) -> None:
    remote, path = with_remote(tmp_path)
    new = commit(tmp_path / "source", {"new": "x"})
    git(tmp_path / "source", "push", "--quiet", str(remote), "main", "main:refs/heads/other")
    git(tmp_path / "source", "push", "--quiet", str(remote), "main:refs/tags/v9")
    (path / "README.md").write_text("not committed\n")
    before = checkout(path)
    repos, repo = await at(path, tmp_path)
    for ref in ("", "main", "origin/main", "other", "v9", new):
        base = await repos.base(repo, ref)
        assert (base.commit, base.stale) == (new, ""), ref
    assert (await repos.base(repo, "main")).remote == "origin"
    assert checkout(path) == before


async def test_a_branch_that_only_the_checkout_has_needs_no_remote(tmp_path: Path) -> None:
    _, path = with_remote(tmp_path)
    git(path, "checkout", "--quiet", "-b", "local")
    mine = commit(path, {"mine": "x"})
    repos, repo = await at(path, tmp_path)
    base = await repos.base(repo, "local")
    assert (base.commit, base.remote, base.stale) == (mine, "", "")


async def test_with_the_remote_down_the_last_known_state_is_taken_and_said(tmp_path: Path) -> None:
    remote, path = with_remote(tmp_path)
    new = commit(tmp_path / "source", {"new": "x"})
    git(tmp_path / "source", "push", "--quiet", str(remote), "main")
    repos, repo = await at(path, tmp_path)
    await repos.base(repo, "main")
    remote.rename(tmp_path / "away")
    base = await repos.base(repo, "main")
    assert base.commit == new
    assert "does not appear to be a git repository" in base.stale


async def test_a_remote_that_was_never_reached_leaves_the_tracking_branch(tmp_path: Path) -> None:
    remote, path = with_remote(tmp_path)
    known = git(path, "rev-parse", "origin/main")
    commit(path, {"unpushed": "x"})
    remote.rename(tmp_path / "away")
    repos, repo = await at(path, tmp_path)
    base = await repos.base(repo, "")
    assert base.commit == known
    assert base.stale


async def test_a_password_in_the_remotes_address_is_never_shown(tmp_path: Path) -> None:
    path = create(tmp_path / "shop")
    git(path, "remote", "add", "origin", "http://user:hunter2@127.0.0.1:1/a/b.git")
    repos, repo = await at(path, tmp_path)
    base = await repos.base(repo, "main")
    pushed = await repos.push(repo, "agent/1-x", base.commit, "")
    assert base.stale
    assert not pushed.ok
    seen = f"{base} {pushed} {repos.links(repo, 'agent/1-x', 'main')}"
    assert "hunter2" not in seen


async def test_a_shallow_clone_works(tmp_path: Path) -> None:
    remote, _ = with_remote(tmp_path)
    commit(tmp_path / "source", {"new": "x"})
    git(tmp_path / "source", "push", "--quiet", str(remote), "main")
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{remote}", str(tmp_path / "shallow"))
    repos, repo = await at(tmp_path / "shallow", tmp_path)
    base = await repos.base(repo, "")
    assert (tmp_path / "shallow/.git/shallow").exists()
    assert base.commit == git(remote, "rev-parse", "main")


async def test_a_url_is_cloned_once_and_follows_the_default_branch(tmp_path: Path) -> None:
    remote, _ = with_remote(tmp_path)
    repos = Repos({"shop": Repo(url=str(remote))}, tmp_path / "home")
    opened = await asyncio.gather(*(repos.open("shop") for _ in range(5)))
    repo = opened[0]
    assert all(other == repo for other in opened)
    assert repo.git_dir == tmp_path / "home/repos/shop"
    assert (await repos.base(repo, "")).ref == "main"
    git(remote, "branch", "trunk", "main")
    git(remote, "symbolic-ref", "HEAD", "refs/heads/trunk")
    base = await repos.base(repo, "")
    assert (base.ref, base.remote, base.commit) == (
        "trunk",
        "origin",
        git(remote, "rev-parse", "trunk"),
    )


async def test_a_clone_that_fails_says_so_and_is_tried_again(tmp_path: Path) -> None:
    remote, _ = with_remote(tmp_path)
    remote.rename(tmp_path / "away")
    repos = Repos({"shop": Repo(url=str(remote))}, tmp_path / "home")
    assert "could not be cloned from" in await sentence(repos)
    (tmp_path / "away").rename(remote)
    assert (await repos.open("shop")).own


async def test_instructions_are_the_files_of_the_commit_and_links_are_not_followed(
    tmp_path: Path,
) -> None:
    path = create(tmp_path / "shop", {"CLAUDE.md": "Use tabs.\n", "secret": "s3cret"})
    (path / "AGENTS.md").symlink_to("secret")
    first = commit(path, {})
    (path / "AGENTS.md").unlink()
    second = commit(path, {"AGENTS.md": "x" * 50_000})
    (path / "CLAUDE.md").write_text("not committed")
    repos, repo = await at(path, tmp_path)
    assert await repos.instructions(repo, first) == "# CLAUDE.md\n\nUse tabs."
    text = await repos.instructions(repo, second)
    assert text.startswith("# AGENTS.md\n\nxxx")
    assert text.count("x") == 40_000
    assert "[cut here]" in text


async def test_a_push_goes_only_where_the_branch_is_still_as_expected(tmp_path: Path) -> None:
    remote, path = with_remote(tmp_path)
    one = commit(path, {"one": "1"})
    two = commit(path, {"two": "2"})
    hooks = path / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    (hooks / "pre-push").write_text(f"#!/bin/sh\ntouch '{tmp_path}/hook-ran'\nexit 1\n")
    (hooks / "pre-push").chmod(0o755)
    repos, repo = await at(path, tmp_path)
    branch = "agent/1-x"
    assert (await repos.push(repo, branch, one, "")).ok
    assert (await repos.push(repo, branch, one, "")).ok, "the same again is no conflict"
    refused = await repos.push(repo, branch, two, "")
    assert not refused.ok
    assert "stale info" in refused.detail
    assert (await repos.push(repo, branch, two, one)).ok
    assert git(remote, "rev-parse", branch) == two
    assert "origin/agent" not in git(path, "branch", "--all")
    assert not (tmp_path / "hook-ran").exists()


async def test_a_push_that_the_remote_refuses_gives_its_words(tmp_path: Path) -> None:
    remote, path = with_remote(tmp_path)
    (remote / "hooks").mkdir(exist_ok=True)
    (remote / "hooks/pre-receive").write_text(
        "#!/bin/sh\necho 'branch names need a ticket' >&2\nexit 1\n"
    )
    (remote / "hooks/pre-receive").chmod(0o755)
    repos, repo = await at(path, tmp_path)
    pushed = await repos.push(repo, "agent/1-x", git(path, "rev-parse", "HEAD"), "")
    assert not pushed.ok
    assert "branch names need a ticket" in pushed.detail
    shutil.rmtree(remote)
    assert not (await repos.push(repo, "agent/1-x", git(path, "rev-parse", "HEAD"), "")).ok


async def test_links_lead_to_the_forge_or_say_how_to_fetch(tmp_path: Path) -> None:
    path = create(tmp_path / "my shop")
    repos, repo = await at(path, tmp_path)
    assert repos.links(repo, "agent/1-x", "main") == ("", f"git fetch '{path}/.git' agent/1-x")
    git(path, "remote", "add", "origin", "https://tok@github.com/a/b.git")
    repos, repo = await at(path, tmp_path)
    page, line = repos.links(repo, "agent/1-x", "HEAD")
    assert page == "https://github.com/a/b/compare/agent/1-x?expand=1"
    assert line == "git fetch https://github.com/a/b.git agent/1-x"
    local = repos.links(repo, "agent/1-x", "main", pushed=False)
    assert local == ("", f"git fetch '{path}/.git' agent/1-x")


async def test_the_surroundings_of_the_worker_do_not_reach_git(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = create(tmp_path / "shop")
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "SLACK_BOT_TOKEN"):
        monkeypatch.setenv(name, "/nowhere")
    shown = await Git(path / ".git").text("-c", "alias.env=!env", "env")
    assert "/nowhere" not in shown
    assert "GIT_TERMINAL_PROMPT=0" in shown


async def test_a_command_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    git_of = Git(create(tmp_path / "shop") / ".git").within(0.5)
    with pytest.raises(GitError, match="git wait took longer than"):
        await git_of.text("-c", f"alias.wait=!sleep 9{os.getpid()}", "wait")
    running = [process.info["cmdline"] for process in psutil.process_iter(["cmdline"])]
    assert ["sleep", f"9{os.getpid()}"] not in running


async def test_a_push_never_takes_commits_away_from_the_remote(tmp_path: Path) -> None:
    remote, path = with_remote(tmp_path)
    repos, repo = await at(path, tmp_path)
    start = git(path, "rev-parse", "main")
    one = commit(path, {"one": "x"})
    assert (await repos.push(repo, "agent/1-x", one, "")).ok
    pushed = await repos.push(repo, "agent/1-x", start, one)
    assert (pushed.ok, pushed.detail) == (
        False,
        "the remote's branch holds commits that this lacks",
    )
    assert git(remote, "rev-parse", "agent/1-x") == one
