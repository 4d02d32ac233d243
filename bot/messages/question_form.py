"""The form that answers questions of an agent, and what people entered in it. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from bot.messages import asked, blocks, forms, naming, questions, words
from bot.messages.blocks import Block
from bot.messages.forms import View
from engine import Ask, Inquiry, Question, undecided

ANSWERING = "form.answer"
AT_ONCE = 10  # questions; the others are asked when these are answered
ROOM = 10_000  # characters of all questions together, half of it for their options
LABEL = 1_500
NARROWEST = 6  # characters of an option
FEW = 10  # options that can be seen side by side; more are a menu
TITLE = 24
PICK, WRITE = "pick", "write"  # with the number of the question: ids of its fields


def answer(inquiry: Inquiry, question: Question, channel: str) -> View:
    """Every question that is open, with its options and a field for other words."""
    left = undecided(inquiry)[:AT_ONCE]
    room = ROOM // max(1, len(left)) // 2
    fields = [
        field for number in left for field in _fields(number, questions.of(question, number), room)
    ]
    title = words.bounded(naming.first(asked.name(inquiry)), TITLE)
    return forms.modal(ANSWERING, title, "Answer", fields, forms.carried(inquiry.value, channel))


def answers(question: Question, values: Mapping[str, Any]) -> dict[str, str]:
    """What was chosen and written, by the question's number; what was left empty is not there."""
    found = {}
    for number, ask in enumerate(question.asks, 1):
        chosen = _chosen(ask, (values.get(f"{PICK}.{number}") or {}).get(f"{PICK}.{number}") or {})
        field = (values.get(f"{WRITE}.{number}") or {}).get(f"{WRITE}.{number}") or {}
        written = str(field.get("value") or "").strip()
        if said := ", ".join([*chosen, *([written] if written else [])]):
            found[str(number)] = said
    return found


def label(ask: Ask, option: str) -> str:
    """The answer that an option is, by its number; "" when there is none."""
    known = {str(number): each.label for number, each in enumerate(ask.options, 1)}
    return known.get(option, "")


def _chosen(ask: Ask, field: Mapping[str, Any]) -> list[str]:
    one = field.get("selected_option")
    picked = [*([one] if one else []), *(field.get("selected_options") or [])]
    labels = [label(ask, str(each.get("value") or "")) for each in picked]
    return [each for each in labels if each]


def _fields(number: str, ask: Ask, room: int) -> Iterator[Block]:
    said = words.bounded(words.clean(ask.text).strip(), min(LABEL, room)) or "…"
    if not ask.options:
        yield _written(number, said, optional=False)
        return
    yield {
        "type": "input",
        "block_id": f"{PICK}.{number}",
        "optional": True,
        "label": forms.worded(said),
        "element": _element(f"{PICK}.{number}", ask, room),
    }
    yield _written(number, "Something else", optional=True)


def _written(number: str, said: str, *, optional: bool) -> Block:
    name = f"{WRITE}.{number}"
    made = forms.entry(said)
    element = {**made["element"], "action_id": name}
    return {**made, "block_id": name, "element": element, "optional": optional}


def _element(name: str, ask: Ask, room: int) -> Block:
    """What the options are chosen with; a few are seen side by side."""
    offered = ask.options[: blocks.OPTIONS]
    width = max(NARROWEST, min(blocks.OPTION, room // len(offered)))
    options = [
        {"text": forms.worded(_fitting(each.label, width)), "value": str(number)}
        for number, each in enumerate(offered, 1)
    ]
    if len(options) <= FEW:
        kind = "checkboxes" if ask.several else "radio_buttons"
        return {"type": kind, "action_id": name, "options": options}
    kind = "multi_static_select" if ask.several else "static_select"
    return {"type": kind, "action_id": name, "options": options}


def _fitting(text: str, width: int) -> str:
    return words.bounded(words.flat(text), width) or "…"
