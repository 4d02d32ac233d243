"""What a message in a thread means: the one table, and how its rows and columns are told. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from engine import TERMINAL, Decision, Inquiry, InquiryKind, Kind, NodeView, Status


class Speech(StrEnum):
    """Who speaks, and how (the rows)."""

    COMMAND = "command"  # a mention of the bot and a verb of `/agent`
    MENTION = "mention"  # a mention of the bot and other text
    OWN = "own"  # a plain reply of somebody who asked for an agent of the thread
    OTHER = "other"  # a plain reply of somebody else
    ASIDE = "aside"  # it opens with a mention of someone else


class Scene(StrEnum):
    """How the thread stands (the columns)."""

    BARE = "bare"  # no agent, and nothing is asked
    ASKED = "asked"  # a question is open that the message can answer
    RUNNING = "running"  # an agent has not ended
    ENDED = "ended"  # all have


class Meaning(StrEnum):
    """What the message means."""

    COMMAND = "command"
    SPAWN = "spawn"
    ANSWER = "answer"  # of whoever is eligible
    INSTRUCT = "instruct"
    FOLLOW_UP = "follow_up"
    FOLLOW_UP_IF_ALONE = "follow_up_if_alone"  # unless another person has spoken since
    NOTHING = "nothing"


M = Meaning
TABLE: Mapping[Speech, Mapping[Scene, Meaning]] = {
    Speech.COMMAND: dict.fromkeys(Scene, M.COMMAND),
    Speech.MENTION: {
        Scene.BARE: M.SPAWN,
        Scene.ASKED: M.ANSWER,
        Scene.RUNNING: M.INSTRUCT,
        Scene.ENDED: M.FOLLOW_UP,
    },
    Speech.OWN: {
        Scene.BARE: M.NOTHING,
        Scene.ASKED: M.ANSWER,
        Scene.RUNNING: M.INSTRUCT,
        Scene.ENDED: M.FOLLOW_UP_IF_ALONE,
    },
    Speech.OTHER: {
        Scene.BARE: M.NOTHING,
        Scene.ASKED: M.ANSWER,
        Scene.RUNNING: M.NOTHING,
        Scene.ENDED: M.NOTHING,
    },
    Speech.ASIDE: dict.fromkeys(Scene, M.NOTHING),
}

WORDS: Mapping[str, Decision] = {
    "approve": Decision.APPROVE,
    "approved": Decision.APPROVE,
    "start": Decision.APPROVE,
    "reject": Decision.REJECT,
    "rejected": Decision.REJECT,
    "discard": Decision.REJECT,
    "send back": Decision.SEND_BACK,
    "retry": Decision.RETRY,
    "resolved": Decision.RETRY,
    "skip": Decision.SKIP,
    "resolve": Decision.RESOLVE,
}
WORD = "|".join(sorted(WORDS, key=len, reverse=True))
WHOLE = re.compile(
    rf"(?P<word>{WORD})"
    r"(?: (?:to )?(?!because\b|with\b|to\b)(?P<key>(?:w[0-9]+\.)?[a-z][a-z0-9_-]*))?"
    r"(?:(?: (?:because|with)|\s?[,:;]) (?P<comment>.+))?",
    re.IGNORECASE,
)
BEGINS = re.compile(rf"(?:{WORD})\b", re.IGNORECASE)
ADDRESSED = re.compile(
    r"(?P<who>(?:w[0-9]+\.)?[a-z0-9][a-z0-9_-]*)\s*:\s*(?P<text>\S.*)", re.DOTALL | re.IGNORECASE
)
ASIDE = re.compile(r"\s*<@(?P<who>[A-Z0-9]+)(?:\|[^<>]*)?>")


@dataclass(frozen=True)
class Verdict:
    """A decision in words: what, about which node (key or ""), and why."""

    decision: Decision
    key: str = ""
    comment: str = ""


@dataclass(frozen=True)
class Thread:
    """What a thread holds."""

    nodes: Sequence[NodeView] = ()
    inquiries: Sequence[Inquiry] = ()  # open ones

    @property
    def agents(self) -> list[NodeView]:
        """Its agents, first to last."""
        return [node for node in self.nodes if node.kind is Kind.AGENT]

    @property
    def unfinished(self) -> list[NodeView]:
        """The agents that have not ended; those that work before those that are yet to begin."""
        left = [agent for agent in self.agents if agent.status not in TERMINAL]
        return sorted(left, key=lambda agent: (agent.status is not Status.ACTIVE, agent.id))

    def asked_by(self, person: str) -> bool:
        """Whether something here was asked for by this person."""
        owners = [*(n.requester.id for n in self.nodes), *(i.requester.id for i in self.inquiries)]
        return person in owners


def scene(thread: Thread, text: str) -> Scene:
    """Which column counts for a text."""
    if thread.inquiries and (_decides(thread, text) or not thread.unfinished):
        return Scene.ASKED
    waits_only = all(agent.status is Status.WAITING for agent in thread.unfinished)
    if thread.inquiries and waits_only:
        return Scene.ASKED
    if thread.unfinished:
        return Scene.RUNNING
    return Scene.ENDED if thread.agents else Scene.BARE


def _decides(thread: Thread, text: str) -> bool:
    free = any(asked.kind is InquiryKind.QUESTION for asked in thread.inquiries)
    return free or decides(text)


def decides(text: str) -> bool:
    """Whether a text begins as a decision does."""
    return BEGINS.match(text.strip()) is not None


def verdict(text: str) -> Verdict | None:
    """The decision that a whole message is; None when it is something else."""
    plain = " ".join(text.split()).rstrip(".!")
    bare = WORDS.get(plain.lower())
    if bare is not None:
        return Verdict(bare)
    found = WHOLE.fullmatch(plain)
    if not found:
        return None
    comment = (found["comment"] or "").removeprefix("because ").strip()
    return Verdict(WORDS[found["word"].lower()], (found["key"] or "").lower(), comment)


def addressed(thread: Thread, text: str) -> tuple[NodeView | None, str]:
    """The agent that a text is said to (`implement: …`, `12: …`), and the rest of the text."""
    found = ADDRESSED.fullmatch(text.strip())
    if found:
        who = found["who"].lower()
        for agent in thread.agents:
            if who in {str(agent.id), agent.key, f"w{agent.workflow_id}.{agent.key}"} - {""}:
                return agent, found["text"].strip()
    return None, text


def opens_aside(raw: str, bot_user: str) -> bool:
    """Whether a text, as Slack delivers it, opens with a mention of someone else."""
    found = ASIDE.match(raw)
    return found is not None and found["who"] != bot_user
