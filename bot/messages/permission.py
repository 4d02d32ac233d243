"""Tool calls that an agent may only make when people let it: shown whole, or not allowed. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.messages import asked, blocks, buttons, naming, outcomes, words
from bot.messages.asked import Asked
from bot.messages.blocks import Attachment, Block
from bot.messages.calls import action, does, subject
from engine import (
    Decision,
    Inquiry,
    InquiryKind,
    InquiryStatus,
    Step,
    Tool,
    ToolCall,
    Vote,
    undecided,
)

CALLS = 8  # that have buttons of their own in a message
WHOLE = 2_900  # characters of a call that a message shows whole
FORM = 11_000  # of one, with the rule that would allow it, that a form shows whole
MARGIN = 3_000  # for what stands around the calls
AROUND = 1_000  # for what stands around one call
EXCERPT = 150
TASK, SAID = 300, 500
STEPS = 5  # that ran beside them
MENU, ENTRY = 30, 30  # calls that are offered in a menu, and characters of each
RULE = 120
PARTS = 3_000  # characters of one block
INDENT = " " * 4  # in the file, so that no call can pass for our words


def asking(inquiry: Inquiry, tool: Tool) -> Asked:
    """The calls, each whole with its buttons, or with a way to where it stands whole."""
    name = asked.name(inquiry)
    one, calls = len(tool.calls) == 1, laid_out(tool, inquiry.votes)
    wants = does(tool.calls[0]) if one else f"{len(tool.calls):,} permissions"
    wish = f"wants {'to ' if one else ''}{wants}"
    return Asked(
        f"*{naming.first(name)} {wish}: {'may it' if one else 'which may it have'}?*",
        f"{naming.first(name)} {wish}",
        f"{name}, to {wants}" if one else f"{wants} for {name}",
        (*_reasons(inquiry, tool), *_calls(inquiry, calls), *_beside(tool)),
        _together(inquiry, tool),
        "; ".join(subject(call) for call in tool.calls[:STEPS]),
        _file(inquiry, calls),
    )


@dataclass(frozen=True)
class Shown:
    """A call as a message shows it."""

    number: str
    call: ToolCall
    text: str  # the whole action
    fits: bool  # the message shows it whole
    vote: Vote | None = None

    @property
    def filed(self) -> bool:
        """Whether not even a form can show it and its rule whole."""
        return words.units(self.text) + words.units(self.call.rule) > FORM


def laid_out(tool: Tool, votes: Sequence[Vote] = ()) -> list[Shown]:
    """The calls, and which of them a message shows whole; those alone are allowed there."""
    known = {vote.target: vote for vote in votes}
    menu = MENU * ENTRY if len(tool.calls) > CALLS else 0
    room = blocks.TOTAL - MARGIN - menu - AROUND * min(len(tool.calls), CALLS)
    made = []
    for number, call in enumerate(tool.calls, 1):
        text = action(call)
        size = words.units(text)
        fits = number <= CALLS and size <= min(WHOLE, room)
        room -= size if fits else 0
        made.append(Shown(str(number), call, text, fits, known.get(str(number))))
    return made


def whole(tool: Tool) -> frozenset[str]:
    """The calls that a message shows whole, by number."""
    return frozenset(shown.number for shown in laid_out(tool) if shown.fits)


def file_name(inquiry: Inquiry) -> str:
    """What the file is called that holds what is too long."""
    return f"{asked.name(inquiry).replace(' ', '-')}-question-{inquiry.id}.txt"


def in_blocks(text: str) -> list[Block]:
    """A text, whole and exactly as it is, in as many blocks as it needs."""
    return [_exactly(part) for part in _cut(text)]


def _exactly(text: str) -> Block:
    element = {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": text}]}
    return {"type": "rich_text", "elements": [element]}


def _cut(text: str) -> Iterator[str]:
    """Pieces that a block takes, between lines where that is possible."""
    part = ""
    for line in text.split("\n"):
        joined = f"{part}\n{line}" if part else line
        if words.units(joined) <= PARTS:
            part = joined
            continue
        if part:
            yield part
        *full, part = _pieces(line)
        yield from full
    yield part or " "


def _pieces(line: str) -> list[str]:
    """A line in pieces of half a block in characters, so that none is too long in UTF-16."""
    size = PARTS // 2
    return [line[at : at + size] for at in range(0, len(line), size)] or [""]


def _reasons(inquiry: Inquiry, tool: Tool) -> Iterator[Block]:
    """What the agent is there for, where, and what it said before."""
    if asked.task(inquiry).strip():
        yield blocks.plain(asked.task(inquiry), TASK)
    if place := asked.where(inquiry):
        yield blocks.context(place)
    if tool.said.strip():
        yield blocks.quote(words.bounded(words.clean(tool.said).strip(), SAID))


def _calls(inquiry: Inquiry, calls: Sequence[Shown]) -> Iterator[Block]:
    for shown in calls[:CALLS]:
        call = shown.call
        lead = f"*{shown.number}.* " if len(calls) > 1 else ""
        because = f", because of the rule {words.code(call.because, RULE)}" if call.because else ""
        yield blocks.mrkdwn(f"{lead}{words.code(call.tool, 60)}{because}")
        yield _exactly(shown.text if shown.fits else words.bounded(shown.text, EXCERPT))
        if shown.vote is not None:
            yield from _decided(call, shown.vote)
        elif inquiry.status is InquiryStatus.OPEN:
            yield from _undecided(inquiry, shown)
    yield from _more(inquiry, calls[CALLS:])


def _decided(call: ToolCall, vote: Vote) -> Iterator[Block]:
    ruled = f"\nFrom now on it may: {words.code(call.rule, RULE)}"
    said = outcomes.by(outcomes.part(vote, InquiryKind.TOOL), [vote])
    yield blocks.mrkdwn(f"{said}{ruled if vote.decision is Decision.ALWAYS else ''}")
    if vote.comment.strip():
        yield blocks.plain(f"“{words.flat(vote.comment)}”", outcomes.COMMENT)


def _undecided(inquiry: Inquiry, shown: Shown) -> Iterator[Block]:
    size = f"{words.units(shown.text):,} characters"
    if not shown.fits and shown.filed:
        file = words.code(file_name(inquiry))
        yield blocks.context(f"The whole text, {size}, is in the file {file}.")
    elif not shown.fits:
        yield blocks.context(f"This is the beginning of {size}.")
    made = buttons.deciding_call(inquiry, shown.number, shown.call, whole=shown.fits)
    yield blocks.actions(*made)


def _more(inquiry: Inquiry, rest: Sequence[Shown]) -> Iterator[Block]:
    """The calls that have no room of their own: chosen from a menu, each read in a form."""
    if not rest:
        return
    left = [shown for shown in rest if shown.vote is None]
    counted = f"{len(rest) - len(left):,} of them decided"
    yield blocks.context(f"and {words.count(len(rest), 'call')} more, {counted}")
    if left and inquiry.status is InquiryStatus.OPEN:
        options = [
            (words.bounded(f"{n}. {subject(call)}", ENTRY), f"{inquiry.value}.{n}")
            for n, call in ((shown.number, shown.call) for shown in left[:MENU])
        ]
        yield blocks.actions(blocks.select("Read another call…", buttons.READ, options))


def _beside(tool: Tool) -> Iterator[Block]:
    """The calls of the same message that nobody was asked about."""
    if not tool.beside:
        return
    ran = "; ".join(_step(step) for step in tool.beside[:STEPS])
    more = len(tool.beside) - STEPS
    rest = f" and {more:,} more" if more > 0 else ""
    yield blocks.context(f"Already ran, because no rule asks about it: {ran}{rest}")


def _step(step: Step) -> str:
    return words.code(f"{step.tool} {step.subject}", 80) + (" (failed)" if step.failed else "")


def _together(inquiry: Inquiry, tool: Tool) -> tuple[Block, ...]:
    if len(tool.calls) == 1 or inquiry.status is not InquiryStatus.OPEN:
        return ()
    left = undecided(inquiry)
    label = "Deny all" if len(left) == len(tool.calls) else "Deny the rest"
    return (buttons.of(inquiry, label, buttons.REJECT),)


def _file(inquiry: Inquiry, calls: Sequence[Shown]) -> Attachment | None:
    """What no form can show: whole, with what it would be allowed as from then on."""
    lines = [line for shown in calls if shown.filed for line in _lines(shown)]
    if not lines:
        return None
    title = f"What {asked.name(inquiry)} wants to do"
    return Attachment(file_name(inquiry), title, "\n".join(lines))


def _lines(shown: Shown) -> Iterator[str]:
    yield f"Call {shown.number}: {words.bounded(words.flat(shown.call.tool), 60)}"
    yield from (INDENT + line for line in shown.text.split("\n"))
    yield "“Allow for this agent” adds this rule:"
    yield INDENT + shown.call.rule
    yield ""
