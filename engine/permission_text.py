"""What people see of a tool call, and what two calls are told apart by. Pure."""

import difflib
import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

LONGEST_DIFF = 2_000  # lines; of longer texts all is taken away, and all is put there
UNENDED = "\\ No newline at end of file"
# Letters and marks without any ink, which Python counts as printable.
_BLANK = frozenset(
    chr(code)
    for first, last in (
        *((0x34F, 0x34F), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F), (0x2800, 0x2800)),
        *((0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFFA0, 0xFFA0), (0xE0100, 0xE01EF)),
    )
    for code in range(first, last + 1)
)
_QUIET = {  # what is shown already, or changes nothing
    "Bash": {"command", "description"},
    "Write": {"file_path", "content"},
    "Edit": {"file_path", "old_string", "new_string"},
}


def visible(text: str) -> str:
    """One line in which every character can be seen, and which no other text has."""
    return "".join(map(_seen, text))


def _seen(letter: str) -> str:
    plain = letter.isprintable() and letter != "⟨" and letter not in _BLANK
    return letter if plain else f"⟨U+{ord(letter):04X}⟩"


def canonical(given: Mapping[str, Any]) -> str:
    """A tool's input as JSON, the same for the same input; ASCII only."""
    return json.dumps(given, sort_keys=True, separators=(",", ":"))


def digest(tool: str, given: Mapping[str, Any]) -> str:
    """What stands for exactly this call: 64 hexadecimal digits."""
    return hashlib.sha256(f"{tool}\n{canonical(given)}".encode()).hexdigest()


def shown(tool: str, given: Mapping[str, Any]) -> str:
    """The whole action as text: the command, the diff of a file, or all that the tool is given.

    It is as long as the action is; no character hides in it or moves others. Only what the model
    says about a command is left out. A diff knows nothing of the file as it stands: it shows what
    the call takes away and puts there.
    """
    match tool, given:
        case "Bash", {"command": str(command)}:
            lines = [*_lines(command)]
        case "Write", {"file_path": str(path), "content": str(content)}:
            ended = "" if content.endswith("\n") else f"\n{UNENDED}"
            lines = [*_diff(path, None, content.removesuffix("\n")), *ended.split("\n")[1:]]
        case "Edit", {"file_path": str(path), "old_string": str(old), "new_string": str(new)}:
            lines = [*_diff(path, old, new)]
        case _:
            pretty = json.dumps(given, indent=2, sort_keys=True, ensure_ascii=False)
            return "\n".join([visible(tool), *_lines(pretty)])
    return "\n".join([*lines, *_others(tool, given)])


def _lines(text: str) -> Iterator[str]:
    return map(visible, text.split("\n"))


def _others(tool: str, given: Mapping[str, Any]) -> Iterator[str]:
    """What else the call says, one line each."""
    for key in sorted(given.keys() - _QUIET[tool]):
        yield visible(f"({key}: {json.dumps(given[key], sort_keys=True, ensure_ascii=False)})")


def _diff(path: str, old: str | None, new: str) -> Iterator[str]:
    """A unified diff with all lines; `old` None: what was there is unknown."""
    before = [] if old is None else [*_lines(old)]
    after = [*_lines(new)]
    names = ("/dev/null" if old is None else visible(path), visible(path))
    if before != after and len(before) + len(after) <= LONGEST_DIFF:
        every = len(before) + len(after)
        yield from difflib.unified_diff(before, after, *names, n=every, lineterm="")
        return
    yield from (f"--- {names[0]}", f"+++ {names[1]}")
    yield f"@@ -1,{len(before)} +1,{len(after)} @@"
    yield from (f"-{line}" for line in before)
    yield from (f"+{line}" for line in after)
