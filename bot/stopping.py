"""The word that stops: which message is nothing else, and what it means to end. Pure."""

import re
from dataclasses import dataclass

from bot.meaning import Thread, addressed, called
from engine import TERMINAL, InquiryKind, NodeView

FILLED = r"it|now|please|(?:(?:the|this)\s+)?agent"
STOP = re.compile(
    r"(?:please\s+)?(?:stop|cancel)"
    rf"(?:\s+(?:agent\s+)?(?P<who>(?!(?:{FILLED}|the|this)\b)#?[a-z0-9][\w.-]*?))?"
    rf"(?:\s+(?:{FILLED}))*[.!]*",
    re.IGNORECASE,
)
ALL = frozenset({"all", "everything"})


@dataclass(frozen=True)
class Stop:
    """The wish that something ends: one of these nodes, or all that the thread works on."""

    nodes: tuple[NodeView, ...] = ()
    workflow: int = 0  # all of it


def stops(thread: Thread, text: str) -> Stop | None:
    """What a message that says nothing else wants to have stopped; None when it is something else.

    Several nodes: nobody guesses which is meant. None at all: everything has ended.
    """
    named, said = addressed(thread, text)
    found = STOP.fullmatch(said.strip())
    if not found or not (thread.nodes or thread.inquiries):
        return None
    if named:
        return Stop((named,))
    who = (found["who"] or "").lower().removeprefix("#")
    if who and who not in ALL:
        known = [node for node in thread.nodes if who in {str(node.id), *called(node)}]
        return Stop(tuple(known)) if known else None  # "stop retrying" is an instruction
    left = tuple(node for node in thread.nodes if node.status not in TERMINAL)
    plans = [asked for asked in thread.inquiries if asked.kind is InquiryKind.PLAN]
    whole = thread.inquiries[0].workflow_id if plans else left[0].workflow_id if left else 0
    if (who and whole) or (plans and not left):
        return Stop(workflow=whole)
    return Stop(left, workflow=whole if plans else 0)
