"""Notices, written: from facts of the ledger to messages and pictures."""

import asyncio
from dataclasses import dataclass
from typing import assert_never

from bot import messages
from bot.deciding import asked_people
from bot.drawing import draw, draw_plan
from bot.messages import Message
from bot.posting import Enclosure
from bot.settings import BotSettings
from engine import (
    Card,
    Closed,
    DiffAsked,
    Ended,
    Engine,
    Fact,
    Failed,
    GraphAsked,
    Heard,
    Inquiry,
    InquiryStatus,
    MabError,
    Nearing,
    NodeView,
    Notice,
    Opened,
    Plan,
    Rescued,
    Restored,
    Silenced,
    SummedUp,
    TakenOver,
    integration,
    undecided,
)


@dataclass(frozen=True)
class Writer:
    """Finds the words, and what they need beside the notice."""

    engine: Engine
    settings: BotSettings

    async def message(self, notice: Notice, card: Card) -> Message:
        """The message that tells a notice."""
        if isinstance(notice.fact, DiffAsked):
            return messages.diff_file(notice.fact.agent, await self._diff(notice.fact.agent))
        if isinstance(notice.fact, Opened):
            return self._opened(notice.fact)
        if isinstance(notice.fact, GraphAsked) and (waits := _waiting_plan(card)):
            return messages.plan_graph(waits.workflow)
        return _told(notice, notice.fact, card)

    def _opened(self, opened: Opened) -> Message:
        inquiry = opened.inquiry
        people = asked_people(inquiry, self.settings.access)
        return messages.opened(inquiry, people, again=opened.again, terms=self._terms(inquiry))

    def closed(self, inquiry: Inquiry) -> Message:
        """What takes the place of the message that asked; some of its parts may still be open."""
        if inquiry.status is InquiryStatus.OPEN and undecided(inquiry):
            people = asked_people(inquiry, self.settings.access)
            return messages.opened(inquiry, people)
        return messages.closed(inquiry, terms=self._terms(inquiry))

    def _terms(self, inquiry: Inquiry) -> messages.Terms:
        """What this installation adds to a plan."""
        limits, policy = self.settings.limits, self.settings.agent
        nodes = inquiry.matter.workflow.nodes if isinstance(inquiry.matter, Plan) else ()
        merges = bool(integration(nodes))
        most = limits.workflow_budget_usd
        return messages.Terms(policy.model, limits.budget_usd, most, policy.sandbox, merges)

    async def picture(self, card: Card) -> Enclosure:
        """The graph as it is now; of a plan that waits, the graph that it would be."""
        if waits := _waiting_plan(card):
            png = await asyncio.to_thread(draw_plan, waits.workflow)
        else:
            png = await asyncio.to_thread(draw, card)
        title = f"The graph of workflow w{card.workflow_id}"
        return Enclosure(f"w{card.workflow_id}.png", title, png)

    async def _diff(self, agent: NodeView) -> str:
        try:
            return await self.engine.diff(agent)
        except MabError as error:
            return f"The diff cannot be shown: {error}"


def _waiting_plan(card: Card) -> Plan | None:
    """The plan that a workflow without nodes waits with."""
    plans = [each.matter for each in card.inquiries if isinstance(each.matter, Plan)]
    return plans[0] if plans and not card.nodes else None


def _told(notice: Notice, fact: Fact, card: Card) -> Message:
    match fact:
        case Ended(agent):
            return messages.ended(agent, notice.at)
        case SummedUp(summary):
            return messages.summed_up(summary, notice.at)
        case Failed(agent):
            return messages.node_failed(agent, notice.at)
        case TakenOver(agent, commit):
            return messages.taken_over(agent, commit)
        case Nearing() | Rescued() | Restored() | GraphAsked():
            return _told_of_all(fact, card)
        case Closed() | Opened() | DiffAsked() | Heard() | Silenced():
            raise MabError(f"{notice.name} is not told in this way")
        case other:
            assert_never(other)


def _told_of_all(fact: Nearing | Rescued | Restored | GraphAsked, card: Card) -> Message:
    """What is not about the end of one node."""
    match fact:
        case Nearing():
            return messages.nearing(fact)
        case Rescued():
            return messages.rescued(fact)
        case Restored(last):
            return messages.restored(last)
        case GraphAsked():
            return messages.graph(card)
        case other:
            assert_never(other)
