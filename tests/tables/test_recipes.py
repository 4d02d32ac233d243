"""Workflows from files: what is read, what is refused where, and how one is run."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from bot.cli import app
from bot.grammar import Refusal, Run
from bot.messages.recipes import listed
from bot.running import read as run
from engine.cookbook import find
from engine.dag import GateSpec, NodeSpec, WorkflowSpec
from engine.errors import InvalidSpec, NotFound
from engine.narrowing import at_home, narrowed
from engine.recipe_files import Unreadable
from engine.recipe_text import MAX_BYTES
from engine.recipes import BadRecipe, BadValue, Recipe, fill, read, schema
from engine.settings import Limits
from engine.spec import AgentSpec
from engine.states import OnFailure
from tests.referee.referee import check

FILE = ".agents/workflows/release.yml"
RELEASE = """\
# yaml-language-server: $schema=workflow.schema.json
title: Release
description: Builds and checks a release
parameters:
  version: {description: "for example 1.4", required: true}
  notes:
    description: what is new
    default: 1.10
  reviewer:
    required: false
on_failure: ask
budget: 20
defaults:
  repo: shop
  base: main
  model: opus
  budget: 2.50
  timeout: 1h30m
  retries: 2
nodes:
  design:
    task: Design {{ version }}, not \\{{ version }} or ${{ a.b }}
    reads_only: true
  good:
    gate: Is {{version}} good ({{ notes }})?
    needs: [design]
    approvers: [U1, S2]
    quorum: 2
  build:
    needs: [good]
    role: release engineer
    repo: tools
    model: sonnet
    task: |
      Build it.
      Be careful.
    check: pytest -q
    timeout: 10m
    budget: 1
    retries: 0
"""
SMALL = "nodes: {do: {task: Do it}}\n"
EXAMPLES = (
    RELEASE,
    SMALL,
    "nodes:\n  ask: {gate: }\n",
    "parameters: {'on': , 'off': {}}\n" + SMALL,
)


def refused(text: str) -> BadRecipe:
    with pytest.raises(BadRecipe) as caught:
        read(text, FILE)
    return caught.value


def broken(text: str) -> BadRecipe | None:
    """Why a text is no recipe, if it is none."""
    try:
        read(text, FILE)
    except BadRecipe as error:
        return error
    return None


def step(lines: str) -> str:
    """A file whose one step has these lines, from line 3 on."""
    return "nodes:\n  do:\n" + "".join(f"    {line}\n" for line in lines.splitlines())


# text, line, key, what the sentence holds
FAULTS: list[tuple[str, int, str, str]] = [
    ("", 1, "", "the file is empty; it needs at least `nodes`"),
    ("# nothing\n", 1, "", "the file is empty"),
    ("just words", 1, "", "“just words” is not possible here; allowed: a table with keys of these: title"),
    ("- a\n- b", 1, "", "a list is not possible here"),
    ("title: x\n", 1, "nodes", "this is missing; needed: 1 to 50 steps"),
    ("nodes:\n", 1, "nodes", "nothing is not possible here; allowed: 1 to 50 steps"),
    ("title: x\nnodes: {}\n", 2, "nodes", "nothing is not possible here"),
    ("nodes: [a]\n", 1, "nodes", "a list is not possible here"),
    (SMALL + "titel: x\n", 2, "titel", "no such key here; did you mean title? allowed: title, desc"),
    (SMALL + "zzz: x\n", 2, "zzz", "there is no such key here; allowed: title"),
    (SMALL + f"title: {'x' * 121}\n", 2, "title", "allowed: text of at most 120 characters"),
    (SMALL + "title: [x]\n", 2, "title", "a list is not possible here; allowed: text"),
    (SMALL + "on_failure: panic\n", 2, "on_failure", "“panic” is not possible here; allowed: stop, continue or ask"),
    (SMALL + "budget: much\n", 2, "budget", "allowed: US dollars for all steps: more than 0"),
    (SMALL + "budget: 0\n", 2, "budget", "“0” is not possible here"),
    (SMALL + "budget: 1001\n", 2, "budget", "at most 1000"),
    (SMALL + "budget: nan\n", 2, "budget", "“nan” is not possible here"),
    (SMALL + "defaults: x\n", 2, "defaults", "allowed: a table with: repo, model"),
    (SMALL + "defaults:\n  bse: x\n", 3, "defaults.bse", "did you mean base? allowed: repo, base, model"),
    (SMALL + "defaults:\n  model: two words\n", 3, "defaults.model", "in one word"),
    (SMALL + "defaults:\n  model: --danger\n", 3, "defaults.model", "“--danger” is not possible"),
    (SMALL + "defaults:\n  retries: 10\n", 3, "defaults.retries", "0 to 9"),
    (SMALL + "defaults:\n  timeout: 30\n", 3, "defaults.timeout", "10s to 24h, for example 1h30m"),
    (SMALL + "defaults:\n  timeout: 9s\n", 3, "defaults.timeout", "10s to 24h"),
    (SMALL + "defaults:\n  timeout: 25h\n", 3, "defaults.timeout", "10s to 24h"),
    (SMALL + "parameters: [version]\n", 2, "parameters", "up to 20 names"),
    (SMALL + "parameters:\n  version: x\n", 3, "parameters.version", "a table with keys of these: description, default, required"),
    (SMALL + "parameters:\n  Version:\n", 3, "parameters.Version", "this cannot be a name"),
    (SMALL + "parameters:\n  v: {requird: true}\n", 3, "parameters.v.requird", "did you mean required?"),
    (SMALL + "parameters:\n  v:\n    required: maybe\n", 4, "parameters.v.required", "allowed: true or false"),
    (SMALL + "parameters:\n  v: {required: true, default: 1}\n", 3, "parameters.v", "what is required has no default"),
    (SMALL + "parameters:\n  default: {required: true, default: 1}\n", 3, "parameters.default", "what is required has no"),
    (step("role: tester"), 2, "nodes.do", "a step has either `task` (an agent works) or `gate`"),
    (step("task: x\ngate: y"), 2, "nodes.do", "and not both"),
    ("nodes:\n  do: Do it\n", 2, "nodes.do", "a step has either `task`"),
    ("nodes:\n  do:\n", 2, "nodes.do", "a step has either `task`"),
    (step("tsk: x\ntask: y"), 3, "nodes.do.tsk", "did you mean task? allowed: task, needs, role"),
    (step("task:"), 3, "nodes.do.task", "nothing is not possible here; allowed: what the agent shall do"),
    (step("task: ' '"), 3, "nodes.do.task", "allowed: what the agent shall do"),
    (step(f"task: {'x' * 30_001}"), 3, "nodes.do.task", "allowed: what the agent shall do"),
    (step("task: {a: b}"), 3, "nodes.do.task", "a table is not possible here"),
    (step("task: x\nneeds: a"), 4, "nodes.do.needs", "“a” is not possible here; allowed: a list"),
    (step("task: x\nneeds:\n- a"), 5, "nodes.do.needs", "there is no step “a”; the steps are do"),
    (step("task: x\nneeds: [do]"), 1, "nodes", "the steps wait for each other: do → do"),
    ("nodes:\n  a: {task: x, needs: [b]}\n  b: {task: y, needs: [a]}\n", 1, "nodes", "remove one of the needs"),
    ("nodes:\n  a: {task: x}\n  b: {task: y, needs: [a, a]}\n", 3, "nodes.b.needs", "“a” stands here twice"),
    ("nodes:\n  w12: {task: x}\n", 2, "nodes.w12", "kept for workflows"),
    ("nodes:\n  Do it: {task: x}\n", 2, "nodes.Do it", "up to 40 lower-case letters"),
    ("nodes:\n  <<: {task: x}\n", 2, "nodes.<<", "this cannot be a name"),
    (step("task: x\nretries: -1"), 4, "nodes.do.retries", "“-1” is not possible here; allowed: how often"),
    (step("task: x\nreads_only: perhaps"), 4, "nodes.do.reads_only", "allowed: true: no tool"),
    (step("task: x\napprovers: [U1]"), 4, "nodes.do.approvers", "there is no such key here"),
    (step("task: x\ncheck: ''"), 4, "nodes.do.check", "allowed: a command"),
    (step("gate: x\nmodel: opus"), 4, "nodes.do.model", "allowed: gate, needs, approvers, quorum"),
    (step("gate: x\nquorum: 0"), 4, "nodes.do.quorum", "1 to 20"),
    (step("gate: x\nquorum: 21"), 4, "nodes.do.quorum", "1 to 20"),
    (step("gate: x\napprovers: [somebody]"), 4, "nodes.do.approvers", "“somebody” is not possible here; allowed: a list of ids"),
    (step("gate: x\napprovers: U1"), 4, "nodes.do.approvers", "a list of ids"),
    (step("task: Build {{ version }}"), 3, "nodes.do.task", "{{ version }} names no parameter; there are none"),
    ("parameters: {v: }\n" + step("task: x {{ v }}\ncheck: run {{ v }}"), 5, "nodes.do.check", "into task and gate only"),
    ("parameters: {v: }\ntitle: Release {{ v }}\n" + SMALL, 2, "title", "into task and gate only"),
    ("parameters: {v: }\n" + step("gate: 'Is {{ w }} good?'"), 4, "nodes.do.gate", "the parameters are v"),
    (SMALL + SMALL, 2, "nodes", "this key stands in line 1 already"),
    (step("task: x\ntask: y"), 4, "nodes.do.task", "this key stands in line 3 already"),
    (step("task: &a x"), 3, "nodes.do.task", "anchors and aliases (& and *) are not possible"),
    (step("task: *a"), 3, "nodes.do.task", "anchors and aliases"),
    (step("task: !!python/name:os.system x"), 3, "nodes.do.task", "tags (words with !) are not possible"),
    (step("task: ! x"), 3, "nodes.do.task", "tags"),
    (step("task: x") + "---\n" + SMALL, 4, "", "a second document begins"),
    (step('task: "\\0"'), 3, "nodes.do.task", "control characters are not possible"),
    (step('task: "\\ud800"'), 3, "nodes.do.task", "control characters are not possible"),
    (step('"\\e[2J": x'), 3, "nodes.do", "control characters are not possible"),
    (step('task: "\\UFFFFFFFF"'), 0, "", "this is not YAML: an escape sequence"),
    (SMALL + "a: \x07", 2, "", "a character here is not possible in YAML"),
    (SMALL + "? [a, b]\n: c\n", 2, "", "a key must be a word"),
    (step("\ttask: x"), 3, "", "this is not YAML: found character '\\t'"),
    (step("task: [x"), 4, "", "this is not YAML: expected ',' or ']'"),
    (step("task: 'x"), 4, "", "this is not YAML: found unexpected end of stream"),
    (step("task: a: b"), 3, "", "this is not YAML: mapping values are not allowed here"),
    ("[" * 60_000, 1, "", "more than a workflow can need"),
    ("{a: " * 10_000, 1, "a.a.a.a.a.a.a.a", "more than a workflow can need"),
    ("- a\n" * 10_000, 5_000 - 3 + 1, "", "more than a workflow can need"),
    ("a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]\n", 1, "a", "anchors and aliases"),
    ("x" * (MAX_BYTES + 1), 0, "", "the file has 65,537 bytes; at most 65,536 are possible"),
    ("nodes:\n" + "".join(f"  n{n}: {{task: x}}\n" for n in range(51)), 1, "nodes", "1 to 50 steps"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "key", "said"), FAULTS)
def test_a_fault_names_file_line_and_key(text: str, line: int, key: str, said: str) -> None:
    error = refused(text)
    assert (error.line, error.key) == (line, key)
    assert said in error.said
    where = [FILE, *([f"line {line}"] if line else []), *([key] if key else [])]
    assert str(error) == f"{', '.join(where)}: {error.said}"
    assert len(str(error)) < 500


@pytest.mark.parametrize("file", ["-x.yml", "a b.yml", "x" * 61 + ".yml", "é.yml", ".yml"])
def test_a_name_that_cannot_be_typed_is_refused(file: str) -> None:
    with pytest.raises(BadRecipe, match="its name cannot be typed"):
        read(SMALL, f".agents/workflows/{file}" if file != ".yml" else "/")


@settings(max_examples=300)
@given(st.text(max_size=300))
def test_no_text_crashes_it(text: str) -> None:
    fault = broken(text)
    assert fault is None or fault.file == FILE


PIECES = st.sampled_from(
    ["nodes", "task", "gate", "needs", "a", "b", ":", ": ", "\n", "  ", "- ", "[", "]", "{", "}", ",",
     "'", '"', "|", ">", "&a", "*a", "!x", "#", "%YAML 1.1", "---", "...", "?", "\\U", "{{ a }}", "1"]
)  # fmt: skip


@settings(max_examples=500)
@given(st.lists(PIECES, max_size=40).map("".join), st.integers(0, len(RELEASE)))
def test_no_damage_to_a_file_crashes_it(piece: str, at: int) -> None:
    for text in (piece, RELEASE[:at] + piece + RELEASE[at:]):
        fault = broken(text)
        assert fault is None or 0 <= fault.line <= text.count("\n") + 2


def test_what_a_file_says_becomes_the_workflow() -> None:
    recipe = read(RELEASE, FILE)
    assert (recipe.name, recipe.title) == ("release", "Release")
    assert [(one.name, one.default, one.required) for one in recipe.parameters] == [
        ("version", "", True),
        ("notes", "1.10", False),
        ("reviewer", "", False),
    ]
    shared: dict[str, Any] = {"repo": "shop", "base": "main", "model": "opus"}
    hour = timedelta(minutes=90)
    assert fill(recipe, {"version": "1.4"}) == WorkflowSpec(
        "Release",
        (
            NodeSpec(
                "design",
                AgentSpec(
                    "Design 1.4, not {{ version }} or ${{ a.b }}", timeout=hour,
                    budget=Decimal("2.50"), max_failures=3, reads_only=True, **shared,
                ),
            ),
            NodeSpec("good", GateSpec("Is 1.4 good (1.10)?", ("U1", "S2"), 2), ("design",)),
            NodeSpec(
                "build",
                AgentSpec(
                    "Build it.\nBe careful.", role="release engineer", repo="tools", base="main",
                    model="sonnet", timeout=timedelta(minutes=10), budget=Decimal(1),
                    check="pytest -q", max_failures=1,
                ),
                ("good",),
            ),
        ),
        OnFailure.ASK,
        Decimal(20),
    )  # fmt: skip


def test_little_is_enough() -> None:
    (node,) = fill(read(SMALL, "small.yml"), {}).nodes
    assert node == NodeSpec("do", AgentSpec("Do it"))


def test_values_are_text_and_are_not_looked_through_again() -> None:
    recipe = read(RELEASE, FILE)
    task = fill(recipe, {"version": r"{{ notes }} \1 \{{ notes }}", "notes": "N"}).nodes[0].does
    assert isinstance(task, AgentSpec)
    assert task.task.startswith(r"Design {{ notes }} \1 \{{ notes }}, not {{ version }}")


VALUES = [
    ({}, "release needs version; its parameters are version (required), notes, reviewer"),
    ({"version": ""}, "release needs version"),
    (
        {"version": "1", "verson": "1"},
        "no parameter “verson”; did you mean version? its parameters",
    ),
    ({"version": "1", "colour": "red"}, "no parameter “colour”; its parameters are version"),
    ({"version": "1" * 4_001}, "the value of version cannot be inserted; at most 4,000 characters"),
    ({"version": "\x1b[2J"}, "no control characters"),
]


@pytest.mark.parametrize(("values", "said"), VALUES)
def test_values_that_do_not_fit_are_refused_with_the_list(
    values: dict[str, str], said: str
) -> None:
    with pytest.raises(BadValue) as caught:
        fill(read(RELEASE, FILE), values)
    assert said in str(caught.value)
    with pytest.raises(BadValue, match="it takes none"):
        fill(read(SMALL, FILE), {"version": "1"})


def test_what_only_a_value_makes_impossible_names_the_step() -> None:
    text = "parameters: {what: {required: false}}\n" + step("task: '{{ what }}'")
    with pytest.raises(BadRecipe) as caught:
        fill(read(text, FILE), {})
    assert (caught.value.line, caught.value.key) == (3, "nodes.do")
    assert "the task is empty" in str(caught.value)


# ---- the schema


@pytest.mark.parametrize("text", EXAMPLES)
def test_the_schema_accepts_what_is_accepted(text: str) -> None:
    read(text, FILE)
    Draft202012Validator(schema()).validate(yaml.safe_load(text))


BOTH_REFUSE = [
    "titel", "zzz", "panic", "much", "tsk", "bse", "requird", "somebody", "a: Do it", "quorum: 21",
    "two words", "timeout: 30\n", "Version", "retries: 10", "reads_only: perhaps", "gate: y",
]  # fmt: skip


@pytest.mark.parametrize("part", BOTH_REFUSE)
def test_the_schema_refuses_what_is_refused(part: str) -> None:
    texts = [row[0] for row in FAULTS if part in row[0]] or [step("task: x\ngate: y")]
    validator = Draft202012Validator(schema())
    assert all(not validator.is_valid(yaml.safe_load(text)) for text in texts)


def test_the_schema_is_a_schema_and_the_command_line_prints_it() -> None:
    Draft202012Validator.check_schema(schema())
    printed = CliRunner().invoke(app, ["schema"])
    assert printed.exit_code == 0
    assert json.loads(printed.stdout) == schema()


# ---- narrowing

LIMITS = Limits(timeout_minutes=30, budget_usd=Decimal(5), max_failures=3)


def flow(does: AgentSpec | GateSpec, budget: Decimal | None = None) -> WorkflowSpec:
    return WorkflowSpec("t", (NodeSpec("do", AgentSpec("x")), NodeSpec("it", does)), budget=budget)


HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
NARROWED: list[tuple[AgentSpec | GateSpec, list[str], AgentSpec | GateSpec]] = [
    (AgentSpec("x"), [], AgentSpec("x")),
    (AgentSpec("x", timeout=HOUR), [], AgentSpec("x", timeout=HOUR / 2)),
    (AgentSpec("x", timeout=MINUTE), [], AgentSpec("x", timeout=MINUTE)),
    (AgentSpec("x", budget=Decimal(9)), [], AgentSpec("x", budget=Decimal(5))),
    (AgentSpec("x", budget=Decimal(1)), [], AgentSpec("x", budget=Decimal(1))),
    (AgentSpec("x", max_failures=9), [], AgentSpec("x", max_failures=3)),
    (AgentSpec("x", max_failures=1), [], AgentSpec("x", max_failures=1)),
    (AgentSpec("x", model="m", check="c"), [], AgentSpec("x", model="m", check="c")),
    (GateSpec("q"), [], GateSpec("q")),
    (GateSpec("q", ("U1", "U2")), ["U2", "U3"], GateSpec("q", ("U2",))),
    (GateSpec("q", ("U1", "S2")), ["*"], GateSpec("q", ("U1", "S2"))),
    (GateSpec("q", ("*",)), ["U1"], GateSpec("q")),
    (GateSpec("q", ("*", "U9"), 2), ["U1"], GateSpec("q", (), 2)),
]


@pytest.mark.parametrize(("does", "allowed", "expected"), NARROWED)
def test_a_file_only_narrows(
    does: AgentSpec | GateSpec, allowed: list[str], expected: AgentSpec | GateSpec
) -> None:
    assert narrowed(flow(does), LIMITS, allowed) == flow(expected)


def test_the_budget_of_all_steps_is_at_most_that_of_each() -> None:
    for written, expected in ((Decimal(100), Decimal(10)), (Decimal(3), Decimal(3)), (None, None)):
        assert narrowed(flow(AgentSpec("x"), written), LIMITS, []).budget == expected


def test_a_gate_that_nobody_may_decide_names_the_setting() -> None:
    with pytest.raises(InvalidSpec) as caught:
        narrowed(flow(GateSpec("q", ("U1", "S2"))), LIMITS, ["U3"])
    assert (
        "it: nobody of U1, S2 may approve here; add one of them to `approve` in `[access]`"
        in str(caught.value)
    )


def test_a_repositorys_file_stays_in_its_repository() -> None:
    done = at_home(flow(AgentSpec("x", repo="shop")), "shop")
    assert {node.does.repo for node in done.nodes if isinstance(node.does, AgentSpec)} == {"shop"}
    with pytest.raises(InvalidSpec, match="it: a file of shop cannot work on 'blog'"):
        at_home(flow(AgentSpec("x", repo="blog")), "shop")


# ---- choosing and listing

BROKEN = Unreadable("broken", "broken.yml", "broken.yml, line 3, nodes.a.tsk: there is no such key")
ENTRIES = (read(RELEASE, FILE), read(SMALL, "Small.yml"), BROKEN)


def test_a_recipe_is_found_by_its_name() -> None:
    assert find(ENTRIES, "release").name == find(ENTRIES, "Release").name == "release"
    assert find(ENTRIES, "Small").name == "Small"


def test_what_is_not_there_or_cannot_be_read_says_so() -> None:
    with pytest.raises(InvalidSpec, match=r"line 3, nodes\.a\.tsk"):
        find(ENTRIES, "broken")
    with pytest.raises(NotFound, match="there are release, Small; did you mean release"):
        find(ENTRIES, "relaese")
    with pytest.raises(NotFound, match=r"\.agents/workflows/ of the base branch has none"):
        find((), "release")
    with pytest.raises(NotFound, match="the remote is away"):
        find((Unreadable("", "x", "the remote is away"),), "release")


EVIL = "<!channel> <@U2> *b* `c` ```d``` &amp; \\x1b[31m \\u202e @here "


def evil(n: int) -> Recipe:
    parameters = "".join(
        f'  p{k}: {{description: "{(EVIL * 9)[:150]}", default: "{"<!here>" * 50}"}}\n' for k in range(20)
    ).replace("\\x1b", "").replace("\\u202e", "")  # fmt: skip
    title = '"<!channel> *b* `c` &amp;"'
    text = f"title: {title}\ndescription: '{'<!here> ' * 100}'\nparameters:\n{parameters}{SMALL}"
    return read(text, f"r{n}.yml")


@pytest.mark.parametrize(
    "entries",
    [
        (),
        ENTRIES,
        (BROKEN,),
        tuple(evil(n) for n in range(3)) * 40,
        tuple(Unreadable(f"b{n}", "b.yml", f"<!channel> {EVIL * 20}") for n in range(60)),
        (*(evil(n) for n in range(30)), *(Unreadable("b", "b.yml", EVIL * 20),) * 60),
    ],
)
def test_the_list_is_a_message_that_slack_takes(entries: tuple[Recipe | Unreadable, ...]) -> None:
    message = listed(entries)
    assert check({"text": message.text, "blocks": message.blocks}) == []
    assert 0 < len(message.text) <= 120
    assert "\n" not in message.text
    for block in message.blocks:  # the words of files stand in plain and preformatted text only
        assert "channel>" not in json.dumps(block) or block["type"] == "rich_text"


def test_the_list_says_how_to_run_each_and_what_is_broken() -> None:
    shown = json.dumps(listed(ENTRIES).blocks, ensure_ascii=False)
    for part in (
        "/agent run release version=…",
        "version (required): for example 1.4",
        "notes (default 1.10): what is new",
        "reviewer (optional)",
        "/agent run Small",
        "broken.yml, line 3, nodes.a.tsk",
    ):
        assert part in shown
    assert listed(ENTRIES).text == "2 workflows to run, 1 file with an error"
    assert ".agents/workflows/" in listed(()).text


# ---- the command

RUNS: list[tuple[str, Run]] = [
    ("", Run()),
    ("  \n", Run()),
    ("release", Run("release")),
    ("  release  ", Run("release")),
    ("release version=1.4", Run("release", {"version": "1.4"})),
    ("release Version=1.4", Run("release", {"version": "1.4"})),
    ('release notes="two words"', Run("release", {"notes": "two words"})),
    ("release notes=“two words”", Run("release", {"notes": "two words"})),
    ("release notes=„two words“ a=1", Run("release", {"notes": "two words", "a": "1"})),
    ("release notes='it's fine' a=1", Run("release", {"notes": "it's fine", "a": "1"})),
    ("release notes=«a b»", Run("release", {"notes": "a b"})),
    ("release version=`1.4`", Run("release", {"version": "1.4"})),
    ('release notes=""', Run("release", {"notes": ""})),
    ('release notes="a\nb" c=d', Run("release", {"notes": "a\nb", "c": "d"})),
    ("release\nversion=1\nnotes=2", Run("release", {"version": "1", "notes": "2"})),
    ("release url=https://x.example/?a=b", Run("release", {"url": "https://x.example/?a=b"})),
    ("release a==", Run("release", {"a": "="})),
    ("release dry-run=yes", Run("release", {"dry-run": "yes"})),
    ("release a=--repo", Run("release", {"a": "--repo"})),
    ("--repo shop", Run(repo="shop")),
    ("--repo shop release", Run("release", repo="shop")),
    ("release a=1 --repo=shop b=2", Run("release", {"a": "1", "b": "2"}, "shop")),
    ("release —repo shop", Run("release", repo="shop")),
    ("v1.2_x-y", Run("v1.2_x-y")),
]

REFUSALS: list[tuple[str, str, str]] = [
    ("release foo", "“foo” is no `name=value`. Type for example `run release version=1.4", ""),
    ("release notes=two words a=1", "is no `name=value`", 'run release notes="two words" a=1'),
    ("release notes=a b --repo s", "is no `name=value`", 'run release notes="a b" --repo s'),
    ('release notes="a" b', "is no `name=value`", ""),
    ('release notes=a "b"', "is no `name=value`", ""),
    ("release version = 1.4", "has to follow the `=` directly", "run release version=1.4"),
    ("release version=", "has to follow the `=` directly", ""),
    ("release notes= version=1", "has to follow the `=` directly", ""),
    ('release notes="abc', 'begins with " and does not end', ""),
    ("release a=1 a=2", "`a` is given twice", ""),
    ("release --repo a b=1 --repo c", "`--repo` is given twice", ""),
    ("release --repo", "`--repo` needs a value", ""),
    ("release --base main", "There is no option “--base”", ""),
    ("release é=1", "“é” is no name of a parameter", ""),
    ("../../etc/passwd", "cannot be the name of a workflow", ""),
    ("version=1.4", "Which workflow? Its name stands first", ""),
]


@pytest.mark.parametrize(("text", "expected"), RUNS)
def test_what_is_typed_is_run(text: str, expected: Run) -> None:
    assert run(text) == expected


@pytest.mark.parametrize(("text", "reason", "suggestion"), REFUSALS)
def test_what_cannot_be_run_is_refused(text: str, reason: str, suggestion: str) -> None:
    refusal = run(text, f"/agent run {text}")
    assert isinstance(refusal, Refusal)
    assert reason in refusal.reason
    assert refusal.suggestion == suggestion
    assert refusal.input == f"/agent run {text}"
    if suggestion:
        assert isinstance(run(suggestion.removeprefix("run ")), Run)


@settings(max_examples=300)
@given(
    st.one_of(
        st.text(max_size=80),
        st.lists(st.sampled_from([*"a=\"' -“”\n.1`", "--repo "])).map("".join),
    )
)
def test_no_typing_crashes_it(text: str) -> None:
    assert isinstance(run(text), Run | Refusal)
