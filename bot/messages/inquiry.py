"""What people are asked, with buttons; and the same without them, once it is decided. Pure."""

from collections.abc import Sequence
from typing import assert_never

from bot.messages import (
    blocks,
    buttons,
    matters,
    naming,
    outcomes,
    permission,
    plan,
    purses,
    questions,
    words,
)
from bot.messages.asked import Asked
from bot.messages.asked import name as name_of
from bot.messages.asked import task as task_of
from bot.messages.blocks import Block, Message
from bot.messages.plan import Terms
from engine import (
    Budget,
    Conflict,
    Failure,
    Gate,
    Inquiry,
    InquiryKind,
    InquiryStatus,
    Merge,
    Plan,
    Push,
    Question,
    Tool,
)

TERMS = Terms()
REPLY = "Reply in this thread to have the plan changed"


def opened(
    inquiry: Inquiry, deciders: Sequence[str], *, again: bool = False, terms: Terms = TERMS
) -> Message:
    """People are asked; `deciders` are the ids of those who can act, who are mentioned.

    `again` is for what was asked before, reminded of or changed; `terms` are for plans.
    """
    asked = _asked(inquiry, terms)
    calling = _calling(inquiry, deciders)
    lead = [blocks.mrkdwn(_again(inquiry))] if again else []
    seen = [
        *lead,
        blocks.mrkdwn(f"{asked.head}\n{calling}"),
        *asked.body,
        *outcomes.comments(inquiry),
        blocks.context(outcomes.votes(inquiry), _until(inquiry), questions.hint(inquiry)),
        *([blocks.actions(*asked.buttons)] if asked.buttons else []),
    ]
    prefix = _prefix(inquiry) if again else ""
    told = words.notification(f"{prefix}{asked.question}", asked.detail)
    return Message(told, seen, None if again else asked.file)


def closed(inquiry: Inquiry, *, terms: Terms = TERMS) -> Message:
    """The same without buttons: who decided what and when, or why nobody is asked any more."""
    asked = _asked(inquiry, terms)
    seen = [
        blocks.mrkdwn(f"{asked.head}\n{outcomes.closing(inquiry)}"),
        *(_without_buttons(block) for block in asked.body if block["type"] != "actions"),
        *outcomes.comments(inquiry),
    ]
    told = f"{outcomes.word(inquiry)}: {asked.about}"
    return Message(words.notification(told, asked.detail), seen)


def _without_buttons(block: Block) -> Block:
    return {key: value for key, value in block.items() if key != "accessory"}


def _calling(inquiry: Inquiry, deciders: Sequence[str]) -> str:
    if not deciders:
        return "*Nobody can decide this at present*; `[access] approve` in `mab.toml` says who may."
    does = "answers" if inquiry.kind is InquiryKind.QUESTION else "decides"
    return f"Who {does}: {naming.people(deciders)}"


def _again(inquiry: Inquiry) -> str:
    since = f" since {naming.day(inquiry.opened_at)}" if inquiry.opened_at else ""
    if inquiry.revision > 1:
        return f"*Version {inquiry.revision}*, in place of what was asked before{since}."
    return f"*Reminder*: this waits for a decision{since}."


def _prefix(inquiry: Inquiry) -> str:
    return f"Version {inquiry.revision}: " if inquiry.revision > 1 else "Reminder: "


def _until(inquiry: Inquiry) -> str:
    if inquiry.expires_at is None:
        return f"Without a decision {outcomes.lapse(inquiry)}."
    return f"Without a decision by {naming.day(inquiry.expires_at)}, {outcomes.lapse(inquiry)}."


def _asked(inquiry: Inquiry, terms: Terms) -> Asked:
    match inquiry.matter:
        case Plan() as proposed:
            return _plan(inquiry, proposed, terms)
        case Gate() as gate:
            return _gate(inquiry, gate)
        case Push() | Merge() as leaving:
            return _of_commit(inquiry, leaving)
        case Conflict() as conflict:
            return _conflict(inquiry, conflict)
        case Failure() as failure:
            return _failure(inquiry, failure)
        case Tool() | Question() | Budget() as midway:
            return _midway(inquiry, midway)
        case other:
            assert_never(other)


def _of_commit(inquiry: Inquiry, matter: Push | Merge) -> Asked:
    if isinstance(matter, Push):
        return _push(inquiry, matter)
    return _merge(inquiry, matter)


def _midway(inquiry: Inquiry, matter: Tool | Question | Budget) -> Asked:
    """What an agent waits for in the midst of its work."""
    match matter:
        case Tool():
            return permission.asking(inquiry, matter)
        case Question():
            return questions.asking(inquiry, matter)
        case Budget():
            return purses.asking(inquiry, matter)


def _plan(inquiry: Inquiry, proposed: Plan, terms: Terms) -> Asked:
    spec = proposed.workflow
    size = words.count(len(spec.nodes), "step")
    named = naming.workflow(inquiry.workflow_id, spec.title)
    start = blocks.primary(buttons.of(inquiry, "Start", buttons.APPROVE))
    hint = [REPLY] if proposed.planner and inquiry.status is InquiryStatus.OPEN else []
    return Asked(
        f"*Plan for {naming.titled(inquiry.workflow_id, spec.title)}: start it? ({size})",
        f"Plan for {named}: start it? ({size})",
        f"plan for {named}, {size}",
        (plan.steps(spec, terms), blocks.context(*plan.small_print(spec, terms), *hint)),
        (
            start,
            buttons.of(inquiry, "Edit", buttons.EDIT),
            buttons.of(inquiry, "Discard", buttons.REJECT),
            buttons.graph(inquiry.workflow_id),
        ),
    )


def _gate(inquiry: Inquiry, gate: Gate) -> Asked:
    name = name_of(inquiry)
    back = [buttons.of(inquiry, "Send back…", buttons.SEND_BACK)] if gate.ancestors else []
    since = [buttons.since_gate(inquiry.node.id)] if gate.since and inquiry.node else []
    question = [blocks.plain(gate.question)] if gate.question.strip() else []
    room = blocks.TOTAL - matters.MARGIN - blocks.weight(question)
    return Asked(
        f"*Gate {name}: may it go on?*",
        f"Approval wanted at gate {name}",
        f"gate {name}",
        (*question, *matters.parents(gate.parents, room)),
        (
            blocks.primary(buttons.of(inquiry, "Approve", buttons.APPROVE)),
            buttons.of(inquiry, "Reject", buttons.REJECT),
            *back,
            buttons.of(inquiry, "With a comment…", buttons.COMMENT),
            *since,
        ),
        gate.question,
    )


def _push(inquiry: Inquiry, push: Push) -> Asked:
    name, files = name_of(inquiry), words.count(len(push.paths), "protected file")
    diff = [buttons.diff(inquiry.node.id)] if inquiry.node else []
    return Asked(
        f"*{naming.first(name)} changed {files}: push its branch?*",
        f"{naming.first(name)} changed {files}: push its branch?",
        f"push of {name}",
        matters.push(push),
        (
            blocks.primary(buttons.of(inquiry, "Approve & push", buttons.APPROVE)),
            buttons.of(inquiry, "Leave it here", buttons.REJECT),
            *diff,
        ),
        task_of(inquiry),
    )


def _conflict(inquiry: Inquiry, conflict: Conflict) -> Asked:
    name, files = name_of(inquiry), words.count(len(conflict.files), "file")
    return Asked(
        f"*{naming.first(name)} waits: a merge conflict in {files}. Who resolves it?*",
        f"Merge conflict before {name}, in {files}: who resolves it?",
        f"merge conflict before {name}",
        matters.conflict(conflict),
        (
            blocks.primary(buttons.of(inquiry, "Resolve with an agent", buttons.RESOLVE)),
            buttons.of(inquiry, "I resolved it", buttons.RETRY_ASKED),
            buttons.of(inquiry, "Stop", buttons.REJECT),
        ),
    )


def _failure(inquiry: Inquiry, failure: Failure) -> Asked:
    name = name_of(inquiry)
    return Asked(
        f"*{naming.first(name)} failed: try it again, or go on without it?*",
        f"{naming.first(name)} failed: try it again, or go on without it?",
        f"failure of {name}",
        matters.failure(failure, inquiry.node),
        (
            blocks.primary(buttons.of(inquiry, "Retry", buttons.RETRY_ASKED)),
            buttons.of(inquiry, "Retry with advice…", buttons.ADVISE_ASKED),
            buttons.of(inquiry, "Skip", buttons.SKIP_ASKED),
            buttons.of(inquiry, "Stop", buttons.REJECT),
        ),
        task_of(inquiry),
    )


def _merge(inquiry: Inquiry, merge: Merge) -> Asked:
    name = f"agent {merge.agent_id}" if merge.agent_id else name_of(inquiry)
    onto = words.bounded(words.flat(merge.onto), naming.TITLE)
    agent = merge.agent_id or (inquiry.node.id if inquiry.node else 0)
    diff = [buttons.diff(agent)] if agent else []
    return Asked(
        f"*Merge the work of {name} into* {words.code(merge.onto, 80)}*?*",
        f"Merge the work of {name} into {onto}?",
        f"merge of {name} into {onto}",
        matters.merge(merge),
        (
            blocks.primary(buttons.of(inquiry, "Approve & merge", buttons.APPROVE)),
            buttons.of(inquiry, "Do not merge", buttons.REJECT),
            *diff,
        ),
        "" if merge.agent_id else task_of(inquiry),
    )
