"""The demo model's plans: steps that it can carry out, made of what it reads. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from engine.demo_model import chips
from engine.demo_model.conversation import Conversation, Result
from engine.demo_model.sources import sections, unnumbered
from engine.demo_model.turns import Call, Turn

ANSWER = "StructuredOutput"  # the tool by which a structured answer is given
_README, _NOTES = "README.md", "NOTES.md"
_WITHOUT = re.compile(r"\b(?:without|no|not|drop|skip|remove|leave out)\b(.*)", re.IGNORECASE)


def wanted(talk: Conversation) -> bool:
    """Whether a plan is asked for, in place of work."""
    return ANSWER in talk.tools


def plan(talk: Conversation) -> Turn:
    """Read the README, then propose three steps and a gate; a reply can leave some of them out."""
    match talk.last:
        case None:
            return Turn(f"I'll read {_README}.", (Call("Read", {"file_path": _README}),))
        case Result("Read", failed=False, text=text):
            return _proposed(talk, unnumbered(text))
        case Result("Read"):
            return _proposed(talk, "")
        case result:
            return chips.failed(result)


def _proposed(talk: Conversation, readme: str) -> Turn:
    goal = _line((*talk.earlier, talk.task)[0])
    unwanted = [found[1].lower() for reply in _replies(talk) if (found := _WITHOUT.search(reply))]
    nodes = [node for node in _nodes(goal, readme) if not _named(str(node["key"]), unwanted)]
    kept = {str(node["key"]) for node in nodes}
    for node in nodes:
        node["needs"] = [need for need in node["needs"] if need in kept]
    said = (
        f"I am the demo model: whatever the goal is, I plan the same steps, made of {_README}. "
        "Reply “without the gate”, or without another step, and I leave it out."
    )
    return Turn(said, (Call(ANSWER, _answer(goal, nodes)),))


def _replies(talk: Conversation) -> tuple[str, ...]:
    return (*talk.earlier, talk.task)[1:]


def _named(key: str, unwanted: list[str]) -> bool:
    return any(re.search(rf"\b{key}\b", text) for text in unwanted)


def _answer(goal: str, nodes: list[dict[str, Any]]) -> Mapping[str, Any]:
    return {"title": goal[:80], "nodes": nodes or [_agent("hello", chips.HELLO)]}


def _nodes(goal: str, readme: str) -> list[dict[str, Any]]:
    """The steps: two side by side, a gate, and one that tells what was planned."""
    titles = [part.title.replace('"', "'") for part in sections(readme)]
    first = _agent("repair", chips.REPAIR) if "calculator" in readme.lower() else None
    note = f"Planned: {goal}. Read: {', '.join(titles[:8]) or 'no README'}."
    content = note.replace('"', "'")
    return [
        first or _agent("hello", chips.HELLO),
        _agent("summary", chips.SUMMARY),
        {
            "key": "gate",
            "question": f"May {titles[0] if titles else 'the repository'} be changed like this?",
            "needs": [first["key"] if first else "hello", "summary"],
        },
        _agent("notes", f'Create a file called {_NOTES} with the content "{content}"', "gate"),
    ]


def _agent(key: str, task: str, *needs: str) -> dict[str, Any]:
    return {"key": key, "task": task, "needs": list(needs)}


def _line(text: str) -> str:
    return " ".join(text.split())[:200].rstrip(".")
