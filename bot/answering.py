"""Answers to what agents want to know, given as a reply in the thread."""

from dataclasses import dataclass

from bot import messages
from bot.asked import Asked, Done, Outcome
from bot.choosing import picked
from bot.deciding import Deciding
from bot.meaning import Speech, Thread, addressed, verdict
from engine import CHOICES, Click, Decision, Inquiry, Question, undecided


@dataclass(frozen=True)
class Answering:
    """Takes a reply as the answer to the one question that it can be meant for."""

    deciding: Deciding

    async def reply(self, speech: Speech, thread: Thread, asked: Asked) -> Outcome | None:
        """What comes of a reply; None when no question is open that it could be for."""
        about, text = _meant(thread, asked.typed)
        if not about or _decides_else(thread, about, text):
            return None
        one = about[0] if len(about) == 1 and len(undecided(about[0])) == 1 else None
        choice = _choice(one, text) if one else ""
        if speech is Speech.OTHER and not choice:
            return Done.IGNORED  # people talk to each other
        if one is None:
            return messages.must_be_answered(about)
        if not await self.deciding.was_seen(one, asked):
            return messages.asked_since(one)
        (part,) = undecided(one)
        click = Click(one.id, one.revision, Decision.ANSWER, choice or text.strip(), part)
        return await self.deciding.take(click, asked)


def _meant(thread: Thread, text: str) -> tuple[list[Inquiry], str]:
    """The questions that a text can answer, and the answer: `code: sqlite` is for that agent."""
    named, said = addressed(thread, text)
    if named is None:
        return thread.questions, text
    own = [each for each in thread.questions if each.node and each.node.id == named.id]
    return own, said


def _choice(inquiry: Inquiry, text: str) -> str:
    """The option that a text names, or ""."""
    (part,) = undecided(inquiry)
    matter = inquiry.matter
    return picked(matter.asks[int(part) - 1], text) if isinstance(matter, Question) else ""


def _decides_else(thread: Thread, about: list[Inquiry], text: str) -> bool:
    """Whether a text decides something that is open beside the questions."""
    said = verdict(text)
    others = [each for each in thread.inquiries if each not in thread.questions]
    decides = said is not None and any(said.decision in CHOICES[each.kind] for each in others)
    one = about[0] if len(about) == 1 and len(undecided(about[0])) == 1 else None
    return decides and not (one and _choice(one, text))
