"""What waits in a transcript, and what the CLI may see of it; and the walls around its tools."""

from pathlib import Path
from typing import Any

import pytest

from engine.claude_pending import answered, mark, moved, places, shown, taken_up, waiting
from engine.claude_walls import HIDDEN, Walls
from engine.executor import Call, Confinement, Sandbox
from engine.permissions import parse

Entry = dict[str, Any]


def entry(name: str, parent: str | None, **facts: Any) -> Entry:
    base = {"sessionId": "s", "cwd": "/w/one", "version": "9", "type": "user"}
    return {**base, "uuid": name, "parentUuid": parent, **facts}


def deferred(name: str, parent: str, call: str, **given: Any) -> Entry:
    said = {"type": "hook_deferred_tool", "toolUseID": call, "toolName": "Bash", "toolInput": given}
    return entry(name, parent, type="attachment", attachment=said)


def calls(name: str, parent: str, *ids: str) -> Entry:
    blocks = [{"type": "tool_use", "id": call, "name": "Bash", "input": {}} for call in ids]
    return entry(name, parent, type="assistant", message={"role": "assistant", "content": blocks})


STOPPED = {"type": "hook_stopped_continuation", "message": "over"}
TRANSCRIPT = [
    entry("a", None, message={"role": "user", "content": "task"}),
    calls("b", "a", "one", "two", "three"),
    deferred("c", "b", "one", command="x"),
    deferred("d", "c", "two", command="y"),
    {"type": "last-prompt", "leafUuid": "d"},
]


def chain(entries: list[Entry]) -> list[str]:
    """The names from the last entry up to the first."""
    by_name = {found["uuid"]: found for found in entries if found.get("uuid")}
    names = [[found["uuid"] for found in entries if found.get("uuid")][-1]]
    while parent := by_name[names[-1]].get("parentUuid"):
        names.append(parent)
    return names


def test_what_has_no_result_waits() -> None:
    assert [call.id for call in waiting(TRANSCRIPT)] == ["one", "two"]
    assert waiting(TRANSCRIPT)[1].given == {"command": "y"}
    denied = answered(TRANSCRIPT, "one", "no", "2026-01-01T00:00:00Z", failed=True)
    assert [call.id for call in waiting([*TRANSCRIPT, denied])] == ["two"]
    assert taken_up([*TRANSCRIPT, denied]) == frozenset()


def test_the_cli_sees_nothing_that_waits_and_no_word_that_stops_it() -> None:
    stopped = entry("e", "d", type="attachment", attachment=STOPPED)
    after = entry("f", "e")
    seen = shown([*TRANSCRIPT, stopped, after])
    assert chain(seen) == ["f", "b", "a"]
    assert waiting(seen) == ()


def test_the_cli_sees_one_marked_call_behind_all_that_was_settled() -> None:
    denied = answered(TRANSCRIPT, "one", "no", "2026-01-01T00:00:00Z", failed=True)
    entries: list[Entry] = [*TRANSCRIPT, denied]
    two = Call("two", "Bash", {"command": "z"})
    entries.append(mark(entries, two))
    assert taken_up(entries) == {"two"}
    assert [call.id for call in waiting(entries)] == ["two"]
    seen = shown(entries, two)
    assert [call.given for call in waiting(seen)] == [{"command": "z"}]
    assert chain(seen) == [entries[-1]["uuid"], denied["uuid"], "b", "a"]
    inputs = [block["input"] for block in seen[1]["message"]["content"]]
    assert inputs == [{}, {"command": "z"}, {}]
    assert TRANSCRIPT[1]["message"]["content"][1]["input"] == {}
    assert waiting(shown(entries)) == ()


def test_a_call_has_one_answer_and_one_mark_whatever_is_said_of_it() -> None:
    first = answered(TRANSCRIPT, "one", "no", "2026-01-01T00:00:00Z", failed=True)
    again = answered([*TRANSCRIPT, first], "one", "yes", "2026-01-02T00:00:00Z", failed=False)
    assert first["uuid"] == again["uuid"]
    call = waiting(TRANSCRIPT)[0]
    assert mark(TRANSCRIPT, call)["uuid"] == mark([*TRANSCRIPT, first], call)["uuid"]


def test_files_move_with_the_workspace_and_nothing_else_does() -> None:
    entries = [entry("a", None, cwd="/w/one"), entry("b", "a", cwd="/w/one/src")]
    assert places(entries) == ("/w/one",)
    given = {"file_path": "/w/one/src/a", "content": "/w/one/src/a"}
    seen = moved(Call("1", "Write", given, "rule"), places(entries), "/w/two")
    assert seen.given == {"file_path": "/w/two/src/a", "content": "/w/one/src/a"}
    for path in ("/w/one2/a", "a", "/etc/passwd"):
        call = Call("1", "Read", {"file_path": path})
        assert moved(call, places(entries), "/w/two") == call


WALL = Confinement(
    Sandbox.AUTO,
    network=("example.org",),
    hidden=(Path("/w"), Path("/w/one/.env"), Path("/secret")),
    writable=(Path("/w/out"),),
    readable=(Path("/w/in"),),
)
RULES = tuple(parse(text) for text in ("outside-workspace", "Read", "Write", "Bash", "WebFetch"))
WALLS = Walls(Path("/w/one"), WALL, RULES, shell=True)


@pytest.mark.parametrize(
    ("tool", "given", "hidden", "ordinary"),
    [
        ("Read", {"file_path": "a"}, False, True),
        ("Read", {"file_path": "/w/one/.env"}, True, True),
        ("Read", {"file_path": "/w/two/a"}, True, False),
        ("Read", {"file_path": "/secret"}, True, False),
        ("Read", {"file_path": "/w/in/a"}, False, True),
        ("Write", {"file_path": "/w/in/a"}, False, False),
        ("Write", {"file_path": "/w/out/a"}, False, True),
        ("Write", {"file_path": "/etc/a"}, False, False),
        ("Grep", {"pattern": "x"}, False, True),
        ("Grep", {"pattern": "x", "path": "/"}, True, False),
        ("Glob", {"pattern": "*", "path": "/usr"}, False, False),
        ("Bash", {"command": "cat /secret"}, False, True),
        ("WebFetch", {"url": "https://example.org/"}, False, True),
        ("WebFetch", {"url": "https://example.net/"}, False, False),
    ],
)
def test_a_hidden_file_is_out_of_reach_whoever_allows_it(
    tool: str,
    given: dict[str, str],
    hidden: bool,  # noqa: FBT001 - a table
    ordinary: bool,  # noqa: FBT001 - a table
) -> None:
    call = Call("1", tool, given)
    assert (WALLS.refusal(call, None) == HIDDEN) is hidden
    assert WALLS.ordinary(call, None) is ordinary


def test_a_link_out_of_the_workspace_leads_to_what_is_hidden() -> None:
    link = Call("1", "Read", {"file_path": "link"})
    assert WALLS.refusal(link, Path("/secret/token")) == HIDDEN
    assert not WALLS.ordinary(link, Path("/etc/passwd"))


def test_what_was_given_to_the_agent_is_not_outside() -> None:
    def kinds(tool: str, path: str) -> set[str]:
        call = Call("1", tool, {"file_path": path})
        return {rule.text for rule in WALLS.rules_for(call, None)}

    assert "outside-workspace" not in kinds("Read", "/w/in/a")
    assert "outside-workspace" in kinds("Write", "/w/in/a")
    assert "outside-workspace" not in kinds("Write", "/w/out/a")


def test_the_tool_of_a_call_that_is_taken_up_is_asked_about_as_well() -> None:
    free = Walls(Path("/w/one"), WALL, (), shell=True)
    assert free.locked == frozenset()
    assert free.taking_up(Call("1", "Bash", {})).locked == {"Bash"}
