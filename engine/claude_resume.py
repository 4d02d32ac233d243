"""How a session is gone on with: what was settled is in its transcript before the CLI starts.

A call that may not run cannot run: the CLI does not find it, and it has its answer. A call that
people allowed is marked as taken up before anything can carry it out, so that no machine that
fails makes it run twice.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from engine import claude_pending
from engine.claude_pending import QUESTION
from engine.claude_shelf import Shelf, Sight
from engine.claude_take_up import Done
from engine.executor import Call, Job, Settled

if TYPE_CHECKING:  # only names of types
    from claude_agent_sdk import SessionStoreEntry

UNKNOWN = (
    "It is not known whether this call ran: the machine that ran it failed. "
    "Look before you repeat it."
)
NOT_RUN = "This call did not run. Make it again if it is still needed."
NOT_ASKED = (
    "This was not asked, because other calls of your message were waiting. "
    "Ask again if you still need to know."
)
CONTINUE = "Continue from where you left off."
_GOES_ON = {  # without a call to take up
    "CLAUDE_CODE_RESUME_INTERRUPTED_TURN": "1",
    "CLAUDE_CODE_RESUME_INTERRUPTED_TURN_MAX_AGE_MS": "0",  # people may take their time
}
_MAX_TOLD = 100_000  # bytes; Linux takes no variable beyond 128 KiB

TakeUp = Callable[[Call, Sight], Awaitable[Done | None]]


@dataclass(frozen=True)
class Opening:
    """How the CLI begins."""

    store: Shelf | Sight | None = None
    approved: Call | None = None  # what it takes up
    goes_on: str = ""  # what it says to the model in the midst of a session; "" = it gets a task
    variables: Mapping[str, str] = field(default_factory=dict)


async def opened(job: Job, shelf: Shelf | None, take_up: TakeUp) -> Opening:
    """Settle all that waits in the job's session; raises TranscriptsAway.

    Of the calls that people allowed, one is left for the CLI to take up.
    """
    if not shelf or not job.session_id:
        return Opening(shelf)
    script = _Script(shelf, job.session_id, [*await shelf.transcript(job.session_id)])
    last = await _carried_out(await _allowed(script, job), script, take_up)
    seen = script.seen(last)
    told = f"{CONTINUE}\n\n{_bounded(job.context)}".strip()
    if job.settled is None:
        return Opening(seen, None, "", _variables(None, ""))
    return Opening(seen, last, told, _variables(last, told))


def _bounded(text: str) -> str:
    return text.encode()[:_MAX_TOLD].decode(errors="ignore").replace("\0", "")


def _variables(taken: Call | None, told: str) -> dict[str, str]:
    prompt = {"CLAUDE_CODE_RESUME_PROMPT": told} if told else {}
    if taken:
        return prompt
    locked = {"CLAUDE_CODE_DISABLE_DEFERRED_TOOL_RESUME": "1"}
    return {**locked, **prompt, **(_GOES_ON if told else {})}


async def _allowed(script: "_Script", job: Job) -> list[Call]:
    """The calls that are to be carried out; the others get their answer."""
    rulings = {settled.id: settled for settled in job.settled or ()}
    marked = claude_pending.taken_up(script.entries)
    former = claude_pending.places(script.entries)
    found = []
    for call in claude_pending.waiting(script.entries):
        ruling = rulings.get(call.id)
        if ruling and ruling.allowed and call.tool != QUESTION and call.id not in marked:
            found.append(claude_pending.moved(call, former, str(job.workspace)))
        else:
            await script.settle(call.id, _told(call, ruling, taken=call.id in marked))
    # one that asks a model itself comes last, where a model can be reached
    return sorted(found, key=lambda call: call.tool == "WebFetch")


def _told(call: Call, ruling: Settled | None, *, taken: bool) -> Done:
    """What stands in the place of a result."""
    if ruling and not ruling.allowed:
        return Done(ruling.said, failed=call.tool != QUESTION)
    if call.tool == QUESTION:
        return Done(NOT_ASKED, failed=True)
    return Done(UNKNOWN if taken else NOT_RUN, failed=True)


async def _carried_out(calls: list[Call], script: "_Script", take_up: TakeUp) -> Call | None:
    """Carry out all but the last, which is returned."""
    for call in calls[:-1]:
        await script.mark(call)
        done = await take_up(call, script.seen(call, records=False))
        await script.settle(call.id, done or Done(UNKNOWN, failed=True))
    if not calls:
        return None
    await script.mark(calls[-1])
    return calls[-1]


@dataclass(frozen=True)
class _Script:
    """A session's transcript, to which nobody else writes now."""

    shelf: Shelf
    session_id: str
    entries: "list[SessionStoreEntry]"

    async def settle(self, call: str, done: Done) -> None:
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        entries = cast(list[Mapping[str, Any]], self.entries)
        answer = claude_pending.answered(entries, call, done.content, at, failed=done.failed)
        await self._add(answer)

    async def mark(self, call: Call) -> None:
        entries = cast(list[Mapping[str, Any]], self.entries)
        await self._add(claude_pending.mark(entries, call))

    async def _add(self, entry: dict[str, Any]) -> None:
        added = cast("SessionStoreEntry", entry)
        await self.shelf.add(self.session_id, [added])
        self.entries.append(added)

    def seen(self, call: Call | None, *, records: bool = True) -> Sight:
        entries = cast(list[Mapping[str, Any]], self.entries)
        shown = cast("list[SessionStoreEntry]", claude_pending.shown(entries, call))
        return Sight(self.shelf, shown, records)
