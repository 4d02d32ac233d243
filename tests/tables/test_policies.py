"""Rules that nobody could fulfil: what `mab doctor` says of them, as a table."""

import pytest

from bot.access import Access
from bot.policies import Census, Doubt, Entry, Rules, State, doubts, shown

ADMIN, SPAWN = '[access] admin = ["U…"]', '[access] spawn = ["*"]'
SECOND = '[access] approve = ["U…"]  # a second person'
OWN, PLAN = "or [access] self_approve = true", 'or [access] plan = "self"'

NO_ADMIN = "nobody is admin: `mab serve` does not start"
GONE_ADMIN = "[access] admin names nobody that there is"
NO_SPAWN = "[access] spawn is empty: `mab serve` does not start"
GONE_SPAWN = "[access] spawn names nobody that there is: only admins may start agents"
NO_APPROVAL = "nobody could approve anything"
NO_PLAN = "nobody could confirm a plan"

THERE = State.THERE
PEOPLE: Census = {
    "U1": Entry("U1", THERE, "Ann"),
    "U2": Entry("U2", THERE, "Ben"),
    "U3": Entry("U3", State.GONE, "Cid"),
    "U4": Entry("U4", State.UNKNOWN),
    "U5": Entry("U5", THERE, "builder", is_bot=True),
    "B1": Entry("B1", THERE, "deploys", is_bot=True),
    "S1": Entry("S1", THERE, "@team", members=frozenset({"U1", "U2"})),
    "S2": Entry("S2", THERE, "@lone", members=frozenset({"U1"})),
    "S3": Entry("S3", THERE, "@empty"),
    "S4": Entry("S4", State.GONE, "@old"),
    "S5": Entry("S5", State.UNKNOWN),
}


def rules(
    admin: str = "",
    spawn: str = "",
    approve: str | None = None,
    *,
    self_approve: bool = False,
    plan: str = "self",
) -> Access:
    named = {"admin": admin.split(), "spawn": spawn.split(), "self_approve": self_approve}
    approvers = None if approve is None else approve.split()
    return Access.model_validate({**named, "approve": approvers, "plan": plan})


ROWS: list[tuple[Access, list[str]]] = [
    # somebody for everything
    (rules("U1 U2", "*"), []),
    (rules("U1", "*", "U2"), []),
    (rules("U1", "*", self_approve=True), []),
    (rules("U1", "U1", self_approve=True), []),
    (rules("S1", "S1"), []),
    (rules("U1", "S1", "S1"), []),
    (rules("U1", "*", "*"), []),
    (rules("U1 U2", "*", plan="other"), []),
    (rules("U1", "*", "U2", plan="other"), []),
    (rules("U1 U2", "B1 U5"), []),
    # `mab serve` does not start
    (rules(), [NO_ADMIN, NO_SPAWN]),
    (rules("U1"), [NO_SPAWN, NO_APPROVAL]),
    (rules("U1 U2"), [NO_SPAWN]),
    (rules("", "*"), [NO_ADMIN, NO_APPROVAL]),
    (rules("", "*", "U1 U2"), [NO_ADMIN]),
    # whoever is named is not there
    (rules("U4", "U1"), [GONE_ADMIN, NO_APPROVAL]),
    (rules("U3 S3 S4", "U1", "U2"), [GONE_ADMIN]),
    (rules("U1 U2", "U3"), [GONE_SPAWN]),
    (rules("U1 U2", "S3"), [GONE_SPAWN]),
    (rules("U1 U2", "S4 S5 U4"), [GONE_SPAWN]),
    (rules("U1 U2", "U3", "U4 S3"), [GONE_SPAWN]),
    # nobody approves
    (rules("", "*", ""), [NO_ADMIN, NO_APPROVAL]),
    (rules("U1 U2", "*", ""), []),  # admins approve, whoever else is named
    (rules("U1", "U1"), [NO_APPROVAL]),
    (rules("S2", "S2"), [NO_APPROVAL]),
    (rules("U1", "U1", "S2"), [NO_APPROVAL]),
    (rules("U1", "U1", "U3"), [NO_APPROVAL]),
    (rules("U1", "U1", "U5"), [NO_APPROVAL]),  # what bots post is never a decision
    (rules("U1", "U1", "B1"), [NO_APPROVAL]),
    # not for one of them
    (rules("U1", "*"), ["nobody could approve anything for U1 (Ann)"]),
    (rules("U1", "U2"), ["nobody could approve anything for U1 (Ann)"]),
    (rules("U1", "U2", ""), ["nobody could approve anything for U1 (Ann)"]),
    (rules("U1", "U2 B1"), ["nobody could approve anything for U1 (Ann)"]),
    (rules("U1", "U2", "U1"), ["nobody could approve anything for U1 (Ann)"]),
    (rules("U3 U1", "S1"), ["nobody could approve anything for U1 (Ann)"]),
    # plans
    (rules("U1", "U1", plan="other"), [NO_APPROVAL, NO_PLAN]),
    (rules("U1", "U1", self_approve=True, plan="other"), [NO_PLAN]),
    (
        rules("U1", "*", self_approve=True, plan="other"),
        ["nobody could confirm a plan for U1 (Ann)"],
    ),
    (rules("U1", "U2", "S2", self_approve=True, plan="other"), ["nobody could confirm a plan for U1 (Ann)"]),
    # Slack was not asked: whoever is named counts as being there
    (rules("U8", "U9"), ["nobody could approve anything for U8 (not looked up)"]),
    (rules("S8", "S9"), []),
    (rules("U8", "S9", "S9"), []),
]  # fmt: skip


@pytest.mark.parametrize(("access", "said"), ROWS, ids=[str(n) for n in range(len(ROWS))])
def test_a_rule_that_nobody_could_fulfil_is_named(access: Access, said: list[str]) -> None:
    assert [doubt.said for doubt in doubts(access, PEOPLE)] == said


def remedies(access: Access) -> list[str]:
    return [doubt.remedy for doubt in doubts(access, PEOPLE)]


def test_what_to_type_is_what_helps() -> None:
    admin, spawn = remedies(rules())
    assert admin.startswith(ADMIN)
    assert "Copy member ID" in admin
    assert spawn.startswith(SPAWN)
    assert remedies(rules("U1", "U1")) == [f"{SECOND}\n{OWN}"]
    assert remedies(rules("U1", "U1", self_approve=True, plan="other")) == [f"{SECOND}\n{PLAN}"]
    assert remedies(rules("U4", "U1"))[1] == SECOND, "their own word would not help"


def test_only_what_holds_up_everything_is_wrong_by_itself() -> None:
    fatal = [doubt.fatal for doubt in doubts(rules("", "*"), PEOPLE)]
    assert fatal == [True, False]
    assert [doubt.fatal for doubt in doubts(rules("U1", "*"), PEOPLE)] == [False]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("*", "* (all members of the workspace)"),
        ("U1", "U1 (Ann)"),
        ("U3", "U3 (Cid, deactivated)"),
        ("U4", "U4 (unknown to Slack)"),
        ("U9", "U9 (not looked up)"),
        ("B1", "B1 (deploys)"),
        ("S1", "S1 (@team)"),
        ("S3", "S3 (@empty, without members)"),
        ("C1", "C1 (#general)"),
        ("C2", "C2 (#quiet, without @agent)"),
        ("C3", "C3 (#past, archived)"),
        ("C4", "C4 (unknown to Slack, or private and without @agent)"),
    ],
)
def test_ids_have_names_and_what_is_the_matter_with_them(entry: str, said: str) -> None:
    places = [
        Entry("C1", THERE, "#general"),
        Entry("C2", State.OUTSIDE, "#quiet"),
        Entry("C3", State.GONE, "#past"),
        Entry("C4", State.UNKNOWN),
    ]
    assert shown(entry, {**PEOPLE, **{place.id: place for place in places}}) == said


def test_every_id_is_asked_for_once() -> None:
    access = rules("U1", "* U1 S1", "U2 S1")
    found = Rules(access, {"shop": ("C1", "C2"), "site": ("C2",), "all": ()})
    assert found.people == ("U1", "S1", "U2")
    assert found.places == ("C1", "C2")


def test_a_doubt_says_what_to_type() -> None:
    assert doubts(rules("U1", "*"), {}) == (
        Doubt("nobody could approve anything for U1 (not looked up)", f"{SECOND}\n{OWN}"),
    )


def test_where_agents_have_to_ask_nobody_to_approve_is_graver() -> None:
    alone = rules("U1", "*")
    (plain,), (grave,) = doubts(alone, {}), doubts(alone, {}, asks=True)
    assert NO_APPROVAL in plain.said
    assert grave.said == f"{plain.said}, and [agent] ask is set: no agent starts there"
    assert doubts(rules("U1 U2", "*"), {}, asks=True) == ()
