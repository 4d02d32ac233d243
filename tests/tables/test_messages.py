"""Everything that people read: judged by the referee, by its notification, and by what it says."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import product
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot import messages
from bot.access import Access, Action, Actor, Denied, Why
from bot.grammar import Refusal
from bot.messages import Message, accepted, answer, causes, manual, notes, words
from bot.parsing import parse
from engine.errors import NotFound
from engine.executor import Step, Usage
from engine.matters import Whose
from engine.notices import Card, Nearing, Rescued
from engine.spec import Origin, Person
from engine.states import TERMINAL, Cause, Status
from engine.views import (
    Check,
    FileChange,
    LogEntry,
    NodeView,
    Note,
    NoteKind,
    RunView,
    Work,
)
from tests.referee.referee import check

AT = datetime(2026, 11, 22, 14, 2, tzinfo=UTC)
WORK = Work(
    branch="agent/12-fix-the-login",
    base_commit="a" * 40,
    commit="b" * 40,
    files=(FileChange("src/login.py", 40, 7), FileChange("logo.png", 0, 0, binary=True)),
    check=Check("pytest -q", 0, "12 passed"),
    compare_url="https://example.org/x/compare/main...agent/12-fix-the-login",
)
PENDING = NodeView(
    id=12,
    workflow_id=5,
    request_id=1,
    origin=Origin("T1/C1", "1.2"),
    requester=Person("U1", "Ada"),
    task="Fix the login",
    role="",
    repo="shop",
    base="main",
    status=Status.PENDING,
    attempt=0,
    failures=0,
    max_failures=3,
    created_at=AT,
    ahead=3,
)
ACTIVE = replace(
    PENDING, status=Status.ACTIVE, attempt=1, started_at=AT, ahead=0,
    branch=WORK.branch, step=Step("Edit", "src/login.py"),
)  # fmt: skip
OUT_OF_REACH = replace(ACTIVE, work=Work(notes=(Note(NoteKind.OUT_OF_REACH, "agent-12-x"),)))
DONE = replace(
    ACTIVE, status=Status.COMPLETED, ended_at=AT + timedelta(minutes=4), duration_ms=240_000,
    usage=Usage(12_000, 900, Decimal("0.41"), 9), result="The login **works** again.", work=WORK,
)  # fmt: skip
UNCHANGED = replace(DONE, work=Work(branch=WORK.branch, base_commit="a" * 40, commit="a" * 40))
FAILED = replace(
    DONE, status=Status.FAILED, cause=Cause.TIMEOUT, error="30 minutes are over", result=""
)
CANCELLED = replace(DONE, status=Status.CANCELLED, result="")
EVIL = "<!channel> <@U2> *b* `c` ```d``` &amp; \x1b[31mred\x1b[0m \u202e @here\n" * 3000


class Said:
    """The functions of `bot.messages`, and which of them were asked for a message."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __getattr__(self, name: str) -> Callable[..., Message]:
        self.names.add(name)
        made: Callable[..., Message] = getattr(messages, name)
        return made


say = Said()


def card(*agents: NodeView, busy: int = 4, slots: int = 4) -> Message:
    return say.card(Card(5, 1, agents, busy, slots))


def ended(agent: NodeView, waited: float = 4) -> Message:
    return say.ended(agent, AT + timedelta(minutes=waited))


def refusal(text: str) -> Refusal:
    refused = parse(text, default="refuse")
    assert isinstance(refused, Refusal)
    return refused


def logs(number: int) -> list[LogEntry]:
    return [
        LogEntry(AT, "step", 1, Step("Bash", f"make {i}", failed=i == 2)) for i in range(number)
    ]


RUN = RunView(1, "w", AT, AT, "handed_over", Usage(1, 2, Decimal("0.1"), 1), 61_000)

# Each situation with the text that a phone shows.
SITUATIONS: dict[str, tuple[Message, str]] = {
    "card queued": (card(PENDING), "Agent 12 is queued: Fix the login"),
    "card working": (card(ACTIVE), "Agent 12 is working: Fix the login"),
    "card stopping": (
        card(replace(ACTIVE, cancelling=True)),
        "Agent 12 is stopping: Fix the login",
    ),
    "card waiting": (
        card(replace(ACTIVE, status=Status.WAITING)),
        "Agent 12 waits for you: Fix the login",
    ),
    "card blocked": (
        card(replace(PENDING, status=Status.BLOCKED)),
        "Agent 12 is queued: Fix the login",
    ),
    "card done": (card(DONE), "Agent 12 is done: Fix the login"),
    "card failed": (card(FAILED), "Agent 12 failed, it ran out of time: Fix the login"),
    "card of several": (card(ACTIVE, DONE, PENDING), "Workflow w5: 1 of 3 agents ended"),
    "card of very many": (
        card(*(replace(ACTIVE, id=i, task=EVIL) for i in range(200))),
        "Workflow w5: 0 of 200 agents ended",
    ),
    "done": (ended(DONE), "Agent 12 is done: Fix the login"),
    "done, unchanged": (
        ended(UNCHANGED),
        "Agent 12 is done and changed nothing: Fix the login",
    ),
    "failed": (
        ended(FAILED),
        "Agent 12 failed, it ran out of time (Retry?): Fix the login",
    ),
    "stopped": (ended(CANCELLED), "Agent 12 was stopped: Fix the login"),
    "taken over": (
        say.taken_over(ACTIVE, "abc1234"),
        "Agent 12 lost its worker and begins again: Fix the login",
    ),
    "taken over, out of reach": (
        say.taken_over(OUT_OF_REACH, ""),
        "Agent 12 lost its worker and begins again: Fix the login",
    ),
    "work was rescued": (
        say.rescued(Rescued(DONE, "refs/mab/rescue/agent-12-1", "forge")),
        "Agent 12 had left work beside its branch: Fix the login",
    ),
    "an agent's budget is nearly used up": (
        say.nearing(Nearing(ACTIVE, Whose.AGENT, Decimal(5), Decimal("4.10"))),
        "The budget of agent 12 of $5.00 is nearly used up: Fix the login",
    ),
    "a workflow's budget is nearly used up": (
        say.nearing(Nearing(ACTIVE, Whose.WORKFLOW, Decimal(25), Decimal(20))),
        "The budget of workflow w5 of $25.00 is nearly used up: Fix the login",
    ),
    "a person's budget is nearly used up": (
        say.nearing(Nearing(ACTIVE, Whose.PERSON, Decimal(50), Decimal(45))),
        "The daily budget of Ada of $50.00 is nearly used up: Fix the login",
    ),
    "the ledger was put back": (
        say.restored(AT),
        "The ledger was put back to an earlier copy",
    ),
    **{
        f"the thread cannot be told anything: {reason}": (
            say.silenced(Card(5, 1, nodes, title="Fix the login", origin=DONE.origin), reason),
            f"I cannot write in the thread of {name} any more: Fix the login",
        )
        for reason, nodes, name in (
            ("is_archived", (ACTIVE,), "agent 12"),
            ("not_in_channel", (DONE,), "agent 12"),
            ("restricted_action", (DONE, ACTIVE), "workflow w5"),
            ("something_new", (), "workflow w5"),
        )
    },
    "diff": (
        say.diff_file(DONE, "diff --git a b"),
        f"The diff of agent 12: 2 files +40 {words.MINUS}7: Fix the login",
    ),
    "no diff": (
        say.diff_file(UNCHANGED, ""),
        "Agent 12 changed nothing: Fix the login",
    ),
    "queued": (say.queued(12), "Agent 12 is queued"),
    "thinking": (say.thinking(12), "Agent 12 reads the repository and proposes a plan"),
    "queued without some of what was given": (
        say.queued(12, [accepted.UNREAD, accepted.too_large(EVIL), *[accepted.too_many("x")] * 99]),
        "Agent 12 is queued",
    ),
    "card of an agent that was given much": (
        card(replace(PENDING, quoted=14, attached=1)),
        "Agent 12 is queued: Fix the login",
    ),
    "already started": (
        say.already_started(ACTIVE, "key"),
        "Already started agent 12 with this task. Start another?",
    ),
    "stopping": (say.stopping(12), "Agent 12 is being stopped"),
    "retried": (say.retried(12), "Agent 12 is queued again"),
    "has ended": (say.has_ended(DONE), "Agent 12 is done; there is nothing to stop"),
    "not ended": (
        say.not_ended(ACTIVE),
        "Agent 12 is under way; when it fails or is stopped, it can try again",
    ),
    "retried though done": (
        say.not_ended(DONE),
        "Agent 12 is done; Retry is for what failed or was stopped",
    ),
    "diff follows": (say.diff_follows(12), "The diff of agent 12 follows in its thread"),
    "refused": (
        say.refused(refusal("spwan fix")),
        "“spwan” is no command. Did you mean spawn?",
    ),
    "refused, no verb": (
        say.refused(refusal("fix the login")),
        "“fix” is no command. Type help to see all of them, or spawn and a task.",
    ),
    "engine refuses": (
        say.failed(NotFound("no agent 99"), "status 99"),
        "No agent 99",
    ),
    "not found": (
        say.not_found(99),
        "There is no agent 99. Type /agent list to see those that there are",
    ),
    "which agent": (
        say.which_agent([ACTIVE, DONE], "cancel"),
        "Which agent? Type cancel and the number",
    ),
    "no agent here": (
        say.which_agent([], "cancel"),
        "There is no agent in this thread. Type cancel and the agent's number",
    ),
    "which repository": (
        say.which_repo(["shop", "api"], "fix", "message:T/C:1.2"),
        "Which repository? Choose one, or type --repo NAME before the task",
    ),
    "unknown repository": (
        say.unknown_repo("web", ["shop", "api"], "fix"),
        "There is no repository “web” for this channel. Usable here: shop, api",
    ),
    "no repository at all": (
        say.which_repo([], "fix", "key"),
        "There is no repository for this channel; whoever runs this bot names them",
    ),
    "refused, with a repair": (
        say.refused(refusal("fix the login"), "command:1"),
        "“fix” is no command. Type help to see all of them, or spawn and a task.",
    ),
    "paused": (
        say.paused(ends_runs=False),
        "Paused: no agent starts until somebody types /agent resume; running ones go on",
    ),
    "paused now": (
        say.paused(ends_runs=True),
        "Paused: no agent starts, and those that ran are back in the line, work kept",
    ),
    "resumed": (say.resumed(), "Agents start again"),
    "denied": (
        say.denied(Denied(Action.SPAWN, Why.GUEST, ("U7", "S8")), "U9"),
        "You may not start agents: guests may only when their id is named.",
    ),
    "not in the channel": (
        say.not_in_channel("agent", "spawn fix"),
        "I am not in this channel, so nothing was started. Type /invite @agent and ask again.",
    ),
    "unavailable": (
        say.unavailable("spawn fix"),
        "This could not be recorded, so nothing was started. Please try again in a minute.",
    ),
    "approval": (
        say.denied(Denied(Action.APPROVE, Why.OWN, ("U7",), "self_approve"), "U9"),
        "You may not decide this: you asked for it yourself.",
    ),
    "nobody could decide": (
        say.nobody_could("spawn fix"),
        "Nothing was started: it needs an approval that nobody could give.",
    ),
    "list": (say.listing([], [ACTIVE, FAILED], []), "2 agents, 1 of them under way"),
    "list of three groups": (
        say.listing([replace(ACTIVE, status=Status.WAITING)], [DONE], [PENDING]),
        "3 agents, 2 of them under way, 1 waiting for you",
    ),
    "empty list": (
        say.listing([], [], []),
        "There are no agents yet. Type /agent spawn and a task",
    ),
    "long list": (
        say.listing(*[[replace(ACTIVE, task=EVIL)] * 500] * 3),
        "1,500 agents, 1,500 of them under way, 500 waiting for you",
    ),
    "status": (say.status(DONE, [RUN]), "Agent 12 is done: Fix the login"),
    "status, no run": (say.status(PENDING, []), "Agent 12 is queued: Fix the login"),
    "logs": (say.logs(DONE, logs(3)), "What agent 12 did, 3 events: Fix the login"),
    "no logs": (say.logs(DONE, []), "What agent 12 did, 0 events: Fix the login"),
    "long logs": (say.logs(DONE, logs(900)), "What agent 12 did, 900 events: Fix the login"),
    "help": (say.helped(), "Coding agents, from Slack: type /agent spawn and a task"),
    "help for spawn": (say.helped("spawn"), "Help for spawn"),
    "whoami": (
        say.whoami(Actor("U1"), Access(spawn=("*",), admin=("U1",))),
        "You are U1. You may start agents and administer.",
    ),
}


def payload(message: Message) -> dict[str, Any]:
    return {"text": message.text, "blocks": message.blocks}


def shown(message: Message) -> str:
    return json.dumps(message.blocks, ensure_ascii=False)


def judge(message: Message) -> None:
    assert check(payload(message)) == []
    assert 0 < len(message.text) <= 120
    assert "\n" not in message.text
    json.dumps(payload(message), ensure_ascii=False).encode()


@pytest.mark.parametrize("name", SITUATIONS)
def test_slack_takes_it_and_a_phone_shows_it(name: str) -> None:
    message, text = SITUATIONS[name]
    judge(message)
    assert message.text == text


@pytest.mark.parametrize("name", SITUATIONS)
def test_a_phones_text_is_meaningful_alone(name: str) -> None:
    text = SITUATIONS[name][1]
    assert len(text.split()) >= 3
    assert text[0].isupper() or text[0] in "“1234567890"
    assert not text.endswith((":", ",", "("))
    assert not re.search(r"[`*_<>]|\b(this message|below|above)\b", text)


@pytest.mark.parametrize("status", Status)
@pytest.mark.parametrize("cause", [*Cause, None])
def test_a_phone_is_told_of_every_state_and_every_failure(
    status: Status, cause: Cause | None
) -> None:
    told = card(replace(ACTIVE, status=status, cause=cause))
    judge(told)
    assert re.fullmatch(r"Agent 12 .+: Fix the login", told.text)
    if status in TERMINAL:
        told = ended(replace(DONE, status=status, cause=cause))
        judge(told)
        assert re.fullmatch(r"Agent 12 .+: Fix the login", told.text)


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("why", Why)
def test_every_refusal_says_what_and_why(action: Action, why: Why) -> None:
    told = messages.denied(Denied(action, why, ("U7",)), "U9")
    judge(told)
    assert told.text.startswith("You may not ")
    assert "`U9`" in shown(told)


GROUPS = ("Waiting for you", "Yours", "In this channel")


@pytest.mark.parametrize("present", list(product([False, True], repeat=3))[1:])
def test_a_list_shows_first_what_waits_for_the_asker(present: tuple[bool, ...]) -> None:
    agents = [[replace(ACTIVE, id=70 + at)] if there else [] for at, there in enumerate(present)]
    told = shown(messages.listing(*agents))
    places = [
        told.index(part)
        for at, there in enumerate(present)
        if there
        for part in (GROUPS[at], f" {70 + at}  active")
    ]
    assert places == sorted(places)
    assert [heading in told for heading in GROUPS] == list(present)


def test_a_long_list_keeps_room_for_what_waits() -> None:
    waiting, mine, here = ([replace(ACTIVE, id=i)] * 30 for i in (71, 72, 73))
    told = shown(messages.listing(waiting, mine, here))
    assert [told.count(f" {i}  active") for i in (71, 72, 73)] == [30, 10, 0]
    assert "and 20 more" in told
    assert "and 30 more" in told


def test_the_card_says_what_the_agent_was_given() -> None:
    assert "· with 14 messages as context ·" in shown(card(replace(ACTIVE, quoted=14)))
    both = shown(card(replace(ACTIVE, quoted=1, attached=2)))
    assert "· with 1 message as context and 2 files ·" in both
    assert "with" not in shown(card(replace(ACTIVE, task="x")))


STATES = [
    (PENDING, "Queued: 3 ahead of you, 4 of 4 slots busy"),
    (replace(PENDING, ahead=0), "Queued: next in line, 4 of 4 slots busy"),
    (
        replace(PENDING, status=Status.BLOCKED),
        "Queued: starts when one of your other agents has ended",
    ),
    (
        replace(PENDING, failures=1, available_at=AT, cause=Cause.OVERLOADED),
        "Trying again at 14:02 UTC: the model is overloaded",
    ),
    (ACTIVE, "Editing* `src/login.py`"),
    (replace(ACTIVE, step=None), "*Starting*"),
    (replace(ACTIVE, step=Step("", "I will look")), "*Thinking*"),
    (replace(ACTIVE, step=Step("Bash", "pytest -q")), "Running* `pytest -q`"),
    (replace(ACTIVE, step=Step("Read", "a.py")), "Reading* `a.py`"),
    (replace(ACTIVE, step=Step("Grep", "login")), "Searching for* `login`"),
    (replace(ACTIVE, step=Step("Write", "a.py")), "Writing* `a.py`"),
    (replace(ACTIVE, step=Step("TodoWrite", "[]")), "*Planning*"),
    (replace(ACTIVE, step=Step("mcp__db__query", "x")), "Using* `mcp__db__query x`"),
    (replace(ACTIVE, cancelling=True), "*Stopping*"),
    (DONE, "*Done · $0.41 · 4 min"),
    (UNCHANGED, "*Done and changed nothing · $0.41 · 4 min"),
    (FAILED, "*Failed, it ran out of time · $0.41 · 4 min"),
    (CANCELLED, "*Stopped · $0.41 · 4 min"),
    (replace(DONE, status=Status.SKIPPED), "*Skipped · "),
]


@pytest.mark.parametrize(("agent", "state"), STATES)
def test_the_card_says_how_the_agent_fares(agent: NodeView, state: str) -> None:
    assert state in shown(card(agent))


def test_the_card_says_when_no_worker_is_there() -> None:
    assert "no worker is running" in shown(card(PENDING, busy=0, slots=0))
    full = say.card(Card(5, 1, (PENDING,), 0, 0, workers=1))
    assert "the worker's disk is full" in shown(full)


def test_the_card_says_who_what_where_and_since_when() -> None:
    told = shown(
        card(
            replace(ACTIVE, role="developer", work=Work(notes=(Note(NoteKind.BASH_OFF, "bwrap"),)))
        )
    )
    for fact in (
        "Fix the login", "<@U1> asked", "agent 12", "`developer`", "`shop`", "`agent/12-fix-the-login`",
        f"started <!date^{int(AT.timestamp())}^{{time}}|14:02 UTC>", "without a shell", "`bwrap`",
    ):  # fmt: skip
        assert fact in told


@pytest.mark.parametrize("status", Status)
def test_what_can_be_stopped_has_a_button_that_asks_first(status: Status) -> None:
    actions = [
        block for block in card(replace(ACTIVE, status=status)).blocks if block["type"] == "actions"
    ]
    live = status in {Status.BLOCKED, Status.PENDING, Status.ACTIVE, Status.WAITING}
    assert len(actions) == live
    for block in actions:
        (button,) = block["elements"]
        assert (button["action_id"], button["value"]) == ("agent.cancel", "12")
        assert "confirm" in button


def test_a_card_of_several_has_a_line_and_a_button_each() -> None:
    lines = card(DONE, replace(ACTIVE, id=13)).blocks[1:]
    assert [line["text"]["text"][:8] for line in lines] == ["Agent 13", "Agent 12"]
    assert lines[0]["accessory"]["value"] == "13"
    assert "accessory" not in lines[1]


def test_the_end_tells_everything() -> None:
    told = shown(ended(DONE))
    for fact in (
        "*Agent 12 is done.*", "The login **works** again.", f"+40 {words.MINUS}7", "src/login.py", "binary",
        "Tested: `pytest -q` passed.", "12 passed", "`agent/12-fix-the-login`", "commit `bbbbbbbbbb`",
        "|Open a pull request>", f"2 files +40 {words.MINUS}7 · $0.41 · 4 min", "agent.diff",
    ):  # fmt: skip
        assert fact in told
    assert "agent.retry" not in told


def test_the_end_without_check_page_and_answer() -> None:
    work = replace(WORK, check=None, compare_url="", fetch="git fetch host:repo agent/12")
    told = shown(ended(replace(DONE, work=work, result="")))
    for fact in ("Not tested", "`git fetch host:repo agent/12`", "gave no answer"):
        assert fact in told


@pytest.mark.parametrize(
    ("code", "said"), [(1, "failed with exit code 1"), (None, "did not end in time")]
)
def test_a_check_that_did_not_pass(code: int | None, said: str) -> None:
    work = replace(WORK, check=Check("make test", code, "1 failed"))
    told = shown(ended(replace(DONE, work=work)))
    assert said in told
    assert "1 failed" in told


def test_nothing_changed_is_said_and_has_no_diff() -> None:
    told = shown(ended(UNCHANGED))
    assert "nothing changed · $0.41" in told
    assert "agent.diff" not in told
    assert "Not tested" not in told


def test_many_files_are_counted_not_shown() -> None:
    files = tuple(FileChange(f"src/{'deep/' * 20}{i}.py", 1, 1) for i in range(26))
    told = shown(ended(replace(DONE, work=replace(WORK, files=files))))
    assert "and 14 more" in told
    assert f"26 files +26 {words.MINUS}26" in told


@pytest.mark.parametrize("cause", [*Cause, None])
def test_each_failure_says_why_and_what_to_do(cause: Cause | None) -> None:
    message = ended(replace(FAILED, cause=cause))
    judge(message)
    told = shown(message)
    advice = causes.advice(cause)
    for fact in (
        advice.short,
        advice.sentence,
        advice.remedy,
        "30 minutes are over",
        "agent.retry",
    ):
        assert fact in told


@pytest.mark.parametrize(
    ("cause", "hint"),
    [
        (Cause.BAD_KEY, "ANTHROPIC_API_KEY"),
        (Cause.TIMEOUT, "--timeout"),
        (Cause.BUDGET, "--budget"),
        (Cause.TURNS, "max_turns"),
        (Cause.MODEL, "--model"),
        (Cause.CLI_MISSING, "mab doctor"),
        (Cause.REPOSITORY, "--base"),
        (Cause.SETUP, "`setup`"),
        (Cause.DISK, "disk_gb"),
    ],
)
def test_the_remedy_names_what_to_change(cause: Cause, hint: str) -> None:
    assert hint in causes.advice(cause).remedy


def test_what_a_take_over_cannot_reach_is_named() -> None:
    said = shown(say.taken_over(OUT_OF_REACH, ""))
    assert "worker's host, in the worktree `agent-12-x`, and is not in what the agent goes" in said
    assert "worktree" not in shown(say.taken_over(ACTIVE, ""))


def test_rescued_work_is_told_with_its_place_and_host() -> None:
    said = shown(say.rescued(Rescued(DONE, "refs/mab/rescue/agent-12-1", "forge")))
    assert "It is kept as `refs/mab/rescue/agent-12-1` on the host `forge`." in said


def test_every_cause_and_every_circumstance_has_its_words() -> None:
    assert set(causes.ADVICE) == set(Cause)
    assert set(notes.SENTENCES) == set(NoteKind)


@pytest.mark.parametrize(
    ("agent", "minutes", "called"),
    [(DONE, 1.9, False), (DONE, 2.1, True), (FAILED, 0.1, True), (CANCELLED, 0.1, False)],
)
def test_who_is_called_back(agent: NodeView, minutes: float, *, called: bool) -> None:
    message = ended(agent, minutes)
    assert ("<@U1>" in shown(message)) == called


def test_an_answer_of_the_usual_length_is_shown_whole() -> None:
    whole = "All *good*. " * 900
    message = ended(replace(DONE, result=whole))
    judge(message)
    assert message.file is None
    assert whole.strip() in [block.get("text") for block in message.blocks]


def test_an_answer_that_is_too_long_comes_whole_as_a_file() -> None:
    whole = "```python\n" + "x = 1\n" * 3000 + "```\nThe end."
    message = ended(replace(DONE, result=whole))
    judge(message)
    assert message.file is not None
    assert (message.file.name, message.file.content) == ("agent-12-answer.md", whole)
    (excerpt,) = [block["text"] for block in message.blocks if block["type"] == "markdown"]
    assert excerpt.startswith("```python\nx = 1")
    assert excerpt.count("```") == 2
    assert "agent-12-answer.md" in excerpt


def test_logs_are_shown_or_come_as_a_file() -> None:
    short, long = messages.logs(DONE, logs(3)), messages.logs(DONE, logs(900))
    assert short.file is None
    assert "Running make 2 (failed)" in shown(short)
    assert long.file is not None
    assert long.file.name == "agent-12-log.txt"
    assert long.file.content.count("\n") == 900
    assert "make 899" in shown(long)


def test_logs_that_are_not_kept_any_more_are_not_called_nothing() -> None:
    assert "not kept any more" in shown(messages.logs(DONE, []))
    assert "has done nothing yet" in shown(messages.logs(replace(DONE, ended_at=None), []))


@pytest.mark.parametrize(
    "call",
    ["<!channel>", "<!here|x>", "<!everyone>", "<!subteam^S1>", "<!subteam^S1|@x>", "<@U1>", "<@W1|x>",
     "<#C1|x>", "<https://evil.example|View diff>", "<mailto:a@b|x>", "&lt;!channel&gt;", "&#60;@U1>",
     "&#x3C;@U1>", "<!date^1^{date}|x>", "<\x1b[0m!channel>", "<\0@U1>", "@channel", "@here", "@Everyone"],
)  # fmt: skip
@pytest.mark.parametrize("around", ["{}", "`{}`", "```\n{}\n```", "a{}", "[{}](https://a.example)"])
def test_an_answer_calls_nobody(call: str, around: str) -> None:
    said = answer.answer(12, around.format(call)).shown
    joined = answer.JOINER
    assert not [
        live
        for live in ("<!", "<@U", "<@W", "<#", "<h", "<m", "&lt;!", "&#60;@", "&#x3C;@")
        if live in said
    ]
    assert joined in said
    assert said.count("@") == 0 or not any(
        f"@{word}" in said.lower() for word in ("here", "channel", "everyone")
    )


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        (
            "[View diff](https://evil.example/x)",
            "[View diff (evil.example)](https://evil.example/x)",
        ),
        ("[View](<https://evil.example>)", "[View (evil.example)](<https://evil.example>)"),
        ("[a](https://evil.example/(x))", "[a (evil.example)](https://evil.example/(x))"),
        ("[evil.example/x](https://evil.example/x)", "[evil.example/x](https://evil.example/x)"),
        ("[1]: https://evil.example", f"[1]{answer.JOINER}: https://evil.example"),
        ("`[View](https://evil.example)`", "`[View](https://evil.example)`"),
        ("see https://ok.example/?a=b", "see https://ok.example/?a=b"),
        ("if a < b and c > d: <b>x</b>", "if a < b and c > d: <b>x</b>"),
        ("mail me@example.org, @ada", "mail me@example.org, @ada"),
        ("[x](http://[)", "[x](http://[)"),
        ("**bold** _it_ ~~s~~ # h\n\n| a | b |", "**bold** _it_ ~~s~~ # h\n\n| a | b |"),
        ("\x1b[1mbold\x1b[0m \x1b]0;title\x07x\u202ey\r\nz", "bold xy\nz"),
    ],
)
def test_an_answer_stays_as_it_is_but_hides_nothing(said: str, seen: str) -> None:
    assert answer.answer(12, said).shown == seen


def test_what_others_wrote_is_live_nowhere() -> None:
    evil = replace(
        DONE, task=EVIL, role=EVIL, repo=EVIL, branch=EVIL, result=EVIL, error=EVIL, cause=Cause.INTERNAL,
        status=Status.FAILED, requester=Person("<!channel>", EVIL), step=Step(EVIL, EVIL),
        work=Work(EVIL, EVIL, EVIL + "x", (FileChange(EVIL, 1, 1),) * 99, Check(EVIL, 1, EVIL), pushed=True,
                  compare_url=EVIL, fetch=EVIL, notes=tuple(Note(kind, EVIL) for kind in NoteKind)),
    )  # fmt: skip
    made = [
        card(evil), card(replace(evil, status=Status.ACTIVE)), card(evil, evil),
        messages.silenced(Card(5, 1, (evil,), title=EVIL, origin=Origin(EVIL, EVIL)), EVIL),
        ended(evil), messages.taken_over(evil, EVIL), messages.rescued(Rescued(evil, EVIL, EVIL)), messages.diff_file(evil, EVIL),
        messages.status(evil, [replace(RUN, outcome=EVIL)] * 99), messages.listing(*[[evil] * 99] * 3),
        *[messages.nearing(Nearing(evil, whose, Decimal(5), Decimal(4))) for whose in Whose],
        messages.logs(evil, [LogEntry(AT, EVIL, 1, Step(EVIL, EVIL), EVIL)] * 50),
        messages.refused(Refusal(EVIL, EVIL, EVIL)), messages.failed(NotFound(EVIL), EVIL),
        messages.denied(Denied(Action.CANCEL, Why.NOT_OWNER, (EVIL,) * 50), EVIL),
        messages.not_in_channel(EVIL, EVIL), messages.which_repo([EVIL] * 99, EVIL, EVIL), messages.unknown_repo(EVIL, [EVIL] * 99, EVIL),
        messages.whoami(Actor(EVIL), Access()), messages.nobody_could(EVIL), messages.unavailable(EVIL), messages.which_agent([evil], "cancel"),
    ]  # fmt: skip
    for message in made:
        judge(message)
        for text in _obeyed(message):
            assert "<!channel>" not in text
            assert "<@U2>" not in text
            assert "\x1b" not in text


def _obeyed(message: Message) -> list[str]:
    """The texts in which Slack obeys its own markup."""
    texts = [message.text]
    for block in message.blocks:
        parts = [block, block.get("text"), *block.get("elements", [])]
        texts += [
            p["text"]
            for p in parts
            if isinstance(p, dict) and p.get("type") in {"mrkdwn", "markdown"}
        ]
    return texts


wild = st.one_of(
    st.text(max_size=200),
    st.text(alphabet=st.characters(codec=None), max_size=30),
    st.text(alphabet="&<>`*_~|!@#\n \x1b😀", max_size=200),
)
works = st.builds(
    Work, branch=wild, base_commit=wild, commit=wild, compare_url=wild, fetch=wild,
    files=st.lists(st.builds(FileChange, wild, st.integers(0, 10**12), st.integers(0, 10**12)), max_size=30).map(tuple),
    check=st.none() | st.builds(Check, wild, st.none() | st.integers(-255, 255), wild),
    notes=st.lists(st.builds(Note, st.sampled_from(NoteKind), wild), max_size=12).map(tuple),
)  # fmt: skip
agents = st.builds(
    replace, st.just(DONE), id=st.integers(1, 10**18), task=wild, role=wild, repo=wild, branch=wild,
    requester=st.builds(Person, wild, wild), status=st.sampled_from(Status), step=st.none() | st.builds(Step, wild, wild),
    duration_ms=st.integers(0, 10**12), result=wild, error=wild, cause=st.none() | st.sampled_from(Cause), work=works,
    usage=st.builds(Usage, st.integers(0, 10**12), st.integers(0, 10**12), st.decimals(0, 10**6, places=4), st.integers(0, 10**6)),
    ahead=st.integers(0, 10**6), failures=st.integers(0, 9), available_at=st.none() | st.just(AT), cancelling=st.booleans(),
)  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(agents, wild)
def test_nothing_gets_past_slacks_limits(agent: NodeView, text: str) -> None:
    for message in every(agent, text):
        judge(message)


@pytest.mark.parametrize("status", [Status.ACTIVE, Status.COMPLETED, Status.FAILED])
@pytest.mark.parametrize(
    "piece",
    [*"&<`😀\na \x1b|—", "```\n", "a b\n", "[a](http://b)", "](http://b)", "&lt;a:", "@here "],
)
def test_no_length_gets_past_slacks_limits(piece: str, status: Status) -> None:
    text = piece * (40_000 // len(piece))
    work = Work(
        branch=text,
        base_commit="a",
        commit=text,
        files=tuple(FileChange(text, 10**9, 10**9) for _ in range(20)),
        check=Check(text, 1, text),
        compare_url=text,
        fetch=text,
        notes=tuple(Note(kind, text) for kind in NoteKind),
    )
    agent = replace(
        DONE, status=status, task=text, role=text, repo=text, branch=text, step=Step(text, text), result=text,
        requester=Person(text, text), error=text, cause=Cause.BAD_KEY, work=work,
    )  # fmt: skip
    for message in every(agent, text):
        judge(message)


def every(agent: NodeView, text: str) -> list[Message]:
    return [
        card(agent),
        card(*[agent] * 25),
        ended(agent),
        messages.taken_over(agent, text),
        messages.rescued(Rescued(agent, text, text)),
        *[messages.nearing(Nearing(agent, whose, Decimal(5), Decimal(4))) for whose in Whose],
        messages.status(agent, [RUN]),
        messages.listing(*[[agent] * 50] * 3),
        messages.logs(agent, [LogEntry(AT, text, 1, agent.step, text)] * 40),
        messages.refused(Refusal(text or "x", text, text)),
        messages.which_repo([text], text, text),
        messages.unknown_repo(text, [text], text),
        messages.failed(NotFound(text), text),
    ]


@pytest.mark.parametrize(
    ("milliseconds", "said"),
    [
        (0, "0 s"),
        (59_999, "59 s"),
        (60_000, "1 min"),
        (240_000, "4 min"),
        (4_320_000, "1 h 12 min"),
    ],
)
def test_durations(milliseconds: int, said: str) -> None:
    assert words.duration(milliseconds) == said


@pytest.mark.parametrize(
    ("amount", "said"),
    [("0", "$0.00"), ("0.001", "<$0.01"), ("0.41", "$0.41"), ("1234.5", "$1,234.50")],
)
def test_amounts(amount: str, said: str) -> None:
    assert words.money(Decimal(amount)) == said


def test_help_knows_every_command() -> None:
    for verb in manual.USAGE:
        assert parse(f"help {verb}", default="refuse") is not None
        assert f"/agent {verb}" in shown(messages.helped())
        judge(messages.helped(verb))
