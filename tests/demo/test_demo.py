"""`mab demo` as a program: who may start agents, what they leave, and how it goes away."""

import json
import shlex
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import aiohttp
import pytest

from tests import repositories
from tests.demo.conftest import Demo
from tests.repositories import git

HELLO = '/agent spawn Create a file called hello.txt with the content "Hello from agent!"'
BRANCH = "agent/1-create-a-file-called-hello-txt-with-the"
REAL = "eal model, at most $1 per task"
FAKE_KEY = "sk-ant-no-such-key"
Starts = Callable[..., Demo]


@pytest.fixture
def starts() -> Iterator[Starts]:
    """Starts demos that are gone after the test."""
    running: list[Demo] = []

    def start(*arguments: str, **environment: str) -> Demo:
        running.append(Demo.starts(*arguments, **environment))
        return running[-1]

    yield start
    for each in running:
        each.gone()


def removal(said: str) -> str:
    """The command that the demo names at its end."""
    return said.rpartition("Remove all of it with:\n")[2].strip()


def run(command: str) -> None:
    """Type it into a shell; it must have nothing to say."""
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


async def test_spawn_puts_the_file_on_the_agents_branch_only(demo: Demo) -> None:
    async with demo.page() as page:
        assert (page.state["banner"][:10], page.state["banner_warns"]) == ("demo model", False)
        assert page.state["chips"][0]["text"] == HELLO
        await page.types(page.state["chips"][0]["text"])
        assert (await page.told("is queued"))["text"] == "Agent 1 is queued"
        ended = await page.told("Agent 1 is done")
    assert ended["thread_ts"] < ended["ts"]
    assert "demo model" in demo.said.lower()
    (repo,) = demo.place.glob("mab-demo-*/calculator")
    assert git(repo, "show", f"{BRANCH}:hello.txt") == "Hello from agent!"
    assert not (repo / "hello.txt").exists()
    assert git(repo, "status", "--porcelain") == ""
    assert git(repo, "branch", "--show-current") == "main"


async def test_an_agent_asks_and_another_waits_for_a_permission(demo: Demo) -> None:
    async with demo.page() as page:
        chips = {chip["label"]: chip["text"] for chip in page.state["chips"]}
        await page.types(chips["Let it ask you"])
        await page.presses(await page.shows("Who answers"), "Good morning")
        assert "Good morning!" in json.dumps(await page.shows("greeting.txt says"))
        await page.types(chips["Needs a permission"])
        asked = await page.shows("Allow once")
        await page.presses(asked, "Allow once")
        await page.presses(asked, "Allow once", who="reviewer")
        assert "RELEASE.md is written" in json.dumps(await page.shows("is written"))


@pytest.mark.parametrize("header", ["Origin", "Host"])
async def test_a_foreign_website_starts_nothing(demo: Demo, header: str) -> None:
    async with demo.page() as page:
        before = len(page.state["messages"][page.general])
        form = {"as": page.state["me"], "channel": page.general, "text": HELLO}
        foreign = {"Origin": demo.origin, header: "http://evil.example"}
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await page.browser.ws_connect("/page/live", headers=foreign)
        assert refused.value.status == 403
        async with page.browser.post("/page/upload", data=form, headers=foreign) as answer:
            assert answer.status == 403
    async with demo.page() as page:
        assert len(page.state["messages"][page.general]) == before


async def test_without_the_token_nothing_is_shown_or_started(demo: Demo) -> None:
    async with aiohttp.ClientSession(demo.origin) as stranger:
        for path in ("/", "/?token=guess", "/app.js"):
            async with stranger.get(path) as answer:
                assert answer.status == 403
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await stranger.ws_connect("/page/live", origin=demo.origin)
        assert refused.value.status == 403


async def test_a_key_enables_the_real_model_and_page_and_terminal_say_so(starts: Starts) -> None:
    demo = starts(ANTHROPIC_API_KEY=FAKE_KEY)
    async with demo.page() as page:
        assert (page.state["banner"][1:], page.state["banner_warns"]) == (REAL, True)
    assert REAL in demo.said
    (home,) = demo.place.glob("mab-demo-*")
    said = demo.ends()
    assert "branch" not in said
    run(removal(said))
    assert not home.exists()


async def test_no_key_works_on_the_users_repository_and_removes_itself(
    starts: Starts, tmp_path: Path
) -> None:
    repo = repositories.create(tmp_path / "my répo", {"folder/file.txt": "mine\n"})
    git(repo, "branch", "agent/7-mine")
    (repo / "folder/file.txt").write_text("not committed\n")
    before, branches = repositories.checkout(repo), git(repo, "branch")
    given = ("--no-key", "--repo", str(repo / "folder"))
    demo = starts(*given, ANTHROPIC_API_KEY=FAKE_KEY)
    async with demo.page() as page:
        assert page.state["banner"].startswith("demo model")
        assert [chip["label"] for chip in page.state["chips"]] == [
            "Create a file", "Try the Stop button", "Let it ask you", "Needs a permission",
            "A workflow with a gate", "Let an agent plan",
        ]  # fmt: skip
        await page.types(HELLO)
        await page.told("Agent 1 is done")
        await page.types(page.state["chips"][1]["text"])
        await page.shows(r"\*(Running|Searching for)\*")  # it has a shell, where there can be one
    assert REAL not in demo.said
    assert str(repo) in demo.said
    said = demo.ends()
    assert f"branch {BRANCH}: hello.txt" in said
    assert "7-mine" not in said
    assert git(repo, "show", f"{BRANCH}:hello.txt") == "Hello from agent!"
    (home,) = demo.place.glob("mab-demo-*")
    assert shlex.split(removal(said))[:3] == ["rm", "-rf", str(home)]
    run(removal(said))
    assert not home.exists()
    assert git(repo, "branch") == branches
    assert git(repo, "worktree", "list").count("\n") == 0
    after = repositories.checkout(repo)
    after.pop("packed-refs", None)  # git's own: it looks there for what it deletes
    assert after == before


def test_what_cannot_be_used_is_a_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(AssertionError) as refused:
        Demo.starts("--repo", str(tmp_path))
    assert str(refused.value).startswith(f"mab: {tmp_path} is no git repository")
