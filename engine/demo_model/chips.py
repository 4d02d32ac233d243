"""The demo's example tasks, each carried out for real. Pure."""

import re

from engine.demo_model.asking import GREETING, RELEASE, greet, release
from engine.demo_model.conversation import Conversation, Result
from engine.demo_model.sources import functions, repair, sections, unnumbered
from engine.demo_model.turns import Brain, Call, Turn, say

_MODULE, _TEST = "calculator.py", "test_calculator.py"
_RUN_TESTS = "python3 -m unittest -v 2>&1"
_COUNT_TO, _STEP = 60, 5  # seconds

HELLO = 'Create a file called hello.txt with the content "Hello from agent!"'
SUMMARY = "Read README.md and write a summary of it to SUMMARY.md"
REPAIR = "Find out why the test fails, and fix it"
QUESTION = "Which functions does calculator.py have? Change nothing"
COUNT = f"Count slowly to {_COUNT_TO}, so that I can try the Stop button"
CHIPS = (HELLO, SUMMARY, REPAIR, QUESTION, COUNT, GREETING, RELEASE)


def known(task: str) -> Brain | None:
    """How to do a task that is word for word one of the examples, capitals aside, or None."""
    brains = {
        SUMMARY: _summarise, REPAIR: _repair, QUESTION: _explain, COUNT: _count,
        GREETING: greet, RELEASE: release,
    }  # fmt: skip
    asked = task.strip().rstrip(".!").casefold()
    known_by = {example.casefold(): brain for example, brain in brains.items()}
    return known_by.get(asked)  # HELLO is an ordinary wish


def failed(result: Result) -> Turn:
    """The end of a run whose tool call did not work."""
    target = result.arguments.get("file_path") or result.arguments.get("command") or ""
    return say(f"This did not work: {result.tool} {target} was answered with:\n\n{result.text}")


def _reading(*paths: str) -> Turn:
    calls = tuple(Call("Read", {"file_path": path}) for path in paths)
    return Turn(f"I'll read {' and '.join(paths)}.", calls)


def _summarise(talk: Conversation) -> Turn:
    match talk.last:
        case None:
            return _reading("README.md")
        case Result("Read", failed=False, text=text) if "SUMMARY" not in str(talk.last.arguments):
            return _written(_summary(unnumbered(text)))
        case Result("Write", failed=True, text=text) if "has not been read" in text:
            return _reading("SUMMARY.md")
        case Result("Read", failed=False):
            return _written(_summary(unnumbered(talk.of("Read")[0].text)))
        case Result("Write", failed=False, arguments=arguments):
            return say(f"SUMMARY.md is written:\n\n{arguments['content']}")
        case result:
            return failed(result)


def _written(summary: str) -> Turn:
    return Turn(calls=(Call("Write", {"file_path": "SUMMARY.md", "content": summary}),))


def _summary(readme: str) -> str:
    parts = sections(readme)
    lines = [f"- **{part.title}**{f': {part.first}' if part.first else ''}" for part in parts]
    counted = f"{len(readme.splitlines())} lines and {len(readme.split())} words"
    return "\n".join(["# Summary of README.md", "", *lines, "", f"README.md has {counted}.", ""])


def _explain(talk: Conversation) -> Turn:
    match talk.last:
        case None:
            return _reading(_MODULE)
        case Result("Read", failed=False, text=text):
            return say(_functions(unnumbered(text)))
        case result:
            return failed(result)


def _functions(module: str) -> str:
    try:
        found = functions(module)
    except SyntaxError as error:
        return f"{_MODULE} cannot be read as Python: {error}"
    lines = (f"- `{name}`: {doc or 'has no description'}" for name, doc in found)
    return "\n".join([f"{_MODULE} has {len(found)} functions:", "", *lines])


def _repair(talk: Conversation) -> Turn:
    if not talk.results:
        return _reading(_MODULE, _TEST)
    if unread := [result for result in talk.of("Read") if result.failed]:
        return failed(unread[0])
    if "Bash" in talk.tools and not talk.of("Bash"):
        return _testing("I'll run the tests to see what fails.")
    match talk.last:
        case Result("Edit", failed=True) as result:
            return failed(result)
        case Result("Edit"):
            return _testing("Now the tests again.") if "Bash" in talk.tools else _repaired(talk)
    return _repaired(talk) if talk.of("Edit") else _edited(talk)


def _testing(words: str) -> Turn:
    return Turn(words, (Call("Bash", {"command": _RUN_TESTS, "description": "Run the tests"}),))


def _edited(talk: Conversation) -> Turn:
    # by name: calls of one turn are answered in the order in which they end
    texts = {result.arguments["file_path"]: unnumbered(result.text) for result in talk.of("Read")}
    try:
        found = repair(texts[_MODULE], texts[_TEST])
    except SyntaxError as error:
        return say(f"I cannot read the sources as Python: {error}")
    if not found:
        return say(f"I found nothing in {_MODULE} that {_TEST} contradicts; nothing was changed.")
    change = {"file_path": _MODULE, "old_string": found.old, "new_string": found.new}
    words = f"`{found.function}` contradicts its test: `{_last(found.old)}`."
    return Turn(words, (Call("Edit", change),))


def _repaired(talk: Conversation) -> Turn:
    edit = talk.of("Edit")[-1].arguments
    old, new = _last(edit["old_string"]), _last(edit["new_string"])
    change = f"In {_MODULE}, `{old}` is now `{new}`."
    runs = talk.of("Bash")
    if not runs:
        return say(f"{change}\n\nI could not run the tests: there is no Bash here.")
    return say(f"{change}\n\nTests before: {_verdict(runs[0])}. Tests now: {_verdict(runs[-1])}.")


def _last(source: str) -> str:
    return source.splitlines()[-1].strip()


def _verdict(run: Result) -> str:
    """The last line that the tests printed."""
    lines = [line for line in run.text.splitlines() if line.startswith(("OK", "FAILED", "Ran"))]
    return lines[-1] if lines else f"no verdict ({run.text.strip()[-200:]})"


def _goal(talk: Conversation) -> int:
    """How far to count: people may name another number on the way."""
    named = re.findall(r"\d{1,3}", " ".join(talk.said))
    return int(named[-1]) if named else _COUNT_TO


def _count(talk: Conversation) -> Turn:
    counted, goal = talk.turn * _STEP, _goal(talk)
    if talk.last and talk.last.failed:
        return failed(talk.last)
    if counted >= goal:
        return say(f"Counted to {counted}; nobody pressed Stop.")
    words = f"{counted} of {goal}."
    if "Bash" not in talk.tools:
        return Turn(words, (Call("Glob", {"pattern": "*"}),), pause=_STEP)
    wait = f"python3 -c 'import time; time.sleep({_STEP})'"
    return Turn(words, (Call("Bash", {"command": wait, "description": f"Wait {_STEP} s"}),))
