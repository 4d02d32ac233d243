"""A model that builds a calculator step by step: each step knows only what its tools showed it."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from engine.demo_model import Brain, Conversation, Result, Turn, call, say
from engine.demo_model.sources import functions, unnumbered

TOKENS_IN, TOKENS_OUT = 20_000, 100  # of each turn
SPEC = """\
# Calculator

| function | operator | example |
| --- | --- | --- |
| plus | + | 2, 3 -> 5 |
| minus | - | 7, 4 -> 3 |
| times | * | 6, 7 -> 42 |
"""
ROW = re.compile(r"^\| (\w+) \| (\S+) \| (.+?) -> (.+?) \|$", re.MULTILINE)


def charging(brain: Brain) -> Brain:
    """A model whose tokens cost something."""
    return lambda talk: replace(brain(talk), tokens_in=TOKENS_IN, tokens_out=TOKENS_OUT)


def specify(talk: Conversation) -> Turn:
    """Write the specification."""
    if not talk.results:
        return call("Write", file_path="spec.md", content=SPEC)
    return say("spec.md specifies three functions of two numbers.")


def implement(talk: Conversation) -> Turn:
    """Make a module of what spec.md says."""
    return after_reading(talk, ("spec.md",), "calculator.py", _module)


def examine(talk: Conversation) -> Turn:
    """Make tests of spec.md's examples for the functions that calculator.py has."""
    return after_reading(talk, ("spec.md", "calculator.py"), "test_calculator.py", _tests)


def after_reading(
    talk: Conversation, paths: tuple[str, ...], target: str, made: Callable[..., str]
) -> Turn:
    """Read files one after the other, then write one that is made of what they hold."""
    read = talk.of("Read")
    if failed := [result for result in talk.results if result.failed]:
        return say(f"This did not work: {failed[0].text}")
    if len(read) < len(paths):
        return call("Read", file_path=paths[len(read)])
    if not talk.of("Write"):
        texts = map(_text, read)
        return call("Write", file_path=target, content=made(*texts))
    written = str(talk.of("Write")[0].arguments["content"])
    names = ", ".join(name for name, _ in functions(written))
    return say(f"{target} is written from {' and '.join(paths)}. Functions: {names}.")


def _text(result: Result) -> str:
    return unnumbered(result.text)


def _module(spec: str) -> str:
    parts = [
        f"def {name}(left, right):\n    return left {sign} right\n"
        for name, sign, *_ in ROW.findall(spec)
    ]
    return "\n\n".join(parts)


def _tests(spec: str, module: str) -> str:
    return "import calculator\n\n\n" + "\n\n".join(_test_lines(spec, module))


def _test_lines(spec: str, module: str) -> Iterator[str]:
    there = {name for name, _ in functions(module)}
    for name, _, given, wanted in ROW.findall(spec):
        if name in there:
            yield f"def test_{name}():\n    assert calculator.{name}({given}) == {wanted}\n"
