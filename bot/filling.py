"""Forms: opened by buttons, and what is done when they are sent off."""

import re
from dataclasses import dataclass, replace

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot import grammar, messages, outline
from bot.access import Action, Denied
from bot.acts import Acts
from bot.asked import Asked, Done, Outcome
from bot.carrying import carried
from bot.deciding import VALUE, Deciding, may
from bot.grammar import Ref, Refusal
from bot.messages import buttons, forms, permission_form, question_form
from bot.messages.forms import Entered, View
from engine import (
    Click,
    Decision,
    Inquiry,
    InquiryStatus,
    Plan,
    Question,
    Tool,
    parts,
    undecided,
)

EXPIRED = "expired_trigger_id"  # Slack lets a form be opened for three seconds
AGENT = re.compile(r"[0-9]{1,18}", re.ASCII)
APPROVAL = (Decision.APPROVE,)
OFFERED = {  # what a form lets people decide
    buttons.COMMENT: (Decision.APPROVE, Decision.REJECT),
    buttons.SEND_BACK: (Decision.SEND_BACK,),
    buttons.ADVISE_ASKED: (Decision.RETRY,),
    buttons.READ: (Decision.APPROVE, Decision.REJECT),
    buttons.DENY_BECAUSE: (Decision.REJECT,),
    buttons.ANSWER: (Decision.ANSWER,),
}
DECISIONS = {
    forms.SENDING_BACK: Decision.SEND_BACK,
    forms.ADVISING: Decision.RETRY,
    permission_form.DENYING: Decision.REJECT,
}


@dataclass(frozen=True)
class Filling:
    """Opens forms, and carries out what people entered in them."""

    client: AsyncWebClient
    acts: Acts
    deciding: Deciding

    async def open(self, action: str, value: str, asked: Asked) -> Outcome:
        """Open the form that a button asks for."""
        channel = str(asked.payload["channel"])
        if action == buttons.ADVISE:
            return await self._advise(value, channel, asked)
        inquiry = await self._inquiry(value)
        if inquiry is None:
            return Done.IGNORED
        if refusal := await self._refusal(action, inquiry, value, asked):
            return refusal
        view = _form(action, inquiry, channel, _part(value))
        return await self._show(view, asked) if view else Done.IGNORED

    async def _advise(self, value: str, channel: str, asked: Asked) -> Outcome:
        if not AGENT.fullmatch(value):
            return Done.IGNORED
        agent = await self.acts.engine.ledger.agent(int(value))
        if refusal := await self.acts.gate.refusal(Action.RETRY, asked, agent):
            return refusal
        return await self._show(forms.advise(agent, channel), asked)

    async def _show(self, view: View, asked: Asked) -> Outcome:
        try:
            await self.client.views_open(trigger_id=str(asked.payload["trigger"]), view=view)
        except SlackApiError as error:
            if error.response.get("error") != EXPIRED:
                raise
            return messages.press_again()
        return Done.IGNORED

    async def _refusal(
        self, action: str, inquiry: Inquiry, value: str, asked: Asked
    ) -> messages.Message | None:
        """Nobody fills in a form for nothing."""
        if inquiry.revision != _revision(value) or inquiry.status is not InquiryStatus.OPEN:
            return messages.decided_late(inquiry)
        if (part := _part(value)) in parts(inquiry.matter) and part not in undecided(inquiry):
            return messages.has_been_decided()
        if action == buttons.EDIT and asked.by.id == inquiry.requester.id:
            return None
        actor = await self.deciding.actor(inquiry, asked)
        access = self.deciding.settings.access
        allowed = [may(inquiry, each, actor, access) for each in OFFERED.get(action, APPROVAL)]
        denied = [each for each in allowed if isinstance(each, Denied)]
        refused = len(denied) == len(allowed)
        return messages.denied(denied[0], asked.by.id) if refused else None

    async def take(self, asked: Asked) -> Outcome:
        """Do what a form says that was sent off."""
        sent = forms.entered(
            {
                "callback_id": asked.payload["form"],
                "private_metadata": asked.payload["about"],
                "state": {"values": asked.payload["values"]},
            }
        )
        asked = replace(asked, typed=sent.text)
        if sent.form == forms.ADVISING and sent.value.isdecimal():
            return await self.acts.do(grammar.Retry(Ref(int(sent.value)), sent.text), asked)
        inquiry = await self._inquiry(sent.value)
        if inquiry is None:
            return Done.IGNORED
        if sent.form == forms.EDIT_PLAN:
            return await self._edit(inquiry, sent, asked)
        if sent.form == question_form.ANSWERING:
            return await self._answer(inquiry, sent, asked)
        decision = DECISIONS.get(sent.form) or Decision(sent.decision)
        target = sent.target or _part(sent.value)
        click = Click(inquiry.id, _revision(sent.value), decision, sent.text, target)
        return await self.deciding.take(click, asked)

    async def _answer(self, inquiry: Inquiry, sent: Entered, asked: Asked) -> Outcome:
        """Answer the questions that somebody chose or wrote something for; others stay open."""
        if not isinstance(inquiry.matter, Question):
            return Done.IGNORED
        said = question_form.answers(inquiry.matter, asked.payload["values"])
        if not said:
            return messages.nothing_answered()
        about = (inquiry.id, _revision(sent.value))
        click = Click(*about, Decision.ANSWER, target=next(iter(said)), answers=said)
        return await self.deciding.take(click, asked)

    async def _edit(self, inquiry: Inquiry, sent: Entered, asked: Asked) -> Outcome:
        """Put the changed plan in the place of the one that was shown."""
        if not isinstance(inquiry.matter, Plan):
            return Done.IGNORED
        spec = outline.read(sent.text)
        if isinstance(spec, Refusal):
            return messages.refused(spec, asked.recorded.key)
        kept = carried(inquiry.matter.workflow, spec)
        return await self.acts.planning.edit(inquiry, _revision(sent.value), kept, asked)

    async def _inquiry(self, value: str) -> Inquiry | None:
        found = VALUE.fullmatch(value)
        return await self.acts.engine.ledger.inquiry(int(found["id"])) if found else None


def _form(action: str, inquiry: Inquiry, channel: str, part: str) -> View | None:
    match inquiry.matter:
        case Tool() as tool:
            return _of_call(action, inquiry, tool, (part, channel))
        case Question() as question:
            return question_form.answer(inquiry, question, channel)
        case _:
            return _of_graph(action, inquiry, channel)


def _of_call(action: str, inquiry: Inquiry, tool: Tool, about: tuple[str, str]) -> View | None:
    if about[0] not in parts(tool):
        return None
    if action == buttons.READ:
        return permission_form.permit(inquiry, tool, *about)
    return permission_form.deny(inquiry, *about)


def _of_graph(action: str, inquiry: Inquiry, channel: str) -> View:
    match action, inquiry.matter:
        case buttons.EDIT, Plan(workflow=spec):
            return forms.edit_plan(inquiry, outline.write(spec), channel)
        case buttons.SEND_BACK, _:
            return forms.send_back(inquiry, channel)
        case buttons.ADVISE_ASKED, _:
            return forms.advise(inquiry, channel)
        case _:
            return forms.commenting(inquiry, channel)


def _revision(value: str) -> int:
    found = VALUE.fullmatch(value)
    return int(found["revision"]) if found else 0


def _part(value: str) -> str:
    """Which of several calls or questions is meant, or ""."""
    found = VALUE.fullmatch(value)
    return (found["part"] or "") if found else ""
