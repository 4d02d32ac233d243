# ruff: noqa: RUF001 - what phones write is what is tested here
"""Workflows as text: what is a step and what is only text, what is refused and how, and back."""

import time
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.grammar import Refusal
from bot.outline import read, write
from bot.parsing import parse
from engine import AgentSpec, GateSpec, InvalidSpec, NodeSpec, OnFailure, WorkflowSpec, is_key
from engine.dag import MAX_TITLE, MOST_NODES

DEFAULTS: tuple[Literal["spawn", "refuse"], ...] = ("spawn", "refuse")
Row = tuple[str, str]  # "key", "?key", or "key(needs)" where it is not just the step before; text


def graph(*rows: Row, title: str = "", **options: Any) -> WorkflowSpec:
    """The workflow that rows tell; its agents get the options."""
    nodes: list[NodeSpec] = []
    for head, text in rows:
        name, listed, needs = head.partition("(")
        before = (nodes[-1].key,) if nodes else ()
        named = tuple(needs.rstrip(")").split(",")) if needs != ")" else ()
        does = GateSpec(text) if head.startswith("?") else AgentSpec(text, **options)
        nodes.append(NodeSpec(name.removeprefix("?"), does, named if listed else before))
    return WorkflowSpec(title, tuple(nodes))


SEED = graph(
    ("design", "Write calculator spec"),
    ("implement", "Implement calculator"),
    ("test", "Write tests"),
    title="calculator",
)
IN_ONE_LINE = (
    "calculator: design: Write calculator spec -> implement: Implement calculator "
    "-> test: Write tests"
)
TEXTS: list[tuple[str, WorkflowSpec]] = [
    # What separates steps.
    (IN_ONE_LINE, SEED),
    ("calculator:\ndesign: Write calculator spec\nimplement: Implement calculator\ntest: Write tests\n", SEED),
    ("a: x -> b: y", graph(("a", "x"), ("b", "y"))),
    ("a: x → b: y", graph(("a", "x"), ("b", "y"))),
    ("a: x→b: y", graph(("a", "x"), ("b", "y"))),
    ("a: x\n-> b: y", graph(("a", "x"), ("b", "y"))),
    ("a: x ->\nb: y ->\n", graph(("a", "x"), ("b", "y"))),
    ("a: x\n\n\n  b: y", graph(("a", "x"), ("b", "y"))),
    ("a: x --> b: y —> c: z", graph(("a", "x"), ("b", "y"), ("c", "z"))),
    ("a: x", graph(("a", "x"))),
    ("a: x ->", graph(("a", "x"))),
    ("Design: X -> TEST-2: Y", graph(("design", "X"), ("test-2", "Y"))),
    ("[a: x, b: y] -> c: z", graph(("a", "x"), ("b()", "y"), ("c(a,b)", "z"))),
    ("a: x -> [b: y, c: z]", graph(("a", "x"), ("b", "y"), ("c(a)", "z"))),
    (
        "[a: x, b: y] -> [c: z, d: w]\ne: v",
        graph(("a", "x"), ("b()", "y"), ("c(a,b)", "z"), ("d(a,b)", "w"), ("e(c,d)", "v")),
    ),
    ("[\n  a: x,\n  b: y,\n]\nc: z", graph(("a", "x"), ("b()", "y"), ("c(a,b)", "z"))),
    ("[\n- a: x\n- b: y\n]", graph(("a", "x"), ("b()", "y"))),
    ("[a: x]", graph(("a", "x"))),
    ("big: [a: x, b: y]", replace(graph(("a", "x"), ("b()", "y")), title="big")),
    # Gates.
    ("a: x -> ?ok -> b: y", graph(("a", "x"), ("?ok", ""), ("b", "y"))),
    ("a: x\n?ok: Is it good?\nb: y", graph(("a", "x"), ("?ok", "Is it good?"), ("b", "y"))),
    ("?OK: start, really?", graph(("?ok", "start, really?"))),
    ("a: x -> [b: y, ?ok]", graph(("a", "x"), ("b", "y"), ("?ok(a)", ""))),
    ("a: x -> b: is it done? -> ?ok", graph(("a", "x"), ("b", "is it done?"), ("?ok", ""))),
    ("t: ?ok -> a: x", replace(graph(("?ok", ""), ("a", "x")), title="t")),
    ("a: x\nb: y\n?ok(needs a)\nc: z", graph(("a", "x"), ("b", "y"), ("?ok(a)", ""), ("c", "z"))),
    ("a: x -> ?ok(needs a): so?", graph(("a", "x"), ("?ok", "so?"))),
    # Needs.
    ("a: x\nb(needs): y\nc(needs a, b): z", graph(("a", "x"), ("b()", "y"), ("c(a,b)", "z"))),
    ("a: x -> b(needs nothing): y", graph(("a", "x"), ("b()", "y"))),
    ("nothing: x -> b: y -> c(needs nothing): z", graph(("nothing", "x"), ("b", "y"), ("c(nothing)", "z"))),
    ("c(needs a): z -> a(needs nothing): x", graph(("c(a)", "z"), ("a()", "x"))),
    ("a: x -> b: y -> c(needs A and B): z", graph(("a", "x"), ("b", "y"), ("c(a,b)", "z"))),
    ("a: x -> b: y -> c (needs: a b): z", graph(("a", "x"), ("b", "y"), ("c(a,b)", "z"))),
    ("?g -> b: y -> c(needs ?g, b): z", graph(("?g", ""), ("b", "y"), ("c(g,b)", "z"))),
    ("a: x -> b(needs a, a): y", graph(("a", "x"), ("b", "y"))),
    ("a: x -> b: look at c(needs work) first", graph(("a", "x"), ("b", "look at c(needs work) first"))),
    # Titles.
    ("Release 1.4: a: x -> b: y", replace(graph(("a", "x"), ("b", "y")), title="Release 1.4")),
    ("Demo at 10:30:\n- a: x", replace(graph(("a", "x")), title="Demo at 10:30")),
    ("*Bold*:\na: x", replace(graph(("a", "x")), title="Bold")),
    ('"a: b": c: x', replace(graph(("c", "x")), title="a: b")),
    ("a: note: be quick", replace(graph(("note", "be quick")), title="a")),
    ('a: "note: be quick"', graph(("a", "note: be quick"))),
    # What is just text.
    ("a: f() -> int -> b: g() -> [int]", graph(("a", "f() -> int"), ("b", "g() -> [int]"))),
    ("a: read & write -> b: do it", graph(("a", "read & write"), ("b", "do it"))),
    ("a: map x -> y, then stop", graph(("a", "map x -> y, then stop"))),
    ("a: first this, b: that", graph(("a", "first this, b: that"))),
    ("a: remember, note: be quick -> b: y", graph(("a", "remember, note: be quick"), ("b", "y"))),
    ("a: see https://example.org/a?b=1:2 -> b: y", graph(("a", "see https://example.org/a?b=1:2"), ("b", "y"))),
    ("a: read\nhttps://example.org\nb: y", graph(("a", "read\nhttps://example.org"), ("b", "y"))),
    ("a: open\nC:\\temp\\x.txt -> D:\\y", graph(("a", "open\nC:\\temp\\x.txt -> D:\\y"))),
    ("a: meet at 10:30 ->\n11:30 at the latest", graph(("a", "meet at 10:30 ->\n11:30 at the latest"))),
    ("a: p->next: is null -> b: y", graph(("a", "p->next: is null"), ("b", "y"))),
    ("a: call std::sort -> std::list", graph(("a", "call std::sort -> std::list"))),
    ("a: ask why?\nWhat is it?\nb: y", graph(("a", "ask why?\nWhat is it?"), ("b", "y"))),
    ("a: say -> ? and -> ??", graph(("a", "say -> ? and -> ??"))),
    ("a: read [the docs](https://example.org) [1]\n[see there]\nb: y", graph(("a", "read [the docs](https://example.org) [1]\n[see there]"), ("b", "y"))),
    ("a: do\n- [ ] one thing\n- [x] another\nb: y", graph(("a", "do\n- [ ] one thing\n- [x] another"), ("b", "y"))),
    ("a: do\n1. one\n2. two", graph(("a", "do\n1. one\n2. two"))),
    ("a: line one\nline two, three\n\nline four\nb: y", graph(("a", "line one\nline two, three\n\nline four"), ("b", "y"))),
    ("a: x = {'k': [1, 2]}; y -> None", graph(("a", "x = {'k': [1, 2]}; y -> None"))),
    ("[a: x[0], def f(y: int, z: str), b: w, v]", graph(("a", "x[0], def f(y: int, z: str)"), ("b()", "w, v"))),
    ("[a: in ]0,1] or so, b: y]", graph(("a", "in ]0,1] or so"), ("b()", "y"))),
    ("a: emoji 😀 :tada: ü, ~50%", graph(("a", "emoji 😀 :tada: ü, ~50%"))),
    # What protects.
    ('a: print "x -> b: y" -> c: z', graph(("a", 'print "x -> b: y"'), ("c", "z"))),
    ("a: print “x -> b: y” -> c: z", graph(("a", "print “x -> b: y”"), ("c", "z"))),
    ("a: print „x -> b: y“ -> c: z", graph(("a", "print „x -> b: y“"), ("c", "z"))),
    ("a: print «x -> b: y» -> c: z", graph(("a", "print «x -> b: y»"), ("c", "z"))),
    ("a: print 'x -> b: y' -> c: z", graph(("a", "print 'x -> b: y'"), ("c", "z"))),
    ("a: run `x -> b: y` -> c: z", graph(("a", "run `x -> b: y`"), ("c", "z"))),
    ("a: run\n```\nb: y\n```\nc: z", graph(("a", "run\n```\nb: y\n```"), ("c", "z"))),
    ('a: "x\nb: y"\nc: z', graph(("a", "x\nb: y"), ("c", "z"))),
    ('[a: "x, b: y]", c: z]', graph(("a", "x, b: y]"), ("c()", "z"))),
    ("a: don't -> b: it's", graph(("a", "don't"), ("b", "it's"))),
    ("a: the users' list\nb: the clients' list", graph(("a", "the users' list"), ("b", "the clients' list"))),
    ('a: 5" disk -> b: 3" disk', graph(("a", '5" disk'), ("b", '3" disk'))),
    ('a: "open\nb: say "x"', graph(("a", '"open'), ("b", 'say "x"'))),
    ('a: "x" and "y" -> b: z', graph(("a", '"x" and "y"'), ("b", "z"))),
    ('a: "  x "', graph(("a", "  x "))),
    # As phones and other programs write them.
    ("a: x\r\nb: y\r\n", graph(("a", "x"), ("b", "y"))),
    ("- a: x\n- b: y", graph(("a", "x"), ("b", "y"))),
    ("• a: x\n    ◦ b: y\n— c: z", graph(("a", "x"), ("b", "y"), ("c", "z"))),
    ("1. a: x\n2) b: y", graph(("a", "x"), ("b", "y"))),
    ("- [ ] a: x\n- [x] b: y\n[ ] c: z", graph(("a", "x"), ("b", "y"), ("c", "z"))),
    ("**a**: x\n**b:** y\n`c`: z\n*?ok*", graph(("a", "x"), ("b", "y"), ("c", "z"), ("?ok", ""))),
    ("```\na: x\nb: y\n```", graph(("a", "x"), ("b", "y"))),
    ("```text\nT:\na: x\n```", replace(graph(("a", "x")), title="T")),
    ("T:\n```\na: x\nb: y\n```", replace(graph(("a", "x"), ("b", "y")), title="T")),
    ("`a: x -> b: y`", graph(("a", "x"), ("b", "y"))),
    ("a:\u00a0x -> b:\u00a0y", graph(("a", "x"), ("b", "y"))),
    ("a: x -> b:“y”", graph(("a", "x"), ("b", "y"))),
    ("\n\na: x", graph(("a", "x"))),
    # Options.
    ("--repo shop a: x -> b: y", graph(("a", "x"), ("b", "y"), repo="shop")),
    ("--repo shop\nT: a: x", replace(graph(("a", "x"), repo="shop"), title="T")),
    ("—model opus --base=main --timeout 1h a: x", graph(("a", "x"), model="opus", base="main", timeout=timedelta(hours=1))),
    ("--budget 2.50 a: x", replace(graph(("a", "x")), budget=Decimal("2.50"))),
    ("--on-failure Stop a: x", replace(graph(("a", "x")), on_failure=OnFailure.STOP)),
    ("—on-failure=ask a: x", replace(graph(("a", "x")), on_failure=OnFailure.ASK)),
    ("-- a: x", graph(("a", "x"))),
    ("--repo shop ```\na: x\n```", graph(("a", "x"), repo="shop")),
]  # fmt: skip


def test_there_are_enough_of_them() -> None:
    assert len({text for text, _ in TEXTS}) == len(TEXTS) >= 60


@pytest.mark.parametrize(("text", "expected"), TEXTS, ids=lambda value: str(value)[:50])
def test_what_is_a_step_and_what_is_text(text: str, expected: WorkflowSpec) -> None:
    assert read(text) == expected


@pytest.mark.parametrize("expected", [row[1] for row in TEXTS], ids=lambda _: "")
def test_the_text_for_editing_gives_the_same(expected: WorkflowSpec) -> None:
    assert read(write(expected)) == expected


def test_what_is_written() -> None:
    text = "--repo shop t: [a: x, b: y] -> ?ok: so? -> c(needs b): z -> d(needs nothing): 'b: w'"
    read_once = read(text)
    assert isinstance(read_once, WorkflowSpec)
    assert write(read_once) == (
        "--repo shop\nt:\na: x\nb(needs nothing): y\n?ok(needs a, b): so?\n"
        "c(needs b): z\nd(needs nothing): b: w"
    )


NO_STEP = (
    "There is no step in this. Give each step a key and a colon, for example "
    "`workflow design: Write the spec -> test: Write tests`."
)
NO_KEY = (
    "a title ends with a colon, and a step begins with its key and a colon: "
    "`design: Write the spec`."
)
UNSAFE = (
    "cannot be the key of a step. A key has up to 40 of a-z, 0-9, - and _ and begins with a "
    "letter; `w12` is kept for workflows. Text goes into quotation marks."
)
LOOSE = "this may be a step or text. For a step type"
OPEN = "this bracket does not end."
IN_BRACKETS = "in brackets steps stand side by side"
LONG = "k" * 41

REFUSALS: list[tuple[str, str, str]] = [
    ("", NO_STEP, ""),
    (" \n ", NO_STEP, ""),
    ("fix the login", NO_STEP, ""),
    ("fix the login at 10:30, please", NO_STEP, ""),
    ("--repo shop", NO_STEP, ""),
    ("see https://example.org", NO_STEP, ""),
    ("design:", "At “design:”: the task of `design` is missing.", ""),
    ("Build it\na: x\nb: y", f"Line 1, at “Build it”: {NO_KEY}", "Build it:\na: x\nb: y"),
    ("Build it -> b: y", f"At “Build it -> b: y”: {NO_KEY}", "build: Build it -> b: y"),
    ("12 monkeys -> b: y", f"At “12 monkeys -> b: y”: {NO_KEY}", "step-12: 12 monkeys -> b: y"),
    ("a:x -> b:y", f"At “a:x -> b:y”: {LOOSE} `a: `", "a: x -> b: y"),
    ("a: x\nb:y", f"Line 2, at “b:y”: {LOOSE} `b: `", "a: x\nb: y"),
    ("a : x -> b : y", f"At “a : x -> b : y”: {LOOSE} `a: `", "a: x -> b: y"),
    ("[a: x, b: y]\nc:z", f"Line 2, at “c:z”: {LOOSE} `c: `", "[a: x, b: y]\nc: z"),
    ("a: -> b: y", "At “a: -> b: y”: the task of `a` is missing.", ""),
    ("t: a: x -> b:", "At “b:”: the task of `b` is missing.", ""),
    ("a: x\nb:\nc: y", "Line 2, at “b:”: the task of `b` is missing.", ""),
    ('a: x -> b: ""', 'At “b: ""”: This workflow cannot be: the task is empty.', ""),
    ("[a: x, b:]", "At “b:]”: the task of `b` is missing.", ""),
    ("[a: , b: y]", "the task of `a` is missing", ""),
    ("a: x -> a: y", "At “a: y”: two steps have the key `a`. Rename one of them.", "a: x -> a-2: y"),
    ("a: x -> a-2: z -> A: y", "At “A: y”: two steps have the key `a`.", "a: x -> a-2: z -> A-3: y"),
    ("w12: x", f"At “w12: x”: “w12” {UNSAFE}", "step-w12: x"),
    ("1: x\n2: y", f"Line 1, at “1: x”: “1” {UNSAFE}", "step-1: x\nstep-2: y"),
    ("Größe: x -> b: y", f"At “Größe: x -> b: y”: “Größe” {UNSAFE}", "grosse: x -> b: y"),
    ("设计: x", f"At “设计: x”: “设计” {UNSAFE}", "step: x"),
    (f"{LONG}: x", f"“{LONG}” {UNSAFE}", f"{LONG[:40]}: x"),
    ("a: x -> b(needs z): y", "At “b(needs z): y”: `b` needs “z”, and there is no such step. The steps are a, b.", ""),
    ("design: x -> b(needs desing): y", "`b` needs “desing”", "design: x -> b(needs design): y"),
    ("a: x -> b(needs b): y", "This workflow cannot be: the steps wait for each other: b → b", ""),
    ("a(needs c): x -> b: y -> c: z", "the steps wait for each other: ", ""),
    ("a: x -> b(needs a: y", "At “b(needs a: y”: the needs of `b` do not end.", "a: x -> b(needs a): y"),
    ("a: x -> b(needs a", "At “b(needs a”: the needs of `b` do not end.", ""),
    ("a: x -> b(needs a) y", "At “b(needs a) y”: a colon is missing between `b` and", "a: x -> b(needs a): y"),
    ("a: x -> b(needs a)", "At “b(needs a)”: the task of `b` is missing.", ""),
    ("a: x -> ?ok go on -> b: y", "At “?ok go on -> b: y”: a colon is missing between `ok` and", "a: x -> ?ok: go on -> b: y"),
    ("a: x -> ?ok:go on", "At “?ok:go on”: a colon is missing", "a: x -> ?ok: go on"),
    ("a: x -> [b: y, c: z", f"At “[b: y, c: z”: {OPEN}", "a: x -> [b: y, c: z]"),
    ("[a: x, b: y\nc: z", f"Line 1, at “[a: x, b: y”: {OPEN}", ""),
    ("[a: the [ sign, b: y]", f"At “[a: the [ sign, b: y]”: {OPEN}", ""),
    ("[a: x, b: y].", f"At “[a: x, b: y].”: {OPEN}", "[a: x, b: y]"),
    ("[a: x, b: y -> c: z", f"At “-> c: z”: {IN_BRACKETS}", "[a: x, b: y] -> c: z"),
    ("[a: x -> b: y, c: z]", f"At “-> b: y, c: z]”: {IN_BRACKETS}", ""),
    ("[a: x, b: y] c: z", "At “] c: z”: an arrow ` -> ` or a new line is missing", "[a: x, b: y] -> c: z"),
    ("[a: x, [b: y, c: z]]", "At “[b: y, c: z]]”: a step is expected here, like `key: task`.", ""),
    ("[a: x, b: y]\nand so on", "Line 2, at “and so on”: after a bracket a step is expected", ""),
    ("[a: x, b: y] -> and so on", "At “and so on”: after a bracket a step is expected", ""),
    ("--role dev a: x", "There is no option “--role”. The options are `--repo`,", ""),
    ("--rpeo shop a: x", "Did you mean `--repo`?", "--repo shop a: x"),
    ("--on-failur stop a:x", "Did you mean `--on-failure`?", "--on-failure stop a: x"),
    ("--on-failure explode a: x", "“explode” cannot be the value of `--on-failure`. It can be continue, stop, ask.", ""),
    ("--budget lots a: x", "“lots” is no amount.", ""),
    ("--timeout 1s a: x", "out of bounds", ""),
    ("--repo a --repo b a: x", "`--repo` is given twice.", ""),
    ("--repo", "`--repo` needs a value", ""),
    ("\n".join(f"s{n}: x" for n in range(MOST_NODES + 1)), "the workflow has 51 steps; at most 50", ""),
    ("t" * (MAX_TITLE + 1) + ": a: x", "the title has at most 120 characters", ""),
    ("a: y -> b: " + "x" * 30_001, "the task has 30,001 characters; at most 30,000", ""),
    ("?ok: " + "x" * 2_001, "a gate's question has at most 2,000 characters", ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "reason", "suggestion"), REFUSALS, ids=lambda value: value[:50])
def test_refusals(text: str, reason: str, suggestion: str) -> None:
    refusal = read(text)
    assert isinstance(refusal, Refusal)
    assert reason in refusal.reason
    assert refusal.suggestion == (f"workflow {suggestion}" if suggestion else "")
    assert refusal.input == text
    assert len(refusal.reason) < 300
    assert refusal.reason.endswith((".", "?"))
    if suggestion:
        assert isinstance(read(suggestion), WorkflowSpec)


OPENERS = ['"', "'", "“", "„", "‘", "«", "`", "```", "["]
PIECES = [
    *OPENERS, "”", "’", "»", "]", "(", ")", "{", "}", ",", ":", "?", "->", "→", "—>", "-", "•", "*",
    "1.", "[ ]", "[x]", "\n", " ", "\t", "\u00a0", "\u2028", "a", "ab", "w1", "a: ", "b:", ": ",
    " -> b: ", "\nb: ", ", c: ", "?g", "\n?g", "a(needs ", "needs", "nothing", "and", ")", "--",
    "--repo ", "—model", "x.y", "https://x", "10:30", "C:\\", "ß", "🙂", "**", "``",
]  # fmt: skip
WORDS = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
ANY = st.one_of(WORDS, st.text(max_size=20))
KEYS = st.one_of(
    st.sampled_from(["a", "b", "z", "nothing", "and", "needs", "note", "k" * 40]),
    st.from_regex(r"[a-z][a-z0-9_-]{0,5}", fullmatch=True),
).filter(is_key)
VALUES = st.sampled_from(["", "main", "a/b", "a:b", "x,y"])


def sayable(text: str) -> bool:
    """Whether some quotation marks can stand around it, and its line ends are those of Unix."""
    return "\r" not in text and not set("'’\"”“»") <= set(text)


def is_task(text: str) -> bool:
    """Whether an agent can be given it."""
    with suppress(InvalidSpec):
        return bool(AgentSpec(text))
    return False


TASKS = ANY.filter(is_task).filter(sayable)


@st.composite
def workflows(draw: st.DrawFn) -> WorkflowSpec:
    """Any workflow that the text can express."""
    keys = draw(st.lists(KEYS, min_size=1, max_size=6, unique=True))
    order = draw(st.permutations(keys))
    shared: dict[str, Any] = {name: draw(VALUES) for name in ("repo", "base", "model")}
    shared["timeout"] = draw(
        st.none() | st.integers(10, 86_400).map(lambda s: timedelta(seconds=s))
    )
    nodes = []
    agents = False
    for key in keys:
        before = order[: order.index(key)]
        needs = tuple(draw(st.lists(st.sampled_from(before), unique=True))) if before else ()
        if draw(st.booleans()):
            nodes.append(NodeSpec(key, GateSpec(draw(ANY.filter(sayable))), needs))
        else:
            agents = True
            nodes.append(NodeSpec(key, AgentSpec(draw(TASKS), **shared), needs))
    if not agents:
        nodes[0] = replace(nodes[0], does=AgentSpec(draw(TASKS), **shared))
    title = " ".join(draw(ANY).split())[:MAX_TITLE].strip()
    for mark in '"“”»«':
        title = title.replace(mark, "")
    return WorkflowSpec(
        " ".join(title.split()),
        tuple(nodes),
        draw(st.sampled_from(OnFailure)),
        draw(st.none() | st.decimals("0.01", "1000", places=2)),
    )


@given(workflows())
def test_what_is_written_is_read_as_the_same(spec: WorkflowSpec) -> None:
    assert read(write(spec)) == spec


@given(ANY, st.sampled_from(["", "a: ", "t: a: ", "[a: x, ", "--repo x "]))
def test_any_text_is_a_workflow_or_refused_with_a_sentence(text: str, front: str) -> None:
    outcome = read(front + text)
    if isinstance(outcome, WorkflowSpec):
        again = read(write(outcome))
        assert isinstance(again, WorkflowSpec)
        assert [node.needs for node in again.nodes] == [node.needs for node in outcome.nodes]
    else:
        assert outcome.input == front + text
        assert outcome.reason.rstrip().endswith((".", "?"))
        if outcome.suggestion:
            assert isinstance(read(outcome.suggestion.removeprefix("workflow ")), WorkflowSpec)


@given(ANY, ANY)
def test_quotation_marks_protect_all_that_is_in_them(one: str, other: str) -> None:
    said = f"x{one}x".replace('"', "").replace("\r", "")
    outcome = read(f'a: "{said}" -> b: y')
    assert outcome == graph(("a", said), ("b", "y"))


MANY = [
    *PIECES,
    "\na: '",
    '\na: "x',
    " “x",
    "[a: ",
    ", a: ",
    "a(needs ",
    " ->",
    "\n- ",
    "`` ",
    "] ",
    "x: ",
]


@pytest.mark.parametrize("piece", MANY)
@pytest.mark.parametrize("front", ["a: ", "[a: "])
def test_long_texts_take_linear_time(front: str, piece: str) -> None:
    """What is quadratic takes minutes with so many characters; the limit leaves room for load."""
    text = front + (piece * 30_000)[:30_000]
    began = time.process_time()
    outcome = read(text)
    if isinstance(outcome, WorkflowSpec):
        write(outcome)
    assert time.process_time() - began < 10


def test_the_words_of_steps_hold_no_step_of_their_own_after_writing() -> None:
    every = "x\nb: ' \" ” ’ “ » «"
    spec = WorkflowSpec("", (NodeSpec("a", AgentSpec(every)),))
    again = read(write(spec))
    assert isinstance(again, WorkflowSpec)
    assert [node.key for node in again.nodes] == ["a"]


def test_a_slash_command_and_a_mention_mean_the_same() -> None:
    for text in ("workflow a: x -> b: y", "Workflow\na: x\nb: y", "/agent workflow: a: x\nb: y"):
        for default in DEFAULTS:
            command = parse(text, default=default)
            assert command == parse("workflow a: x -> b: y", default="refuse")
