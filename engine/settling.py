"""Tool calls that wait for people: what people are asked, and what the agent is told then. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from engine import permissions
from engine.executor import AgentResult, Call, Settled
from engine.matters import Ask, Option, Question, Tool, ToolCall
from engine.policy import Policy
from engine.states import Decision
from engine.votes import Inquiry, Vote, parts

MOST_ASKS = 20
MOST_OPTIONS = 20
MOST_WORDS = 4_000  # characters of each text that an agent asks with
FINAL = "This is final: do not try to reach the same in another way."
LATE = "Nobody decided in time, so it is not allowed."
SILENT = "Nobody answered. Decide for yourself, and say in your last message what you decided."


@dataclass(frozen=True)
class Resume:
    """A session that is gone on with where it waited, and what became of its calls."""

    session: str
    calls: tuple[Settled, ...] = ()
    given_to: int | None = None  # the attempt that was given the calls: they are given once

    def given(self, attempt: int) -> "Resume":
        """The same, given to an attempt."""
        return replace(self, given_to=attempt)

    def taken_back(self) -> "Resume":
        """The same, to be given again: the attempt did not get to it."""
        return replace(self, given_to=None)


RESUME: TypeAdapter[Resume] = TypeAdapter(Resume)


def of(policy: Mapping[str, Any]) -> Resume | None:
    """Where the session of a node waited, if it did."""
    noted = policy.get(Policy.RESUME)
    return RESUME.validate_python(noted) if noted else None


def noted(policy: Mapping[str, Any], resume: Resume) -> dict[str, Any]:
    """A policy that says so."""
    return {**policy, Policy.RESUME: RESUME.dump_python(resume, mode="json")}


def matter(result: AgentResult, workspace: Path) -> Tool | Question | None:
    """What people are asked because of the calls that an attempt in this directory ended with."""
    if not result.waits:
        return None
    said = result.output[-MOST_WORDS:]
    wanted = tuple(_tool_call(call, workspace) for call in result.waits if call.because)
    if wanted:
        return Tool(wanted, said, result.beside)
    asks = tuple(ask for call in result.waits for ask in _asks(call))
    return Question(asks[:MOST_ASKS], said)


def _tool_call(call: Call, workspace: Path) -> ToolCall:
    rule = permissions.rule_for(call.tool, call.given, workspace)
    shown = permissions.seen(call.given, workspace)
    return ToolCall(call.id, call.tool, shown, call.because, rule)


def _asks(call: Call) -> list[Ask]:
    """The questions of a call; what is none of the known shape is shown as it is."""
    asked = call.given.get("questions")
    found = [_ask(call.id, each) for each in asked or () if isinstance(each, Mapping)]
    return found or [Ask(call.id, str(dict(call.given))[:MOST_WORDS])]


def _ask(call: str, given: Mapping[str, Any]) -> Ask:
    offered = [each for each in given.get("options") or () if isinstance(each, Mapping)]
    return Ask(
        call,
        _words(given, "question"),
        _words(given, "header"),
        tuple(
            Option(_words(each, "label"), _words(each, "description"))
            for each in offered[:MOST_OPTIONS]
        ),
        several=given.get("multiSelect") is True,
    )


def _words(given: Mapping[str, Any], name: str) -> str:
    return str(given.get(name) or "")[:MOST_WORDS]


def settled(inquiry: Inquiry) -> tuple[Settled, ...]:
    """What became of the calls of an inquiry that is closed."""
    votes = dict(zip(parts(inquiry.matter), _in_order(inquiry), strict=True))
    match inquiry.matter:
        case Tool(calls):
            pairs = zip(calls, votes.values(), strict=True)
            return tuple(_ruling(call.id, vote) for call, vote in pairs)
        case Question(asks):
            return _answers(list(zip(asks, votes.values(), strict=True)))
        case _:
            return ()


def allowed(inquiry: Inquiry) -> tuple[str, ...]:
    """What an agent may do from now on without being asked about."""
    if not isinstance(inquiry.matter, Tool):
        return ()
    pairs = zip(inquiry.matter.calls, _in_order(inquiry), strict=True)
    always = [call.rule for call, vote in pairs if vote and vote.decision is Decision.ALWAYS]
    return tuple(dict.fromkeys(always))


def _in_order(inquiry: Inquiry) -> list[Vote | None]:
    """The vote on each part; None: nobody decided it in time."""
    votes = {vote.target: vote for vote in inquiry.votes}
    return [votes.get(part) for part in parts(inquiry.matter)]


def _ruling(call: str, vote: Vote | None) -> Settled:
    if vote is None:
        return Settled(call, said=f"{LATE} {FINAL}")
    if vote.decision is not Decision.REJECT:
        return Settled(call, allowed=True)
    because = f": {vote.comment}" if vote.comment else ""
    return Settled(call, said=f"{vote.by.name} does not allow this{because}\n{FINAL}")


def _answers(pairs: Sequence[tuple[Ask, Vote | None]]) -> tuple[Settled, ...]:
    """The answers, together for each call."""
    told: dict[str, list[str]] = {}
    for ask, vote in pairs:
        told.setdefault(ask.call, []).append(f"{ask.text}\n{_answer(vote)}")
    return tuple(Settled(call, said="\n\n".join(lines)) for call, lines in told.items())


def _answer(vote: Vote | None) -> str:
    if vote is None:
        return SILENT
    if vote.decision is Decision.REJECT:
        return f"{vote.by.name} leaves this to you: {vote.comment or 'decide for yourself'}"
    return f"{vote.by.name} answers: {vote.comment}"
