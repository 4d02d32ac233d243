"""What an agent costs from its command to its last word, counted: no machine's speed moves it."""

import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.scripted import Write
from tests.bench.tally import Tally
from tests.conversations.conftest import World

EDITS = 3  # of its card: begun, at work, ended
TOLD = 4  # records of a card and a last word, beside a taking and a giving back of each look
GIT = 23  # processes, of which the first half makes its worktree and the second its commit


@pytest.fixture
def git_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where each git that is started from now on leaves a line with its arguments."""
    log, place = tmp_path / "git.log", tmp_path / "bin"
    log.touch()
    place.mkdir()
    git = place / "git"
    git.write_text(f'#!/bin/sh\necho "$*" >> "{log}"\nexec "{shutil.which("git")}" "$@"\n')
    git.chmod(0o755)
    monkeypatch.setenv("PATH", str(place), prepend=":")
    return log


@dataclass(frozen=True)
class Meter:
    """What was spent since it was made."""

    world: World
    log: Path
    calls_before: int
    gits_before: int

    @classmethod
    def of(cls, world: World, log: Path) -> "Meter":
        return cls(world, log, len(world.slack.calls), len(log.read_text().splitlines()))

    @property
    def calls(self) -> Counter[str]:
        """Calls of Slack's Web API, by method."""
        return Counter(call.method for call in self.world.slack.calls[self.calls_before :])

    @property
    def gits(self) -> list[str]:
        """The arguments of every git process."""
        return self.log.read_text().splitlines()[self.gits_before :]


@pytest.mark.parametrize("database_kind", ["sqlite"])
async def test_an_agent_costs_so_many_calls_records_and_git_processes(
    world: World, git_log: Path
) -> None:
    world.script["note"] = [Write("note.txt", "x")]
    await world.begins()
    assert world.program is not None
    await world.says("/agent spawn write a note")  # the first pays for what is learned once
    await world.until(world.terminals)
    await world.delivered()
    meter = Meter.of(world, git_log)
    tally = Tally()
    with tally.listening(world.program.engine.db):
        await world.says("/agent spawn write another note")
        await world.until(lambda: len(world.terminals()) == 2)
        await world.delivered()
    assert meter.calls["chat.postMessage"] == 2  # its card and its last word
    assert set(meter.calls) <= {"chat.postMessage", "chat.update"}
    assert meter.calls["chat.update"] <= EDITS
    assert len(meter.gits) <= GIT, "\n".join(meter.gits)
    assert _deliveries(tally, "deliver_until") <= TOLD + 2 * _deliveries(tally, "deliverer=")


def _deliveries(tally: Tally, word: str) -> int:
    """How many words of the bot about its deliveries held this one; each is a transaction."""
    said = tally.statements.items()
    return sum(many for text, many in said if text.startswith("UPDATE workflows") and word in text)
