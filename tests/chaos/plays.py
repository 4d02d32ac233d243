"""What agents do in a storm: short plays that the words of their tasks ask for. Pure."""

import re

from engine.demo_model import Conversation, Turn, call, say
from engine.demo_model.turns import Call, Fail

WORD = re.compile(r"job-\d+")
SECONDS = re.compile(r"\bpause (\d+(?:\.\d+)?)")
FAIL, ASK, TELL = "and fail", "and ask", "and tell all"
LONG = "It was a long way.\n" * 800
OPTIONS = ("Red", "Green")


def play(talk: Conversation) -> Turn:
    """The next turn: write a file that is named like the task, perhaps more, say so."""
    found = WORD.search(talk.task)
    if found is None:
        return say("There is nothing to do.")
    turns = _turns(found[0], talk.task)
    step = talk.turn - sum(result.failed for result in talk.of("Write"))  # on a full disk: again
    end = f"{found[0]} is over.\n{LONG if TELL in talk.task else ''}"
    return turns[step] if step < len(turns) else say(end.strip())


def file(word: str) -> str:
    """The file that the agent of a task writes."""
    return f"{word}.txt"


def _turns(word: str, task: str) -> list[Turn]:
    turns = [call("Write", file_path=file(word), content=f"{word}\n")]
    if ASK in task:
        turns.append(Turn("I cannot tell.", (Call("AskUserQuestion", {"questions": [_asked()]}),)))
    if pause := SECONDS.search(task):
        turns.append(call("Bash", command=f"sleep {pause[1]}"))
    if FAIL in task:
        turns.append(Turn(fault=Fail(400, "This task fails on purpose.")))
    return turns


def _asked() -> dict[str, object]:
    options = [{"label": label, "description": f"{label} it is"} for label in OPTIONS]
    return {
        "question": "Which colour?",
        "header": "Colour",
        "options": options,
        "multiSelect": False,
    }
