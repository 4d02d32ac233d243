"""No secret in what an agent says, does or leaves comes to Slack, nor into the ledger's results."""

import json

import pytest

from engine import AgentResult, ScriptedExecutor, Status, Step
from engine.executor import Job
from engine.masking import MASK
from engine.scripted import Action, Finish, Write
from tests.conversations.conftest import World, shown

FOUND = "ghp_" + "foundSomewhere" * 3
PASSWORD = "hunter2-hunter2"
DATABASE = f"postgresql://mab:{PASSWORD}@db.example.org/mab"
PNG = b"\x89PNG\r\n\x1a\n" + FOUND.encode()


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_what_an_agent_says_does_and_leaves_is_masked(world: World) -> None:
    world.secrets["DATABASE_URL"] = DATABASE
    token = world.slack.bot_token
    said = f"I used {token}, {PASSWORD} and {FOUND}."

    def leaks(job: Job) -> list[Action]:
        out = job.confinement.writable[0]
        (out / "notes.txt").write_text(said)
        (out / "shot.png").write_bytes(PNG)
        result = AgentResult(success=True, output=f"{said}\n{'long ' * 4000}{said}")
        return [Step("Bash", f"echo {said}"), Write("found.txt", f"{said}\n"), Finish(result)]

    await world.begins(ScriptedExecutor(leaks))
    root = await world.says(f"@agent look for {FOUND}")
    view = await world.agent(1, Status.COMPLETED)
    await world.says("/agent logs 1")
    await world.says("/agent diff 1")
    files = await world.until(lambda: found if len(found := world.slack.files()) >= 4 else [])
    told = json.dumps([call.args for call in world.slack.calls], default=str)
    texts = [file.content for file in files if file.name != "shot.png"]
    everything = told + b"".join(texts).decode() + view.result + (view.work.fetch or "")
    for secret in (token, PASSWORD, FOUND):
        assert secret not in everything
    assert f"I used {MASK}, {MASK} and {MASK}." in view.result
    assert all(MASK.encode() in text for text in texts)
    assert {file.name for file in files} >= {"notes.txt", "shot.png", "agent-1-answer.md"}
    assert next(file.content for file in files if file.name == "shot.png") == PNG
    assert MASK in shown((await world.thread(root, 2))[1])
    # the branch holds what the agent wrote: it is work, and people see that before they push it
    assert FOUND in world.on_branch(view, "found.txt")
