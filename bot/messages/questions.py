"""What an agent wants to know: questions with options, answered by button, form or reply. Pure."""

from collections.abc import Iterator

from bot.messages import asked, blocks, buttons, naming, outcomes, words
from bot.messages.asked import Asked
from bot.messages.blocks import Block
from engine import (
    Ask,
    Decision,
    Inquiry,
    InquiryKind,
    InquiryStatus,
    Question,
    Vote,
    undecided,
)

ASKS = 8  # questions that are shown
MARGIN = 4_500  # characters for what stands around them
SAID, QUESTION = 500, 1_500
ANSWER = 300  # characters
LEFT = "Let it decide itself"


def asking(inquiry: Inquiry, question: Question) -> Asked:
    """The questions with their options, and the ways to answer."""
    name, asks = asked.name(inquiry), question.asks
    many = "a question" if len(asks) == 1 else words.count(len(asks), "question")
    return Asked(
        f"*{naming.first(name)} has {many}*",
        f"{naming.first(name)} has {many}",
        f"{'question' if len(asks) == 1 else many} of {name}",
        (*_before(inquiry, question), *_asks(inquiry, question)),
        _buttons(inquiry, question),
        "; ".join(words.flat(ask.text) for ask in asks[:ASKS]),
    )


def of(question: Question, number: str) -> Ask:
    """One of the questions, by its number."""
    return question.asks[int(number) - 1]


def _before(inquiry: Inquiry, question: Question) -> Iterator[Block]:
    if place := asked.where(inquiry):
        yield blocks.context(place)
    if question.said.strip():
        yield blocks.quote(words.bounded(words.clean(question.said).strip(), SAID))


def _asks(inquiry: Inquiry, question: Question) -> Iterator[Block]:
    votes = {vote.target: vote for vote in inquiry.votes}
    shown = question.asks[:ASKS]
    room = (blocks.TOTAL - MARGIN) // max(1, len(shown)) - ANSWER - 100
    for number, ask in enumerate(shown, 1):
        lead = f"{number}. " if len(question.asks) > 1 else ""
        yield blocks.plain(f"{lead}{_whole(ask)}", min(QUESTION, room // 2))
        if vote := votes.get(str(number)):
            yield from _answered(vote)
        elif ask.options:
            yield blocks.plain(_options(ask), min(blocks.SECTION, room // 2))
    if (more := len(question.asks) - len(shown)) > 0:
        yield blocks.context(f"and {words.count(more, 'question')} more")


def _whole(ask: Ask) -> str:
    header = f"{words.flat(ask.header)}: " if ask.header.strip() else ""
    several = " (several answers are possible)" if ask.several and ask.options else ""
    return f"{header}{words.clean(ask.text).strip()}{several}"


def _options(ask: Ask) -> str:
    lines = []
    for number, option in enumerate(ask.options, 1):
        about = f": {words.flat(option.description)}" if option.description.strip() else ""
        lines.append(f"{number}. {words.flat(option.label)}{about}")
    return "\n".join(lines)


def _answered(vote: Vote) -> Iterator[Block]:
    yield blocks.mrkdwn(outcomes.by(outcomes.part(vote, InquiryKind.QUESTION), [vote]))
    if vote.decision is Decision.ANSWER:
        yield blocks.plain(f"“{vote.comment.strip()}”", ANSWER)


def _buttons(inquiry: Inquiry, question: Question) -> tuple[Block, ...]:
    left = undecided(inquiry)
    if inquiry.status is not InquiryStatus.OPEN or not left:
        return ()
    first = of(question, left[0])
    direct = len(left) == 1 and bool(first.options) and not first.several
    labels = [option.label for option in first.options] if direct else []
    return (
        *(buttons.choosing(inquiry, left[0], labels) if direct else ()),
        buttons.of(inquiry, "Answer…", buttons.ANSWER),
        buttons.of(inquiry, LEFT, buttons.REJECT),
    )


def hint(inquiry: Inquiry) -> str:
    """How else it can be answered."""
    if isinstance(inquiry.matter, Question) and len(undecided(inquiry)) == 1:
        return "Or reply in this thread: what you write is the answer."
    return ""
