"""What a planning agent may answer, and the workflow that this is."""

import json
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal

import jsonschema
import pytest

from bot.grammar import Plan as Ask
from bot.grammar import Refusal
from bot.meaning import Thread, changes
from bot.parsing import parse
from engine import proposals
from engine.dag import GateSpec, NodeSpec, WorkflowSpec
from engine.demo_model.brain import answer
from engine.demo_model.conversation import Conversation, Result
from engine.demo_model.planning import ANSWER
from engine.errors import InvalidSpec
from engine.matters import Plan
from engine.planner import MOST_STEPS, SCHEMA, carried, instructions, proposed, standing
from engine.spec import AgentSpec, Context, Origin, Person
from engine.states import InquiryKind, OnFailure
from engine.votes import Inquiry

GOAL = AgentSpec("Add accounts", repo="shop", base="main", model="m", context=Context("said", 2))
GOOD: dict[str, Any] = {
    "title": " Add \n accounts ",
    "nodes": [
        {"key": "design", "task": "Write the design", "role": "architect"},
        {"key": "ok", "question": "Is the design good?", "needs": ["design"]},
        {"key": "build", "task": "Build it", "needs": ["ok"]},
        {"key": "review", "task": "Review it", "needs": ["build"], "reads_only": True},
    ],
}


def node(**facts: Any) -> dict[str, Any]:
    """A proposal of one step."""
    return {"title": "t", "nodes": [{"key": "a", "task": "Do it", **facts}]}


def test_a_proposal_is_a_workflow_that_works_where_the_goal_says() -> None:
    jsonschema.validate(GOOD, dict(SCHEMA))
    spec = proposed(GOOD, GOAL)
    assert spec.title == "Add accounts"
    assert spec.context == GOAL.context
    design, gate, build, review = spec.nodes
    assert design.does == AgentSpec("Write the design", "architect", "shop", "main", "m")
    assert gate.does == GateSpec("Is the design good?")
    assert (gate.needs, build.needs) == (("design",), ("ok",))
    assert isinstance(review.does, AgentSpec)
    assert review.does.reads_only


BAD: list[tuple[Any, str]] = [
    (None, "without a plan"),
    ([], "without a plan"),
    ("text", "without a plan"),
    ({}, "at title"),
    ({"title": "t"}, "at nodes"),
    ({"title": "t", "nodes": []}, "no step"),
    ({"title": "x" * 121, "nodes": node()["nodes"]}, "at title"),
    (node(key="Bad Key"), "cannot be the key"),
    (node(key="w5"), "cannot be the key"),
    (node(key="a" * 41), "at nodes.0.key"),
    (node(question="Good?"), "either a task or"),
    (node(task=" "), "either a task or"),
    (node(task="x" * 4_001), "at nodes.0.task"),
    (node(needs=["b"]), "there is no such step"),
    (node(needs=["a"]), "wait for each other"),
    (node(needs="b"), "at nodes.0.needs"),
    (node(budget=3), "at nodes.0.budget"),
    (node(task="", question="Good?"), "nothing would be done"),
    ({"title": "t", "nodes": [*node()["nodes"]] * 2}, "two steps have the key"),
    (
        {"title": "t", "nodes": [{"key": f"n{n}", "task": "x"} for n in range(MOST_STEPS + 1)]},
        "at nodes",
    ),
    (
        {
            "title": "t",
            "nodes": [
                {"key": "a", "task": "x", "needs": ["b"]},
                {"key": "b", "task": "y", "needs": ["a"]},
            ],
        },
        "wait for each other",
    ),
]


@pytest.mark.parametrize(("data", "said"), BAD)
def test_what_is_no_plan_is_refused_with_the_place(data: Any, said: str) -> None:
    with pytest.raises(InvalidSpec) as refused:
        proposed(data, GOAL)
    assert said in refused.value.detail
    assert len(refused.value.detail) < 500


def test_where_nobody_decides_no_gate_is_taken_and_the_agent_is_told_so() -> None:
    with pytest.raises(InvalidSpec, match="nobody here may decide"):
        proposed(GOOD, GOAL, gates=False)
    assert "no gate" in instructions(gates=False)
    assert "no gate" not in instructions()


def test_what_can_be_neither_kept_nor_shown_is_left_out() -> None:
    spec = proposed({"title": "a\x00b", "nodes": [{"key": "a", "task": "x\x1b\ud800y"}]}, GOAL)
    said = spec.nodes[0].does
    assert isinstance(said, AgentSpec)
    assert (spec.title, said.task) == ("a b", "x  y")


def test_the_schema_is_plain_json_without_references() -> None:
    written = json.dumps(dict(SCHEMA))
    assert "$ref" not in written
    assert "$defs" not in written
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for data in ({"title": "t", "nodes": []}, node(budget=3), {}, node(key=3)):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(data, dict(SCHEMA))


def test_a_plan_that_is_shown_to_its_agent_again_reads_as_the_same_plan() -> None:
    spec = proposed(GOOD, GOAL)
    told = standing("Add accounts", spec)
    assert "The goal was:\nAdd accounts" in told
    assert proposed(json.loads(told[told.index("{") :]), GOAL) == spec


def test_a_new_version_keeps_what_people_have_settled() -> None:
    before = proposed(GOOD, GOAL)
    build = AgentSpec("Build it", repo="site", timeout=timedelta(minutes=5), check="make")
    gate = GateSpec("Good?", approvers=("U1",), quorum=2)
    settled = replace(
        before,
        nodes=(NodeSpec("ok", gate), NodeSpec("build", build, ("ok",))),
        budget=Decimal(3),
        on_failure=OnFailure.STOP,
    )
    after = carried(settled, proposed(GOOD, GOAL))
    by_key = {each.key: each.does for each in after.nodes}
    assert by_key["build"] == build
    assert by_key["ok"] == replace(gate, question="Is the design good?")
    assert isinstance(by_key["design"], AgentSpec)
    assert by_key["design"].repo == "shop"
    assert (after.budget, after.on_failure) == (Decimal(3), OnFailure.STOP)
    assert [each.needs for each in after.nodes] == [each.needs for each in before.nodes]


def talk(task: str, readme: str, *earlier: str) -> Conversation:
    """The demo model's talk once it has read the README."""
    read = Result("Read", {"file_path": "README.md"}, f"     1\t{readme}", failed=not readme)
    return Conversation(
        task, 1, (read,), frozenset({"Read", ANSWER}), "m", "s", earlier=tuple(earlier)
    )


@pytest.mark.parametrize("readme", ["# Calculator", "# Shop", ""])
def test_the_demo_model_plans_three_steps_and_a_gate(readme: str) -> None:
    [call] = answer(talk('Make it "nice"', readme)).calls
    spec = proposed(dict(call.arguments), GOAL)
    assert (len(spec.agents), len(spec.gates)) == (3, 1)
    assert readme.removeprefix("# ") in spec.nodes[2].does.question  # type: ignore[union-attr]
    for agent in spec.agents:
        assert isinstance(agent.does, AgentSpec)
        done = answer(Conversation(agent.does.task, 0, (), frozenset({"Read"}), "m", "s"))
        assert done.calls, agent.does.task


def test_the_demo_model_leaves_out_what_people_do_not_want() -> None:
    [call] = answer(talk("No summary either", "# Shop", "Goal", "without the gate please")).calls
    spec = proposed(dict(call.arguments), GOAL)
    assert [each.key for each in spec.nodes] == ["hello", "notes"]
    assert spec.nodes[1].needs == ()


def asked(number: int, planned_by: int) -> Inquiry:
    """A plan that waits."""
    spec = WorkflowSpec("t", (NodeSpec("docs", AgentSpec("x")),))
    return Inquiry(
        number,
        InquiryKind.PLAN,
        1,
        1,
        Origin("T/C", "1"),
        Person("U1", "Ann"),
        Plan(spec, planner=planned_by),
    )


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        ("make it two steps", True),
        ("skip the docs step", True),
        ("skip docs", True),
        ("start with the tests", True),
        ("Start", False),
        ("start!", False),
        ("approve", False),
        ("discard because it is too long", False),
        ("reject: too long", False),
        ("approve it without docs", False),
        ("retry", False),
    ],
)
def test_what_decides_nothing_changes_a_planning_agents_plan(text: str, *, changed: bool) -> None:
    draft = asked(1, 12)
    assert changes(Thread(inquiries=(draft,)), text) == (draft if changed else None)
    assert changes(Thread(inquiries=(asked(1, 0),)), text) is None
    assert changes(Thread(inquiries=(draft, asked(2, 13))), text) is None


def test_the_policy_says_who_plans_and_what_is_wanted() -> None:
    assert proposals.policy(gates=False) == {"plans": True, "gates": False, "schema": dict(SCHEMA)}


@pytest.mark.parametrize(
    ("typed", "default", "read"),
    [
        ("/agent plan Add accounts", "refuse", Ask(AgentSpec("Add accounts"))),
        ("plan: Add accounts", "spawn", Ask(AgentSpec("Add accounts"))),
        (
            'Plan --repo shop --budget 2 --timeout 5m "Add accounts"',
            "spawn",
            Ask(
                AgentSpec(
                    "Add accounts",
                    repo="shop",
                    budget=Decimal("2.0"),
                    timeout=timedelta(minutes=5),
                )
            ),
        ),
        ("plan", "spawn", "The goal is missing"),
        ("plan --role x y", "refuse", "There is no option"),
        ("plan --repos shop y", "refuse", "Did you mean `--repo`"),
    ],
)
def test_a_goal_is_typed_like_a_task(
    typed: str, default: Literal["spawn", "refuse"], read: Ask | str
) -> None:
    command = parse(typed, default=default)
    if isinstance(read, str):
        assert isinstance(command, Refusal)
        assert read in command.reason
        assert not command.suggestion or isinstance(parse(command.suggestion, default=default), Ask)
    else:
        assert command == read
