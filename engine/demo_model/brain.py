"""The demo model's mind: does the few things it understands, and says so when it does not. Pure."""

from engine.demo_model import chips, planning
from engine.demo_model.chips import failed
from engine.demo_model.conversation import Conversation, Result
from engine.demo_model.sources import last_lines, unnumbered
from engine.demo_model.turns import Call, Turn, say
from engine.demo_model.wishes import Append, Create, understand

_UNREAD = "has not been read"  # the CLI's refusal to overwrite what nobody has looked at


def answer(conversation: Conversation) -> Turn:
    """The next turn: always from what the tools really said."""
    turn = _answer(conversation)
    if turn.calls or not conversation.said:
        return turn
    said = " and ".join(f"“{_short(text)}”" for text in conversation.said)
    return say(f"{turn.text}\n\nMeanwhile you said {said}.")


def _answer(conversation: Conversation) -> Turn:
    if planning.wanted(conversation):
        return planning.plan(conversation)
    if chip := chips.known(conversation.task):
        return chip(conversation)
    match understand(conversation.task):
        case Create() as wish:
            return _create(wish, conversation)
        case Append() as wish:
            return _append(wish, conversation)
        case None:
            return say(_cannot(conversation.task))


def _cannot(task: str) -> str:
    examples = "\n".join(f"- {chip}" for chip in chips.CHIPS)
    return (
        "I am the demo model and cannot do this; nothing was changed. The task was: "
        f"“{_short(task)}”.\n\nSet `ANTHROPIC_API_KEY` and start again, and a real model works "
        "on any task. Without a key I can create a file with a given content, append a line "
        f"to a file, and do these:\n{examples}"
    )


def _short(task: str) -> str:
    line = " ".join(task.split())
    return line if len(line) <= 200 else f"{line[:200]}…"


def _create(wish: Create, talk: Conversation) -> Turn:
    writing = Call("Write", {"file_path": wish.path, "content": wish.content})
    match talk.last:
        case None:
            return Turn(f"I'll create {wish.path}.", (writing,))
        case Result("Write", failed=False):
            replaced = " It replaces what the file held before." if talk.of("Read") else ""
            return say(f"Created {wish.path} with {_size(wish.content)}.{replaced}")
        case Result("Write", text=text) if _UNREAD in text and not talk.of("Read"):
            return Turn(f"{wish.path} exists already.", (Call("Read", {"file_path": wish.path}),))
        case Result("Read", failed=False, text=text) if unnumbered(text) == wish.content:
            return say(f"{wish.path} exists already with exactly this content; nothing to change.")
        case Result("Read", failed=False):
            return Turn(calls=(writing,))
        case result:
            return failed(result)


def _size(content: str) -> str:
    return f"{len(content)} characters" if content else "no content"


def _append(wish: Append, talk: Conversation) -> Turn:
    match talk.last:
        case None:
            reading = Call("Read", {"file_path": wish.path})
            return Turn(f"I'll look at {wish.path} first.", (reading,))
        case Result("Read", failed=True, text=text) if "does not exist" in text:
            return Turn(
                f"{wish.path} does not exist yet.",
                (Call("Write", {"file_path": wish.path, "content": f"{wish.line}\n"}),),
            )
        case Result("Read", failed=False, text=text):
            return _added(wish, unnumbered(text))
        case Result("Edit" | "Write", failed=False):
            return say(f"Appended one line to {wish.path}.")
        case result:
            return failed(result)


def _added(wish: Append, text: str) -> Turn:
    end = last_lines(text)
    if not text.strip():
        call = Call("Write", {"file_path": wish.path, "content": f"{wish.line}\n"})
    elif end:
        new = f"{end}\n{wish.line}"
        call = Call("Edit", {"file_path": wish.path, "old_string": end, "new_string": new})
    else:
        return say(f"I could not find the end of {wish.path}, and changed nothing.")
    return Turn(calls=(call,))
