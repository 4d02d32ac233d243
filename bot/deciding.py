"""Deciding what people are asked: by button, by form or in words, by whoever may."""

import re
from dataclasses import dataclass

from bot import messages
from bot.access import Access, Action, Actor, Allowed, Denied, Why, decide, deciders
from bot.asked import Asked, Done, Outcome
from bot.directory import Directory
from bot.meaning import Thread, Verdict, called
from bot.messages import buttons, permission, question_form, questions
from bot.places import channel_of
from bot.replies import packed
from bot.settings import BotSettings
from engine import (
    CHOICES,
    Click,
    Decided,
    Decision,
    Engine,
    Gate,
    HasVoted,
    Inquiry,
    InquiryKind,
    MabError,
    Question,
    Settled,
    Tool,
    parts,
    undecided,
)

# An inquiry and its revision; then which of its calls or questions, and which option.
VALUE = re.compile(
    r"(?P<id>[0-9]{1,18})\.(?P<revision>[0-9]{1,9})"
    r"(?:\.(?P<part>[0-9]{1,4})(?:\.(?P<option>[0-9]{1,4}))?)?",
    re.ASCII,
)
OWN_WORK = frozenset({InquiryKind.FAILURE, InquiryKind.CONFLICT})


def action(inquiry: Inquiry) -> Action:
    """What somebody does who decides an inquiry."""
    if inquiry.kind is InquiryKind.PLAN:
        return Action.CONFIRM
    if inquiry.kind is InquiryKind.QUESTION:
        return Action.STEER
    return Action.RETRY if inquiry.kind in OWN_WORK else Action.APPROVE


def may(inquiry: Inquiry, decision: Decision, actor: Actor, access: Access) -> Allowed | Denied:
    """Whether somebody may decide; to refuse what one asked for oneself is always allowed.

    What a bot says is never a decision.
    """
    if actor.is_bot:
        return Denied(action(inquiry), Why.BOT, asked_people(inquiry, access))
    if decision is Decision.REJECT and actor.id == inquiry.requester.id:
        return Allowed()
    approvers = inquiry.approvers or None
    owner = inquiry.requester.id
    return decide(action(inquiry), actor, access, owner=owner, approvers=approvers)


def asked_people(inquiry: Inquiry, access: Access) -> tuple[str, ...]:
    """Whom an inquiry mentions: exactly those who can act."""
    owner = inquiry.requester.id
    wanted = action(inquiry)
    if wanted in {Action.APPROVE, Action.CONFIRM}:
        own = wanted is Action.CONFIRM and access.plan == "self"
        return (owner,) if own else deciders(wanted, access, owner, inquiry.approvers or None)
    return access.admin if owner.startswith("B") else (owner,)  # a bot decides nothing


@dataclass(frozen=True)
class Deciding:
    """Carries out decisions, each as the person who takes it."""

    engine: Engine
    directory: Directory
    settings: BotSettings

    async def press(self, action: str, value: str, asked: Asked) -> Outcome:
        """A button of what was shown; its value says which revision that was."""
        found = VALUE.fullmatch(value)
        if not found:
            return Done.IGNORED
        about, part = (int(found["id"]), int(found["revision"])), found["part"] or ""
        if not action.startswith(buttons.CHOOSE):
            click = Click(*about, buttons.DECISIONS[action], target=part)
            return await self.take(click, asked)
        matter = (await self.engine.ledger.inquiry(about[0])).matter
        if not isinstance(matter, Question) or part not in parts(matter):
            return Done.IGNORED
        label = question_form.label(questions.of(matter, part), found["option"] or "")
        click = Click(*about, Decision.ANSWER, label, part)
        return await self.take(click, asked) if label else Done.IGNORED

    async def say(self, verdict: Verdict, thread: Thread, asked: Asked) -> Outcome:
        """A decision in words, for the one open question that it can mean."""
        meant = [each for each in thread.inquiries if _is_about(each, verdict)]
        if len(meant) != 1:
            return messages.which_inquiry(meant or thread.inquiries)
        if not await self.was_seen(meant[0], asked):
            return messages.decided_late(meant[0])
        if verdict.decision is Decision.APPROVE and not may_be_said(meant[0]):
            return messages.must_be_read(meant[0])
        target = ""
        if verdict.decision is Decision.SEND_BACK and isinstance(meant[0].matter, Gate):
            target = verdict.key or next(iter(meant[0].matter.ancestors), "")
        click = Click(meant[0].id, meant[0].revision, verdict.decision, verdict.comment, target)
        return await self.take(click, asked)

    async def was_seen(self, inquiry: Inquiry, asked: Asked) -> bool:
        """Whether what is asked now was there to be read before somebody replied."""
        posted = (await self.engine.ledger.posted(inquiry)).get("ts")
        return bool(posted) and float(str(posted)) <= float(asked.payload.get("ts") or 0)

    async def take(self, click: Click, asked: Asked) -> Outcome:
        """Take a decision, if the one who clicks may."""
        try:
            return await self._take(click, asked)
        except Decided as late:
            return messages.decided_late(late.inquiry)
        except HasVoted:
            inquiry = await self.engine.ledger.inquiry(click.inquiry_id)
            in_parts = bool(parts(inquiry.matter))
            return messages.has_been_decided() if in_parts else messages.has_voted()
        except Settled:
            raise
        except MabError as error:
            return messages.failed(error, asked.typed)

    async def actor(self, inquiry: Inquiry, asked: Asked) -> Actor:
        """The one who acts, as a member of the channel that an inquiry belongs to or not."""
        channel = channel_of(inquiry.origin.place)
        return await self.directory.actor(asked.by.id, channel)

    async def _take(self, click: Click, asked: Asked) -> Outcome:
        inquiry = await self.engine.ledger.inquiry(click.inquiry_id)
        actor = await self.actor(inquiry, asked)
        allowed = may(inquiry, click.decision, actor, self.settings.access)
        if isinstance(allowed, Denied):
            return messages.denied(allowed, asked.by.id)
        if click.decision is not Decision.REJECT and not click.target and not is_single(inquiry):
            return messages.must_be_read(inquiry)
        await self.engine.decisions.decide(
            click,
            asked.wish(lambda _: None),
            lambda after: None if asked.pressed else packed(messages.voted(after)),
        )
        return Done.SETTLED


def is_single(inquiry: Inquiry) -> bool:
    """Whether one decision can allow or answer all that is open of it."""
    return not isinstance(inquiry.matter, Tool) or len(undecided(inquiry)) < 2


def may_be_said(inquiry: Inquiry) -> bool:
    """Whether a word may allow it: the one call that is left stands whole in the message."""
    if not isinstance(inquiry.matter, Tool):
        return True
    return is_single(inquiry) and permission.whole(inquiry.matter).issuperset(undecided(inquiry))


def _is_about(inquiry: Inquiry, verdict: Verdict) -> bool:
    """Whether a decision in words can be meant for an inquiry; one to send back names a goal."""
    if verdict.decision not in CHOICES[inquiry.kind] or inquiry.kind is InquiryKind.QUESTION:
        return False
    if verdict.decision is Decision.SEND_BACK and isinstance(inquiry.matter, Gate):
        return not verdict.key or verdict.key in inquiry.matter.ancestors
    named = called(inquiry.node) if inquiry.node else frozenset()
    return not verdict.key or verdict.key in named
