"""What people read when an agent waits for permission, an answer or more money."""

import json
import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from bot import messages
from bot.choosing import picked
from bot.deciding import may_be_said
from bot.messages import Message, buttons, forms, permission, permission_form, question_form
from engine import (
    CHOICES,
    Ask,
    Budget,
    Card,
    Decision,
    Inquiry,
    InquiryKind,
    InquiryStatus,
    Option,
    Question,
    Status,
    Step,
    Tool,
    ToolCall,
    Vote,
    Whose,
    whole_action,
)
from engine.permissions import rule_for
from tests.tables.test_messages import ACTIVE, AT, EVIL, judge, say, shown, wild
from tests.tables.test_workflow_messages import (
    ADA,
    BEN,
    asked,
    elements,
    heaviest,
    labels,
    obeyed,
    sent,
    view_judged,
)


def call(tool: str = "Bash", because: str = "Bash(git push:*)", **given: Any) -> ToolCall:
    given = given or {"command": "git push origin main"}
    return ToolCall("t1", tool, given, because, rule_for(tool, given, Path()))


PUSH = call()
EDIT = call("Edit", "Edit(*.toml)", file_path="/w/a.toml", old_string="a = 1", new_string="a = 2")
PAGE = call("WebFetch", "WebFetch", url="https://example.org/x", prompt="read")
LONG = call(command="echo " + "x" * 5_000)
HUGE = call("Write", "Write", file_path="/w/a.txt", content="line\n" * 9_000)
COLOUR = Ask("t2", "Which colour?", "Colour", (Option("Red", "like blood"), Option("Blue")))
SHAPES = Ask("t2", "Which shapes?", "", (Option("Round"), Option("Square")), several=True)
FREE = Ask("t2", "What is it called?")
MANY = replace(COLOUR, options=tuple(Option(f"Shade {i}") for i in range(12)))


def tool(*calls: ToolCall, **more: Any) -> Inquiry:
    waiting = replace(ACTIVE, status=Status.WAITING, asks=InquiryKind.TOOL)
    return asked(Tool(calls, **more), node=waiting)


def question(*asks: Ask, **more: Any) -> Inquiry:
    waiting = replace(ACTIVE, status=Status.WAITING, asks=InquiryKind.QUESTION)
    return asked(Question(asks, **more), node=waiting)


def budget(whose: Whose = Whose.AGENT) -> Inquiry:
    waiting = replace(ACTIVE, status=Status.WAITING, asks=InquiryKind.BUDGET)
    purse = Budget("agent:12", whose, Decimal(5), Decimal("4.98"), Decimal("2.5"))
    return asked(purse, node=waiting)


def voted(inquiry: Inquiry, *votes: tuple[str, Decision], comment: str = "") -> Inquiry:
    """Some of its parts decided; all of them: closed."""
    made = tuple(Vote(BEN, decision, comment, AT, target) for target, decision in votes)
    return replace(inquiry, votes=made)


def over(inquiry: Inquiry, decision: Decision, *votes: tuple[str, Decision]) -> Inquiry:
    made = (
        voted(inquiry, *votes) if votes else replace(inquiry, votes=(Vote(BEN, decision, "", AT),))
    )
    return replace(made, status=InquiryStatus.DECIDED, decision=decision)


ALLOW, ALWAYS, DENY = Decision.APPROVE, Decision.ALWAYS, Decision.REJECT
ANSWER = Decision.ANSWER
ONE, TWO = tool(PUSH), tool(PUSH, EDIT)

SITUATIONS: dict[str, tuple[Message, str]] = {
    "permission": (
        say.opened(ONE, ["U2"]),
        "Agent 12 wants to run a command: git push origin main",
    ),
    "permission, again": (
        say.opened(ONE, ["U2"], again=True),
        "Reminder: Agent 12 wants to run a command: git push origin main",
    ),
    "permission for another tool": (
        say.opened(tool(call("mcp__db__query", "mcp__db", sql="drop")), ["U2"]),
        "Agent 12 wants to use a tool: mcp__db__query",
    ),
    "two permissions": (
        say.opened(TWO, ["U2"]),
        "Agent 12 wants 2 permissions: git push origin main; /w/a.toml",
    ),
    "allowed": (
        say.closed(over(ONE, ALLOW, ("1", ALLOW))),
        "Allowed: agent 12, to run a command: git push origin main",
    ),
    "allowed in part": (
        say.closed(over(TWO, ALLOW, ("1", ALLOW), ("2", DENY))),
        "1 of 2 allowed: 2 permissions for agent 12: git push origin main; /w/a.toml",
    ),
    "denied": (
        say.closed(over(TWO, DENY, ("1", DENY), ("2", DENY))),
        "Denied: 2 permissions for agent 12: git push origin main; /w/a.toml",
    ),
    "denied by nobody": (
        say.closed(replace(ONE, status=InquiryStatus.EXPIRED)),
        "Not decided in time: agent 12, to run a command: git push origin main",
    ),
    "question": (say.opened(question(COLOUR), ["U1"]), "Agent 12 has a question: Which colour?"),
    "questions": (
        say.opened(question(COLOUR, SHAPES), ["U1"]),
        "Agent 12 has 2 questions: Which colour?; Which shapes?",
    ),
    "answered": (
        say.closed(over(question(COLOUR), ANSWER, ("1", ANSWER))),
        "Answered: question of agent 12: Which colour?",
    ),
    "answered in part": (
        say.closed(over(question(COLOUR, FREE), ANSWER, ("1", ANSWER), ("2", DENY))),
        "1 of 2 answered: 2 questions of agent 12: Which colour?; What is it called?",
    ),
    "left to it": (
        say.closed(over(question(COLOUR), DENY, ("1", DENY))),
        "Left to the agent: question of agent 12: Which colour?",
    ),
    "budget": (
        say.opened(budget(), ["U2"]),
        "Agent 12 waits, its budget is used up: raise it by $2.50?: Fix the login",
    ),
    "budget of a workflow": (
        say.opened(budget(Whose.WORKFLOW), ["U2"]),
        "Agent 12 waits, the budget of workflow w5 is used up: raise it by $2.50?: Fix the login",
    ),
    "budget of a person": (
        say.opened(budget(Whose.PERSON), ["U2"]),
        "Agent 12 waits, the daily budget of the one who asked is used up: raise it by $2.50?: Fix the login",
    ),
    "raised": (
        say.closed(over(budget(), ALLOW)),
        "Raised: budget of agent 12, by $2.50: Fix the login",
    ),
    "not raised": (
        say.closed(over(budget(), DENY)),
        "Stopped here: budget of agent 12, by $2.50: Fix the login",
    ),
    "decided in part": (
        say.voted(voted(TWO, ("1", ALLOW))),
        "Your decision counts: 1 of 2 decided",
    ),
    "decided by somebody": (say.has_been_decided(), "That one has been decided already"),
    "too late to allow": (
        say.decided_late(over(ONE, DENY, ("1", DENY))),
        "Too late: denied already by Ben at 14:02 UTC",
    ),
    "several by a word": (
        say.must_be_read(TWO),
        "2 calls wait, and a word allows none of them. Press Allow at each, or type deny",
    ),
    "unread by a word": (
        say.must_be_read(tool(LONG)),
        "It is too long for the message: press Read it all…, and allow it there",
    ),
    "a reply to several questions": (
        say.must_be_answered([question(COLOUR, FREE)]),
        "2 questions are open, so a reply is no answer. Press Answer…",
    ),
    "a reply before the question": (
        say.asked_since(question(FREE)),
        "You wrote that before agent 12 asked this. Answer again if you mean it",
    ),
    "an empty form": (
        say.nothing_answered(),
        "That form held no answer. Press Answer… and choose or write one",
    ),
    "no permission": (
        say.which_inquiry([ONE]),
        "That does not decide about agent 12. Type allow or deny because … and nothing else",
    ),
    "no answer": (
        say.which_inquiry([question(COLOUR)]),
        "That does not decide about agent 12. Type what the agent should know, or press Answer…",
    ),
    "nobody could allow": (
        say.nobody_permits("spawn fix it"),
        "Nothing was started: nobody could allow what such an agent has to ask for.",
    ),
}


@pytest.mark.parametrize("name", SITUATIONS)
def test_slack_takes_it_and_a_phone_shows_it(name: str) -> None:
    message, text = SITUATIONS[name]
    judge(message)
    assert message.text == text
    assert not re.search(r"[`*<>]", text)


LAST = ["Answer…", "Let it decide itself"]
CALL = ["Allow once", "Allow for this agent", "Deny", "Deny with a reason…"]
UNREAD = ["Read it all…", "Deny", "Deny with a reason…"]
PRESSED = [
    (ONE, CALL),
    (TWO, [*CALL, *CALL, "Deny all"]),
    (voted(TWO, ("1", ALLOW)), [*CALL, "Deny the rest"]),
    (tool(LONG), UNREAD),
    (tool(HUGE), UNREAD),
    (tool(LONG, PUSH), [*UNREAD, *CALL, "Deny all"]),
    (tool(call(command="x" * 290)), ["Allow once", "Allow for this agent…", *CALL[2:]]),
    (question(COLOUR), ["Red", "Blue", *LAST]),
    (question(MANY), LAST),
    (question(FREE), LAST),
    (question(SHAPES), LAST),
    (question(COLOUR, FREE), LAST),
    (voted(question(COLOUR, FREE), ("2", ANSWER)), ["Red", "Blue", *LAST]),
    (budget(), ["Raise by $2.50 and go on", "Stop here"]),
]


@pytest.mark.parametrize(("inquiry", "expected"), PRESSED)
def test_what_is_asked_has_its_buttons_and_what_was_decided_has_none(
    inquiry: Inquiry, expected: list[str]
) -> None:
    message = messages.opened(inquiry, ["U1"])
    judge(message)
    assert labels(message) == expected
    done = replace(inquiry, status=InquiryStatus.DECIDED, decision=DENY)
    for closed in (done, replace(inquiry, status=InquiryStatus.EXPIRED)):
        assert elements(messages.closed(closed)) == []


def test_a_button_carries_which_call_was_shown() -> None:
    message = messages.opened(TWO, ["U1"])
    carried = [(each["action_id"], each["value"]) for each in elements(message)]
    each = [buttons.ALLOW, buttons.ALWAYS, buttons.DENY, buttons.DENY_BECAUSE]
    assert carried == [
        *((action, "7.1.1") for action in each),
        *((action, "7.1.2") for action in each),
        (buttons.REJECT, "7.1"),
    ]
    options = elements(messages.opened(question(COLOUR), ["U1"]))
    assert [e["value"] for e in options] == ["7.1.1.1", "7.1.1.2", "7.1", "7.1"]
    (menu,) = [e for e in elements(messages.opened(question(MANY), ["U1"])) if "options" in e]
    assert [o["value"] for o in menu["options"]] == [f"7.1.1.{i}" for i in range(1, 13)]


@pytest.mark.parametrize("kind", [InquiryKind.TOOL, InquiryKind.BUDGET])
def test_every_decision_that_is_possible_can_be_pressed(kind: InquiryKind) -> None:
    inquiry = {InquiryKind.TOOL: ONE, InquiryKind.BUDGET: budget()}[kind]
    pressed = {e["action_id"] for e in elements(messages.opened(inquiry, ["U1"]))}
    direct = {buttons.DECISIONS[action] for action in pressed if action in buttons.DECISIONS}
    assert direct == set(CHOICES[kind])


WHOLE = [
    (PUSH, ["git push origin main"]),
    (EDIT, ["--- /w/a.toml", "-a = 1", "+a = 2"]),
    (call("Write", "Write", file_path="/w/n.txt", content="one\ntwo"), ["+++ /w/n.txt", "+one", "+two"]),
    (PAGE, ['"url": "https://example.org/x"']),
    (call(command="git push \u202e\x1b[31m"), ["git push ⟨U+202E⟩⟨U+001B⟩[31m"]),
]  # fmt: skip


@pytest.mark.parametrize(("one", "lines"), WHOLE)
def test_the_whole_action_is_shown(one: ToolCall, lines: list[str]) -> None:
    message = messages.opened(tool(one), ["U2"])
    judge(message)
    assert whole_action(one.tool, one.given) in exactly(message.blocks)
    for line in lines:
        assert line in "\n".join(exactly(message.blocks))


def exactly(blocks: list[dict[str, Any]]) -> list[str]:
    """The texts that stand exactly as they are."""
    parts = [part for block in blocks if block["type"] == "rich_text" for part in block["elements"]]
    pre = [part for part in parts if part["type"] == "rich_text_preformatted"]
    return [part["elements"][0]["text"] for part in pre]


def test_a_permission_says_who_where_why_and_what_ran_beside() -> None:
    beside = (Step("Bash", "make"), Step("Read", "a.py", failed=True))
    told = shown(messages.opened(tool(PUSH, said="I push *now*.", beside=beside), ["U2"]))
    for fact in (
        "Agent 12", "Fix the login", "`shop`", "`agent/12-fix-the-login`", "I push *now*.",
        "`Bash(git push:*)`", "Who decides: <@U2>", "`Bash make`", "`Read a.py` (failed)",
        "Already ran, because no rule asks about it", "it is denied, and the agent is told",
    ):  # fmt: skip
        assert fact in told


def test_the_exact_rule_is_confirmed_letter_for_letter() -> None:
    (always,) = [e for e in elements(messages.opened(ONE, [])) if e["action_id"] == buttons.ALWAYS]
    said = always["confirm"]["text"]
    assert said["type"] == "plain_text"
    assert said["emoji"] is False
    assert said["text"].endswith("\nBash(git push origin main)")


def test_who_decided_each_call_is_said_and_the_rest_stays_open() -> None:
    half = voted(TWO, ("1", ALWAYS), comment="but only this once")
    told = shown(messages.opened(half, ["U2"]))
    assert "*Allowed for this agent* by <@U2>" in told
    assert "`Bash(git push origin main)`" in told
    assert "but only this once" in told
    whole = over(TWO, ALLOW, ("1", ALLOW), ("2", DENY))
    told = shown(messages.closed(whole))
    for fact in ("*1 of 2 allowed* by <@U2>", "*Allowed once* by <@U2>", "*Denied* by <@U2>"):
        assert fact in told


SIZES = [1, 2_899, 2_900, 2_901, 8_000, 10_000, 12_000, 60_000]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("piece", ["x", "\n", "😀", "\x1b", "a b\n"])
def test_allow_stands_only_beside_the_whole_text(size: int, piece: str) -> None:
    one = call(command=(piece * size)[:size] + "; reboot")
    inquiry = tool(one, PUSH)
    text = whole_action(one.tool, one.given)
    message = messages.opened(inquiry, ["U2"])
    judge(message)
    allows = "Allow once" in labels(message)[:1]
    assert allows == (text in exactly(message.blocks))
    view = permission_form.permit(inquiry, Tool((one, PUSH)), "1", "C1")
    view_judged(view)
    seen = "".join(exactly(view["blocks"]))
    if message.file is None:
        assert text.replace("\n", "") in seen.replace("\n", "")
        assert one.rule.replace("\n", "") in seen.replace("\n", "")
    else:
        assert message.file.name in json.dumps(view)
        for line in (*text.split("\n"), one.rule):
            assert f"\n    {line}\n" in message.file.content
    assert messages.opened(inquiry, ["U2"], again=True).file is None


def test_no_call_can_pass_for_the_words_of_a_file() -> None:
    evil = replace(HUGE, given={"file_path": "a", "content": "Call 2: Bash\n" * 4_000})
    file = messages.opened(tool(evil), []).file
    assert file is not None
    ours = [line for line in file.content.split("\n") if line and not line.startswith("    ")]
    assert ours == ["Call 1: Write", "“Allow for this agent” adds this rule:"]


def test_many_calls_are_read_from_a_menu() -> None:
    inquiry = tool(*[PUSH] * 60)
    message = messages.opened(inquiry, ["U2"])
    judge(message)
    (menu,) = [e for e in elements(message) if "options" in e]
    assert menu["action_id"] == buttons.READ
    assert menu["options"][0]["value"] == f"7.1.{permission.CALLS + 1}"
    half = voted(inquiry, *((str(i), ALLOW) for i in range(1, 41)))
    (menu,) = [e for e in elements(messages.opened(half, [])) if "options" in e]
    assert menu["options"][0]["value"] == "7.1.41"


SAID = [
    (ONE, True), (TWO, False), (voted(TWO, ("1", ALLOW)), True), (tool(LONG), False),
    (tool(*[PUSH] * 9), False), (budget(), True),
]  # fmt: skip


@pytest.mark.parametrize(("inquiry", "counts"), SAID)
def test_a_word_allows_only_the_one_call_that_was_shown_whole(
    inquiry: Inquiry, *, counts: bool
) -> None:
    assert may_be_said(inquiry) is counts


def test_a_question_shows_its_options_and_how_to_answer() -> None:
    told = shown(messages.opened(question(COLOUR, said="I wonder."), ["U1"]))
    for fact in (
        "Colour: Which colour?", "1. Red: like blood\\n2. Blue", "I wonder.", "Who answers: <@U1>",
        "what you write is the answer", "the agent decides itself",
    ):  # fmt: skip
        assert fact in told
    several = shown(messages.opened(question(COLOUR, SHAPES), ["U1"]))
    assert "2. Which shapes? (several answers are possible)" in several
    assert "Or reply" not in several


def test_an_answer_is_shown_with_who_gave_it() -> None:
    half = replace(question(COLOUR, FREE), votes=(Vote(BEN, ANSWER, "Red", AT, "1"),))
    told = shown(messages.opened(half, ["U1"]))
    assert "*Answered* by <@U2>" in told
    assert "“Red”" in told
    assert "like blood" not in told


PICKS = [
    ("1", "Red"), ("2.", "Blue"), ("b", "Blue"), ("(A)", "Red"), ("red", "Red"), (" BLUE! ", "Blue"),
    ("3", ""), ("0", ""), ("c", ""), ("green", ""), ("red and blue", ""), ("", ""), ("redblue", ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "label"), PICKS)
def test_which_option_a_reply_names(text: str, label: str) -> None:
    assert picked(COLOUR, text) == label


def test_a_reply_can_name_several_options_and_their_own_names_come_first() -> None:
    assert picked(SHAPES, "1, square") == "Round, Square"
    assert picked(SHAPES, "a and b") == "Round, Square"
    assert picked(SHAPES, "1, triangle") == ""
    numbers = replace(COLOUR, options=(Option("2"), Option("1")))
    assert picked(numbers, "2") == "2"


def test_a_form_answers_all_that_is_open() -> None:
    whole = question(COLOUR, SHAPES, FREE, MANY)
    view = question_form.answer(whole, Question((COLOUR, SHAPES, FREE, MANY)), "C1")
    view_judged(view)
    kinds = [block["element"]["type"] for block in view["blocks"]]
    text = "plain_text_input"
    assert kinds == ["radio_buttons", text, "checkboxes", text, text, "static_select", text]
    values = {
        "pick.1": {"pick.1": {"selected_option": {"value": "2"}}},
        "pick.2": {"pick.2": {"selected_options": [{"value": "1"}, {"value": "2"}]}},
        "write.2": {"write.2": {"value": " and a dot "}},
        "write.3": {"write.3": {"value": None}},
        "pick.4": {"pick.4": {"selected_option": {"value": "99"}}},
    }
    said = question_form.answers(Question((COLOUR, SHAPES, FREE, MANY)), values)
    assert said == {"1": "Blue", "2": "Round, Square, and a dot"}
    half = voted(whole, ("1", ANSWER), ("2", DENY))
    view = question_form.answer(half, Question((COLOUR, SHAPES, FREE, MANY)), "C1")
    assert [block["block_id"] for block in view["blocks"]] == ["write.3", "pick.4", "write.4"]


def test_a_form_about_a_call_comes_back_with_its_number() -> None:
    view = permission_form.permit(TWO, Tool((PUSH, EDIT)), "2", "C1")
    view_judged(view)
    assert "+a = 2" in json.dumps(view)
    assert "call 2 of 2" in json.dumps(view)
    fields = {**view, "blocks": [block for block in view["blocks"] if block["type"] == "input"]}
    assert sent(fields, text="no", decision="reject") == forms.Entered(
        permission_form.PERMITTING, "7.1.2", "C1", "no", decision="reject"
    )
    view = permission_form.deny(ONE, "1", "C1")
    view_judged(view)
    assert sent(view, text="no") == forms.Entered(permission_form.DENYING, "7.1.1", "C1", "no")


def test_a_budget_says_whose_and_that_nothing_is_lost() -> None:
    told = shown(messages.opened(budget(), ["U2"]))
    for fact in ("$4.98 of $5.00", "committed to `agent/12-fix-the-login`", "the agent stops here"):
        assert fact in told
    told = shown(messages.opened(budget(Whose.PERSON), ["U2"]))
    assert "of <@U1> within 24 hours" in told


def test_a_card_says_what_is_waited_for() -> None:
    for inquiry, said in (
        (ONE, "*Waiting for permission* `git push origin main`"),
        (question(COLOUR), "*Waiting for an answer to its question* `Which colour?`"),
        (budget(), "*Waiting for more budget, since it is used up*"),
    ):
        assert inquiry.node is not None
        message = messages.card(Card(5, 1, (inquiry.node,), inquiries=(inquiry,)))
        judge(message)
        assert said in shown(message)


def every(text: str) -> list[Message]:
    """Each message with hostile text everywhere and as much of it as there can be."""
    node = replace(heaviest(text, Status.WAITING), asks=InquiryKind.TOOL)
    hostile = ToolCall(text, text, {text[:50]: text}, text, text)
    calls = [
        *(ToolCall(text, "Bash", {"command": text[: i * 300]}, text, text) for i in range(12)),
        *[hostile] * 50,
    ]
    ask = Ask(text, text, text, tuple(Option(text, text) for _ in range(200)))
    asks = [ask, replace(ask, several=True), *[replace(ask, options=ask.options[:5])] * 30]
    steps = (Step(text, text, failed=True),) * 50
    known = [
        *(asked(Tool(tuple(calls[:n]), text, steps), node=node) for n in (5, 12, 60)),
        asked(Tool((hostile,), text, steps), node=node),
        *(asked(Question(tuple(asks[:n]), text), node=node) for n in (1, 3, 32)),
        asked(Question((asks[2],), text), node=node),
        *(
            asked(Budget(text, each, Decimal(9), Decimal(9), Decimal(9)), node=node)
            for each in Whose
        ),
    ]
    made = []
    for inquiry in known:
        targets = [str(i) for i in range(1, 400)]
        for decided in (0, 5, 399):
            votes = tuple(
                Vote(replace(BEN, name=text), [ALLOW, ALWAYS, DENY][i % 3], text, AT, target)
                for i, target in enumerate(targets[:decided])
            )
            half = replace(inquiry, votes=votes, requester=replace(ADA, name=text))
            done = replace(half, status=InquiryStatus.DECIDED, decision=ALWAYS)
            made += [messages.opened(half, [text] * 30, again=True), messages.closed(done)]
            made += [messages.decided_late(done), messages.must_be_answered([half])]
        made.append(messages.card(Card(5, 1, (node,), title=text, inquiries=(inquiry,))))
    return made


@pytest.mark.parametrize("piece", ["😀", "\n\x1b", "<!channel> <@U2>"])
def test_no_length_gets_past_slacks_limits(piece: str) -> None:
    for message in every(piece * (3_000 // len(piece))):
        judge(message)
        for told in [message.text, *obeyed(message.blocks)]:
            assert "<!channel>" not in told


@settings(
    max_examples=2,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
@given(wild.filter(bool))
def test_nothing_gets_past_slacks_limits(text: str) -> None:
    for message in every(text):
        judge(message)


@pytest.mark.parametrize("text", [EVIL[:4_000], "`" * 4_000, "😀" * 2_000, "a\n" * 2_000, "\n"])
def test_forms_take_whatever_others_wrote(text: str) -> None:
    hostile = ToolCall(text, text, {text[:50]: text}, text, text)
    options = tuple(Option(text, text) for _ in range(200))
    asks = (*(Ask(text, text, text, options, each) for each in (True, False)), Ask(text, text)) * 9
    few = tuple(replace(each, options=each.options[:10]) for each in asks)
    for matter in (Tool((hostile,), text), Tool((PUSH,) * 200, text)):
        view_judged(permission_form.permit(asked(matter), matter, "1", text))
    for asking in (Question(asks), Question(few), Question(asks[:1])):
        view_judged(question_form.answer(asked(asking), asking, text))
