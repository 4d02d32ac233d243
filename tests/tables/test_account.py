"""How far an agent came that was stopped or failed, in words."""

from dataclasses import replace

import pytest

from bot import messages
from bot.messages import Message
from bot.messages import account as accounts
from engine import Account, Cause, Check, Instruction, Kind, NodeView, Person, Stage, Status, Step
from tests.tables.test_messages import (
    AT,
    CANCELLED,
    EVIL,
    FAILED,
    PENDING,
    UNCHANGED,
    WORK,
    _obeyed,
    judge,
)
from tests.tables.test_workflow_messages import DESIGN, summary

ADA = Person("U1", "Ada")
WRITE, MAKE, SAID = Step("Write", "a.py"), Step("Bash", "make"), Step("", "Now the tests.")
UNTESTED = replace(WORK, check=None)
STOPPED = replace(CANCELLED, work=UNTESTED)
SHORT = Account(Stage.WORKING, ADA, WRITE)
TOLD = Instruction(ADA, "use *sqlite* <!here>")


def line(message: Message) -> str:
    """Everything that a message shows, on one line."""
    return " ".join(" ".join(_texts(message.blocks)).split())


def _texts(part: object) -> list[str]:
    match part:
        case {"text": str(text)}:
            return [text]
        case dict():
            return [text for value in part.values() for text in _texts(value)]
        case list():
            return [text for value in part for text in _texts(value)]
        case _:
            return []


def ended(agent: NodeView, told: Account) -> str:
    message = messages.ended(replace(agent, account=told), AT)
    judge(message)
    return line(message)


MOMENTS = [
    (replace(SHORT, under_way=(MAKE,)), "running make had begun; no result of it is recorded."),
    (replace(SHORT, under_way=(MAKE, WRITE)), "running make , writing a.py had begun"),
    (replace(SHORT, under_way=(MAKE,) * 5), "and 2 more had begun"),
    (replace(SHORT, under_way=()), "no tool call was under way; its last step was writing a.py ."),
    (replace(SHORT, under_way=(), last=None), "Half done: no tool call was under way."),
    (SHORT, "its last recorded step was writing a.py ; whether that had ended is not recorded."),
    (
        replace(SHORT, last=replace(MAKE, failed=True)),
        "its last recorded step was running make , which failed.",
    ),
    (replace(SHORT, last=SAID), "its last recorded step was thinking."),
    (replace(SHORT, last=None), "Half done: no step of it is recorded."),
    (
        Account(Stage.PREPARING),
        "Half done: its worktree was being made ready, setup included; it had not begun to work.",
    ),
]


@pytest.mark.parametrize(("told", "said"), MOMENTS)
def test_what_it_was_in_the_middle_of(told: Account, said: str) -> None:
    assert said in ended(STOPPED, told)


def test_what_there_is_in_git() -> None:
    told = ended(STOPPED, SHORT)
    assert "stopped* by `Ada`." in told
    assert "Done: 2 files +40" in told
    assert "in commit bbbbbbbbbb on branch agent/12-fix-the-login" in told
    assert "src/login.py" in told
    assert "No check was run to its end." in told
    assert "Not tested" not in told
    assert accounts.STOOD.strip() in told
    assert "<@U1>" not in told


def test_a_check_that_was_run_is_told_with_what_it_said() -> None:
    work = replace(WORK, check=Check("make test", 1, "1 failed"))
    told = ended(replace(FAILED, cause=Cause.CHECK, work=work), replace(SHORT, by=None))
    assert "`make test` failed with exit code 1" in told
    assert "No check" not in told
    assert "Half done" not in told
    assert "Left" not in told


@pytest.mark.parametrize("cause", [*Cause])
def test_what_failed_by_itself_was_in_the_middle_of_nothing(cause: Cause) -> None:
    told = ended(replace(FAILED, cause=cause), replace(SHORT, by=None))
    assert ("Half done" in told) == (cause in accounts.CUT)


def test_that_nothing_was_changed_is_said_only_where_it_is_known() -> None:
    stopped = replace(UNCHANGED, status=Status.CANCELLED, result="")
    assert "Done: nothing was changed." in ended(stopped, SHORT)
    told = ended(replace(stopped, error="disk full"), SHORT)
    assert "Done: no change is on its branch." in told
    assert "The attempt ended with an error: disk full" in told
    assert accounts.STOOD not in told


def test_its_last_words_are_no_answer() -> None:
    assert "The last that the agent said: Now the tests." in ended(
        replace(STOPPED, result="Now the tests."), SHORT
    )


ONWARD = [
    (
        STOPPED,
        Account(Stage.WORKING, under_way=(), held=(MAKE,)),
        "Left: running make , which waited for people. To go on from there, reply here,",
    ),
    (STOPPED, SHORT, "Left: To go on from there, reply here, or press Retry."),
    (STOPPED, Account(Stage.QUEUED), "Left: the whole task; no worker had taken it. To have it"),
    (
        replace(STOPPED, status=Status.FAILED, cause=Cause.SETUP),
        Account(Stage.PREPARING),
        "Left: the whole task; it had not begun to work.",
    ),
    (
        replace(FAILED, work=UNTESTED),
        replace(SHORT, untold=(TOLD,)),
        "Left: 1 instruction that it was not given. To have it done, press Retry, which gives it",
    ),
]


@pytest.mark.parametrize(("agent", "told", "said"), ONWARD)
def test_what_is_left_and_how_to_go_on(agent: NodeView, told: Account, said: str) -> None:
    assert said in ended(agent, told)


def test_what_people_said_is_quoted_where_nothing_is_markup() -> None:
    told = replace(SHORT, untold=(TOLD,) * 5, more_untold=3)
    message = messages.ended(replace(STOPPED, account=told), AT)
    assert "8 instructions that it was not given" in line(message)
    assert line(message).count("Ada: “use *sqlite* <!here>”") == 5
    assert "and 3 more" in line(message)
    assert all("<!here>" not in text for text in _obeyed(message))


def test_no_length_gets_past_slacks_limits() -> None:
    step = Step(EVIL, EVIL)
    said = (Instruction(Person("", EVIL), EVIL),) * 5
    evil = Account(Stage.WORKING, Person(EVIL, EVIL), step, (step,) * 9, (step,) * 9, said, 9)
    agent = replace(STOPPED, account=evil, task=EVIL, result=EVIL, error=EVIL, branch=EVIL)
    agent = replace(agent, work=replace(UNTESTED, branch=EVIL, commit=EVIL))
    many = [replace(agent, id=n, key=f"k{n}") for n in range(50)]
    for message in (
        messages.ended(agent, AT),
        messages.ended(replace(agent, status=Status.FAILED), AT),
        messages.node_failed(replace(agent, status=Status.FAILED), AT),
        messages.summed_up(summary(*many, status=Status.CANCELLED), AT),
        messages.which_to_stop(many),
    ):
        judge(message)
        for text in _obeyed(message):
            assert "<!channel>" not in text
            assert "\x1b" not in text


CODE = replace(STOPPED, id=12, key="code", attempt=1, account=replace(SHORT, untold=(TOLD,)))
NEVER = replace(
    PENDING, id=13, key="test", status=Status.CANCELLED, account=Account(Stage.QUEUED, ADA)
)
GATE = replace(NEVER, id=14, key="ok", kind=Kind.GATE, account=None)
AFTER = replace(PENDING, id=15, key="docs", status=Status.SKIPPED, skipped_for=12)
BROKE = replace(FAILED, id=16, key="lint")


def test_a_stopped_workflow_is_told_in_groups() -> None:
    nodes = (NEVER, DESIGN, CODE, GATE, AFTER, BROKE)
    assert [(name, [n.key for n in group]) for name, group in accounts.grouped(nodes)] == [
        ("Done", ["design"]),
        ("Failed", ["lint"]),
        ("Stopped half-way", ["code"]),
        ("Never begun", ["test", "ok", "docs"]),
    ]
    told = line(messages.summed_up(summary(*nodes[:5], status=Status.CANCELLED), AT))
    assert "was stopped* by `Ada`: 1 of 5 done, 3 stopped, 1 skipped" in told
    assert told.index("*Done*") < told.index("*Stopped half-way*") < told.index("*Never begun*")
    assert (
        "in bbbbbbbbbb on agent/12-fix-the-login; its last recorded step was writing “a.py”" in told
    )
    assert "1 instruction not given to it: “use *sqlite* <!here>”" in told
    assert "type `/agent retry w5.test`" in told


def test_a_workflow_that_nobody_stopped_has_one_list() -> None:
    told = line(messages.summed_up(summary(DESIGN, BROKE, status=Status.FAILED), AT))
    assert "*Done*" not in told
    assert "To go on with a step" not in told
