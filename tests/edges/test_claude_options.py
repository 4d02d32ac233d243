"""What the CLI is told, and how its words are read: tables, no process."""

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from claude_agent_sdk import (
    AssistantMessage,
    ClaudeAgentOptions,
    CLINotFoundError,
    ProcessError,
    ResultMessage,
    TextBlock,
    ToolUseBlock,
)

from engine import claude_options
from engine.claude_hooks import Moments, reachable
from engine.claude_messages import (
    OUT_OF_MEMORY,
    Ending,
    added,
    calls,
    outcome,
    since,
    subject,
    texts,
)
from engine.claude_options import Links, Shell
from engine.claude_permission import Permission
from engine.claude_walls import walls
from engine.executor import Confinement, Job, Sandbox, Usage
from engine.states import Cause

WORKSPACE = Path("/srv/worktrees/agent-1")
JOB = Job(
    agent_id=1,
    attempt=1,
    task="Fix it",
    workspace=WORKSPACE,
    model="",
    max_turns=5,
    budget=Decimal("2.5"),
    confinement=Confinement(Sandbox.REQUIRED, hidden=(Path("/srv"), Path("/etc/a [b] {c}*"))),
    environment={"PATH": "/bin", "CLAUDE_CODE_MAX_RETRIES": "0"},
)


@pytest.mark.parametrize(
    ("sandbox", "missing", "shell"),
    [
        (Sandbox.REQUIRED, (), Shell.CONFINED),
        (Sandbox.REQUIRED, ("bwrap",), None),
        (Sandbox.AUTO, (), Shell.CONFINED),
        (Sandbox.AUTO, ("socat",), Shell.OFF),
        (Sandbox.OFF, ("bwrap",), Shell.FREE),
        (Sandbox.OFF, (), Shell.FREE),
    ],
)
def test_bash_follows_the_sandbox(
    sandbox: Sandbox, missing: tuple[str, ...], shell: Shell | None
) -> None:
    job = replace(JOB, confinement=Confinement(sandbox))
    assert claude_options.shell(job, missing) == shell
    reading = claude_options.shell(replace(job, reads_only=True), missing)
    assert reading == (None if shell is None else Shell.OFF)


def options(job: Job, using: Shell = Shell.CONFINED) -> ClaudeAgentOptions:
    walled = walls(job, shell=using is not Shell.OFF)
    permission = Permission(job, walled)

    async def over() -> str:
        return ""

    async def between() -> None:
        pass

    moments = Moments(permission.hook, None, between, over)
    links = Links(print, moments, permission.decide, walled.locked)
    return claude_options.options(job, using, Path("/bin/claude"), links)


def test_an_agent_is_told_no_more_than_its_job() -> None:
    made = options(JOB)
    assert made.setting_sources == []
    assert made.strict_mcp_config
    assert made.verbatim_prompts
    assert made.permission_mode == "acceptEdits"
    assert (made.max_turns, made.max_budget_usd, made.model) == (5, None, None)
    assert made.resume is None
    assert made.output_format is None
    after = {"PostToolUse", "PostToolUseFailure", "PostToolBatch"}
    assert set(made.hooks or ()) == {"PreToolUse", *after}
    assert made.env["CLAUDE_CODE_MAX_RETRIES"] == "0"
    assert set(JOB.environment) <= set(made.env["MAB_LAUNCH_KEEP"].split(","))
    assert "HOME" not in made.env["MAB_LAUNCH_KEEP"].split(",")
    trusted = options(replace(JOB, trusted=True))
    assert trusted.setting_sources == ["project"]
    assert not trusted.strict_mcp_config


def test_who_only_reads_gets_no_tool_that_could_do_more() -> None:
    wall = replace(JOB.confinement, network=("example.org",))
    made = options(replace(JOB, reads_only=True, trusted=True, confinement=wall), Shell.OFF)
    rules = json.loads(made.settings or "")["permissions"]
    assert made.tools == ["Read", "Glob", "Grep", "AskUserQuestion"]
    assert made.permission_mode == "default"
    assert rules["allow"] == []
    assert {"Edit", "Write", "NotebookEdit", "Bash", "WebFetch"} <= set(rules["deny"])
    assert made.setting_sources == []
    assert made.strict_mcp_config


def test_a_job_may_go_on_with_a_session_and_want_a_structured_answer() -> None:
    made = options(replace(JOB, session_id="s", schema={"type": "object"}))
    assert made.resume == "s"
    assert made.output_format == {"type": "json_schema", "schema": {"type": "object"}}


def test_agents_of_a_repository_share_one_system_prompt() -> None:
    other = replace(JOB, agent_id=2, attempt=3, task="Other", context="c", workspace=Path("/x"))
    assert options(JOB).system_prompt == options(other).system_prompt
    assert "Rules!" in str(options(replace(JOB, instructions="Rules!")).system_prompt)
    endless = claude_options.appended("é" * 200_000)
    assert len(endless.encode()) < 128 * 1024
    assert "left out" in endless


def test_hidden_paths_are_denied_unless_the_workspace_lies_in_them() -> None:
    deny = json.loads(options(JOB).settings or "")["permissions"]["deny"]
    assert deny == [
        f"{tool}(//etc/a \\[b\\] \\{{c\\}}\\*{tail})"
        for tool in ("Read", "Edit")
        for tail in ("", "/**")
    ]
    sandbox = json.loads(json.dumps(options(JOB).sandbox))
    assert sandbox["filesystem"]["denyRead"] == ["/srv", "/etc/a [b] {c}*"]
    assert sandbox["filesystem"]["allowRead"] == [str(WORKSPACE)]
    assert sandbox["failIfUnavailable"]
    assert not sandbox["allowUnsandboxedCommands"]
    assert sandbox["network"]["allowedDomains"] == []


def test_the_web_exists_only_where_domains_are_listed() -> None:
    assert "WebFetch" not in (options(JOB).tools or ())
    wall = replace(JOB.confinement, network=("example.org", "*.example.net"))
    made = options(replace(JOB, confinement=wall))
    assert "WebFetch" in (made.tools or ())
    allow = json.loads(made.settings or "")["permissions"]["allow"]
    assert allow == ["Bash", "WebFetch(domain:example.org)", "WebFetch(domain:*.example.net)"]


@pytest.mark.parametrize(
    ("url", "open_"),
    [
        ("https://example.org/a", True),
        ("https://EXAMPLE.org:444/", True),
        ("https://a.example.org/", False),
        ("https://a.b.example.net/", True),
        ("https://example.net/", False),
        ("https://badexample.net/", False),
        ("https://example.org.evil.test/", False),
        ("https://example.org@evil.test/", False),
        ("not a url", False),
        ("", False),
    ],
)
def test_a_domain_means_itself(url: str, open_: bool) -> None:  # noqa: FBT001 - a table
    assert reachable(url, ("example.org", "*.example.net")) is open_


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        ({"file_path": f"{WORKSPACE}/src/a.py", "content": "x"}, "src/a.py"),
        ({"file_path": "/etc/passwd"}, "/etc/passwd"),
        ({"command": "ls", "description": "List"}, "ls"),
        ({"pattern": "a.*b", "path": "/x"}, "a.*b"),
        ({"command": "x" * 900}, "x" * 500),
        ({}, ""),
    ],
)
def test_a_step_names_what_it_is_about(arguments: dict[str, str], shown: str) -> None:
    assert subject(arguments, WORKSPACE) == shown


def result(subtype: str = "success", **facts: object) -> ResultMessage:
    base = {"duration_ms": 1, "duration_api_ms": 1, "is_error": True, "num_turns": 1}
    return ResultMessage(subtype=subtype, session_id="s", **{**base, **facts})  # type: ignore[arg-type]


CAUSES = [
    (result(api_error_status=401), "", Cause.BAD_KEY),
    (result(api_error_status=403), "", Cause.BAD_KEY),
    (result(api_error_status=400, result="Credit balance is too low"), "billing_error", Cause.BAD_KEY),
    (result(api_error_status=429), "", Cause.RATE_LIMIT),
    (result(api_error_status=500), "", Cause.OVERLOADED),
    (result(api_error_status=503), "", Cause.OVERLOADED),
    (result(api_error_status=529), "server_error", Cause.OVERLOADED),
    (result(api_error_status=404, result="no such model"), "", Cause.MODEL),
    (result("error_max_turns"), "", Cause.TURNS),
    (result("error_during_execution", errors=["boom"]), "", Cause.MODEL),
    (result(result="API Error: Connection refused"), "", Cause.CONNECTION),
    (result(result="API Error: Request timed out"), "", Cause.CONNECTION),
    (result(result="too fast"), "rate_limit", Cause.RATE_LIMIT),
]  # fmt: skip


@pytest.mark.parametrize(("message", "named", "cause"), CAUSES)
def test_an_error_has_a_cause(message: ResultMessage, named: str, cause: Cause) -> None:
    told = outcome(Ending(said=("One.", "Two."), result=message, named=named), Usage(turns=2))
    assert not told.success
    assert told.cause is cause
    assert told.error
    assert told.output == "One.\n\nTwo."
    assert told.usage.turns == 2


@pytest.mark.parametrize(
    ("error", "heard", "cause"),
    [
        (None, (), Cause.CLI_CRASHED),
        (ProcessError("it died", exit_code=1), ("a line",), Cause.CLI_CRASHED),
        (CLINotFoundError("nowhere"), (), Cause.CLI_MISSING),
        (ProcessError("x"), ("Error: sandbox required but unavailable: no",), Cause.SANDBOX),
    ],
)
def test_silence_has_a_cause(error: Exception | None, heard: tuple[str, ...], cause: Cause) -> None:
    told = outcome(Ending(error=error, heard=heard), Usage())
    assert told.cause is cause
    assert all(line in told.error for line in heard)


@pytest.mark.parametrize(("code", "memory"), [(-9, True), (137, True), (1, False), (-15, False)])
def test_a_cli_that_was_killed_may_have_wanted_memory(code: int, *, memory: bool) -> None:
    told = outcome(Ending(error=ProcessError("it ended", exit_code=code)), Usage())
    assert (OUT_OF_MEMORY in told.error) is memory


def test_answers_are_added_up_where_the_cli_gives_no_account() -> None:
    usages: list[dict[str, int | None]] = [
        {"input_tokens": 1, "cache_read_input_tokens": 10, "output_tokens": 2},
        {"input_tokens": 3, "cache_creation_input_tokens": None},
    ]
    assert added(usages, Usage(cost=Decimal(1))) == Usage(14, 2, Decimal(1), 2)


def test_a_run_is_charged_what_its_session_had_not_used_before() -> None:
    before, after = Usage(100, 10, Decimal("0.5")), Usage(150, 11, Decimal("0.75"), 3)
    assert since(before, after) == Usage(50, 1, Decimal("0.25"), 3)
    assert since(after, before) == Usage()
    assert since(Usage(), after) == after


def test_a_structured_answer_is_data_and_neither_a_step_nor_the_words() -> None:
    given = {"n": 3}
    message = AssistantMessage(
        [TextBlock("Found it."), ToolUseBlock("1", "StructuredOutput", given)], "m"
    )
    assert calls(message, WORKSPACE) == {}
    ended = result(is_error=False, result='{"n":3}', structured_output=given)
    told = outcome(Ending(said=tuple(texts(message)), result=ended), Usage())
    assert (told.success, told.data, told.output) == (True, given, "Found it.")


def test_a_crash_names_the_session_that_may_be_gone_on_with() -> None:
    assert outcome(Ending(session="s"), Usage()).session_id == "s"


LOCKS = [
    ((), set()),
    (("Bash(git push:*)",), {"Bash"}),
    (("Bash",), {"Bash"}),
    (("Monitor",), {"Bash"}),
    (("outside-workspace",), set()),
    (("Write(docs/**)",), {"Write", "Edit", "NotebookEdit"}),
    (("Grep",), {"Read", "Glob", "Grep"}),
    (("WebFetch(domain:example.org)", "mcp__tracker__*"), {"WebFetch", "mcp__tracker"}),
]


@pytest.mark.parametrize(("ask", "locked"), LOCKS)
def test_the_cli_allows_nothing_by_itself_that_a_rule_is_about(
    ask: tuple[str, ...], locked: set[str]
) -> None:
    wall = replace(JOB.confinement, network=("example.org",))
    made = options(replace(JOB, ask=ask, confinement=wall))
    rules = json.loads(made.settings or "")["permissions"]
    assert set(rules["ask"]) == locked
    assert ("Bash" in rules["allow"]) is ("Bash" not in locked)
    confined = json.loads(json.dumps(made.sandbox))
    assert confined["autoAllowBashIfSandboxed"] is ("Bash" not in locked)


def test_a_rule_about_the_web_lets_it_exist() -> None:
    made = options(replace(JOB, ask=("WebFetch",)))
    assert "WebFetch" in (made.tools or ())
