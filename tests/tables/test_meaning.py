"""What a message in a thread means: the rows and columns of the one table, and how each is told."""

from dataclasses import replace

import pytest

from bot.carrying import carried
from bot.intake import message_of
from bot.meaning import TABLE, Meaning, Scene, Speech, Thread, Verdict, addressed, opens_aside
from bot.meaning import scene as scene_of
from bot.meaning import verdict as verdict_of
from bot.outline import read, write
from engine import (
    AgentSpec,
    Decision,
    Failure,
    Gate,
    GateSpec,
    Inquiry,
    InquiryKind,
    Kind,
    NodeSpec,
    NodeView,
    Person,
    Plan,
    Question,
    Status,
    Tool,
    WorkflowSpec,
)
from tests.tables.test_messages import ACTIVE

M = Meaning
PRINTED = """
command | command  command  command  command
mention | spawn    answer   instruct follow_up
own     | nothing  answer   instruct follow_up_if_alone
other   | nothing  answer   nothing  nothing
aside   | nothing  nothing  nothing  nothing
"""


def test_the_table_is_the_one_that_is_printed() -> None:
    rows = dict(line.split("|") for line in PRINTED.strip().splitlines())
    assert {speech: list(TABLE[speech].values()) for speech in Speech} == {
        Speech(name.strip()): [Meaning(cell) for cell in cells.split()]
        for name, cells in rows.items()
    }


def node(number: int, key: str, status: Status, kind: Kind = Kind.AGENT) -> NodeView:
    return replace(ACTIVE, id=number, workflow_id=5, key=key, status=status, kind=kind)


DESIGN = node(11, "design", Status.COMPLETED)
CODE = node(12, "implement", Status.ACTIVE)
OK = node(13, "ok", Status.WAITING, Kind.GATE)
TEST = node(14, "test", Status.BLOCKED)
ASKS = node(15, "lint", Status.WAITING)
SPEC = WorkflowSpec("calculator", (NodeSpec("design", AgentSpec("Write it", repo="shop")),))


def asked(
    matter: Plan | Gate | Failure | Tool | Question, about: NodeView | None = None
) -> Inquiry:
    kinds = {
        Plan: InquiryKind.PLAN,
        Gate: InquiryKind.GATE,
        Failure: InquiryKind.FAILURE,
        Tool: InquiryKind.TOOL,
        Question: InquiryKind.QUESTION,
    }
    return Inquiry(
        id=7,
        kind=kinds[type(matter)],
        revision=1,
        workflow_id=5,
        origin=ACTIVE.origin,
        requester=Person("U1", "Ada"),
        matter=matter,
        node=about,
    )


GATE = asked(Gate("Good?", ancestors=("design",)), OK)
EMPTY = Thread()
PLANNED = Thread((), (asked(Plan(SPEC)),))
WORKS = Thread((DESIGN, CODE, TEST))
BESIDE = Thread((DESIGN, CODE, OK, TEST), (GATE,))  # a gate beside a running branch
HELD = Thread((DESIGN, OK, TEST), (GATE,))  # nothing works until people have decided
FAILED = Thread((DESIGN, ASKS), (asked(Failure("exit code 1"), ASKS),))
OVER = Thread((DESIGN,))
WAITS = replace(CODE, status=Status.WAITING)
WANTS = Thread((DESIGN, WAITS), (asked(Tool(()), WAITS),))
WONDERS = Thread((DESIGN, WAITS), (asked(Question(()), WAITS),))

SCENES = [
    (EMPTY, "fix it", Scene.BARE),
    (EMPTY, "approve", Scene.ASKED),  # what it was about is gone, and that is said
    (PLANNED, "start", Scene.ASKED),
    (PLANNED, "add a step", Scene.ASKED),
    (WORKS, "use sqlite", Scene.RUNNING),
    (WORKS, "approve", Scene.ASKED),
    (WORKS, "retry", Scene.RUNNING),
    (WORKS, "start with the tests", Scene.RUNNING),
    (OVER, "now add tests", Scene.ENDED),
    (OVER, "retry", Scene.ENDED),
    (OVER, "approved", Scene.ASKED),
    (HELD, "approve", Scene.ASKED),
    (HELD, "what does it do?", Scene.ASKED),
    (HELD, "test: use pytest", Scene.RUNNING),
    (FAILED, "use pytest instead", Scene.ASKED),
    (FAILED, "retry with pytest", Scene.ASKED),
    (BESIDE, "approve", Scene.ASKED),
    (BESIDE, "reject because it is slow", Scene.ASKED),
    (BESIDE, "send back to design", Scene.ASKED),
    (BESIDE, "approve ok", Scene.ASKED),
    (BESIDE, "approve that please", Scene.ASKED),  # nobody is to believe that it counted
    (BESIDE, "use sqlite", Scene.RUNNING),
    (BESIDE, "skip the slow tests", Scene.RUNNING),
    (BESIDE, "skip tests", Scene.RUNNING),
    (BESIDE, "start with the tests", Scene.RUNNING),
    (BESIDE, "implement: use sqlite", Scene.RUNNING),
    (BESIDE, "12: approve nothing", Scene.RUNNING),
    (WANTS, "allow", Scene.ASKED),
    (WANTS, "deny because it is late", Scene.ASKED),
    (WANTS, "yes!", Scene.ASKED),  # it allows nothing, and that is said
    (WANTS, "allow users to log in", Scene.RUNNING),
    (WANTS, "use the other remote", Scene.RUNNING),
    (WORKS, "deny", Scene.ASKED),
    (WORKS, "allow it", Scene.ASKED),
    (WORKS, "yes", Scene.RUNNING),
    (WONDERS, "red", Scene.ASKED),
    (WONDERS, f"{WAITS.id}: red", Scene.ASKED),
    (WONDERS, f"{DESIGN.id}: red", Scene.RUNNING),
]


@pytest.mark.parametrize(("thread", "text", "scene"), SCENES)
def test_how_a_thread_stands(thread: Thread, text: str, scene: Scene) -> None:
    assert scene_of(thread, text) is scene


YES, NO, BACK = Decision.APPROVE, Decision.REJECT, Decision.SEND_BACK
VERDICTS = [
    ("approve", Verdict(YES)),
    ("Approve!", Verdict(YES)),
    ("  APPROVED. ", Verdict(YES)),
    ("start", Verdict(YES)),
    ("discard", Verdict(NO)),
    ("reject", Verdict(NO)),
    ("retry", Verdict(Decision.RETRY)),
    ("resolved", Verdict(Decision.RETRY)),
    ("resolve", Verdict(Decision.RESOLVE)),
    ("skip", Verdict(Decision.SKIP)),
    ("skip test", Verdict(Decision.SKIP, "test")),
    ("approve ok", Verdict(YES, "ok")),
    ("allow", Verdict(YES)),
    ("Allow it.", Verdict(YES)),
    ("deny all", Verdict(NO)),
    ("deny because it is late", Verdict(NO, "", "it is late")),
    ("denied, not today", Verdict(NO, "", "not today")),
    ("approve w5.ok", Verdict(YES, "w5.ok")),
    ("approve W5.OK", Verdict(YES, "w5.ok")),
    ("approve, but hurry", Verdict(YES, "", "but hurry")),
    ("approve ok: looks good", Verdict(YES, "ok", "looks good")),
    ("reject because it is slow", Verdict(NO, "", "it is slow")),
    ("reject, because it is slow", Verdict(NO, "", "it is slow")),
    ("reject: too slow", Verdict(NO, "", "too slow")),
    ("reject because\n- a\n- b", Verdict(NO, "", "- a\n- b")),
    ("send back", Verdict(BACK)),
    ("send back because tests fail", Verdict(BACK, "", "tests fail")),
    ("send  back to design because it is vague", Verdict(BACK, "design", "it is vague")),
    ("send back design: name the errors", Verdict(BACK, "design", "name the errors")),
    ("retry with pytest instead", Verdict(Decision.RETRY, "", "pytest instead")),
    ("retry lint with pytest", Verdict(Decision.RETRY, "lint", "pytest")),
    ("", None),
    ("approve this please", None),
    ("I approve", None),
    ("not approved", None),
    ("approved by nobody", None),
    ("approvers?", None),
    ("start with the tests", None),
    ("approve with care", None),
    ("resolve with an agent", Verdict(Decision.RESOLVE, "", "an agent")),
    ("start by reading the spec", None),
    ("skip the slow tests", None),
    ("rejected tests are fine", None),
    ("resend back", None),
    ("yes", None),
    ("lgtm", None),
    (":+1:", None),
]


@pytest.mark.parametrize(("text", "verdict"), VERDICTS)
def test_which_message_is_a_decision(text: str, verdict: Verdict | None) -> None:
    assert verdict_of(text) == verdict


ADDRESSED = [
    ("implement: use sqlite", 12, "use sqlite"),
    ("Implement : use sqlite", 12, "use sqlite"),
    ("12: use sqlite", 12, "use sqlite"),
    ("w5.test: use pytest\nand hypothesis", 14, "use pytest\nand hypothesis"),
    ("W5.TEST: use pytest", 14, "use pytest"),
    ("design: shorter", 11, "shorter"),
    ("ok: fine", None, "ok: fine"),  # a gate hears nothing
    ("w6.test: use pytest", None, "w6.test: use pytest"),
    ("99: use pytest", None, "99: use pytest"),
    ("12:30 is too late", None, "12:30 is too late"),
    ("test://example.org/a", None, "test://example.org/a"),
    ("https://example.org", None, "https://example.org"),
    ("todo: fix it", None, "todo: fix it"),
    ("the test: is it green?", None, "the test: is it green?"),
    ("test:", None, "test:"),
    ("test", None, "test"),
]


@pytest.mark.parametrize(("text", "number", "rest"), ADDRESSED)
def test_who_is_spoken_to(text: str, number: int | None, rest: str) -> None:
    found, said = addressed(BESIDE, text)
    assert (found.id if found else None, said) == (number, rest)


@pytest.mark.parametrize(
    ("raw", "aside"),
    [
        ("<@U2> what do you think?", True),
        ("  <@W2|ben>, look", True),
        ("<!subteam^S1|@team> look", True),
        ("<!here> look", True),
        ("<@UBOT> look", False),
        ("look, <@U2>", False),
        ("<https://example.org> look", False),
        ("", False),
    ],
)
def test_what_is_said_to_somebody_else(raw: str, *, aside: bool) -> None:
    assert opens_aside(raw, "UBOT") is aside


@pytest.mark.parametrize(
    ("key", "ts"),
    [
        ("message:T1/C1:17.5", "17.5"),
        ("command:1.2.abc", ""),
        ("view:V1", ""),
        ("", ""),
    ],
)
def test_which_message_a_command_came_with(key: str, ts: str) -> None:
    assert message_of(key) == ts


CHECKED = AgentSpec("Write it", role="designer", repo="shop", check="make test", max_failures=1)
STOCK = AgentSpec("Test it", repo="stock", model="opus")
SIGNED = GateSpec("Good?", ("U1", "U2"), 2)
FULL = WorkflowSpec(
    "calculator",
    (
        NodeSpec("design", CHECKED),
        NodeSpec("ok", SIGNED, ("design",)),
        NodeSpec("test", STOCK, ("ok",)),
    ),
)
EDITS = [
    ("", "", {"design": CHECKED, "ok": SIGNED, "test": STOCK}),
    (
        "design: Write it",
        "design: Draw it",
        {"design": replace(CHECKED, task="Draw it"), "ok": SIGNED, "test": STOCK},
    ),
    (
        "?ok: Good?",
        "?ok: Really?",
        {"design": CHECKED, "ok": replace(SIGNED, question="Really?"), "test": STOCK},
    ),
    (
        "test: Test it",
        "test: Test it\nship: Ship it",
        {"design": CHECKED, "ok": SIGNED, "test": STOCK, "ship": AgentSpec("Ship it", repo="shop")},
    ),
    (
        "test: Test it",
        "?test: Tested?",
        {"design": CHECKED, "ok": SIGNED, "test": GateSpec("Tested?")},
    ),
    (
        "calculator:",
        "--model sonnet calculator:",
        {
            "design": replace(CHECKED, model="sonnet"),
            "ok": SIGNED,
            "test": replace(STOCK, model="sonnet"),
        },
    ),
    ("design: Write it\n", "", {"ok": SIGNED, "test": STOCK}),
]


@pytest.mark.parametrize(("old", "new", "expected"), EDITS)
def test_a_changed_text_keeps_what_it_cannot_hold(
    old: str, new: str, expected: dict[str, AgentSpec | GateSpec]
) -> None:
    text = write(FULL)
    assert old in text
    changed = read(text.replace(old, new, 1) if old else text)
    assert isinstance(changed, WorkflowSpec)
    assert {each.key: each.does for each in carried(FULL, changed).nodes} == expected


def test_an_option_that_stood_in_the_text_goes_with_it() -> None:
    spec = replace(FULL, nodes=(NodeSpec("design", replace(CHECKED, model="opus")),))
    text = write(spec)
    assert "--model opus" in text
    changed = read(text.replace("--model opus", ""))
    assert isinstance(changed, WorkflowSpec)
    assert carried(spec, changed).nodes == (NodeSpec("design", CHECKED),)
