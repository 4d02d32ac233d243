"""What people read of workflows and inquiries: judged as every other message is."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from unicodedata import category

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bot import messages
from bot.messages import Message, Terms, buttons, causes, forms
from engine import (
    AgentSpec,
    AuditEntry,
    Card,
    Cause,
    Check,
    Conflict,
    Decision,
    Failure,
    FileChange,
    Gate,
    GateSpec,
    Handed,
    Inquiry,
    InquiryKind,
    InquiryStatus,
    Kind,
    Merge,
    NodeSpec,
    NodeView,
    Note,
    NoteKind,
    OnFailure,
    Origin,
    Person,
    Plan,
    Push,
    Sandbox,
    Status,
    Summary,
    Usage,
    Vote,
    Work,
    WorkflowSpec,
)
from engine.matters import KINDS, Matter
from engine.spec import INVISIBLE
from engine.votes import CHOICES
from tests.referee.referee import check_view
from tests.tables.test_messages import (
    ACTIVE,
    AT,
    CANCELLED,
    DONE,
    EVIL,
    FAILED,
    PENDING,
    WORK,
    judge,
    say,
    shown,
    wild,
)
from tests.tables.test_recipes import ENTRIES

ADA, BEN = Person("U1", "Ada"), Person("U2", "Ben")
SPEC = WorkflowSpec(
    "calculator",
    (
        NodeSpec("design", AgentSpec("Write calculator spec", repo="shop", reads_only=True)),
        NodeSpec("code", AgentSpec("Implement calculator", repo="shop"), ("design",)),
        NodeSpec("docs", AgentSpec("Write the manual", repo="shop"), ("design",)),
        NodeSpec("review", GateSpec("Good enough?", ("U7", "S8"), 2), ("code", "docs")),
        NodeSpec("test", AgentSpec("Write tests", repo="shop"), ("review", "code")),
    ),
)
DESIGN = replace(DONE, id=11, key="design", task="Write calculator spec")
CODE = replace(ACTIVE, id=12, key="code", needs=(11,), usage=Usage(cost=Decimal("0.12")))
REVIEW = replace(
    PENDING, id=13, key="review", kind=Kind.GATE, task="Good enough?", status=Status.WAITING,
    asks=InquiryKind.GATE, needs=(12,),
)  # fmt: skip
TEST = replace(PENDING, id=14, key="test", status=Status.BLOCKED, needs=(13,))
HANDED = Handed(12, "code", Kind.AGENT, "Implement", "shop", Status.COMPLETED, "It **adds**.", WORK)


def asked(matter: Matter, **changes: Any) -> Inquiry:
    node = None if isinstance(matter, Plan) else replace(DONE, asks=KINDS[type(matter)])
    made = Inquiry(
        7, KINDS[type(matter)], 1, 5, Origin("T1/C1", "1.2"), ADA, matter, node,
        opened_at=AT, expires_at=AT + timedelta(days=7),
    )  # fmt: skip
    return replace(made, **changes)


PLAN = asked(Plan(SPEC, "calculator: …"))
GATE = asked(Gate("Good enough?", (HANDED,), ("code", "design")), node=REVIEW)
PUSH = asked(Push("agent/12-fix", "c" * 40, (".github/workflows/ci.yml",)))
CONFLICT = asked(Conflict(("a.py", "b.py"), ("a" * 40, "b" * 40), "resolve/12"))
FAILURE = asked(Failure("exit code 1"), node=replace(FAILED, key="test"))
MERGE = asked(Merge("d" * 40, "main"))
KNOWN = (PLAN, GATE, PUSH, CONFLICT, FAILURE, MERGE)


def decided(inquiry: Inquiry, decision: Decision, *by: Person, comment: str = "") -> Inquiry:
    votes = tuple(Vote(each, decision, comment, AT) for each in by)
    return replace(inquiry, status=InquiryStatus.DECIDED, decision=decision, votes=votes)


SENT_BACK = decided(GATE, Decision.SEND_BACK, BEN, comment="it lacks division")
MERGEABLE = replace(DONE, work=replace(WORK, onto="main", commit="c" * 40))
LANDED = replace(DONE, work=Work(), lands="c" * 40, result="Merged cccccccccc into main.")


def card(*nodes: NodeView, title: str = "calculator", **more: Any) -> Message:
    return say.card(Card(5, 1, nodes, 4, 4, title=title, **more))


def summary(*nodes: NodeView, **changes: Any) -> Summary:
    statuses = [node.status for node in nodes]
    made = Summary(
        5, "calculator", ADA, Status.COMPLETED, AT, nodes,
        {status: statuses.count(status) for status in set(statuses)},
        Usage(5, 5, Decimal("1.23"), 30), 300_000, WORK if nodes else Work(),
    )  # fmt: skip
    return replace(made, **changes)


BROKEN = replace(FAILED, id=12, key="code", error="no such module")
LEFT_OUT = replace(PENDING, id=14, key="test", status=Status.SKIPPED, skipped_for=12)

SITUATIONS: dict[str, tuple[Message, str]] = {
    "audit": (
        say.audit(5, [AuditEntry(AT, ADA, "decided", "approve", 12, 3, 1, "d" * 32, "action:1")]),
        "Who did what about w5: 1 act",
    ),
    "audit of nothing": (say.audit(5, []), "Who did what about w5: 0 acts"),
    "recipes": (say.recipes_listed(ENTRIES), "2 workflows to run, 1 file with an error"),
    "plan": (say.opened(PLAN, ["U1"]), "Plan for w5 “calculator”: start it? (5 steps)"),
    "plan without a title": (
        say.opened(asked(Plan(replace(SPEC, title="", nodes=SPEC.nodes[:1]))), ["U1"]),
        "Plan for w5: start it? (1 step)",
    ),
    "plan, again": (
        say.opened(PLAN, ["U1"], again=True),
        "Reminder: Plan for w5 “calculator”: start it? (5 steps)",
    ),
    "plan, changed": (
        say.opened(replace(PLAN, revision=2), ["U1"], again=True),
        "Version 2: Plan for w5 “calculator”: start it? (5 steps)",
    ),
    "plan started": (
        say.closed(decided(PLAN, Decision.APPROVE, ADA)),
        "Started: plan for w5 “calculator”, 5 steps",
    ),
    "plan discarded": (
        say.closed(decided(PLAN, Decision.REJECT, ADA)),
        "Discarded: plan for w5 “calculator”, 5 steps",
    ),
    "plan changed": (say.closed(PLAN), "Changed: plan for w5 “calculator”, 5 steps"),
    "gate": (say.opened(GATE, ["U2"]), "Approval wanted at gate w5.review: Good enough?"),
    "gate expired": (
        say.closed(replace(GATE, status=InquiryStatus.EXPIRED)),
        "Not decided in time: gate w5.review: Good enough?",
    ),
    "gate withdrawn": (
        say.closed(replace(GATE, status=InquiryStatus.WITHDRAWN)),
        "Not asked any more: gate w5.review: Good enough?",
    ),
    "gate sent back": (
        say.closed(replace(SENT_BACK, votes=(replace(SENT_BACK.votes[0], target="design"),))),
        "Sent back to design: gate w5.review: Good enough?",
    ),
    "push": (
        say.opened(PUSH, ["U2"]),
        "Agent 12 changed 1 protected file: push its branch?: Fix the login",
    ),
    "push left": (
        say.closed(decided(PUSH, Decision.REJECT, BEN)),
        "Not pushed: push of agent 12: Fix the login",
    ),
    "conflict": (
        say.opened(CONFLICT, ["U1"]),
        "Merge conflict before agent 12, in 2 files: who resolves it?",
    ),
    "failure": (
        say.opened(FAILURE, ["U1"]),
        "w5.test failed: try it again, or go on without it?: Fix the login",
    ),
    "merge of what another agent did": (
        say.opened(asked(Merge("d" * 40, "main", 3)), ["U2"]),
        "Merge the work of agent 3 into main?",
    ),
    "merged": (say.ended(LANDED, AT), "Agent 12 is done: Fix the login"),
    "grown": (say.added(12), "Agent 12 begins when what it goes on from is done"),
    "nothing to grow from": (
        say.nothing_before(),
        "There is no agent in this thread to go on from. Leave out then: to start one.",
    ),
    "merge": (
        say.opened(MERGE, ["U2"]),
        "Merge the work of agent 12 into main?: Fix the login",
    ),
    "card of a plan": (
        card(inquiries=(PLAN,)),
        "Workflow w5 “calculator”: the plan waits to be started",
    ),
    "card of nothing": (card(), "Workflow w5 “calculator”: nothing was started"),
    "card of a graph": (
        card(DESIGN, CODE, REVIEW, TEST, inquiries=(GATE,)),
        "Workflow w5 “calculator”: 1 of 4 done, waiting for approval at review",
    ),
    "card with a failure": (
        card(DESIGN, BROKEN, LEFT_OUT),
        "Workflow w5 “calculator”: 1 of 3 done, 1 failed, 1 skipped",
    ),
    "card with two questions": (
        card(DESIGN, CODE, inquiries=(GATE, PUSH)),
        "Workflow w5 “calculator”: 1 of 2 done, waiting for 2 decisions",
    ),
    "card of a large graph": (
        card(*[replace(DESIGN, id=i) for i in range(50)], counts={Status.COMPLETED: 1000}),
        "Workflow w5 “calculator”: 1,000 of 1,000 done",
    ),
    "card of an agent whose push waits": (
        card(replace(DONE, status=Status.WAITING, asks=InquiryKind.PUSH), inquiries=(PUSH,)),
        "Agent 12 waits for approval of its push: Fix the login",
    ),
    "workflow done": (
        say.summed_up(summary(DESIGN, replace(DONE, key="code")), AT),
        "Workflow w5 “calculator” is done: 2 of 2 done, $1.23",
    ),
    "workflow failed": (
        say.summed_up(summary(DESIGN, BROKEN, LEFT_OUT, status=Status.FAILED), AT),
        "Workflow w5 “calculator” failed: 1 of 3 done, 1 failed, 1 skipped, $1.23 (Retry?)",
    ),
    "workflow stopped": (
        say.summed_up(summary(DESIGN, replace(CANCELLED, key="code"), status=Status.CANCELLED), AT),
        "Workflow w5 “calculator” was stopped: 1 of 2 done, 1 stopped, $1.23",
    ),
    "plan never begun": (
        say.summed_up(summary(status=Status.CANCELLED, reason="discarded by Ada"), AT),
        "Workflow w5 “calculator” was not started: discarded by Ada",
    ),
    "node failed": (
        say.node_failed(BROKEN, AT),
        "w5.code failed, it ran out of time; the others go on (Retry?): Fix the login",
    ),
    "graph": (say.graph(Card(5, 1, (DESIGN, CODE))), "Workflow w5: 1 of 2 done"),
    "graph of a plan": (say.plan_graph(SPEC), "Plan: calculator, 5 steps"),
    "planned": (
        say.planned(5),
        "Plan w5 is in the thread; it starts when somebody presses Start",
    ),
    "plan was changed": (
        say.plan_changed(5),
        "Plan w5 is changed; the new version is in the thread",
    ),
    "counted": (
        say.voted(replace(GATE, quorum=2, votes=(Vote(ADA, Decision.APPROVE),))),
        "Counted: 1 of 2 approvals",
    ),
    "counted and enough": (
        say.voted(decided(GATE, Decision.APPROVE, ADA)),
        "Your decision counts: approved",
    ),
    "too late": (
        say.decided_late(decided(GATE, Decision.APPROVE, ADA, BEN)),
        "Too late: approved already by Ada, Ben at 14:02 UTC",
    ),
    "too late, expired": (
        say.decided_late(replace(PUSH, status=InquiryStatus.EXPIRED)),
        "Too late: nobody decided in time, so the branch stays where it is",
    ),
    "too late, withdrawn": (
        say.decided_late(replace(GATE, status=InquiryStatus.WITHDRAWN)),
        "Too late: this is not asked any more, what it was about is gone",
    ),
    "changed meanwhile": (
        say.decided_late(replace(PLAN, revision=2)),
        "This was changed meanwhile; decide about the newer version in the thread",
    ),
    "has voted": (
        say.has_voted(),
        "You have decided about this already; one decision of each person counts",
    ),
    "nothing to decide": (
        say.which_inquiry(()),
        "Nothing waits for a decision in this thread",
    ),
    "no decision": (
        say.which_inquiry((GATE,)),
        "That does not decide about w5.review. Type approve or reject because … or send back because … and nothing else",
    ),
    "several to decide": (
        say.which_inquiry((PLAN, GATE, PUSH)),
        "3 decisions are open: plan w5, w5.review, agent 12. Press a button, or name the step",
    ),
    "passed on": (say.passed_on(12), "Agent 12 gets this at its next step"),
    "goes on": (say.goes_on(13), "Agent 13 goes on with it"),
    "skipped": (say.skipped(12), "Agent 12 is skipped; what waited for it goes on without it"),
    "graph follows": (say.graph_follows(5), "The graph of w5 follows in its thread"),
    "workflow stopping": (
        say.workflow_stopping(5),
        "Workflow w5 is being stopped; what was done is kept",
    ),
    "no agent but a gate": (
        say.is_gate(REVIEW, "diff"),
        "w5.review is a gate, where people decide; diff is about agents.",
    ),
    "not to be skipped": (
        say.cannot_skip(DONE),
        "Agent 12 is completed; only what failed or has not begun is skipped.",
    ),
    "no workflow": (
        say.no_workflow(),
        "This thread has no workflow. Type graph w5 with the workflow's number.",
    ),
    "pressed too slowly": (
        say.press_again(),
        "That took too long for Slack. Press the button once more.",
    ),
    "several to stop": (
        say.which_to_stop((CODE, TEST)),
        "Which agent? Nothing was stopped. Press Stop, or type its number: stop 12",
    ),
    "said to nobody": (
        say.not_a_step(2),
        "2 agents could be meant. Begin with the step's key or the agent's number: 12: use sqlite.",
    ),
    "workflow ended": (
        say.workflow_ended(5),
        "Workflow w5 has ended; there is nothing to stop",
    ),
}


@pytest.mark.parametrize("name", SITUATIONS)
def test_slack_takes_it_and_a_phone_shows_it(name: str) -> None:
    message, text = SITUATIONS[name]
    judge(message)
    assert message.text == text
    assert len(text.split()) >= 3
    assert not text.endswith((":", ",", "("))
    assert not re.search(r"[`*_<>]|\b(this message|below|above)\b", text)


def elements(message: Message) -> list[dict[str, Any]]:
    """Everything that can be pressed."""
    found = [element for block in message.blocks for element in block.get("elements", [])]
    found += [block["accessory"] for block in message.blocks if "accessory" in block]
    return [element for element in found if "action_id" in element]


def labels(message: Message) -> list[str]:
    return [element["text"]["text"] for element in elements(message) if "text" in element]


BUTTONS = [
    (PLAN, ["Start", "Edit", "Discard", "Show graph"]),
    (GATE, ["Approve", "Reject", "Send back…", "With a comment…", "View diff"]),
    (
        replace(GATE, matter=Gate("?", ()), kind=InquiryKind.GATE),
        ["Approve", "Reject", "With a comment…"],
    ),
    (PUSH, ["Approve & push", "Leave it here", "View diff"]),
    (CONFLICT, ["Resolve with an agent", "I resolved it", "Stop"]),
    (FAILURE, ["Retry", "Retry with advice…", "Skip", "Stop"]),
    (MERGE, ["Approve & merge", "Do not merge", "View diff"]),
]


@pytest.mark.parametrize(("inquiry", "pressed"), BUTTONS)
def test_what_is_asked_has_its_buttons_and_what_was_decided_has_none(
    inquiry: Inquiry, pressed: list[str]
) -> None:
    assert labels(messages.opened(inquiry, ["U1"])) == pressed
    assert elements(messages.closed(inquiry)) == []


@pytest.mark.parametrize("inquiry", KNOWN)
def test_every_button_about_an_inquiry_carries_what_was_shown(inquiry: Inquiry) -> None:
    made = elements(messages.opened(inquiry, ["U1"]))
    about = [e for e in made if e["action_id"].startswith(("inquiry.", "plan."))]
    assert {e["value"] for e in about} == {"7.1"}
    assert len({e["action_id"] for e in about}) == len(about)


@pytest.mark.parametrize("inquiry", KNOWN)
def test_every_decision_that_is_possible_can_be_pressed(inquiry: Inquiry) -> None:
    pressed = {e["action_id"] for e in elements(messages.opened(inquiry, ["U1"]))}
    direct = {buttons.DECISIONS[action] for action in pressed if action in buttons.DECISIONS}
    by_form = {Decision.SEND_BACK} if buttons.SEND_BACK in pressed else set()
    assert direct | by_form == set(CHOICES[inquiry.kind])


@pytest.mark.parametrize("inquiry", KNOWN)
@pytest.mark.parametrize("status", InquiryStatus)
def test_how_it_was_closed_is_said(inquiry: Inquiry, status: InquiryStatus) -> None:
    for decision in CHOICES[inquiry.kind]:
        message = messages.closed(replace(decided(inquiry, decision, BEN), status=status))
        judge(message)
        told = shown(message)
        assert ("<@U2>" in told) == (status is InquiryStatus.DECIDED)
        assert ("newer" in told) == (status is InquiryStatus.OPEN)


def test_who_decides_is_mentioned_and_nobody_else() -> None:
    told = shown(messages.opened(PLAN, ["U7", "S8"]))
    assert re.findall(r"<[@!][^d][^>]*>", told) == ["<@U7>", "<!subteam^S8>"]
    many = shown(messages.opened(PLAN, [f"U{i}" for i in range(100, 125)]))
    assert many.count("<@U") == 10
    assert "and 15 more" in many
    assert "every full member" in shown(messages.opened(PLAN, ["*"]))
    assert "Nobody can decide" in shown(messages.opened(PLAN, []))


def lines(message: Message) -> list[tuple[int, str]]:
    """The lines of the list in a message, each with how far it is moved in."""
    (listed,) = [
        block["elements"]
        for block in message.blocks
        if block["type"] == "rich_text" and block["elements"][0]["type"] == "rich_text_list"
    ]
    return [
        (part["indent"], "".join(run["text"] for run in line["elements"]))
        for part in listed
        for line in part["elements"]
    ]


def test_a_plan_is_a_list_for_a_phone() -> None:
    terms = Terms(names={"U7": "Cleo", "S8": "testers"})
    assert lines(messages.opened(PLAN, ["U1"], terms=terms)) == [
        (0, "design: Write calculator spec (reads only)"),
        (1, "code: Implement calculator (edits, shell in a sandbox)"),
        (1, "docs: Write the manual (edits, shell in a sandbox)"),
        (0, "review (gate): Good enough? (2 approvals of Cleo, testers)"),
        (0, "test: Write tests (edits, shell in a sandbox; after review, code)"),
    ]


def test_a_plan_says_where_with_what_and_for_how_much() -> None:
    terms = Terms("opus", Decimal(5), None, Sandbox.OFF, merges=True)
    told = shown(messages.opened(PLAN, ["U1"], terms=terms))
    for fact in (
        "Repository `shop`", "model `opus`", "costs at most $20.00", "merged into one branch",
        "without a sandbox", "other branches go on", "the plan is discarded",
    ):  # fmt: skip
        assert fact in told


@pytest.mark.parametrize(
    ("own", "each", "budget", "said"),
    [
        (None, None, None, "$30.00"),
        (None, "5", None, "$20.00"),
        (None, "9", None, "$30.00"),
        ("2", "5", None, "$17.00"),
        (None, "5", "9.50", "$9.50"),
        (None, "5", "99", "$20.00"),
        (None, None, "9", "$9.00"),
        ("2", None, None, "$30.00"),
    ],
)
def test_what_a_plan_costs_at_most(
    own: str | None, each: str | None, budget: str | None, said: str
) -> None:
    first = AgentSpec("Write", repo="shop", budget=Decimal(own) if own else None)
    nodes = (NodeSpec("design", first), *SPEC.nodes[1:])
    spec = replace(SPEC, nodes=nodes, budget=Decimal(budget) if budget else None)
    terms = Terms(budget=Decimal(each) if each else None, whole=Decimal(30))
    told = shown(messages.opened(asked(Plan(spec)), ["U1"], terms=terms))
    assert f"costs at most {said}" in told


def test_work_that_can_be_merged_has_a_button_for_that() -> None:
    button = {"agent.merge": f"12.{'c' * 40}"}
    for node, there in (
        (MERGEABLE, True),
        (replace(MERGEABLE, work=replace(MERGEABLE.work, onto="")), False),
        (replace(MERGEABLE, work=replace(MERGEABLE.work, base_commit="c" * 40)), False),
        (replace(MERGEABLE, status=Status.FAILED), False),
    ):
        ended = messages.ended(node, AT)
        assert (button.items() <= pressing(ended).items()) is there
        assert ("Merge into main…" in labels(ended)) is there
    whole = summary(DESIGN, MERGEABLE, work=MERGEABLE.work)
    assert button.items() <= pressing(messages.summed_up(whole, AT)).items()
    unchanged = replace(MERGEABLE.work, base_commit="c" * 40, files=())
    merged = replace(MERGEABLE, work=unchanged)  # of several, by no model
    whole = summary(replace(DESIGN, work=WORK), merged, work=unchanged)
    assert button.items() <= pressing(messages.summed_up(whole, AT)).items()


def pressing(message: Message) -> dict[str, str]:
    return {element["action_id"]: element.get("value", "") for element in elements(message)}


def test_a_send_back_names_the_step() -> None:
    closed = SITUATIONS["gate sent back"][0]
    assert "*Sent back* to `design` by <@U2>" in shown(closed)
    assert "Ben: it lacks division" in shown(closed)


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (OnFailure.CONTINUE, "other branches go on"),
        (OnFailure.STOP, "nothing new is started"),
        (OnFailure.ASK, "you are asked"),
    ],
)
def test_a_plan_says_what_a_failure_does(policy: OnFailure, said: str) -> None:
    plan = asked(Plan(replace(SPEC, on_failure=policy)))
    assert said in shown(messages.opened(plan, ["U1"]))


def test_a_gate_shows_what_is_decided() -> None:
    told = shown(messages.opened(replace(GATE, quorum=2), ["U2"]))
    for fact in (
        "Good enough?", "It **adds**.", "`pytest -q` passed", "2 files +40", "`agent/12-fix-the-login`",
        "`bbbbbbbbbb`", "0 of 2 approvals", "(agent 12) *is done*",
    ):  # fmt: skip
        assert fact in told
    once = replace(GATE, quorum=2, votes=(Vote(BEN, Decision.APPROVE, "well done", AT),))
    told = shown(messages.opened(once, ["U3"], again=True))
    for fact in ("1 of 2 approvals: <@U2>", "Ben: well done", "*Reminder*"):
        assert fact in told


def test_a_gate_has_a_diff_for_three_parents_and_counts_the_rest() -> None:
    parents = tuple(replace(HANDED, id=i, key=f"k{i}", result="x" * 2000) for i in range(20))
    message = messages.opened(asked(Gate("?", parents), node=REVIEW), ["U2"])
    judge(message)
    assert [e["value"] for e in elements(message) if e["action_id"] == "agent.diff"] == list("012")
    assert "and 12 steps more" in shown(message)


def test_a_conflict_names_the_files_and_what_to_type() -> None:
    told = shown(messages.opened(CONFLICT, ["U1"]))
    commands = ["git fetch origin", f"git switch -c resolve/12 {'a' * 40}", f"git merge {'b' * 40}"]
    assert "\\n".join([*commands, "git push origin resolve/12"]) in told
    assert "a.py\\nb.py" in told


def test_a_command_to_type_is_only_that_command() -> None:
    evil = Conflict(("a",), ("$(reboot)", "x; reboot"), "b; reboot\nreboot")
    told = shown(messages.opened(asked(evil), ["U1"]))
    for fact in ("git switch -c 'b; reboot reboot' '$(reboot)'", "git merge 'x; reboot'"):
        assert fact in told


def test_a_push_lists_the_protected_files() -> None:
    paths = tuple(f".github/workflows/{i}.yml" for i in range(30))
    told = shown(messages.opened(asked(Push("b", "c" * 40, paths)), ["U2"]))
    assert ".github/workflows/0.yml" in told
    assert "and 18 more" in told


def test_a_failure_says_why() -> None:
    told = shown(messages.opened(FAILURE, ["U1"]))
    assert "exit code 1" in told
    assert causes.advice(Cause.TIMEOUT).sentence in told


def tasks(message: Message) -> list[tuple[str, str, str]]:
    (plan,) = [block for block in message.blocks if block["type"] == "plan"]
    return [
        (
            task["title"],
            task["status"],
            "".join(
                run.get("text") or run["fallback"]
                for run in task["details"]["elements"][0]["elements"]
            ),
        )
        for task in plan["tasks"]
    ]


def test_a_card_shows_every_node_with_state_time_and_cost() -> None:
    assert tasks(card(DESIGN, CODE, REVIEW, TEST, inquiries=(GATE,))) == [
        ("w5.design · agent 11: Write calculator spec", "complete", "Done · $0.41 · 4 min"),
        (
            "w5.code · agent 12: Fix the login",
            "in_progress",
            "Editing src/login.py · since 14:02 UTC · $0.12 so far",
        ),
        ("w5.review · gate: Good enough?", "in_progress", "Waiting for approval"),
        ("w5.test · agent 14: Fix the login", "pending", "After review"),
    ]


GATES = [
    (replace(REVIEW, status=Status.COMPLETED), "complete", "Approved"),
    (replace(REVIEW, status=Status.FAILED, cause=Cause.REJECTED), "error", "Rejected"),
    (
        replace(REVIEW, status=Status.FAILED, cause=Cause.EXPIRED),
        "error",
        "Rejected, nobody decided",
    ),
    (replace(REVIEW, status=Status.SKIPPED), "pending", "Skipped"),
]


@pytest.mark.parametrize(("gate", "mark", "said"), GATES)
def test_gates_have_their_own_words(gate: NodeView, mark: str, said: str) -> None:
    assert tasks(card(gate, DESIGN))[0][1:] == (mark, said)


@pytest.mark.parametrize("kind", InquiryKind)
def test_a_waiting_node_names_what_it_waits_for(kind: InquiryKind) -> None:
    waiting = replace(DONE, status=Status.WAITING, asks=kind)
    message = card(waiting)
    judge(message)
    assert message.text.startswith("Agent 12 waits for ")
    assert "people" not in shown(message)
    assert "Waiting for " in shown(message)


def test_a_card_says_who_is_waited_for_and_what_it_cost() -> None:
    named = replace(GATE, approvers=("U7", "S8"), quorum=2)
    used = Usage(1000, 500, Decimal("1.5"), 12)
    told = shown(card(DESIGN, REVIEW, inquiries=(named,), usage=used))
    for fact in ("for approval at review", "<@U7>, <!subteam^S8>", "0 of 2 approvals", "$1.50", "1,500 tokens"):  # fmt: skip
        assert fact in told


def test_what_runs_can_be_stopped_alone_or_together() -> None:
    message = card(DESIGN, CODE, REVIEW)
    choice, whole = (e for e in elements(message) if e["action_id"] != "graph.show")
    assert (choice["action_id"], [option["value"] for option in choice["options"]]) == (
        "agent.cancel",
        ["12", "13"],
    )
    assert (whole["action_id"], whole["value"]) == ("workflow.cancel", "5")
    assert "confirm" in choice
    assert "confirm" in whole
    assert [e["action_id"] for e in elements(card(DESIGN))] == ["graph.show"]


def test_a_large_graph_is_summarised() -> None:
    nodes = [replace(DESIGN, id=i) for i in range(1, 40)] + [replace(CODE, id=i) for i in (40, 41)]
    counts = {Status.COMPLETED: 900, Status.ACTIVE: 2, Status.BLOCKED: 98}
    message = card(*nodes, counts=counts)
    judge(message)
    seen = tasks(message)
    assert len(seen) == 20
    assert [title[:7] for title, mark, _ in seen if mark == "in_progress"] == ["w5.code"] * 2
    assert "98 not yet · 2 working · 900 done" in shown(message)
    assert "and 980 more" in shown(message)


def test_the_end_of_a_workflow_tells_everything() -> None:
    review = replace(REVIEW, status=Status.COMPLETED, result="Ben: approve")
    final = replace(DONE, key="test", task="x")
    message = messages.summed_up(summary(DESIGN, review, final), AT)
    assert lines(message) == [
        (0, "✓ design · agent 11 is done · $0.41 · 4 min\nThe login works again."),
        (0, "✓ review was approved\nBen: approve"),
        (0, "✓ test · agent 12 is done · $0.41 · 4 min\nThe login works again."),
    ]
    for fact in ("`agent/12-fix-the-login`", "|Open a pull request>", "Together $1.23 · 5 min", "src/login.py"):  # fmt: skip
        assert fact in shown(message)
    assert [(e["action_id"], e["value"]) for e in elements(message)] == [
        ("agent.diff", "12"),
        ("graph.show", "5"),
    ]


def test_the_end_names_what_failed_and_what_was_skipped() -> None:
    ended = summary(DESIGN, BROKEN, LEFT_OUT, status=Status.FAILED, work=Work())
    message = messages.summed_up(ended, AT)
    told = shown(message)
    for fact in ("was skipped because of code", "✗ ", "no such module", "<@U1>"):
        assert fact in told
    retry = [(e["action_id"], e["value"]) for e in elements(message)]
    assert retry == [("graph.show", "5"), ("agent.retry", "12")]


def test_five_failures_have_a_retry() -> None:
    many = [replace(BROKEN, id=i, key=f"k{i}") for i in range(1, 9)]
    message = messages.summed_up(summary(*many, status=Status.FAILED), AT)
    judge(message)
    assert labels(message).count("Retry") == 5


@pytest.mark.parametrize(
    ("status", "minutes", "called"),
    [
        (Status.COMPLETED, 1.9, False),
        (Status.COMPLETED, 2.1, True),
        (Status.FAILED, 0.1, True),
        (Status.CANCELLED, 0.1, False),
    ],
)
def test_who_is_called_back(status: Status, minutes: float, *, called: bool) -> None:
    at = AT + timedelta(minutes=minutes)
    for nodes in ((DESIGN,), ()):
        told = shown(messages.summed_up(summary(*nodes, status=status), at))
        assert ("<@U1>" in told) == called


def test_a_failed_node_can_be_mended_at_once() -> None:
    message = messages.node_failed(BROKEN, AT)
    assert [(e["action_id"], e["value"]) for e in elements(message)] == [
        ("agent.retry", "12"),
        ("agent.advise", "12"),
        ("agent.skip", "12"),
    ]
    assert "no such module" in shown(message)
    assert "<@U1>" in shown(message)


def test_what_was_not_pushed_is_said() -> None:
    left = Work(protected=(".github/x", "b", "c", "d", "e", "f"))
    assert "because of `.github/x`, `b`, `c`, `d`, `e` and 1 more" in shown(
        card(replace(DONE, work=left), title="")
    )
    by, nobody = (Work(notes=(Note(NoteKind.NOT_PUSHED, who),)) for who in ("Ben", ""))
    assert "Rejected by `Ben`." in shown(messages.ended(replace(DONE, work=by), AT))
    assert "Nobody approved it in time." in shown(messages.ended(replace(DONE, work=nobody), AT))


def view_judged(view: dict[str, Any]) -> None:
    assert check_view(view) == []
    json.dumps(view, ensure_ascii=False).encode()


def sent(view: dict[str, Any], **given: Any) -> forms.Entered:
    """The form as Slack sends it, with what was entered."""
    values: dict[str, Any] = {}
    for block in view["blocks"]:
        kind = block["element"]["type"]
        name = "value" if kind == "plain_text_input" else "selected_option"
        entry = given[block["block_id"]]
        values[block["block_id"]] = {
            block["element"]["action_id"]: {
                "type": kind,
                name: entry if name == "value" else {"value": entry},
            }
        }
    return forms.entered({**view, "state": {"values": values}})


def test_forms_bring_back_what_was_entered() -> None:
    edit = forms.edit_plan(PLAN, "design: Write", "C1")
    back, comment = forms.send_back(GATE, "C1"), forms.commenting(GATE, "C1")
    advice, own = forms.advise(FAILURE, "C1"), forms.advise(BROKEN, "C1")
    for view in (edit, back, comment, advice, own):
        view_judged(view)
    (field,) = edit["blocks"]
    assert field["element"]["initial_value"] == "design: Write"
    assert sent(edit, text="a: b") == forms.Entered(forms.EDIT_PLAN, "7.1", "C1", "a: b")
    assert sent(back, text="again", target="code") == forms.Entered(
        forms.SENDING_BACK, "7.1", "C1", "again", "code"
    )
    assert sent(comment, text="no", decision="reject") == forms.Entered(
        forms.COMMENTING, "7.1", "C1", "no", decision="reject"
    )
    assert sent(advice, text="x") == forms.Entered(forms.ADVISING, "7.1", "C1", "x")
    assert sent(own, text="x") == forms.Entered(forms.ADVISING, "12", "C1", "x")
    assert forms.entered({}) == forms.Entered("", "", "")


@pytest.mark.parametrize("size", [2999, 3000, 3001, 40_000])
def test_a_plan_that_is_too_long_for_a_form_says_so(size: int) -> None:
    view = forms.edit_plan(PLAN, "x" * size, "C1")
    view_judged(view)
    assert ("submit" in view) == (size <= 3000)
    assert ("discard this one" in json.dumps(view)) == (size > 3000)


def spec_of(text: str, nodes: int) -> WorkflowSpec:
    """A graph as large as people may describe, of hostile text."""
    seen = any(category(letter) not in INVISIBLE for letter in text)
    task = (text * (3000 // len(text) + 1))[:3000] if seen else "x"
    made = [
        NodeSpec(
            f"k{i:x>38}",
            GateSpec(task[:2000], tuple(f"U{text}{j}" for j in range(30)), 3)
            if i % 3 == 2
            else AgentSpec(task, repo=f"{text}{i}", model=f"{text}{i}", reads_only=i % 2 == 0),
            tuple(f"k{j:x>38}" for j in range(max(0, i - 12), i)) if i % 4 else (),
        )
        for i in range(nodes)
    ]
    return WorkflowSpec(text[:120], tuple(made))


def every(text: str, node: NodeView) -> list[Message]:
    """Each message with hostile text everywhere and as much of it as there can be."""
    who = Person(text, text)
    votes = tuple(Vote(who, Decision.APPROVE, text, AT) for _ in range(20))
    hands = tuple(
        Handed(i, text, kind, text, text, Status.COMPLETED, text[:2000], node.work)
        for i, kind in enumerate([*Kind] * 25)
    )
    keys = [text, *(f"k{i:x>39}" for i in range(2, 51))]
    nodes = [
        replace(node, id=i, key=key, asks=InquiryKind.GATE) for i, key in enumerate(keys, start=1)
    ]
    known = [
        asked(Plan(spec_of(text, 50), text), requester=who),
        asked(Gate(text[:2000], hands, (text,) * 99), node=nodes[0], requester=who),
        asked(Push(text, text, (text,) * 99), node=nodes[0]),
        asked(Conflict((text,) * 100, (text,) * 50, text), node=nodes[0]),
        asked(Failure(text), node=nodes[0]),
        asked(Merge(text, text), node=nodes[0]),
        asked(Merge(text, text, 3), node=nodes[0]),
    ]
    known = [replace(each, quorum=3, votes=votes, approvers=(text,) * 30) for each in known]
    closed = [
        replace(each, status=InquiryStatus.DECIDED, decision=Decision.APPROVE) for each in known
    ]
    terms = Terms(text, Decimal(5), merges=True, names={f"U{text}{j}": text for j in range(30)})
    whole = summary(*nodes, work=node.work, requester=who, title=text, reason=text)
    failing = replace(whole, status=Status.FAILED, counts=dict.fromkeys(Status, 10**6))
    return [
        *(messages.opened(each, [text] * 30, again=True, terms=terms) for each in known),
        *(messages.closed(each, terms=terms) for each in closed),
        *(messages.decided_late(each) for each in closed),
        messages.card(Card(5, 1, tuple(nodes), title=text, paused_by=text, inquiries=tuple(known * 4))),
        messages.card(Card(5, 1, tuple(nodes), title=text, counts=dict.fromkeys(Status, 10**6))),
        messages.card(Card(5, 1, (), title=text, inquiries=tuple(known))),
        messages.card(Card(5, 1, (replace(node, asks=InquiryKind.PUSH),), inquiries=tuple(known))),
        messages.summed_up(whole, AT),
        messages.summed_up(failing, AT),
        messages.summed_up(replace(whole, nodes=()), AT),
        messages.node_failed(nodes[0], AT),
    ]  # fmt: skip


def obeyed(part: Any) -> list[str]:
    """The texts in which Slack obeys its own markup."""
    if isinstance(part, list):
        return [text for each in part for text in obeyed(each)]
    if not isinstance(part, dict):
        return []
    own = [part["text"]] if part.get("type") in {"mrkdwn", "markdown"} else []
    titles = [part["title"]] if part.get("type") in {"plan", "task_card"} else []
    return [*own, *titles, *(text for each in part.values() for text in obeyed(each))]


def heaviest(text: str, status: Status) -> NodeView:
    work = Work(
        text, text, f"{text}x", tuple(FileChange(text, 10**9, 10**9) for _ in range(30)),
        Check(text, 1, text), compare_url=text, fetch=text,
        notes=tuple(Note(kind, text) for kind in NoteKind), protected=(text,) * 30, onto=text,
    )  # fmt: skip
    return replace(
        FAILED, status=status, task=text, role=text, repo=text, branch=text, result=text, error=text,
        requester=Person(text, text), work=work, needs=(1, 2, 3), skipped_for=1,
        step=ACTIVE.step and replace(ACTIVE.step, subject=text),
    )  # fmt: skip


@pytest.mark.parametrize("status", [Status.ACTIVE, Status.FAILED])
@pytest.mark.parametrize("piece", ["&", "`", "😀", "a \x1b|—", "```\n", "[a](http://b)", "@here "])
def test_no_length_gets_past_slacks_limits(piece: str, status: Status) -> None:
    text = piece * (3000 // len(piece))
    for message in every(text, heaviest(text, status)):
        judge(message)
        titles = sum(len(title) for title in obeyed(message.blocks))
        assert titles < 13_000


@pytest.mark.parametrize("status", [Status.ACTIVE, Status.COMPLETED, Status.FAILED, Status.SKIPPED])
def test_what_others_wrote_is_live_nowhere(status: Status) -> None:
    text = EVIL[:3000]
    for message in every(text, heaviest(text, status)):
        judge(message)
        for told in [message.text, *obeyed(message.blocks)]:
            assert "<!channel>" not in told
            assert "<@U2>" not in told
            assert "\x1b" not in told


@settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(wild.filter(bool), st.sampled_from(Status))
def test_nothing_gets_past_slacks_limits(text: str, status: Status) -> None:
    for message in every(text, heaviest(text, status)):
        judge(message)


@pytest.mark.parametrize("text", [EVIL[:9000], "`" * 9000, "😀" * 5000, "a\n" * 3000])
def test_forms_take_whatever_others_wrote(text: str) -> None:
    gate = asked(Gate(text, (), (text, *(f"k{i}" for i in range(200)))), node=REVIEW)
    node = heaviest(text, Status.FAILED)
    for view in (
        forms.edit_plan(PLAN, text, text),
        forms.edit_plan(PLAN, text[:1500], text),
        forms.send_back(gate, text),
        forms.commenting(gate, text),
        forms.advise(replace(node, key=text), text),
        forms.advise(replace(FAILURE, node=node), text),
    ):
        view_judged(view)
