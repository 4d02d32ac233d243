"""Graphs in the ledger: what begins when, what people decide, and what becomes of it."""

from pathlib import Path

import pytest

from engine.dag import GateSpec, NodeSpec, WorkflowSpec
from engine.decisions import Decided, HasVoted
from engine.errors import InvalidSpec, StaleMove
from engine.matters import Gate, Plan
from engine.models import Inquiry as InquiryRow
from engine.models import Node
from engine.notices import Closed, Ended, Failed, Opened, SummedUp
from engine.spec import AgentSpec
from engine.states import Decision, InquiryStatus, OnFailure, Status
from engine.store import Database
from engine.votes import Click
from tests.ledger.conftest import ALICE, BOB, ledger_of
from tests.ledger.story import LOST, STOPPED, Story, bad, described, good

DAY = 86_400
DIAMOND = "design; left: design; right: design; join: left right"
REVIEWED = "design; build: design; ?review: build; ship: review"


@pytest.fixture
def story(db: Database, tmp_path: Path) -> Story:
    """A thread in which nothing has been planned yet."""
    return Story(ledger_of(db, tmp_path, per_user=50))


async def test_a_chain_goes_step_by_step_and_is_summed_up_once(story: Story) -> None:
    await story.begin("design; build: design; test: build")
    for key in ("design", "build", "test"):
        assert await story.claim() == {key}
        assert await story.claim() == set()
        await story.end(key)
    assert await story.names() == ["inquiry.opened", "inquiry.closed", "workflow.ended"]
    [summary] = await story.summaries()
    assert (summary.status, summary.title) == (Status.COMPLETED, "calculator")
    assert [node.key for node in summary.nodes] == ["design", "build", "test"]
    assert summary.work.branch == "agent/test"


async def test_a_fan_in_waits_for_the_last_of_its_needs(story: Story) -> None:
    await story.begin(DIAMOND)
    await story.do("design")
    assert await story.claim() == {"left", "right"}
    await story.end("right")
    assert await story.claim() == set()
    await story.end("left")
    assert await story.claim() == {"join"}


async def test_an_unapproved_plan_has_no_nodes(story: Story) -> None:
    asked = await story.plan(WorkflowSpec("calculator", described("a; b: a")))
    assert (await story.nodes(), await story.claim()) == ([], set())
    await story.decide(Decision.APPROVE, asked)
    assert await story.claim() == {"a"}


async def test_a_branch_goes_on_beside_a_gate(story: Story) -> None:
    await story.begin("a; ?gate: a; after: gate; b; c: b; join: after c")
    await story.do("a", "b")
    assert await story.stands("gate", "c") == {"gate": "waiting", "c": "pending"}
    await story.fail("c")
    assert (await story.stands("gate", "join")) == {"gate": "waiting", "join": "skipped"}
    await story.retry("c")
    await story.claim()
    await story.cancel("c")
    assert await story.end("c", STOPPED) is Status.CANCELLED
    await story.decide(Decision.APPROVE)
    assert await story.claim() == {"after"}


async def test_a_gate_shows_what_its_needs_did_and_whom_it_can_go_back_to(story: Story) -> None:
    await story.begin(REVIEWED)
    await story.do("design", "build")
    [asked] = await story.open()
    assert isinstance(asked.matter, Gate)
    [parent] = asked.matter.parents
    assert (parent.key, parent.result, parent.work.commit) == ("build", "build is done", "build-1")
    assert asked.matter.ancestors == ("build", "design")
    assert asked.node is not None
    assert asked.node.key == "review"


async def test_an_approval_hands_the_comments_on(story: Story) -> None:
    await story.begin(REVIEWED)
    await story.do("design", "build")
    closed = await story.decide(Decision.APPROVE, comment="mind the tests")
    assert (closed.status, closed.decision) == (InquiryStatus.DECIDED, Decision.APPROVE)
    assert (await story.node("review")).result == "Bob: mind the tests"
    assert await story.claim() == {"ship"}
    given = await story.ledger.worker("w1").given(story.held[(await story.ids())["ship"]])
    assert [(each.key, each.result) for each in given.before] == [
        ("build", "build is done"),
        ("review", "Bob: mind the tests"),
    ]


async def test_a_rejection_ends_what_depends_on_the_gate(story: Story) -> None:
    await story.begin(REVIEWED)
    await story.do("design", "build")
    await story.decide(Decision.REJECT, comment="no")
    assert await story.stands("review", "ship") == {"review": "failed", "ship": "skipped"}
    [summary] = await story.summaries()
    assert summary.status is Status.FAILED
    review, ship = summary.nodes[2:]
    assert (review.cause, review.error) == ("rejected", "Bob: no")
    assert ship.skipped_for == review.id


async def test_sent_back_work_begins_again_with_the_comment(story: Story) -> None:
    await story.begin("spec; design: spec; build: design; ?review: build; ship: review")
    await story.do("spec", "design", "build")
    await story.decide(Decision.SEND_BACK, comment="use pytest", target="design")
    assert await story.stands() == {
        "spec": "completed",
        "design": "pending",
        "build": "blocked",
        "review": "blocked",
        "ship": "blocked",
    }
    design, build = await story.node("design"), await story.node("build")
    assert (design.branch, design.commit_sha) == ("agent/design", "design-1")
    assert (build.branch, build.commit_sha, build.work, build.result) == ("", "", None, "")
    await story.claim()
    assert await story.given("design") == ("use pytest",)
    await story.end("design")
    await story.do("build")
    [again] = await story.open()
    assert isinstance(again.matter, Gate)
    assert again.matter.parents[0].work.commit == "build-2"
    await story.decide(Decision.APPROVE)
    await story.do("ship")
    assert await story.names() == [
        *("inquiry.opened", "inquiry.closed") * 3,
        "workflow.ended",
    ]


async def test_work_is_sent_back_only_to_what_comes_before(story: Story) -> None:
    await story.begin("a; ?gate: a; after: gate; b; c: b")
    await story.do("a", "b")
    for target in ("c", "after", "gate", "nobody", ""):
        with pytest.raises(InvalidSpec):
            await story.decide(Decision.SEND_BACK, target=target)
    assert await story.stands("gate") == {"gate": "waiting"}
    assert len(await story.open()) == 1


async def test_a_node_that_works_is_redone_when_what_it_needs_was_sent_back(story: Story) -> None:
    await story.begin("a; b: a; ?gate: a; join: b gate")
    await story.do("a")
    await story.claim()
    await story.decide(Decision.SEND_BACK, target="a")
    claim = story.held[(await story.ids())["b"]]
    assert await story.ledger.worker("w1").leases.cancelled([claim.key]) == {claim.key}
    assert await story.claim() == {"a"}
    assert await story.end("b") is Status.PENDING  # even if it was done in that moment
    assert await story.stands("b", "gate") == {"b": "blocked", "gate": "blocked"}
    assert (await story.node("b")).branch == ""
    await story.end("a")
    assert await story.claim() == {"b"}
    await story.decide(Decision.APPROVE)
    await story.end("b")
    await story.do("join")
    assert [each.status for each in await story.summaries()] == [Status.COMPLETED]


async def test_a_node_that_was_to_be_redone_is_skipped_when_its_need_fails(story: Story) -> None:
    await story.begin("a; b: a; ?gate: a; join: b gate")
    await story.do("a")
    await story.claim()
    await story.decide(Decision.SEND_BACK, target="a")
    await story.fail("a")
    assert await story.stands("gate") == {"gate": "skipped"}
    assert await story.summaries() == []
    await story.end("b", STOPPED)
    assert await story.stands("b", "join") == {"b": "skipped", "join": "skipped"}
    assert [each.status for each in await story.summaries()] == [Status.FAILED]


async def test_who_is_sent_back_after_a_stop_is_not_stopped(story: Story) -> None:
    await story.begin("a; b: a; ?gate: a; join: b gate")
    await story.do("a")
    await story.claim()
    await story.cancel("b")
    await story.decide(Decision.SEND_BACK, target="a")
    assert await story.end("b", STOPPED) is Status.PENDING
    await story.do("a", "b")
    await story.decide(Decision.APPROVE)
    await story.do("join")
    assert [each.status for each in await story.summaries()] == [Status.COMPLETED]


async def test_a_lost_run_that_was_to_be_redone_begins_again(story: Story) -> None:
    await story.begin("a; b: a; ?gate: a")
    await story.do("a")
    await story.claim()
    await story.decide(Decision.SEND_BACK, target="a")
    await story.ledger.pass_time(61)
    await story.ledger.take_over("w2")
    assert await story.stands("b") == {"b": "blocked"}
    story.held.clear()
    await story.do("a", "b")
    assert await story.stands("b", "gate") == {"b": "completed", "gate": "waiting"}


async def test_two_have_to_approve_and_nobody_counts_twice(story: Story) -> None:
    await story.begin("a; ?gate: a; b: gate", {"gate": GateSpec(quorum=2, approvers=("U2",))})
    await story.do("a")
    [asked] = await story.open()
    assert (asked.quorum, asked.approvers) == (2, ("U2",))
    first = await story.decide(Decision.APPROVE, comment="fine")
    assert (first.status, [vote.by for vote in first.votes]) == (InquiryStatus.OPEN, [BOB])
    with pytest.raises(HasVoted):
        await story.decide(Decision.REJECT)
    assert await story.stands("gate") == {"gate": "waiting"}
    second = await story.decide(Decision.APPROVE, by=ALICE)
    assert (second.status, len(second.votes)) == (InquiryStatus.DECIDED, 2)
    assert (await story.node("gate")).result == "Bob: fine\nAlice: approve"
    assert (await story.names()).count("inquiry.closed") == 2  # the plan's, and this


async def test_one_who_rejects_outweighs_those_who_approve(story: Story) -> None:
    await story.begin("a; ?gate: a", {"gate": GateSpec(quorum=2)})
    await story.do("a")
    await story.decide(Decision.APPROVE)
    await story.decide(Decision.REJECT, by=ALICE)
    assert await story.stands("gate") == {"gate": "failed"}


async def test_an_edited_plan_is_asked_anew_and_the_old_one_cannot_be_started(story: Story) -> None:
    asked = await story.plan(WorkflowSpec("calculator", described("a; b: a")))
    spec = WorkflowSpec("adder", described("c"))
    edit = await story.ledger.wish(ALICE, story.thread)
    await story.ledger.plans.edit(asked.id, asked.revision, Plan(spec), edit)
    with pytest.raises(Decided) as raised:
        await story.decide(Decision.APPROVE, asked)
    assert (raised.value.inquiry.revision, raised.value.inquiry.status) == (2, "open")
    again = await story.ledger.wish(ALICE, story.thread)
    with pytest.raises(StaleMove):
        await story.ledger.plans.edit(asked.id, asked.revision, Plan(spec), again)
    assert await story.nodes() == []
    await story.decide(Decision.APPROVE)
    assert await story.claim() == {"c"}
    assert await story.names() == ["inquiry.opened", "inquiry.closed"] * 2


async def test_votes_are_void_after_an_edit(story: Story) -> None:
    asked = await story.plan(WorkflowSpec("calculator", described("a")))
    async with story.ledger.db.writing() as session:
        row = await session.get_one(InquiryRow, asked.id)
        row.quorum = 2
    await story.decide(Decision.APPROVE)
    edit = await story.ledger.wish(ALICE, story.thread)
    await story.ledger.plans.edit(asked.id, 1, Plan(WorkflowSpec("x", described("b"))), edit)
    [changed] = await story.open()
    assert changed.votes == ()
    assert (await story.decide(Decision.APPROVE)).status is InquiryStatus.OPEN
    assert (await story.decide(Decision.APPROVE, by=ALICE)).status is InquiryStatus.DECIDED


async def test_who_comes_too_late_is_told_who_decided_what(story: Story) -> None:
    await story.begin(REVIEWED)
    await story.do("design", "build")
    [asked] = await story.open()
    await story.decide(Decision.REJECT, asked, comment="no")
    with pytest.raises(Decided) as raised:
        await story.decide(Decision.APPROVE, asked, ALICE)
    seen = raised.value.inquiry
    assert (seen.status, seen.decision) == (InquiryStatus.DECIDED, Decision.REJECT)
    assert [(vote.by, vote.comment) for vote in seen.votes] == [(BOB, "no")]


async def test_a_discarded_plan_ends_its_request_with_the_reason(story: Story) -> None:
    asked = await story.plan(WorkflowSpec("calculator", described("a")))
    await story.decide(Decision.REJECT, asked)
    [summary] = await story.summaries()
    assert (summary.status, summary.reason) == (Status.CANCELLED, "discarded by Bob")
    assert (summary.title, summary.nodes) == ("calculator", ())
    with pytest.raises(Decided):
        await story.decide(Decision.APPROVE, asked)


async def test_what_nobody_decides_is_rejected_and_reminded_of_once(story: Story) -> None:
    await story.begin(REVIEWED)
    await story.do("design", "build")
    for _ in range(3):
        await story.ledger.pass_time(3 * 3_600)
        await story.ledger.decisions.tick()
    assert await _askings(story) == [False, False, True]  # plan, gate, gate again
    await story.ledger.pass_time(7 * DAY)
    await story.ledger.decisions.tick()
    await story.ledger.decisions.tick()
    assert await _askings(story) == [False, False, True]
    review = await story.node("review")
    assert (review.status, review.cause) == (Status.FAILED, "expired")
    assert [fact.inquiry.status for fact in await _closings(story)] == ["decided", "expired"]
    assert [each.status for each in await story.summaries()] == [Status.FAILED]


async def test_an_expired_plan_ends_its_request_with_the_reason(story: Story) -> None:
    await story.plan(WorkflowSpec("calculator", described("a")))
    await story.ledger.pass_time(8 * DAY)
    await story.ledger.decisions.tick()
    [summary] = await story.summaries()
    assert (summary.status, summary.reason) == (Status.CANCELLED, "nobody decided in time")


async def test_an_answer_in_the_instant_of_expiry_is_too_late(story: Story) -> None:
    await story.begin(REVIEWED)
    await story.do("design", "build")
    await story.ledger.pass_time(7 * DAY)
    with pytest.raises(Decided) as raised:
        await story.decide(Decision.APPROVE)
    assert raised.value.inquiry.status is InquiryStatus.EXPIRED
    assert await story.stands("review") == {"review": "waiting"}
    await story.ledger.decisions.tick()
    assert await story.stands("review") == {"review": "failed"}


async def test_an_expired_plan_cannot_be_edited(story: Story) -> None:
    asked = await story.plan(WorkflowSpec("calculator", described("a")))
    await story.ledger.pass_time(7 * DAY)
    wish = await story.ledger.wish(ALICE, story.thread)
    with pytest.raises(StaleMove):
        await story.ledger.plans.edit(asked.id, 1, Plan(WorkflowSpec("x", described("b"))), wish)


async def test_a_gate_that_expired_asks_again_when_it_is_retried(story: Story) -> None:
    await story.begin(REVIEWED)
    await story.do("design", "build")
    await story.ledger.pass_time(8 * DAY)
    await story.ledger.decisions.tick()
    await story.retry("review")
    assert await story.stands("review", "ship") == {"review": "waiting", "ship": "blocked"}
    await story.decide(Decision.APPROVE)
    await story.do("ship")
    assert [each.status for each in await story.summaries()] == ["failed", "completed"]


async def test_retry_reuses_what_is_above_and_resets_exactly_what_is_below(story: Story) -> None:
    await story.begin("a; b: a; c: b; d: c; side: a; other: side")
    await story.do("a", "b", "c")
    await story.claim()
    await story.end("side")
    await story.fail("d")
    before = {node.key: node.attempt for node in await story.nodes()}
    await story.retry("d", "use pytest instead")
    assert await story.stands() == {
        **dict.fromkeys(("a", "b", "c", "side"), "completed"),
        "d": "pending",
        "other": "active",
        "integrate": "blocked",
    }
    await story.claim()
    assert await story.given("d") == ("use pytest instead",)
    await story.end("d")
    await story.end("other")
    await story.do("integrate")
    after = {node.key: node.attempt for node in await story.nodes()}
    assert after == {**before, "d": 2, "integrate": 1}
    assert [each.status for each in await story.summaries()] == [Status.COMPLETED]


async def test_a_retry_in_time_belongs_to_the_same_request(story: Story) -> None:
    await story.begin("a; b: a; c; d: b c")
    await story.fail("a")
    await story.retry("a")
    await story.do("a", "b")
    assert await story.summaries() == []
    await story.do("c", "d")
    assert [each.status for each in await story.summaries()] == [Status.COMPLETED]


async def test_a_retry_after_the_end_is_a_request_that_tells_of_the_whole_graph(
    story: Story,
) -> None:
    await story.begin("a; b: a; c: b")
    await story.do("a")
    await story.fail("b")
    await story.retry("b", by=BOB)
    await story.do("b", "c")
    first, second = await story.summaries()
    assert (first.status, first.requester) == (Status.FAILED, ALICE)
    assert (second.status, second.requester) == (Status.COMPLETED, BOB)
    assert second.counts == {Status.COMPLETED: 3}
    assert [node.key for node in second.nodes] == ["a", "b", "c"]
    assert second.work.branch == "agent/c"


async def test_a_second_graph_of_the_thread_is_summed_up_by_itself(story: Story) -> None:
    await story.begin("a; b: a")
    await story.fail("a")
    await story.begin("a; c")
    assert set(await story.ids()) == {"a", "b", "a-2", "c", "integrate"}
    await story.do("a-2", "c", "integrate")
    first, second = await story.summaries()
    assert (first.status, second.status) == (Status.FAILED, Status.COMPLETED)
    assert [node.key for node in second.nodes] == ["a-2", "c", "integrate"]


async def test_a_failure_is_told_at_once_when_others_go_on(story: Story) -> None:
    await story.begin("a; b: a; c")
    await story.claim()
    await story.end("a", bad("a"))
    [failed] = [fact for fact in await story.told() if isinstance(fact, Failed)]
    assert (failed.agent.key, failed.agent.error) == ("a", "a is broken")


async def test_without_a_failed_node_what_needs_it_goes_on(story: Story) -> None:
    await story.begin("a; b: a; c: b")
    await story.do("a")
    await story.claim()
    await story.end("b", bad("b"))
    await story.skip("b")
    assert await story.stands("b", "c") == {"b": "skipped", "c": "pending"}
    await story.do("c")
    assert [each.status for each in await story.summaries()] == ["failed", "completed"]
    skipped = (await story.summaries())[1].nodes[1]
    assert (skipped.status, skipped.skipped_for) == (Status.SKIPPED, None)
    with pytest.raises(StaleMove):
        await story.skip("b")
    with pytest.raises(StaleMove):
        await story.skip("c")


async def test_a_blocked_node_and_one_that_waits_can_be_skipped(story: Story) -> None:
    await story.begin("a; b: a; c: b; ?gate: c; d: gate")
    await story.skip("b")
    await story.do("a", "c")
    await story.skip("gate")
    assert await story.open() == []
    await story.do("d")
    assert [each.status for each in await story.summaries()] == [Status.COMPLETED]


async def test_what_was_skipped_because_of_a_failure_can_be_skipped_by_hand(story: Story) -> None:
    await story.begin("a; b: a; c: b; d")
    await story.fail("a")
    assert await story.stands("b", "c") == {"b": "skipped", "c": "skipped"}
    await story.skip("b")
    assert await story.stands("a", "b", "c") == {"a": "failed", "b": "skipped", "c": "pending"}
    await story.do("c", "d")


async def test_skipping_after_the_end_is_a_request_with_one_end(story: Story) -> None:
    await story.begin("a; b: a")
    await story.do("a")
    await story.fail("b")
    await story.skip("b")
    assert [each.status for each in await story.summaries()] == ["failed", "completed"]
    assert (await story.summaries())[1].counts == {Status.COMPLETED: 1, Status.SKIPPED: 1}


async def test_of_two_failed_needs_both_have_to_be_mended(story: Story) -> None:
    await story.begin("a; b; c: a b; d: c")
    await story.fail("a", "b")
    await story.retry("a")
    await story.do("a")
    assert await story.stands("c", "d") == {"c": "skipped", "d": "skipped"}
    ids = await story.ids()
    assert (await story.node("c")).skipped_for == ids["b"]
    assert [each.status for each in await story.summaries()] == ["failed", "failed"]
    await story.retry("b")
    await story.do("b", "c", "d")
    assert [each.status for each in await story.summaries()][2:] == [Status.COMPLETED]


@pytest.mark.parametrize("policy", list(OnFailure))
async def test_what_a_failure_means_is_the_workflows_choice(
    story: Story, policy: OnFailure
) -> None:
    await story.begin("a; b: a; c; d: c; ?gate: d", on_failure=policy)
    await story.claim()
    await story.end("a", bad("a"))
    expected = {
        OnFailure.CONTINUE: {"a": "failed", "b": "skipped", "c": "active", "d": "blocked"},
        OnFailure.STOP: {"a": "failed", "b": "skipped", "c": "active", "d": "skipped"},
        OnFailure.ASK: {"a": "waiting", "b": "blocked", "c": "active", "d": "blocked"},
    }
    assert await story.stands("a", "b", "c", "d") == expected[policy]
    assert await story.end("c") is Status.COMPLETED
    ended = {each.status for each in await story.summaries()}
    assert ended == ({Status.FAILED} if policy is OnFailure.STOP else set())


async def test_after_a_stop_a_retry_brings_everything_back(story: Story) -> None:
    await story.begin("a; b: a; c; d: c", on_failure=OnFailure.STOP)
    await story.claim()
    await story.end("c")
    await story.end("a", bad("a"))
    assert await story.are(Status.SKIPPED) == {"b", "d", "integrate"}
    await story.retry("a")
    await story.do("a", "b", "d", "integrate")
    assert [each.status for each in await story.summaries()] == ["failed", "completed"]


async def test_after_a_stop_one_of_two_failed_nodes_can_be_retried(story: Story) -> None:
    await story.begin("a; b: a; c; d: c", on_failure=OnFailure.STOP)
    await story.claim()
    await story.end("a", bad("a"))
    await story.end("c", bad("c"))
    await story.retry("a")
    await story.do("a", "b")
    assert await story.stands("c", "d") == {"c": "failed", "d": "skipped"}
    await story.retry("c")
    await story.do("c", "d", "integrate")
    assert [each.status for each in await story.summaries()] == ["failed"] * 2 + ["completed"]


@pytest.mark.parametrize(
    ("decision", "a", "b"),
    [
        (Decision.RETRY, "pending", "blocked"),
        (Decision.SKIP, "skipped", "pending"),
        (Decision.REJECT, "failed", "skipped"),
    ],
)
async def test_people_decide_about_a_failure(
    story: Story, decision: Decision, a: str, b: str
) -> None:
    await story.begin("a; b: a; c", on_failure=OnFailure.ASK)
    await story.fail("a")
    await story.decide(decision, comment="try harder")
    assert await story.stands("a", "b") == {"a": a, "b": b}
    if decision is Decision.RETRY:
        await story.claim()
        assert await story.given("a") == ("try harder",)


async def test_a_failure_that_nobody_decides_about_stays_one(story: Story) -> None:
    await story.begin("a; b: a", on_failure=OnFailure.ASK)
    await story.fail("a")
    assert await story.summaries() == []
    await story.ledger.pass_time(8 * DAY)
    await story.ledger.decisions.tick()
    assert await story.stands() == {"a": "failed", "b": "skipped"}
    assert [each.status for each in await story.summaries()] == [Status.FAILED]
    assert (await story.node("a")).error == "a is broken"


async def test_a_stopped_node_takes_along_what_needs_it(story: Story) -> None:
    await story.begin("a; b: a; c: b; d")
    await story.cancel("b")
    assert await story.stands("a", "b", "c", "d") == {
        "a": "pending",
        "b": "cancelled",
        "c": "skipped",
        "d": "pending",
    }
    await story.do("a", "d")
    [summary] = await story.summaries()
    assert summary.status is Status.CANCELLED
    await story.retry("b")
    await story.do("b", "c", "integrate")
    assert [each.status for each in await story.summaries()][1:] == [Status.COMPLETED]


async def test_a_stopped_gate_asks_nobody_any_more(story: Story) -> None:
    await story.begin(REVIEWED)
    await story.do("design", "build")
    [asked] = await story.open()
    await story.cancel("review")
    assert await story.stands("review", "ship") == {"review": "cancelled", "ship": "skipped"}
    assert [fact.inquiry.status for fact in await _closings(story)] == ["decided", "withdrawn"]
    with pytest.raises(Decided):
        await story.decide(Decision.APPROVE, asked)


async def test_a_stopped_workflow_stops_everything_that_runs_waits_or_is_planned(
    story: Story,
) -> None:
    await story.begin("a; ?gate: a; after: gate; b; c: b")
    await story.do("a")
    await story.plan(WorkflowSpec("more", described("x")))
    assert await story.cancel_all() > 3
    assert await story.open() == []
    assert await story.stands("b", "gate") == {"b": "active", "gate": "cancelled"}
    [planned] = await story.summaries()
    assert (planned.title, planned.reason) == ("more", "stopped by Alice")
    await story.end("b", STOPPED)
    assert not await story.are(Status.BLOCKED)
    assert [each.status for each in await story.summaries()] == [Status.CANCELLED] * 2
    with pytest.raises(StaleMove):
        await story.cancel_all()


async def test_several_leaves_of_a_repository_are_merged_by_one_more_node(story: Story) -> None:
    await story.begin("a; b: a; c: a")
    assert (await story.node("integrate")).policy["merges"] is True
    await story.do("a", "b", "c")
    assert await story.claim() == {"integrate"}
    await story.end("integrate")
    [summary] = await story.summaries()
    assert summary.work.branch == "agent/integrate"


async def test_each_repository_has_its_own_integration(story: Story) -> None:
    def agent(key: str, repo: str, *needs: str, reads: bool = False) -> NodeSpec:
        return NodeSpec(key, AgentSpec(key, repo=repo, reads_only=reads), needs)

    nodes = (
        agent("a", "shop"),
        agent("b", "shop"),
        agent("c", "site"),
        agent("look", "site", "c", reads=True),
        NodeSpec("ok", GateSpec(), ("c", "b")),
        agent("d", "site"),
    )
    asked = await story.plan(WorkflowSpec("both", nodes))
    await story.decide(Decision.APPROVE, asked)
    integrates = {n.key: (n.repo, n.task) for n in await story.nodes() if "integrate" in n.key}
    assert integrates == {
        "integrate": ("shop", "Merge the work of a, b"),
        "integrate-2": ("site", "Merge the work of c, d"),
    }


async def test_branches_that_end_at_a_gate_are_merged_after_it(story: Story) -> None:
    await story.begin("a; b; ?ok: a b")
    await story.do("a", "b")
    assert await story.stands("integrate") == {"integrate": "blocked"}
    await story.decide(Decision.APPROVE)
    await story.do("integrate")
    [summary] = await story.summaries()
    assert summary.work.branch == "agent/integrate"


async def test_a_gate_at_the_end_does_not_hide_the_branch(story: Story) -> None:
    await story.begin("a; b: a; ?ok: b")
    await story.do("a", "b")
    await story.decide(Decision.APPROVE)
    assert not await story.are(Status.BLOCKED)
    assert (await story.summaries())[0].work.branch == "agent/b"


async def test_one_who_works_is_instructed_and_one_who_is_done_goes_on(story: Story) -> None:
    await story.begin("a; b: a")
    await story.claim()
    assert await _say(story, "a", "in Latin") == ("instruction", "a")
    assert await story.given("a") == ("in Latin",)
    assert await story.given("a") == ()
    await story.end("a")
    became, first = await _say(story, "a", "and shorter")
    assert (became, await _say(story, "a", "much")) == ("follow_up", ("instruction", first))
    node = await story.node(first)
    ids = await story.ids()
    assert (node.parent_id, node.branch) == (ids["a"], "agent/a")
    await story.claim()
    assert await story.given(first) == ("much",)
    await story.end(first, good("a", 2))
    became, second = await _say(story, "a", "once more")
    assert (became, (await story.node(second)).parent_id) == ("follow_up", ids[first])
    assert (await story.node(second)).commit_sha == "a-2"
    await story.claim()
    await story.end(second, good("a", 3))
    await story.end("b")
    assert [type(fact) for fact in (await story.told())[-3:]] == [Ended, Ended, SummedUp]


async def test_what_was_said_to_a_lost_run_is_given_again(story: Story) -> None:
    await story.begin("a")
    await story.claim()
    await _say(story, "a", "in Latin")
    assert await story.given("a") == ("in Latin",)
    await story.ledger.pass_time(61)
    await story.ledger.take_over("w2")
    await story.claim()
    assert await story.given("a") == ("in Latin",)


async def test_what_was_said_is_given_again_when_the_work_begins_anew(story: Story) -> None:
    await story.begin("a; b: a; ?gate: b")
    await story.do("a")
    await story.claim()
    await _say(story, "b", "in Latin")
    assert await story.given("b") == ("in Latin",)
    await story.end("b")
    await story.decide(Decision.SEND_BACK, target="a")
    await story.do("a")
    await story.claim()
    assert await story.given("b") == ("in Latin",)


async def test_what_was_said_too_late_is_a_follow_up(story: Story) -> None:
    await story.begin("a")
    await story.claim()
    await _say(story, "a", "one more thing")
    await _say(story, "a", "and another")
    await story.end("a")
    [follow] = await story.claim()
    node = await story.node(follow)
    assert (node.task, node.parent_id) == ("one more thing\n\nand another", node.id - 1)
    await story.end(follow, LOST)
    assert len(await story.summaries()) == 1


async def test_two_who_speak_to_an_agent_without_a_branch_do_not_fork_it(story: Story) -> None:
    await story.begin("a")
    await story.fail("a")
    _, first = await _say(story, "a", "go on")
    assert await _say(story, "a", "quickly") == ("instruction", first)


async def test_a_lone_agent_is_gone_on_from_by_another(story: Story) -> None:
    story.thread = "lone"
    agent = await story.ledger.spawn("write", thread="lone")
    async with story.ledger.db.reading() as session:
        story.workflow = (await session.get_one(Node, agent)).workflow_id
    wish = await story.ledger.wish(BOB, "elsewhere")
    child = await story.ledger.growing.spawn(AgentSpec("document it"), agent, wish)
    node = await story.node("then")
    assert (node.workflow_id, node.repo, node.unmet) == (story.workflow, "shop", 1)
    await story.do(f"#{agent}", "then")
    assert [fact.agent.id for fact in await story.told() if isinstance(fact, Ended)] == [
        agent,
        child,
    ]


async def test_a_graph_grows_while_it_runs(story: Story) -> None:
    await story.begin("a; b: a")
    await story.do("a")
    wish = await story.ledger.wish(ALICE, story.thread)
    more = described("c; ?ok: c; a: ok")
    made = await story.ledger.growing.grow(more, (await story.ids())["b"], wish)
    ids = await story.ids()
    assert made == {"c": ids["c"], "ok": ids["ok"], "a": ids["a-2"]}
    assert await story.stands("c", "ok", "a-2") == dict.fromkeys(("c", "ok", "a-2"), "blocked")
    await story.do("b", "c")
    await story.decide(Decision.APPROVE)
    await story.do("a-2")
    assert [each.status for each in await story.summaries()] == [Status.COMPLETED] * 2


async def test_what_grew_is_begun_again_with_what_it_grew_from(story: Story) -> None:
    await story.begin("a; b: a; ?ok: b")
    await story.do("a", "b")
    wish = await story.ledger.wish(ALICE, story.thread)
    await story.ledger.growing.spawn(AgentSpec("document it"), (await story.ids())["b"], wish)
    await story.do("then")
    await story.decide(Decision.SEND_BACK, target="a")
    assert await story.stands("then") == {"then": "blocked"}
    await story.do("a", "b", "then")
    await story.decide(Decision.APPROVE)
    [summary] = await story.summaries()
    assert summary.counts == {Status.COMPLETED: 4}


async def test_nothing_grows_from_what_failed(story: Story) -> None:
    await story.begin("a")
    await story.fail("a")
    wish, failed = await story.ledger.wish(ALICE, story.thread), (await story.ids())["a"]
    with pytest.raises(InvalidSpec, match="retry it or skip it first"):
        await story.ledger.growing.spawn(AgentSpec("b"), failed, wish)
    assert set(await story.ids()) == {"a"}


async def test_a_stop_also_ends_what_grew_from_it(story: Story) -> None:
    await story.begin("a; b: a", on_failure=OnFailure.STOP)
    wish = await story.ledger.wish(ALICE, story.thread)
    await story.ledger.growing.spawn(AgentSpec("document it"), (await story.ids())["b"], wish)
    await story.fail("a")
    assert await story.stands("b", "then") == {"b": "skipped", "then": "skipped"}
    assert len([f for f in await story.told() if isinstance(f, Ended)]) == 1


async def test_a_failed_graph_is_not_brought_back_by_another_of_the_thread(story: Story) -> None:
    await story.begin("a; b: a")
    await story.fail("a")
    await story.begin("c; d: c")
    await story.fail("c")
    await story.retry("c")
    await story.do("c", "d")
    assert await story.stands() == {
        "a": "failed",
        "b": "skipped",
        "c": "completed",
        "d": "completed",
    }


async def test_a_command_is_carried_out_once(story: Story) -> None:
    await story.begin(REVIEWED)
    await story.do("design", "build")
    wish = await story.ledger.wish(BOB, story.thread)
    [asked] = await story.open()
    click = Click(asked.id, asked.revision, Decision.APPROVE)
    await story.ledger.decisions.decide(click, wish)
    with pytest.raises(StaleMove):
        await story.ledger.decisions.decide(click, wish)


async def test_what_is_no_answer_is_refused(story: Story) -> None:
    asked = await story.plan(WorkflowSpec("calculator", described("a")))
    with pytest.raises(InvalidSpec):
        await story.decide(Decision.SEND_BACK, asked)
    assert (await story.open())[0].votes == ()


async def _askings(story: Story) -> list[bool]:
    """For each time that people were asked: whether they were asked again."""
    return [fact.again for fact in await story.told() if isinstance(fact, Opened)]


async def _closings(story: Story) -> list[Closed]:
    return [fact for fact in await story.told() if isinstance(fact, Closed)]


async def _say(story: Story, key: str, text: str) -> tuple[str, str]:
    """Say something to an agent; gives what it became, and who gets it."""
    wish = await story.ledger.wish(ALICE, story.thread)
    said = await story.ledger.talk.say((await story.ids())[key], text, wish)
    names = {number: name for name, number in (await story.ids()).items()}
    return said.became.value, names[said.agent_id]
