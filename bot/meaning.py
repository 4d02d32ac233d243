"""What a message in a thread means: the one table, and how its rows and columns are told. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from engine import TERMINAL, Decision, Gate, Inquiry, InquiryKind, Kind, NodeView, Plan, Status


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
    "allow": Decision.APPROVE,
    "allowed": Decision.APPROVE,
    "deny": Decision.REJECT,
    "denied": Decision.REJECT,
}
WORD = "|".join(sorted(WORDS, key=len, reverse=True)).replace(" ", r"\s+")
WHOLE = re.compile(
    rf"(?P<word>{WORD})"
    r"(?:\s+(?:to\s+)?(?!(?:because|with|to)\b)(?P<key>(?:w[0-9]+\.)?[a-z][a-z0-9_-]*))?"
    r"(?:(?:\s+because|(?P<with>\s+with)|\s*[,:;])\s+(?P<comment>\S.*))?[.!]*",
    re.IGNORECASE | re.DOTALL,
)
PERMITS = re.compile(r"(?:allow|den[yi])(?:ed)?\b", re.IGNORECASE)
NODS = re.compile(
    r"(?:y|n|yes|yep|no|nope|ok|okay|sure|go ahead|do it|don't|lgtm)[.!]*", re.IGNORECASE
)  # they sound like a decision, and are none
WHATEVER = frozenset({"it", "this", "that", "all", "them", "everything", "once"})  # no step's name
BEGINS = re.compile(r"(?:approved?|reject(?:ed)?)\b", re.IGNORECASE)  # whatever follows
# With a blank after the colon: 12:30 is a time, and https://… an address.
ADDRESSED = re.compile(
    r"(?P<who>(?:w[0-9]+\.)?[a-z0-9][a-z0-9_-]*)\s*:\s+(?P<text>\S.*)", re.DOTALL | re.IGNORECASE
)
ASIDE = re.compile(r"\s*<(?:@(?P<who>[A-Z0-9]+)|!)[^<>]*>")  # a person, a group, everybody


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
        """Its agents, first to last; what lands a commit listens to nobody."""
        return [node for node in self.nodes if node.kind is Kind.AGENT and not node.lands]

    @property
    def unfinished(self) -> list[NodeView]:
        """The agents that have not ended; those that work before those that are yet to begin."""
        left = [agent for agent in self.agents if agent.status not in TERMINAL]
        return sorted(left, key=lambda agent: (agent.status is not Status.ACTIVE, agent.id))

    @property
    def works(self) -> bool:
        """Whether an agent works, or is about to."""
        return any(agent.status in {Status.ACTIVE, Status.PENDING} for agent in self.agents)

    @property
    def questions(self) -> list[Inquiry]:
        """What agents want to know; a reply can be the answer."""
        return [each for each in self.inquiries if each.kind is InquiryKind.QUESTION]

    @property
    def listens(self) -> bool:
        """Whether people are asked nothing but what an agent waits for in the midst of its work."""
        midway = {InquiryKind.TOOL, InquiryKind.BUDGET}
        return bool(self.inquiries) and all(each.kind in midway for each in self.inquiries)

    @property
    def names(self) -> frozenset[str]:
        """The steps that a decision in words can name."""
        nodes = [inquiry.node for inquiry in self.inquiries if inquiry.node]
        gates = [each.matter for each in self.inquiries if isinstance(each.matter, Gate)]
        before = frozenset(key for gate in gates for key in gate.ancestors)
        return before.union(*(called(node) for node in nodes))

    def asked_by(self, person: str) -> bool:
        """Whether something here was asked for by this person."""
        owners = [*(n.requester.id for n in self.nodes), *(i.requester.id for i in self.inquiries)]
        return person in owners


def called(node: NodeView) -> frozenset[str]:
    """How people call a node in its thread, its number apart."""
    return frozenset({node.key, f"w{node.workflow_id}.{node.key}"} if node.key else ())


def scene(thread: Thread, text: str) -> Scene:
    """Which column counts for a text."""
    named = addressed(thread, text)[0]
    meant = named is None or any(
        each.node and each.node.id == named.id for each in thread.questions
    )
    held = not thread.works and not thread.listens
    if meant and thread.inquiries and (answers(thread, text) or held):
        return Scene.ASKED
    if is_decision(text):
        return Scene.ASKED  # what it was about is closed by now: that is said, not taken for a task
    if thread.unfinished:
        return Scene.RUNNING
    return Scene.ENDED if thread.agents else Scene.BARE


def answers(thread: Thread, text: str) -> bool:
    """Whether a text is meant as a decision about what is asked, or as an answer to a question."""
    nods = thread.listens and NODS.fullmatch(text.strip()) is not None
    if thread.questions or decides(text) or nods:
        return True
    said = verdict(text)
    return said is not None and (not said.key or said.key in thread.names)


def changes(thread: Thread, text: str) -> Inquiry | None:
    """The open plan of a planning agent that a text asks to be different, if it decides nothing."""
    drafts = [each for each in thread.inquiries if isinstance(each.matter, Plan)]
    drafts = [each for each in drafts if isinstance(each.matter, Plan) and each.matter.planner]
    said = verdict(text)
    decided = decides(text) or (said is not None and (not said.key or said.key in thread.names))
    if said is not None and said.decision is Decision.APPROVE and said.comment:
        decided = False  # "start with the tests" starts nothing
    return drafts[0] if len(drafts) == 1 and not decided else None


def decides(text: str) -> bool:
    """Whether a text begins as an approval or a rejection does; it may say something else."""
    return BEGINS.match(text.strip()) is not None


def is_decision(text: str) -> bool:
    """Whether a text is nothing but a decision, whatever it is about."""
    said = verdict(text)
    permits = PERMITS.match(text.strip()) is not None and said is not None and not said.key
    return said is not None and (decides(text) or permits)


def verdict(text: str) -> Verdict | None:
    """The decision that a whole message is; None when it is something else."""
    found = WHOLE.fullmatch(text.strip())
    if not found:
        return None
    decision = WORDS[" ".join(found["word"].lower().split())]
    if found["with"] and decision not in {Decision.RETRY, Decision.RESOLVE}:
        return None  # "start with the tests" is no approval
    comment = re.sub(r"\Abecause\s+", "", found["comment"] or "", flags=re.IGNORECASE)
    key = (found["key"] or "").lower()
    return Verdict(decision, "" if key in WHATEVER else key, comment.strip())


def addressed(thread: Thread, text: str) -> tuple[NodeView | None, str]:
    """The agent that a text is said to (`implement: …`, `12: …`), and the rest of the text."""
    found = ADDRESSED.fullmatch(text.strip())
    if found:
        who = found["who"].lower()
        for agent in thread.agents:
            if who in {str(agent.id), *called(agent)}:
                return agent, found["text"].strip()
    return None, text


def opens_aside(raw: str, bot_user: str) -> bool:
    """Whether a text, as Slack delivers it, opens with a mention of somebody else, or of all."""
    found = ASIDE.match(raw)
    return found is not None and found["who"] != bot_user
