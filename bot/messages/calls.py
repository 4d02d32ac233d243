"""What a tool call does, in words and as a whole. Pure."""

from collections.abc import Mapping

from bot.messages import words
from engine import ToolCall, whole_action

DOES: Mapping[str, str] = {
    "Bash": "run a command",
    "Write": "write a file",
    "Edit": "change a file",
    "MultiEdit": "change a file",
    "NotebookEdit": "change a notebook",
    "Read": "read a file",
    "NotebookRead": "read a notebook",
    "Glob": "look for files",
    "Grep": "search in files",
    "WebFetch": "read a web page",
    "WebSearch": "search the web",
}


def does(call: ToolCall) -> str:
    """What a call does, in words."""
    return DOES.get(call.tool, "use a tool")


def subject(call: ToolCall) -> str:
    """What a call is about, for a line; it is not the whole action."""
    match call.given:
        case {"command": str(named)} | {"file_path": str(named)} | {"notebook_path": str(named)}:
            return words.bounded(words.flat(named), 200)
        case {"url": str(named)} | {"query": str(named)} | {"pattern": str(named)}:
            return words.bounded(words.flat(named), 200)
        case _:
            return words.bounded(words.flat(call.tool), 60)


def action(call: ToolCall) -> str:
    """The whole action of a call, in which everything can be seen."""
    return whole_action(call.tool, call.given) or " "
