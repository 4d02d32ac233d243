"""What waits in a transcript of the Claude CLI, and the transcript as the CLI may see it. Pure."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from engine.executor import Call
from engine.permission_paths import KEYS
from engine.transcripts import blocks

QUESTION = "AskUserQuestion"  # the tool by which an agent asks people
_DEFERRED = "hook_deferred_tool"  # a call that was put off; the CLI carries out the last of them
_STOPPED = "hook_stopped_continuation"  # a hook's word that keeps the CLI from going on
_TAKEN_UP, _RESULT = "taken up", "result"  # what entries of our own say of a call
_COPIED = ("userType", "entrypoint", "cwd", "sessionId", "version", "gitBranch", "isSidechain")

Entry = Mapping[str, Any]


def waiting(entries: Sequence[Entry]) -> tuple[Call, ...]:
    """The calls that were put off and have no result, oldest first."""
    answered = {block["tool_use_id"] for entry in entries for block in _results(entry)}
    found = {call.id: call for entry in entries for call in _deferred(entry)}
    return tuple(call for call in found.values() if call.id not in answered)


def _deferred(entry: Entry) -> Iterator[Call]:
    if _attached(entry) == _DEFERRED:
        said = entry["attachment"]
        yield Call(said["toolUseID"], said["toolName"], said["toolInput"])


def _attached(entry: Entry) -> str:
    attachment = entry.get("attachment")
    return str(attachment.get("type", "")) if isinstance(attachment, Mapping) else ""


def _results(entry: Entry) -> Iterator[Mapping[str, Any]]:
    return (block for block in blocks(entry) if block.get("type") == "tool_result")


def taken_up(entries: Sequence[Entry]) -> frozenset[str]:
    """The ids of the calls that a run has begun to carry out, whatever came of it."""
    marked = (call.id for entry in entries if _is_mark(entry) for call in _deferred(entry))
    return frozenset(marked)


def mark(entries: Sequence[Entry], call: Call) -> dict[str, Any]:
    """The entry that says that from here on a call may have run; the CLI takes it up by it.

    It repeats that the call was put off, as it is given here, behind all that was settled since:
    the CLI goes on in the same turn only if nothing follows what it takes up.
    """
    first = next(
        entry for entry in entries if any(found.id == call.id for found in _deferred(entry))
    )
    return {
        **first,
        "parentUuid": _last(entries)["uuid"],
        "uuid": _name(first, _TAKEN_UP, call.id),
        "attachment": {**first["attachment"], "toolInput": dict(call.given)},
    }


def _is_mark(entry: Entry) -> bool:
    calls = _deferred(entry)
    return any(entry.get("uuid") == _name(entry, _TAKEN_UP, call.id) for call in calls)


def _name(entry: Entry, what: str, call: str) -> str:
    return str(uuid5(NAMESPACE_OID, f"{entry.get('sessionId')} {what} {call}"))


def _last(entries: Sequence[Entry]) -> Entry:
    return next(entry for entry in reversed(entries) if entry.get("uuid"))


def answered(
    entries: Sequence[Entry], call: str, content: Any, at: str, *, failed: bool
) -> dict[str, Any]:
    """The entry that gives a call its result; `at` is an ISO time.

    Its name comes from the call's: however often it is stored, a call has one result.
    """
    last = _last(entries)
    result = {
        "type": "tool_result", "tool_use_id": call, "content": content, "is_error": failed,
    }  # fmt: skip
    return {
        **{name: last[name] for name in _COPIED if name in last},
        "parentUuid": last["uuid"],
        "type": "user",
        "uuid": _name(last, _RESULT, call),
        "timestamp": at,
        "message": {"role": "user", "content": [result]},
    }


def shown(entries: Sequence[Entry], taken: Call | None = None) -> list[dict[str, Any]]:
    """The transcript as the CLI may see it: it finds one marked call to carry out, or none.

    It carries it out as it is given here. Words of hooks that would stop it are left out as well.
    """
    name = taken.id if taken else ""
    gone = {entry.get("uuid"): entry.get("parentUuid") for entry in entries if _left(entry, name)}
    kept = (entry for entry in entries if not _left(entry, name))
    return [_relinked(_as_given(entry, taken), gone) for entry in kept]


def _as_given(entry: Entry, taken: Call | None) -> dict[str, Any]:
    """The entry; where the model made the call, it made it so."""
    if not taken or all(block.get("id") != taken.id for block in blocks(entry)):
        return dict(entry)
    content = [
        {**block, "input": dict(taken.given)} if block.get("id") == taken.id else block
        for block in blocks(entry)
    ]
    return {**entry, "message": {**entry["message"], "content": content}}


def _left(entry: Entry, taken: str) -> bool:
    if any(call.id != taken for call in _deferred(entry)):
        return True
    return _attached(entry) == _STOPPED or (_attached(entry) == _DEFERRED and not _is_mark(entry))


def _relinked(entry: dict[str, Any], gone: Mapping[Any, Any]) -> dict[str, Any]:
    """The entry below what is left of its ancestors."""
    parent: Any = entry.get("parentUuid")
    if parent not in gone:
        return entry
    while parent in gone:
        parent = gone[parent]
    return {**entry, "parentUuid": parent}


def places(entries: Sequence[Entry]) -> tuple[str, ...]:
    """The workspaces that the session has had: its working directories, outermost only."""
    every = {str(entry["cwd"]) for entry in entries if entry.get("cwd")}
    return tuple(one for one in sorted(every) if not _within(one, every - {one}))


def _within(path: str, folders: Collection[str]) -> bool:
    return any(path.startswith(f"{folder}/") for folder in folders)


def moved(call: Call, places: Collection[str], workspace: str) -> Call:
    """The call with the path of a file in a former workspace seen from the present one."""
    given = {
        name: _moved(value, places, workspace) if name in KEYS else value
        for name, value in call.given.items()
    }
    return Call(call.id, call.tool, given, call.because)


def _moved(path: Any, places: Collection[str], workspace: str) -> Any:
    for place in places:
        if path == place or (isinstance(path, str) and path.startswith(f"{place}/")):
            return workspace + path[len(place) :]
    return path
