"""What people do in a storm: they ask, answer, stop and go on, at random."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

from bot.local import Message
from bot.local.interactions import Answer
from bot.local.payloads import labels
from bot.local.validation import Refused
from tests.chaos import graphs
from tests.chaos.place import Place
from tests.chaos.plays import ASK, FAIL, OPTIONS, TELL, WORD
from tests.chaos.site import APPROVERS, CHANNELS

ASKERS = ("you", "teammate")
TRIES = 3  # of the buttons under a failure, which stay there
AGAIN = 6.0  # seconds after which somebody presses a button again that has had no effect
# What is pressed where it can be, with how often; the rest are left alone for now.
FAILED = (("Skip", 0.6), ("Retry", 0.4))
CHOICES: Sequence[tuple[tuple[str, float], ...]] = (
    (("Start", 0.85), ("Discard", 0.15)),
    (("Approve", 0.8), ("Reject", 0.2)),
    ((OPTIONS[0], 0.5), (OPTIONS[1], 0.5)),
    FAILED,
)


@dataclass(frozen=True)
class Asked:
    """Something that somebody asked for; its word is in no other task."""

    word: str
    how: str  # spawn | mention | workflow | reply
    who: str
    where: str
    text: str
    ts: str = ""  # of the message; a command has none
    acked: bool = False  # a command was acknowledged
    words: tuple[str, ...] = ()  # of a workflow's steps


@dataclass
class People:
    """The people of a workspace; `asked` is everything they wanted."""

    place: Place
    chance: Random
    every: tuple[float, float]  # seconds between two things that are asked
    asked: list[Asked] = field(default_factory=list)
    done: dict[str, int] = field(default_factory=dict)  # deeds by name
    _words: int = 0
    _pressed: dict[str, float] = field(default_factory=dict)
    _tries: Counter[str] = field(default_factory=Counter)

    async def ask(self) -> None:
        """Ask for things until cancelled."""
        deeds = (
            *[self._spawn] * 5, *[self.mention] * 3, *[self._workflow] * 2,
            *[self._reply] * 2, *[self._picture] * 2, self._cancel, self._retry,
        )  # fmt: skip
        while True:
            deed = self.chance.choice(deeds)
            with suppress(Refused, LookupError):
                await deed()
                self._count(deed.__name__.lstrip("_"))
            await asyncio.sleep(self.chance.uniform(*self.every))

    async def answer(self) -> None:
        """Decide what is asked, until cancelled."""
        while True:
            for message in list(self.waiting()):
                if self.chance.random() < 0.5:
                    await self._press(message)
            await asyncio.sleep(1.0)

    async def answer_all(self) -> bool:
        """Decide everything that is asked now; whether there was anything."""
        waiting = list(self.waiting())
        for message in waiting:
            await self._press(message)
        return bool(waiting)

    def waiting(self) -> Iterator[Message]:
        """The messages that ask for a decision which nobody has tried to give just now."""
        now = asyncio.get_running_loop().time()
        for message in self._messages():
            choice = self._choice(message)
            asks = choice is not None and (choice is not FAILED or self._tries[message.ts] < TRIES)
            if asks and now - self._pressed.get(message.ts, 0) > AGAIN:
                yield message

    def _messages(self) -> list[Message]:
        """What the bot has posted, not copied."""
        state = self.place.slack.parts.state
        return [m for all_ in state.messages.values() for m in list(all_.values()) if m.bot_id]

    @staticmethod
    def _choice(message: Message) -> tuple[tuple[str, float], ...] | None:
        shown = labels(message.blocks)
        return next((c for c in CHOICES if all(name in shown for name, _ in c)), None)

    async def _press(self, message: Message) -> None:
        """Press a button, sometimes twice at once."""
        self._pressed[message.ts] = asyncio.get_running_loop().time()
        choice = self._choice(message)
        if choice is None:
            return
        [name] = self.chance.choices([n for n, _ in choice], [w for _, w in choice])
        times = 2 if self.chance.random() < 0.25 else 1
        self._count("double click" if times == 2 else "click")
        shown, who = message.copy(), self.chance.choice(APPROVERS)
        presses = [self.place.slack.presses(who, shown, name) for _ in range(times)]
        answers = await asyncio.gather(*presses, return_exceptions=True)
        if any(isinstance(answer, Answer) and answer.ok for answer in answers):
            self._tries[message.ts] += 1  # else Slack has said that it did not work

    def _count(self, deed: str) -> None:
        self.done[deed] = self.done.get(deed, 0) + 1

    def _word(self) -> str:
        self._words += 1
        return f"job-{self._words:05}"

    def _task(self, word: str) -> str:
        """A task: it takes a moment, and some ask or fail."""
        parts = [f"Do {word}"]
        if self.chance.random() < 0.7:
            parts.append(f"pause {self.chance.uniform(0.2, 2.0):.1f}")
        if self.chance.random() < 0.15:
            parts.append(ASK)
        if self.chance.random() < 0.12:
            parts.append(FAIL)
        if self.chance.random() < 0.5:
            parts.append(TELL)
        return " ".join(parts)

    def _who(self) -> tuple[str, str]:
        return self.chance.choice(ASKERS), self.chance.choice(CHANNELS)

    async def _spawn(self) -> None:
        (who, where), word = self._who(), self._word()
        text = f"/agent spawn {self._task(word)}"
        answer = await self.place.slack.commands(who, where, text)
        self.asked.append(Asked(word, "spawn", who, where, text, acked=answer.ok))

    async def mention(self) -> None:
        """Ask for an agent in words."""
        (who, where), word = self._who(), self._word()
        text = f"@agent {self._task(word)}"
        ts = await self.place.slack.says(who, where, text)
        self.asked.append(Asked(word, "mention", who, where, text, ts))

    async def _workflow(self) -> None:
        (who, where), word = self._who(), self._word()
        words = [self._word() for _ in range(self.chance.randint(2, 5))]
        steps = graphs.text([self._task(each) for each in words], self.chance)
        failing = self.chance.choice(("continue", "stop", "ask"))
        text = f"/agent workflow --on-failure {failing} {word}: {steps}"
        answer = await self.place.slack.commands(who, where, text)
        done = Asked(word, "workflow", who, where, text, acked=answer.ok, words=tuple(words))
        self.asked.append(done)

    async def _reply(self) -> None:
        """Say something in a thread; what it means depends on how the thread stands."""
        before = self.chance.choice(self.asked)
        root = self._root(before)
        word = self._word()
        text = f"@agent {self._task(word)}"
        ts = await self.place.slack.says(before.who, before.where, text, root)
        self.asked.append(Asked(word, "reply", before.who, before.where, text, ts))

    def _root(self, asked: Asked) -> str:
        """The thread of something that was asked; LookupError when there is none (yet)."""
        if asked.ts:
            return self.place.slack.message(asked.ts).root
        for message in self._messages():
            if asked.word in WORD.findall(message.text) and message.thread_ts is None:
                return message.ts
        raise LookupError(f"no thread for {asked.word}")

    async def _cancel(self) -> None:
        await self._one_of("Stop", "Stop workflow")

    async def _retry(self) -> None:
        await self._one_of("Retry")

    async def _picture(self) -> None:
        await self._one_of("Show graph")

    async def _one_of(self, *names: str) -> None:
        """Press one of the buttons of these names, anywhere."""
        found = [(m, n) for m in self._messages() for n in names if n in labels(m.blocks)]
        message, name = self.chance.choice(found or [(None, "")])
        if message is None:
            raise LookupError("nothing to press")
        await self.place.slack.presses(self.chance.choice(APPROVERS), message.copy(), name)
