"""Where recipes are found: the base commit and the configuration, and nowhere else."""

import os
from decimal import Decimal
from pathlib import Path

import pytest

from engine.bases import RepositoryError
from engine.cookbook import Cookbook
from engine.dag import GateSpec
from engine.errors import ConfigError, InvalidSpec, NotFound
from engine.recipe_files import MOST_FILES, Entry, Unreadable, configured, recipes
from engine.recipe_text import MAX_BYTES
from engine.recipes import Recipe
from engine.repos import Repos
from engine.settings import Limits, Repo, Settings
from engine.spec import AgentSpec
from tests.repositories import commit, create, git, with_remote

PLACE = ".agents/workflows"
RELEASE = """\
parameters: {version: }
nodes:
  build: {task: "Build {{ version }}", timeout: 10h, budget: 100, check: make test}
  good: {gate: "Good?", needs: [build], approvers: [U1, U2]}
"""


def recipe(task: str) -> str:
    return f"nodes: {{do: {{task: {task}}}}}\n"


def names(entries: tuple[Entry, ...]) -> list[str]:
    return [entry.name for entry in entries if isinstance(entry, Recipe)]


def errors(entries: tuple[Entry, ...]) -> list[str]:
    return [entry.error for entry in entries if isinstance(entry, Unreadable)]


def task(entry: Entry) -> str:
    assert isinstance(entry, Recipe)
    step = entry.form.nodes["do"]
    return str(getattr(step, "task", ""))


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A repository with a recipe."""
    return create(tmp_path / "shop", {f"{PLACE}/release.yml": RELEASE, "README.md": "hello\n"})


def repos(shop: Path, home: Path, base: str = "") -> Repos:
    return Repos({"shop": Repo(path=shop, base=base)}, home)


async def test_recipes_come_from_the_base_commit(shop: Path, tmp_path: Path) -> None:
    commit(shop, {f"{PLACE}/a.yaml": recipe("A"), f"{PLACE}/notes.md": "no recipe"})
    commit(shop, {f"{PLACE}/deep/b.yml": recipe("B"), "c.yml": recipe("C")})
    found = await recipes(repos(shop, tmp_path / "home"), "shop")
    assert names(found) == ["a", "release"]
    assert [entry.file for entry in found] == [f"{PLACE}/a.yaml", f"{PLACE}/release.yml"]
    assert errors(found) == []


async def test_neither_working_tree_nor_index_nor_another_branch_is_seen(
    shop: Path, tmp_path: Path
) -> None:
    commit(shop, {f"{PLACE}/do.yml": recipe("committed")})
    git(shop, "branch", "agent/12-evil")
    (shop / PLACE / "do.yml").write_text(recipe("written"))
    (shop / PLACE / "new.yml").write_text(recipe("written"))
    git(shop, "add", "--all")
    (shop / PLACE / "release.yml").unlink()
    worktree = tmp_path / "worktree"
    git(shop, "worktree", "add", "--quiet", str(worktree), "agent/12-evil")
    commit(worktree, {f"{PLACE}/do.yml": recipe("evil"), f"{PLACE}/evil.yml": recipe("evil")})
    found = await recipes(repos(shop, tmp_path / "home"), "shop")
    assert names(found) == ["do", "release"]
    assert task(found[0]) == "committed"


async def test_nothing_is_read_from_an_agents_branch(shop: Path, tmp_path: Path) -> None:
    git(shop, "checkout", "--quiet", "-b", "agent/12-evil")
    commit(shop, {f"{PLACE}/evil.yml": recipe("evil")})
    for base in ("", "agent/12-evil", "refs/heads/agent/12-evil"):
        with pytest.raises(RepositoryError, match="agent/12-evil, an agent's branch"):
            await recipes(repos(shop, tmp_path / "home", base), "shop")
    assert names(await recipes(repos(shop, tmp_path / "home", "main"), "shop")) == ["release"]


async def test_the_base_is_that_of_the_remote(tmp_path: Path) -> None:
    remote, clone = with_remote(tmp_path, {f"{PLACE}/do.yml": recipe("old")})
    commit(clone, {f"{PLACE}/do.yml": recipe("mine, not pushed")})
    commit(tmp_path / "source", {f"{PLACE}/do.yml": recipe("new")})
    git(tmp_path / "source", "push", "--quiet", str(remote), "main")
    for settings in (Repo(path=clone), Repo(url=str(remote))):
        places = Repos({"shop": settings}, tmp_path / "home")
        (found,) = await recipes(places, "shop")
        assert task(found) == "new"


async def test_symbolic_links_are_ignored(shop: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.yml"
    secret.write_text(recipe("secret"))
    (shop / PLACE / "link.yml").symlink_to(secret)
    (shop / PLACE / "near.yml").symlink_to("release.yml")
    commit(shop, {})
    found = await recipes(repos(shop, tmp_path / "home"), "shop")
    assert [entry.name for entry in found] == ["release"]
    git(shop, "mv", PLACE, "elsewhere")
    (shop / ".agents").mkdir(exist_ok=True)
    (shop / PLACE).symlink_to("../elsewhere")
    commit(shop, {})
    assert await recipes(repos(shop, tmp_path / "home"), "shop") == ()


async def test_submodules_are_ignored(shop: Path, tmp_path: Path) -> None:
    other = create(tmp_path / "other", {"evil.yml": recipe("evil")})
    git(shop, "submodule", "--quiet", "add", str(other), f"{PLACE}/sub.yml")
    commit(shop, {})
    found = await recipes(repos(shop, tmp_path / "home"), "shop")
    assert [entry.name for entry in found] == ["release"]
    mall = create(tmp_path / "mall")
    git(mall, "submodule", "--quiet", "add", str(other), PLACE)
    commit(mall, {})
    assert await recipes(repos(mall, tmp_path / "home"), "shop") == ()


async def test_a_broken_file_hides_no_other(shop: Path, tmp_path: Path) -> None:
    commit(
        shop,
        {
            f"{PLACE}/a.yml": "nodes:\n  do: {tsk: x, task: y}\n",
            f"{PLACE}/big.yml": "#" * (MAX_BYTES + 1),
            f"{PLACE}/release.yaml": recipe("twice"),
            f"{PLACE}/two words.yml": recipe("name"),
            f"{PLACE}/z.yml": recipe("good"),
        },
    )
    (shop / PLACE / "latin.yml").write_bytes(b"title: a\nnodes: {do: {task: \xe9}}\n")
    commit(shop, {})
    blob = git(shop, "rev-parse", "HEAD:README.md")
    odd = os.fsdecode(f"{PLACE}/".encode() + b"\xff.yml")  # no file system of a Mac takes it
    git(shop, "update-index", "--add", "--cacheinfo", f"100644,{blob},{odd}")
    git(shop, "commit", "--quiet", "-m", "odd")
    found = await recipes(repos(shop, tmp_path / "home"), "shop")
    assert names(found) == ["release", "z"]
    text = "\n".join(errors(found))
    assert len(text.encode("utf-8").splitlines()) == 6
    for said in (
        f"{PLACE}/a.yml, line 2, nodes.do.tsk: there is no such key here; did you mean task?",
        f"{PLACE}/big.yml: the file has 65,537 bytes; at most 65,536",
        f"{PLACE}/release.yml: {PLACE}/release.yaml has the same name",
        f"{PLACE}/two words.yml: its name cannot be typed",
        f"{PLACE}/latin.yml, line 2: this is not text in UTF-8",
        f"{PLACE}/\\xff.yml: its name cannot be typed",
    ):
        assert said in text


async def test_at_most_fifty_files_are_read(shop: Path, tmp_path: Path) -> None:
    commit(shop, {f"{PLACE}/n{n}.yml": recipe("x") for n in range(MOST_FILES + 2)})
    found = await recipes(repos(shop, tmp_path / "home"), "shop")
    assert len(names(found)) == MOST_FILES
    assert errors(found) == ["there are 53 files; those after the first 50 are not read"]


async def test_the_configuration_names_files(tmp_path: Path) -> None:
    good, bad = tmp_path / "good.yml", tmp_path / "bad.yml"
    good.write_text(recipe("x"))
    bad.write_text("nodes: []\n")
    files = {"ours": good, "bad": bad, "gone": tmp_path / "gone.yml", "a dir": tmp_path}
    found = await configured(files)
    assert names(found) == ["ours"]
    assert all(entry.configured for entry in found if isinstance(entry, Recipe))
    text = "\n".join(errors(found))
    assert f"{bad}, line 1, nodes: nothing is not possible here" in text
    assert f"{tmp_path / 'gone.yml'}: No such file or directory; correct `gone`" in text
    good.write_text(recipe("changed"))
    assert task((await configured({"ours": good}))[0]) == "changed"


# ---- the cookbook


def cookbook(shop: Path, tmp_path: Path, **ours: Path) -> Cookbook:
    home = tmp_path / "home"
    served = {"shop": Repo(path=shop), "blog": Repo(path=shop)}
    limits = Limits(timeout_minutes=30, budget_usd=Decimal(5))
    return Cookbook(
        Settings(home=home, repos=served, workflows=ours, limits=limits), Repos(served, home)
    )


async def test_what_a_repository_asks_for_is_narrowed(shop: Path, tmp_path: Path) -> None:
    spec = await cookbook(shop, tmp_path).plan("shop", "release", {"version": "1"}, ["U2"])
    build, good = (node.does for node in spec.nodes)
    assert isinstance(build, AgentSpec)
    assert (build.task, build.repo, build.budget) == ("Build 1", "shop", Decimal(5))
    assert build.timeout is not None
    assert (build.timeout.total_seconds(), build.check) == (1800, "make test")
    assert good == GateSpec("Good?", ("U2",))
    with pytest.raises(InvalidSpec, match=r"good: nobody of U1, U2 may approve here.*`approve`"):
        await cookbook(shop, tmp_path).plan("shop", "release", {"version": "1"}, ["U3"])


async def test_what_the_configuration_names_keeps_its_approvers(shop: Path, tmp_path: Path) -> None:
    ours = tmp_path / "ours.yml"
    ours.write_text(RELEASE.replace("timeout: 10h", "repo: blog"))
    book = cookbook(shop, tmp_path, ours=ours, release=ours)
    spec = await book.plan("shop", "ours", {"version": "1"}, ["U3"])
    build, good = (node.does for node in spec.nodes)
    assert isinstance(build, AgentSpec)
    assert build.repo == "blog"
    assert good == GateSpec("Good?", ("U1", "U2"))


async def test_the_configurations_name_wins_and_the_other_is_told(
    shop: Path, tmp_path: Path
) -> None:
    ours = tmp_path / "ours.yml"
    ours.write_text(recipe("ours"))
    book = cookbook(shop, tmp_path, release=ours)
    found = await book.listed("shop")
    assert names(found) == ["release"]
    assert errors(found) == [
        f"{PLACE}/release.yml: the configuration has a workflow of this name; rename the file"
    ]
    (node,) = (await book.plan("shop", "release", {}, [])).nodes
    assert node.does == AgentSpec("ours", repo="shop")


async def test_a_repository_that_cannot_be_read_hides_no_configured_one(tmp_path: Path) -> None:
    ours = tmp_path / "ours.yml"
    ours.write_text(recipe("ours"))
    book = cookbook(tmp_path / "gone", tmp_path, ours=ours)
    found = await book.listed("shop")
    assert names(found) == ["ours"]
    assert "does not exist" in errors(found)[0]
    assert names(await book.listed("")) == ["ours"]
    with pytest.raises(NotFound, match="there are ours"):
        await book.plan("shop", "release", {}, [])
    with pytest.raises(NotFound, match="does not exist"):
        await cookbook(tmp_path / "gone", tmp_path).plan("shop", "release", {}, [])


def test_the_setting_is_a_table_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MAB_CONFIG", raising=False)
    (tmp_path / "mab.toml").write_text('[workflows]\nrelease = "flows/release.yml"\n')
    assert Settings(repos={}).workflows == {"release": tmp_path.resolve() / "flows/release.yml"}
    (tmp_path / "mab.toml").write_text("[workflows\n")
    with pytest.raises(ConfigError):
        Settings(repos={})
