"""The kill matrix: how a program ends, which one it is, and what it was at.

Each signal (TERM, TERM twice, KILL) hits the bot, the worker, or both in one process (`mab serve`)
while it is idle, while an agent runs, while another one waits for people, and while a message is
on its way to Slack: 36 cells. An idle program is hit by itself. The other three things go on at
once, and each is judged by itself. A victim goes through all its cells in one installation: the
bot and `serve` on SQLite, the worker on PostgreSQL, and with KILL_MATRIX=all each on both.
"""

import asyncio
import os
import signal
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum

import pytest

from bot.local import Message
from engine.demo_model import Turn, call, say
from engine.executor import Sandbox
from engine.states import Status
from tests.processes.aftermath import later, over
from tests.processes.conftest import REST, SECONDS, Installation, Running, scene, until

WHOLE = os.environ.get("KILL_MATRIX") == "all"
THREAD_SECONDS = 31.0  # a dead bot owns its threads for so long
CAREFUL = [call("Bash", command="touch made.txt"), say("Made.")]
QUICK = [say("Quickly done.")]


class Blow(StrEnum):
    """How a program is ended."""

    TERM = "TERM"
    TWICE = "TERM twice"
    KILL = "KILL"


class Victim(StrEnum):
    """Which program is hit."""

    BOT = "bot"
    WORKER = "worker"
    BOTH = "serve"


CELLS = [
    (victim, database)
    for victim in Victim
    for database in ("sqlite", "postgresql")
    if WHOLE or (database == "postgresql") == (victim is Victim.WORKER)
]


@dataclass
class Scenes:
    """What goes on in an installation when a program is hit."""

    mab: Installation
    victim: Victim
    programs: dict[str, Running] = field(default_factory=dict)
    answers: dict[str, asyncio.Event] = field(default_factory=dict)
    waiting: Message | None = None
    cards: list[Message] = field(default_factory=list)

    async def opens(self) -> None:
        """Start everything, and have an agent wait for people."""
        mab = self.mab
        mab.configure(sandbox=Sandbox.OFF, ask=["Bash(touch:*)"])
        self.answers = {blow: asyncio.Event() for blow in Blow}
        plays = {f"long{blow.name}": [self._long(blow), REST] for blow in Blow}
        quick = {f"quick{blow.name}": [QUICK] for blow in Blow}
        await mab.plays(careful=[CAREFUL], **plays, **quick)
        for name in ["serve"] if self.victim is Victim.BOTH else ["bot", "worker"]:
            await self.starts(name)
        self.waiting = await self.spawns("careful")
        await until(lambda: mab.came_to([(1, "asked")]))

    def _long(self, blow: Blow) -> list[Turn]:
        return scene(f"half-{blow.name}.txt", Turn("Late.", after=self.answers[blow]))

    async def starts(self, name: str) -> None:
        """Start a program, again if it has ended."""
        slack, before = self.mab.slack, self.mab.slack.greeted
        self.programs[name] = await (await self.mab.starts(name)).ready()
        if name != "worker":
            await slack.settled(lambda: slack.greeted >= before + 2, timeout=SECONDS)

    async def spawns(self, task: str) -> Message:
        """Ask for an agent; its card."""
        self.cards.append(await self.mab.spawns(task))
        return self.cards[-1]

    async def hits(self, blow: Blow) -> None:
        """End the victim, and look at how it ends."""
        program = self.programs[self.victim]
        program.signal(signal.SIGKILL if blow is Blow.KILL else signal.SIGTERM)
        if blow is Blow.TWICE:
            await until(lambda: "stopping" in program.events())
            with suppress(ProcessLookupError):  # it may have ended already
                program.signal(signal.SIGTERM)
            self.answers[blow].set()  # what ends by itself meanwhile has ended
        code = await program.ended()
        assert code == (-signal.SIGKILL if blow is Blow.KILL else 0), program.said()
        assert "Traceback" not in program.said()

    async def hit_idle(self, blow: Blow) -> None:
        """The cell in which nothing goes on but the waiting."""
        await self.hits(blow)
        assert list(self.mab.agents()) == []
        await self.starts(self.victim)

    async def hit_busy(self, blow: Blow) -> None:
        """The cells in which an agent runs, another one waits, and a message is on its way."""
        mab, before = self.mab, len(self.mab.questions())
        long = await self.spawns(f"long{blow.name}")
        await mab.asked(before + 2)
        quick = await self.spawns(f"quick{blow.name}")
        lost = mab.slack.faults.lose_answers(hang=True)
        await until(lambda: lost.struck)
        await self.hits_while(blow, lost.over)
        await self._has_left(blow)
        await self.starts(self.victim)
        self.answers[blow].set()
        number = len(self.cards) - 1
        assert await self._story(long, number) == self._told(blow)
        assert await mab.runs(number) in self._came_to(blow)
        assert f"half-{blow.name}.txt" in await mab.on_branch(number)
        assert await self._story(quick, number + 1) == ["done"]
        assert await mab.runs(number + 1) == [(1, "completed")]
        await self._waits()

    async def hits_while(self, blow: Blow, over: asyncio.Event) -> None:
        """End the victim while Slack does not answer; then it hangs up."""
        hitting = asyncio.create_task(self.hits(blow))
        if blow is Blow.KILL:
            await hitting
        over.set()
        await hitting

    async def _has_left(self, blow: Blow) -> None:
        """What an ended program leaves of agents: nothing, unless they are not its own."""
        if self.victim is Victim.BOT:
            goes_on = bool(list(self.mab.agents()))
            assert goes_on or blow is Blow.TWICE, "the worker goes on with its agent"
        elif blow is Blow.KILL:
            await until(lambda: not list(self.mab.agents()))
        else:
            assert list(self.mab.agents()) == []
        if self.victim is not Victim.WORKER and blow is Blow.KILL:
            await later(self.mab, THREAD_SECONDS)

    async def _story(self, card: Message, agent: int) -> list[str]:
        """What a thread has told of an agent, once it has ended and everything is told."""
        await until(lambda: self._is_over(agent))
        await until(self.mab._all_told)
        return self.mab.notices(card)

    async def _is_over(self, agent: int) -> bool:
        return (await self.mab.ledger.agent(agent)).status is Status.COMPLETED

    def _told(self, blow: Blow) -> list[str]:
        lost = blow is Blow.KILL and self.victim is not Victim.BOT
        return ["taken over", "done"] if lost else ["done"]

    def _came_to(self, blow: Blow) -> list[list[tuple[int, str]]]:
        """What may become of the agent that ran: README, "Stopping"."""
        at_once = [(1, "completed")]
        if self.victim is Victim.BOT:
            return [at_once]
        again = [(1, "lost" if blow is Blow.KILL else "handed_over"), (2, "completed")]
        return [at_once, again] if blow is Blow.TWICE else [again]  # it ends meanwhile, or not

    async def _waits(self) -> None:
        """Whoever waits for people still does, and has asked once."""
        assert self.waiting
        assert (await self.mab.ledger.agent(1)).status is Status.WAITING
        assert len(self.mab.notices(self.waiting)) == 1

    async def closes(self) -> None:
        """Let the one that waited go on; everything is in order then."""
        assert self.waiting
        (asked,) = self.mab.slack.thread("general", self.waiting.ts)[1:]
        await self.mab.presses("reviewer", asked, "Allow once")
        assert (await self._story(self.waiting, 1))[1:] == ["done"]
        assert await self.mab.runs(1) == [(1, "asked"), (2, "completed")]
        assert "made.txt" in await self.mab.on_branch(1)
        await over(self.mab, *self.cards)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("victim", "database_kind"),
    CELLS,
    ids=[f"{victim}-{database}" for victim, database in CELLS],
    indirect=["database_kind"],
)
async def test_however_a_program_ends_nothing_is_lost_or_told_twice(
    mab: Installation, victim: Victim
) -> None:
    scenes = Scenes(mab, victim)
    await scenes.opens()
    for blow in Blow:
        await scenes.hit_idle(blow)
        await scenes.hit_busy(blow)
    await scenes.closes()
