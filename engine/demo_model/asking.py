"""The demo's examples in which an agent asks people. Pure."""

import re

from engine.demo_model.conversation import Conversation, Result
from engine.demo_model.turns import Call, Turn, say

GREETING = "Ask me how to greet, then write it to greeting.txt"
RELEASE = "Write RELEASE.md; it needs somebody's permission here"
GUARDED = "Write(RELEASE.md)"  # the rule of `[agent] ask` for it
_ASKED = "How should I greet?"
_OPTIONS = (("Hello", "for everybody"), ("Good morning", "for early birds"))
_NOTES = "# Release notes\n\n- The calculator adds, subtracts and multiplies.\n"


def greet(talk: Conversation) -> Turn:
    """Ask, and write what was answered."""
    match talk.last:
        case None:
            options = [{"label": label, "description": why} for label, why in _OPTIONS]
            asked = {"question": _ASKED, "header": "Greeting", "options": options}
            call = Call("AskUserQuestion", {"questions": [{**asked, "multiSelect": False}]})
            return Turn("This is for you to say.", (call,))
        case Result("AskUserQuestion", failed=False, text=text):
            writing = {"file_path": "greeting.txt", "content": f"{_answer(text)}!\n"}
            return Turn(calls=(Call("Write", writing),))
        case Result("Write", failed=False, arguments=arguments):
            return say(f"greeting.txt says: {arguments['content'].strip()}")
        case result:
            return say(f"This did not work: {result.text}")


def _answer(text: str) -> str:
    """What somebody answered; where nobody did, the first option."""
    found = re.search(r" answers: (.+)", text)
    return found[1].strip() if found else _OPTIONS[0][0]


def release(talk: Conversation) -> Turn:
    """Try to write a file that is guarded."""
    match talk.last:
        case None:
            writing = Call("Write", {"file_path": "RELEASE.md", "content": _NOTES})
            return Turn("I'll write the release notes.", (writing,))
        case Result(failed=False):
            return say("RELEASE.md is written.")
        case result:
            return say(
                f"This did not work: RELEASE.md is not written. I was told:\n\n{result.text}"
            )
