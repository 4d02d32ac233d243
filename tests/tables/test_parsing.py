# ruff: noqa: RUF001 - what phones write is what is tested here
"""From Slack's text to a command: what was meant, what is started, what is refused and how."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.grammar import (
    Cancel,
    Command,
    Diff,
    Graph,
    Help,
    List,
    Logs,
    Ref,
    Refusal,
    Retry,
    Skip,
    Spawn,
    Status,
    Whoami,
    Workflow,
)
from bot.parsing import parse
from bot.slack_text import meaning, mentions, without_mention
from engine import AgentSpec, NodeSpec, WorkflowSpec
from engine.spec import MAX_TASK

NAMES = {"U1": "Ada", "C1": "general", "S1": "team"}

MEANINGS = [
    ("", ""),
    ("plain text", "plain text"),
    ("a &lt;b&gt; &amp; c", "a <b> & c"),
    ("&amp;lt; stays an entity", "&lt; stays an entity"),
    ("&lt;@U1&gt; typed by hand", "<@U1> typed by hand"),
    ("<https://example.org/a?b=1&amp;c=2>", "https://example.org/a?b=1&c=2"),
    ("<https://example.org|https://example.org>", "https://example.org"),
    ("<https://example.org/|https://example.org>", "https://example.org"),
    ("look at <https://example.org/x|the page>", "look at the page (https://example.org/x)"),
    ("edit <http://README.md|README.md>", "edit README.md"),
    ("<mailto:a@example.org|a@example.org>", "a@example.org"),
    ("<mailto:a@example.org>", "a@example.org"),
    ("<mailto:a@example.org|write me>", "write me (a@example.org)"),
    ("<tel:+123|+123>", "+123"),
    ("ask <@U1>", "ask @Ada"),
    ("ask <@U1|ada.l>", "ask @Ada"),
    ("ask <@U2|bob>", "ask @bob"),
    ("ask <@U2>", "ask @U2"),
    ("in <#C1|general>", "in #general"),
    ("in <#C2|random>", "in #random"),
    ("in <#C2|>", "in #C2"),
    ("<!here>", "@here"),
    ("<!channel|channel>", "@channel"),
    ("<!subteam^S2|@team>", "@team"),
    ("<!subteam^S1>", "@team"),
    ("<!subteam^S2>", "@S2"),
    ("at <!date^1392734382^{date}|18 Feb>", "at 18 Feb"),
    ("at <!date^1392734382^{date}>", "at 1392734382"),
    ('```if a &lt; b:\n\tprint("x")```', '```if a < b:\n\tprint("x")```'),
    ("`a &amp;&amp; b`", "`a && b`"),
    ("line one\nline two\n", "line one\nline two\n"),
    ("emoji 😀 :tada: ü", "emoji 😀 :tada: ü"),
    ("“smart” ‘quotes’ and\u00a0space", "“smart” ‘quotes’ and\u00a0space"),
    ("<not a token>", "<not a token>"),
    ("<>", "<>"),
    ("a < b > c", "a < b > c"),
    ("nul \0 gone", "nul  gone"),
    ("half \ud83d of a pair", "half \ufffd of a pair"),
    ("whole \ud83d\ude00 pair", "whole 😀 pair"),
]


@pytest.mark.parametrize(("text", "meant"), MEANINGS)
def test_meaning(text: str, meant: str) -> None:
    assert meaning(text, NAMES) == meant


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("<@UBOT> fix it", "fix it"),
        ("<@UBOT|agent>: fix it", "fix it"),
        ("  <@UBOT> <@UBOT>, fix it", "fix it"),
        ("<@UBOT>", ""),
        ("hey <@UBOT> fix it", "hey  fix it"),
        ("<@UBOT> tell <@U1> and <@UBOT>", "tell <@U1> and <@UBOT>"),
        ("<@UBOTHER> fix it", "<@UBOTHER> fix it"),
        ("<@UBOT>\n```code```", "```code```"),
    ],
)
def test_without_mention(text: str, rest: str) -> None:
    assert without_mention(text, "UBOT") == rest


def test_mentions() -> None:
    assert mentions("hey <@UBOT|agent>!", "UBOT")
    assert not mentions("hey <@UBOTHER>, @agent, &lt;@UBOT&gt;", "UBOT")


def spawn(task: str, **options: Any) -> Spawn:
    return Spawn(AgentSpec(task=task, **options))


STEPS = Workflow(
    WorkflowSpec("", (NodeSpec("a", AgentSpec("x")), NodeSpec("b", AgentSpec("y"), needs=("a",))))
)

COMMANDS: list[tuple[str, Command]] = [
    ("spawn fix the login", spawn("fix the login")),
    ("  spawn   fix  the login  ", spawn("fix  the login")),
    ("SPAWN fix", spawn("fix")),
    ("spawn: fix", spawn("fix")),
    ("/agent spawn fix", spawn("fix")),
    ("spawn line one\nline two", spawn("line one\nline two")),
    ("spawn\nfix", spawn("fix")),
    ("spawn ```\ncode --role x\n```", spawn("```\ncode --role x\n```")),
    ("spawn --role developer fix", spawn("fix", role="developer")),
    ("spawn --role=developer fix", spawn("fix", role="developer")),
    ('spawn --role "senior developer" fix', spawn("fix", role="senior developer")),
    ("spawn --role “senior developer” fix", spawn("fix", role="senior developer")),
    ("spawn --role='a b' fix", spawn("fix", role="a b")),
    ("spawn —role developer fix", spawn("fix", role="developer")),
    ("spawn –role=developer fix", spawn("fix", role="developer")),
    ("spawn --ROLE developer fix", spawn("fix", role="developer")),
    ("spawn --role\u00a0developer\u00a0fix", spawn("fix", role="developer")),
    ("spawn --repo api --base main fix", spawn("fix", repo="api", base="main")),
    (
        "spawn --base origin/feat/x --model opus fix",
        spawn("fix", base="origin/feat/x", model="opus"),
    ),
    ("spawn --timeout 30m fix", spawn("fix", timeout=timedelta(minutes=30))),
    ("spawn --timeout 1h30m fix", spawn("fix", timeout=timedelta(minutes=90))),
    ("spawn --timeout 90s fix", spawn("fix", timeout=timedelta(seconds=90))),
    ("spawn --timeout 2H fix", spawn("fix", timeout=timedelta(hours=2))),
    ("spawn --timeout 10s fix", spawn("fix", timeout=timedelta(seconds=10))),
    ("spawn --timeout 24h fix", spawn("fix", timeout=timedelta(hours=24))),
    ("spawn --timeout 45min fix", spawn("fix", timeout=timedelta(minutes=45))),
    ("spawn --budget 2.50 fix", spawn("fix", budget=Decimal("2.50"))),
    ("spawn --budget $2 fix", spawn("fix", budget=Decimal(2))),
    ("spawn --budget 2,50 fix", spawn("fix", budget=Decimal("2.50"))),
    ("spawn --budget 1000 fix", spawn("fix", budget=Decimal(1000))),
    ("spawn --parent 12 document it", replace(spawn("document it"), parent=Ref(12))),
    ("spawn --parent #12 document it", replace(spawn("document it"), parent=Ref(12))),
    (
        "spawn --parent w5.test --model m document it",
        replace(spawn("document it", model="m"), parent=Ref(workflow=5, key="test")),
    ),
    ("spawn fix --role handling", spawn("fix --role handling")),
    ("spawn --role dev fix --repo x", spawn("fix --repo x", role="dev")),
    ("spawn -- --role is broken", spawn("--role is broken")),
    ("spawn --role dev -- --verbose fails", spawn("--verbose fails", role="dev")),
    ("spawn — a dash of its own", spawn("— a dash of its own")),
    ("spawn —rolex is a watch", spawn("—rolex is a watch")),
    ("spawn -v is ignored", spawn("-v is ignored")),
    ('spawn "fix the login"', spawn("fix the login")),
    ("spawn “fix the login”", spawn("fix the login")),
    ("spawn 'fix it'", spawn("fix it")),
    ('spawn "--role" is text here', spawn('"--role" is text here')),
    ('spawn "a" and "b"', spawn('"a" and "b"')),
    ('spawn say "hello"', spawn('say "hello"')),
    ("spawn don't", spawn("don't")),
    ("spawn 😀 :tada:", spawn("😀 :tada:")),
    ("spawn x" + "y" * (MAX_TASK - 1), spawn("x" + "y" * (MAX_TASK - 1))),
    ("workflow a: x -> b: y", STEPS),
    ("Workflow: a: x -> b: y", STEPS),
    ("/agent workflow\na: x\nb: y", STEPS),
    ("workflow ```\na: x\nb: y\n```", STEPS),
    ("help workflow", Help("workflow")),
    ("status 12", Status(Ref(12))),
    ("status #12", Status(Ref(12))),
    ("status agent 12", Status(Ref(12))),
    ("status Agent #12", Status(Ref(12))),
    ("logs 12", Logs(Ref(12))),
    ("diff 12", Diff(Ref(12))),
    ("cancel 12", Cancel(Ref(12))),
    ("Cancel 12.", Cancel(Ref(12))),
    ("stop 12", Cancel(Ref(12))),
    ("retry 012", Retry(Ref(12))),
    ("retry 12 --with “use pytest”", Retry(Ref(12), "use pytest")),
    ("retry w5.test with: more care", Retry(Ref(workflow=5, key="test"), "more care")),
    ("skip w5.test", Skip(Ref(workflow=5, key="test"))),
    ("cancel W5", Cancel(Ref(workflow=5))),
    ("status workflow w5", Status(Ref(workflow=5))),
    ("graph w5", Graph(5)),
    ("list", List()),
    ("help", Help()),
    ("help spawn", Help("spawn")),
    ("help stop", Help("cancel")),
    ("whoami", Whoami()),
    ("", Help()),
    ("   ", Help()),
    ("/agent", Help()),
]


@pytest.mark.parametrize("default", ["spawn", "refuse"])
@pytest.mark.parametrize(("text", "command"), COMMANDS, ids=lambda value: str(value)[:60])
def test_commands(text: str, command: Command, default: Literal["spawn", "refuse"]) -> None:
    assert parse(text, default=default) == command


REFUSALS = [
    ("fix the login", "“fix” is no command", "spawn fix the login"),
    ("--role dev fix", "“--role” is no command", "spawn --role dev fix"),
    ("spwan fix the login", "Did you mean `spawn`?", "spawn fix the login"),
    ("cancle 12", "Did you mean `cancel`?", "cancel 12"),
    ("lst", "Did you mean `list`?", "list"),
    ("stauts 3", "Did you mean `status`?", "status 3"),
    ("12", "“12” is no command", "spawn 12"),
    ("spawn", "The task is missing", ""),
    ("spawn --role dev", "The task is missing", ""),
    ("spawn --", "The task is missing", ""),
    ('spawn "  "', "The task is missing", ""),
    ("spawn --rol dev fix", "Did you mean `--role`?", "spawn --role dev fix"),
    ("spawn --repo a --bse x fix", "Did you mean `--base`?", "spawn --repo a --base x fix"),
    ("spawn --verbose fix", "no option “--verbose”", ""),
    ("spawn --role", "`--role` needs a value", ""),
    ("spawn --role --repo x fix", "`--role` needs a value", ""),
    ("spawn --role —repo x fix", "`--role` needs a value", ""),
    ("spawn --role= fix", "`--role` needs a value", ""),
    ('spawn --role "" fix', "`--role` needs a value", ""),
    ('spawn --role "dev fix', "does not end", ""),
    ("spawn --role a --role b fix", "given twice", ""),
    ("spawn --base=-x fix", "cannot be the value of `--base`", ""),
    ("spawn --repo 'a b' fix", "cannot be the value of `--repo`", ""),
    ("spawn --timeout soon fix", "“soon” is no duration", ""),
    ("spawn --timeout 30 fix", "“30” is no duration", ""),
    ("spawn --timeout 9s fix", "out of bounds", ""),
    ("spawn --timeout 25h fix", "out of bounds", ""),
    ("spawn --timeout 0m fix", "out of bounds", ""),
    ("spawn --timeout 999999h fix", "out of bounds", ""),
    ("spawn --timeout ３０m fix", "is no duration", ""),
    ("spawn --parent soon fix", "cannot be the value of `--parent`", ""),
    ("spawn --parent 0 fix", "cannot be the value of `--parent`", ""),
    ("spawn --parent w5 fix", "cannot be the value of `--parent`", ""),
    ("workflow --parent 12 a: x", "no option “--parent”", ""),
    ("spawn --budget lots fix", "“lots” is no amount", ""),
    ("spawn --budget 0 fix", "out of bounds", ""),
    ("spawn --budget 0.00 fix", "out of bounds", ""),
    ("spawn --budget 1000.01 fix", "out of bounds", ""),
    ("spawn --budget -5 fix", "“-5” is no amount", ""),
    ("spawn --budget 1,000 fix", "“1,000” is no amount", ""),
    ("spawn --budget 1e9 fix", "“1e9” is no amount", ""),
    ("spawn --budget NaN fix", "“NaN” is no amount", ""),
    ("spawn " + "x" * (MAX_TASK + 1), "30,001 characters; at most 30,000", ""),
    ("workflow", "There is no step in this", ""),
    ("workflow fix the login", "There is no step in this", ""),
    ("workflow --role dev a: x", "no option “--role”", ""),
    ("workflow a:x", "At “a:x”: this may be a step or text", "workflow a: x"),
    ("workflow\na: x\na: y", "Line 3, at “a: y”: two steps have", "workflow a: x\na-2: y"),
    ("worflow a: x", "Did you mean `workflow`?", "workflow a: x"),
    ("a: x -> b: y", "“a:” is no command", "workflow a: x -> b: y"),
    ("note: x", "“note:” is no command", "spawn note: x"),
    ("status", "Which agent? Type `status 12`", ""),
    ("status twelve", "“twelve” is no agent's number", ""),
    ("status 0", "“0” is no agent's number", ""),
    ("status -1", "“-1” is no agent's number", ""),
    ("status 1.5", "“1.5” is no agent's number", ""),
    ("status " + "9" * 30, "is no agent's number", ""),
    ("status ١٢", "is no agent's number", ""),
    ("cancel 12 13", "“12 13” is no agent's number", "cancel 12"),
    ("cancel 12 please", "“12 please” is no agent's number", "cancel 12"),
    ("cancel all", "“all” is no agent's number", ""),
    ("list everything", "`list` takes nothing more", "list"),
    ("whoami really", "`whoami` takes nothing more", "whoami"),
    ("help me", "There is no help for “me”", "help"),
]


@pytest.mark.parametrize(("text", "reason", "suggestion"), REFUSALS, ids=lambda value: value[:50])
def test_refusals(text: str, reason: str, suggestion: str) -> None:
    refusal = parse(text, default="refuse")
    assert isinstance(refusal, Refusal)
    assert reason in refusal.reason
    assert refusal.suggestion == suggestion
    assert refusal.input == text
    assert len(refusal.reason) < 300


@pytest.mark.parametrize("row", [row for row in REFUSALS if row[2]], ids=lambda row: row[0][:50])
def test_suggestions_are_commands(row: tuple[str, str, str]) -> None:
    assert isinstance(parse(row[2], default="refuse"), get_args(Command))


MENTIONS: list[tuple[str, Command]] = [
    ("fix the login", spawn("fix the login")),
    ("--repo api fix the login", spawn("fix the login", repo="api")),
    ("helm chart is broken", spawn("helm chart is broken")),
    ("a: x -> b: y", spawn("a: x -> b: y")),
    ("a: x\nb: y", spawn("a: x\nb: y")),
    ("status", Status(None)),
    ("cancel", Cancel(None)),
    ("retry", Retry(None)),
]


@pytest.mark.parametrize(("text", "command"), MENTIONS)
def test_mentions_of_the_bot(text: str, command: Command) -> None:
    assert parse(text, default="spawn") == command


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("cancle 12", "cancel 12"),
        ("stauts", "status"),
        ("retry logic is broken", "spawn retry logic is broken"),
        ("list all endpoints in README.md", "spawn list all endpoints in README.md"),
        ("help me fix the login", "spawn help me fix the login"),
        ("cancel 12 please", "cancel 12"),
        ("workflow runs fail in CI", "spawn workflow runs fail in CI"),
        ("workflow", ""),
        ("graph of the sales is broken", "spawn graph of the sales is broken"),
        ("workflow a: x -> a: y", "workflow a: x -> a-2: y"),
    ],
)
def test_slips_in_mentions_start_nothing(text: str, suggestion: str) -> None:
    refusal = parse(text, default="spawn")
    assert isinstance(refusal, Refusal)
    assert refusal.suggestion == suggestion


PIECES = st.sampled_from(
    [*"—–-\"'“”‘’«»#<>&|!@^`\n\t\0 $.,=", "--", "spawn ", "--role", "--timeout ", "--budget ", "12",
     "status ", "help ", "list", "/agent ", "agent ", "\u00a0", "\ud800", "<@U1|", "&lt;", "1h", "ß",
     "workflow ", "a: ", " -> ", "?g", "b(needs a): "]
)  # fmt: skip
TEXTS = st.one_of(
    st.text(),
    st.lists(PIECES).map("".join),
    st.text(alphabet=st.characters(codec=None), max_size=50),  # half surrogates, too
)


@given(TEXTS, st.sampled_from(["spawn", "refuse"]))
def test_any_text_is_a_command_or_refused_with_a_sentence(
    text: str, default: Literal["spawn", "refuse"]
) -> None:
    outcome = parse(meaning(text, NAMES), default=default)
    assert isinstance(outcome, (*get_args(Command), Refusal))
    if isinstance(outcome, Refusal):
        assert outcome.reason.rstrip().endswith((".", "?"))
        outcome.input.encode()
    if isinstance(outcome, Spawn):
        outcome.spec.task.encode()
        assert "\0" not in outcome.spec.task


@given(TEXTS)
def test_what_is_meant_never_raises_and_leaves_no_entities(text: str) -> None:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    expected = text.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert meaning(escaped) == expected
    meaning(text)
    without_mention(text, "UBOT")


@given(st.text(min_size=1).filter(str.strip))
def test_a_task_in_slack_arrives_as_it_was_meant(task: str) -> None:
    sent = task.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    command = parse(meaning(f"spawn -- x{sent}x"), default="refuse")
    stored = task.replace("\0", "")
    assert command == spawn(f"x{stored}x")
