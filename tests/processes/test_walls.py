"""What an agent's own shell finds when it looks for secrets."""

import pytest

from engine.demo_model import call, say
from engine.executor import Sandbox
from tests import repositories
from tests.processes.conftest import CONFINED, Installation

LOOK = "{ env; cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n'; } > seen.txt; echo end"


@pytest.fixture
def sandbox(database_kind: str) -> Sandbox:
    """With the sandbox for a ledger that is a file, without for one that is a server."""
    return Sandbox.OFF if database_kind == "postgresql" else CONFINED


async def test_an_agent_finds_no_token_and_no_database(
    mab: Installation, sandbox: Sandbox, database_url: str
) -> None:
    mab.configure(sandbox=sandbox, more=f"# {database_url}\n")
    ledger = mab.root / "ledger" / "mab.db"
    await mab.plays(
        look=[
            [
                call("Bash", command=LOOK),
                call("Read", file_path=str(mab.config)),
                call("Read", file_path=str(ledger)),
                call("Grep", pattern=".", path=str(mab.config.parent), output_mode="content"),
                call("Bash", command=f"cat '{mab.config}' '{ledger}' '{ledger}-wal'"),
                say("Over."),
            ]
        ]
    )
    await mab.serves()
    card = await mab.spawns("look")
    assert await mab.story(card) == ["done"]
    branch = (await mab.ledger.agent(1)).branch
    seen = repositories.git(mab.shop, "show", f"{branch}:seen.txt")
    assert "MAB_RUN=" in seen
    told = mab.answers()
    assert told[0].text.strip() == "end"
    assert ("MAB_CONFIG=" in seen) == (sandbox is Sandbox.OFF), "it sees the worker only without"
    searched = [seen, *(answer.text for answer in told[:4])]
    if sandbox is not Sandbox.OFF:
        searched.append(told[4].text)
    for text in searched:
        for secret in (mab.slack.bot_token, mab.slack.app_token, database_url, "SQLite format"):
            assert secret not in text
