"""What people decide, and what follows from it, in one transaction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from engine import inquiries, matters, plans, proposals, votes
from engine import models as m
from engine.audit import Act, Did, note
from engine.clock import now
from engine.commands import answer, settle
from engine.consequences import Chosen, carry_out, run_out
from engine.errors import InvalidSpec, StaleMove
from engine.matters import Plan
from engine.models.talk import OPEN
from engine.requests import Wish, know
from engine.spec import Origin
from engine.states import Decision, InquiryStatus
from engine.votes import CHOICES, Click, Inquiry
from engine.workflows import Workflows

BATCH = 50
Told = dict[str, Any] | None


class Decided(StaleMove):
    """The inquiry waits for nobody any more, or asks something else by now."""

    def __init__(self, inquiry: Inquiry) -> None:
        self.inquiry = inquiry
        super().__init__(f"question {inquiry.id} is {inquiry.status}")


class HasVoted(StaleMove):
    """The same person has decided about the same thing already."""


@dataclass(frozen=True)
class Decisions:
    """The verbs of those who are asked."""

    workflows: Workflows

    async def decide(
        self, click: Click, wish: Wish, told: Callable[[Inquiry], Told] = lambda _: None
    ) -> Inquiry:
        """Count what somebody decides, and carry it out when that is enough.

        Who may is the caller's to say, and `told` what they alone are answered. Raises NotFound;
        Decided when it is too late, or when something else was shown than is asked now; HasVoted
        for a second vote; InvalidSpec for what is no answer here.
        """
        async with self.workflows.db.reading() as session:
            shown = await inquiries.inquiry(session, click.inquiry_id)
        async with self.workflows.changing(shown.workflow_id) as session:
            await settle(session, wish.key)
            row = await self._open(session, click)
            await know(session, wish.by)
            await _vote(session, row, click, wish)
            seen = await inquiries.inquiry(session, row.id)
            counted = votes.tally(seen)
            if counted.decided is not None:
                await self._close(session, row, counted.decided, click, wish)
            elif votes.parts(seen.matter):
                await inquiries.told_closed(session, row.id)
            after = await inquiries.inquiry(session, row.id)
            await answer(session, wish.key, f"{click.decision} {row.id}", told(after))
            return after

    async def _open(self, session: AsyncSession, click: Click) -> m.Inquiry:
        """The inquiry, locked, if it still asks what was shown."""
        row, in_time = await inquiries.locked(session, click.inquiry_id)
        current = row.status is InquiryStatus.OPEN and row.revision == click.revision
        if not current:
            raise Decided(await inquiries.inquiry(session, row.id))
        if not in_time:  # the next tick writes it down
            late = await inquiries.inquiry(session, row.id)
            raise Decided(replace(late, status=InquiryStatus.EXPIRED))
        if click.decision not in CHOICES[row.kind]:
            raise InvalidSpec(f"{click.decision} is no answer to this question")
        return row

    async def _close(
        self, session: AsyncSession, row: m.Inquiry, decision: Decision, click: Click, wish: Wish
    ) -> None:
        await inquiries.close(session, row.id, InquiryStatus.DECIDED, decision)
        if row.node_id is None:
            await self._plan(session, row, decision, wish)
        else:
            node = await session.get_one(m.Node, row.node_id, with_for_update=True)
            await carry_out(session, row, node, Chosen(click, wish))

    async def _plan(
        self, session: AsyncSession, row: m.Inquiry, decision: Decision, wish: Wish
    ) -> None:
        request = await session.get_one(m.Request, row.request_id)
        await proposals.call_off(session, request.id, wish.by.id)
        plan = matters.unpacked(row.kind, row.content)
        if decision is Decision.APPROVE and isinstance(plan, Plan):
            await plans.begin(session, plan, request, self.workflows.settings)
        else:
            await inquiries.give_reason(session, request.id, f"discarded by {wish.by.name}")

    async def ask_again(self, place: str, receipt: Mapping[str, Any], key: str = "") -> bool:
        """Put a question to people once more whose last message is gone; False: none is open.

        `receipt` is what the front end gave when it had posted that message.
        """
        async with self.workflows.db.reading() as session:
            lost = await inquiries.asked_by(session, place, receipt)
        if lost is None:
            return False
        async with self.workflows.changing(lost.workflow_id) as session:
            await settle(session, key)
            row, _ = await inquiries.locked(session, lost.id)
            if await inquiries.asked_by(session, place, receipt):  # nobody was quicker
                await inquiries.ask_again(session, row)
            await answer(session, key, f"asked {row.id} again", None)
        return True

    async def standing(self, limit: int) -> Sequence[tuple[Origin, Mapping[str, Any]]]:
        """Threads with open questions and the receipts of their messages, oldest first."""
        async with self.workflows.db.reading() as session:
            return await inquiries.standing(session, limit)

    async def tick(self) -> None:
        """Reject what nobody decided in time, and remind once of what waits for long."""
        for inquiry_id, workflow_id in await self._due(m.Inquiry.expires_at):
            async with self.workflows.changing(workflow_id) as session:
                await _expire(session, inquiry_id)
        for inquiry_id, workflow_id in await self._due(m.Inquiry.remind_at):
            async with self.workflows.changing(workflow_id) as session:
                await _remind(session, inquiry_id)

    async def _due(self, at: InstrumentedAttribute[Any]) -> list[tuple[int, int]]:
        due = select(m.Inquiry.id, m.Inquiry.workflow_id).where(text(OPEN), at <= now())
        async with self.workflows.db.reading() as session:
            rows = await session.execute(due.order_by(at, m.Inquiry.id).limit(BATCH))
            return [(row.id, row.workflow_id) for row in rows]


async def _vote(session: AsyncSession, row: m.Inquiry, click: Click, wish: Wish) -> None:
    """Write down what somebody decides, and of which part."""
    for target, comment in _targets(await inquiries.inquiry(session, row.id), click, wish).items():
        session.add(
            m.Vote(
                inquiry_id=row.id,
                revision=row.revision,
                by=wish.by.id,
                target=target,
                decision=click.decision,
                comment=comment,
                command_key=wish.key or None,
            )
        )
        said = f"{click.decision} {target} {comment}".strip()
        note(session, Act(Did.DECIDED, wish.by.id, wish.key, said), row)
    await session.flush()


def _targets(inquiry: Inquiry, click: Click, wish: Wish) -> Mapping[str, str]:
    """What a click decides, with the words to it; raises HasVoted, InvalidSpec."""
    parts, left = votes.parts(inquiry.matter), votes.undecided(inquiry)
    if not parts:
        if any(vote.by.id == wish.by.id for vote in inquiry.votes):
            raise HasVoted(f"{wish.by.name} has decided about question {inquiry.id} already")
        return {click.target: click.comment}
    meant = (click.target,) if click.target else left
    wanted = click.answers or dict.fromkeys(meant, click.comment)
    if not wanted or not wanted.keys() <= set(parts):
        raise InvalidSpec("there is no such part of this question")
    if not wanted.keys() <= set(left):
        raise HasVoted(f"that part of question {inquiry.id} has been decided already")
    if click.decision is Decision.ANSWER and not all(text.strip() for text in wanted.values()):
        raise InvalidSpec("an answer is empty; write what the agent should know")
    return wanted


async def _expire(session: AsyncSession, inquiry_id: int) -> None:
    """Expiry rejects; it never approves."""
    over = select(m.Inquiry).where(
        m.Inquiry.id == inquiry_id,
        m.Inquiry.status == InquiryStatus.OPEN,
        m.Inquiry.expires_at <= now(),
    )
    row = (await session.scalars(over.with_for_update())).one_or_none()
    if row is None:
        return
    await inquiries.close(session, row.id, InquiryStatus.EXPIRED)
    if row.node_id is None:
        await proposals.call_off(session, row.request_id, "")
        await inquiries.give_reason(session, row.request_id, "nobody decided in time")
    else:
        node = await session.get_one(m.Node, row.node_id, with_for_update=True)
        await run_out(session, row, node)


async def _remind(session: AsyncSession, inquiry_id: int) -> None:
    row = await session.get_one(m.Inquiry, inquiry_id, with_for_update=True)
    if row.status is InquiryStatus.OPEN and row.remind_at is not None:
        row.remind_at = None
        await session.flush()
        await inquiries.ask_again(session, row)
