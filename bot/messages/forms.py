"""The forms that buttons open, and what people entered in them. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.messages import blocks, naming, words
from bot.messages.blocks import Block
from engine import Decision, Gate, Inquiry, NodeView

View = dict[str, Any]

EDIT_PLAN, SENDING_BACK = "form.edit_plan", "form.send_back"
COMMENTING, ADVISING = "form.comment", "form.advise"
TEXT, TARGET, DECISION = "text", "target", "decision"  # ids of fields, as block and as action
LONGEST = 3000  # characters that a field of Slack takes
METADATA = 3000
LABELS = {Decision.APPROVE: "Approve", Decision.REJECT: "Reject"}


@dataclass(frozen=True)
class Entered:
    """What somebody sent with a form; `value` is that of the button that opened it."""

    form: str
    value: str  # of an inquiry, or an agent's number
    channel: str
    text: str = ""
    target: str = ""  # the key of the step that does it again
    decision: str = ""


def edit_plan(inquiry: Inquiry, text: str, channel: str) -> View:
    """The plan as text, to be changed; one that is too long says how else it is changed."""
    title = f"Plan w{inquiry.workflow_id}"
    if words.units(words.clean(text)) > LONGEST:
        return modal(EDIT_PLAN, title, "", [_too_long(text)], carried(inquiry.value, channel))
    field = entry("The steps", text, "One step per line, for example “test: Write tests”.")
    return modal(EDIT_PLAN, title, "Change", [field], carried(inquiry.value, channel))


def send_back(inquiry: Inquiry, channel: str) -> View:
    """Which step does it again, and what it is told."""
    ancestors = inquiry.matter.ancestors if isinstance(inquiry.matter, Gate) else ()
    fields = [*_targets(ancestors), entry("What should be different?")]
    return modal(SENDING_BACK, "Send it back", "Send back", fields, carried(inquiry.value, channel))


def commenting(inquiry: Inquiry, channel: str) -> View:
    """Approve or reject with a comment, which the next agents are given."""
    fields = [deciding(LABELS), entry("Comment", hint="The agents that follow are given it.")]
    return modal(COMMENTING, "Decide", "Decide", fields, carried(inquiry.value, channel))


def advise(about: Inquiry | NodeView, channel: str) -> View:
    """What an agent is told when it tries again."""
    value = about.value if isinstance(about, Inquiry) else str(about.id)
    node = about.node if isinstance(about, Inquiry) else about
    title = words.bounded(f"Retry {naming.node(node)}" if node else "Retry", 24)
    field = entry("What should it do differently?", hint="For example: use pytest instead.")
    return modal(ADVISING, title, "Retry", [field], carried(value, channel))


def entered(view: Mapping[str, Any]) -> Entered:
    """What Slack says of a form that was sent."""
    value, _, channel = str(view.get("private_metadata") or "").partition(" ")
    state = (view.get("state") or {}).get("values") or {}
    fields = {name: (state.get(name) or {}).get(name) or {} for name in (TEXT, TARGET, DECISION)}
    chosen = {
        name: str((fields[name].get("selected_option") or {}).get("value") or "")
        for name in (TARGET, DECISION)
    }
    text = str(fields[TEXT].get("value") or "")
    return Entered(str(view.get("callback_id") or ""), value, channel, text, **chosen)


def modal(form: str, title: str, submit: str, fields: Sequence[Block], about: str) -> View:
    """A form; `about` is what `carried` makes. Without `submit` it can only be closed."""
    sends = {"submit": worded(submit)} if submit else {}
    return {
        "type": "modal",
        "callback_id": form,
        "title": worded(title),
        **sends,
        "close": worded("Cancel" if submit else "Close"),
        "blocks": list(fields),
        "private_metadata": about,
    }


def carried(value: str, channel: str) -> str:
    """What a form brings back: the value of the button that opened it, and where that was."""
    return f"{value} {channel}"[:METADATA]


def entry(label: str, initial: str = "", hint: str = "") -> Block:
    """A field for text."""
    element = {
        "type": "plain_text_input",
        "action_id": TEXT,
        "multiline": True,
        "max_length": LONGEST,
    }
    given = {"initial_value": words.clean(initial)} if initial else {}
    hinted = {"hint": worded(hint)} if hint else {}
    shape = {"type": "input", "block_id": TEXT, "label": worded(label), **hinted}
    return {**shape, "element": {**element, **given}}


def _targets(ancestors: Sequence[str]) -> list[Block]:
    """Which step; the nearest one is offered first."""
    names = blocks.choices(ancestors)
    if not names:
        return []
    element = blocks.select("Choose a step", TARGET, [(name, name) for name in names])
    first = {**element, "initial_option": element["options"][0]}
    label = worded("Which step does it again?")
    return [{"type": "input", "block_id": TARGET, "label": label, "element": first}]


def deciding(labels: Mapping[Decision, str]) -> Block:
    """A choice among decisions."""
    options = [{"text": worded(label), "value": value} for value, label in labels.items()]
    element = {"type": "radio_buttons", "action_id": DECISION, "options": options}
    return {"type": "input", "block_id": DECISION, "label": worded("Decision"), "element": element}


def _too_long(text: str) -> Block:
    size = words.units(words.clean(text))
    return blocks.plain(
        f"This plan has {size:,} characters, and a form takes {LONGEST:,}. "
        "Write a new one instead: mention me in the thread with “workflow” and all of its steps, "
        "then discard this one."
    )


def worded(text: str) -> Block:
    """Plain text, as labels and titles are."""
    return {"type": "plain_text", "text": text}
