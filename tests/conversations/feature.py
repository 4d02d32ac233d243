"""A model that adds a small feature to this project, from a design that it reads: sizes in words.

It errs as models do: it takes the units in the order in which the design lists them, until
somebody tells it better.
"""

import re
from collections.abc import Iterator

from engine.demo_model import Call, Conversation, Turn, call, say
from engine.demo_model.sources import unnumbered

DESIGN = """\
# Sizes in words

Module: bot/sizes.py
Test: tests/tables/test_sizes.py
Function: size
Meaning: A number of bytes as people read it.

| unit | bytes |
| --- | --- |
| KiB | 1024 |
| MiB | 1048576 |
| GiB | 1073741824 |

| number | in words |
| --- | --- |
| 0 | 0 bytes |
| 512 | 512 bytes |
| 2048 | 2 KiB |
| 5242880 | 5 MiB |
| 3221225472 | 3 GiB |
"""
ADVICE = "Try the largest unit first."
UNIT = re.compile(r"^\| (\w+) \| (\d+) \|$", re.MULTILINE)
EXAMPLE = re.compile(r"^\| (\d+) \| (\d+ \w+) \|$", re.MULTILINE)
MAP = re.compile(r"^\| bot \| pure \| .*(?= \|$)", re.MULTILINE)


def design(talk: Conversation) -> Turn:
    """Write the design."""
    if not talk.results:
        return call("Write", file_path="design.md", content=DESIGN)
    return say("design.md says what sizes in words look like.")


def implement(talk: Conversation) -> Turn:
    """Write the module and its test as design.md says, or mend the module as people say."""
    if failed := [result for result in talk.results if result.failed]:
        return say(f"This did not work: {failed[0].text}")
    read = [unnumbered(result.text) for result in talk.of("Read")]
    if not read:
        return call("Read", file_path="design.md")
    mends = "did not pass its check" in talk.context
    if mends and len(read) == 1:  # what is there already has to be looked at first
        return call("Read", file_path=_named("Module", read[0]))
    if not talk.of("Write"):
        return Turn(calls=tuple(_written(read[0], talk.context, mends=mends)))
    return say(f"{' and '.join(_paths(talk, 'Write'))} follow design.md.")


def document(talk: Conversation) -> Turn:
    """Name the new module in the map of README.md."""
    if failed := [result for result in talk.results if result.failed]:
        return say(f"This did not work: {failed[0].text}")
    read = [unnumbered(result.text) for result in talk.of("Read")]
    if len(read) < 2:
        return call("Read", file_path=("design.md", "README.md")[len(read)])
    if talk.of("Edit"):
        return say("README.md names the new module.")
    [row] = MAP.findall(read[1])
    new = f"{row}, `{_named('Module', read[0]).removeprefix('bot/').removesuffix('.py')}`"
    return call("Edit", file_path="README.md", old_string=row, new_string=new)


def _paths(talk: Conversation, tool: str) -> list[str]:
    return sorted(str(result.arguments["file_path"]) for result in talk.of(tool))


def _named(what: str, design: str) -> str:
    found = re.search(rf"^{what}: (.+)$", design, re.MULTILINE)
    return found[1] if found else ""


def _written(design: str, context: str, *, mends: bool) -> Iterator[Call]:
    units = UNIT.findall(design)
    if "largest unit first" in context:
        units.sort(key=lambda unit: -int(unit[1]))
    yield _write(_named("Module", design), _module(design, units))
    if not mends:
        yield _write(_named("Test", design), _test(design))


def _write(path: str, content: str) -> Call:
    return Call("Write", {"file_path": path, "content": content})


def _module(design: str, units: list[tuple[str, str]]) -> str:
    table = "".join(f'    ("{name}", {number}),\n' for name, number in units)
    meaning = _named("Meaning", design)
    return (
        f'"""{meaning} Pure."""\n\nUNITS = (\n{table})\n\n\n'
        f'def {_named("Function", design)}(number: int) -> str:\n    """{meaning}"""\n'
        "    for name, unit in UNITS:\n        if number >= unit:\n"
        '            return f"{number // unit} {name}"\n    return f"{number} bytes"\n'
    )


def _test(design: str) -> str:
    module, name = _named("Module", design), _named("Function", design)
    source = module.removesuffix(".py").replace("/", ".")
    cases = "".join(f'    ({number}, "{said}"),\n' for number, said in EXAMPLE.findall(design))
    return (
        f'"""{_named("Meaning", design)}"""\n\nimport pytest\n\nfrom {source} import {name}\n\n\n'
        f'@pytest.mark.parametrize(("number", "said"), [\n{cases}])\n'
        f"def test_{name}(number: int, said: str) -> None:\n    assert {name}(number) == said\n"
    )
