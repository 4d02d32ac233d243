"""Who may do what: people, actions, and the table of the configuration."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot import messages
from bot.access import Access, Action, Actor, Allowed, Denied, Why, decide, possible
from bot.roster import Roster, arrange
from engine import NodeView, Origin, Person, Status

ADMIN = Actor("UADMIN")
STARTER = Actor("USTARTER")
MEMBER = Actor("UMEMBER")
GROUPED = Actor("UGROUPED", groups=frozenset({"STEAM"}))
GUEST = Actor("UGUEST", is_guest=True)
STRANGER = Actor("USTRANGER", is_stranger=True)
BOT = Actor("UBOT", is_bot=True)
AWAY = Actor("UAWAY", in_channel=False)

CLOSED = Access()
NAMED = Access(spawn=("USTARTER", "STEAM"), admin=("UADMIN",))
OPEN = Access(spawn=("*",), admin=("UADMIN",))
INVITED = Access(spawn=("*", "UGUEST", "USTRANGER", "UBOT"), admin=("UADMIN",))
JUDGED = Access(spawn=("*",), approve=("UJUDGE", "SJURY"), admin=("UADMIN",))
LAX = JUDGED.model_copy(update={"self_approve": True})
STRICT = LAX.model_copy(update={"plan": "other"})
JUDGE = Actor("UJUDGE")
JUROR = Actor("UJUROR", groups=frozenset({"SJURY"}))
JURY_GUEST = Actor("UGUEST", is_guest=True, groups=frozenset({"SJURY"}))

MATRIX: list[tuple[Action, Actor, Access, str, Why | None]] = [
    (Action.SPAWN, MEMBER, CLOSED, "", Why.NOT_LISTED),
    (Action.SPAWN, ADMIN, NAMED, "", None),
    (Action.SPAWN, STARTER, NAMED, "", None),
    (Action.SPAWN, GROUPED, NAMED, "", None),
    (Action.SPAWN, MEMBER, NAMED, "", Why.NOT_LISTED),
    (Action.SPAWN, MEMBER, OPEN, "", None),
    (Action.SPAWN, GUEST, OPEN, "", Why.GUEST),
    (Action.SPAWN, STRANGER, OPEN, "", Why.STRANGER),
    (Action.SPAWN, BOT, OPEN, "", Why.BOT),
    (Action.SPAWN, GUEST, INVITED, "", None),
    (Action.SPAWN, STRANGER, INVITED, "", None),
    (Action.SPAWN, BOT, INVITED, "", None),
    (Action.READ, MEMBER, NAMED, "", None),
    (Action.READ, AWAY, OPEN, "", Why.NOT_IN_CHANNEL),
    (Action.READ, GUEST, OPEN, "", Why.GUEST),
    (Action.READ, GUEST, INVITED, "", None),
    (Action.READ, STRANGER, OPEN, "", Why.STRANGER),
    (Action.READ, BOT, OPEN, "", Why.BOT),
    (Action.READ, Actor("UADMIN", in_channel=False), OPEN, "", None),
    (Action.CANCEL, MEMBER, OPEN, "UMEMBER", None),
    (Action.CANCEL, MEMBER, OPEN, "USTARTER", Why.NOT_OWNER),
    (Action.CANCEL, MEMBER, OPEN, "", Why.NOT_OWNER),
    (Action.CANCEL, ADMIN, OPEN, "USTARTER", None),
    (Action.CANCEL, MEMBER, NAMED, "UMEMBER", None),
    (Action.RETRY, STARTER, NAMED, "USTARTER", None),
    (Action.RETRY, MEMBER, NAMED, "UMEMBER", Why.NOT_LISTED),
    (Action.RETRY, MEMBER, OPEN, "USTARTER", Why.NOT_OWNER),
    (Action.RETRY, ADMIN, OPEN, "USTARTER", None),
    (Action.ADMIN, ADMIN, NAMED, "", None),
    (Action.ADMIN, STARTER, NAMED, "", Why.NOT_LISTED),
    (Action.ADMIN, BOT, OPEN, "", Why.BOT),
    (Action.ADMIN, MEMBER, Access(admin=("*",)), "", None),
    (Action.ADMIN, GUEST, Access(admin=("*",)), "", Why.GUEST),
    (Action.APPROVE, MEMBER, CLOSED, "", Why.NOT_LISTED),
    (Action.APPROVE, JUDGE, JUDGED, "UMEMBER", None),
    (Action.APPROVE, JUROR, JUDGED, "UMEMBER", None),
    (Action.APPROVE, JURY_GUEST, JUDGED, "UMEMBER", Why.GUEST),
    (Action.APPROVE, MEMBER, JUDGED, "USTARTER", Why.NOT_LISTED),
    (Action.APPROVE, MEMBER, JUDGED, "UMEMBER", Why.OWN),
    (Action.APPROVE, MEMBER, LAX, "UMEMBER", Why.NOT_LISTED),
    (Action.APPROVE, JUDGE, JUDGED, "UJUDGE", Why.OWN),
    (Action.APPROVE, JUROR, JUDGED, "UJUROR", Why.OWN),
    (Action.APPROVE, ADMIN, JUDGED, "UADMIN", Why.OWN),
    (Action.APPROVE, JUDGE, LAX, "UJUDGE", None),
    (Action.APPROVE, JUROR, LAX, "UJUROR", None),
    (Action.APPROVE, ADMIN, LAX, "UADMIN", None),
    (Action.APPROVE, ADMIN, JUDGED, "UMEMBER", None),
    (Action.APPROVE, MEMBER, Access(approve=("*",)), "USTARTER", None),
    (Action.APPROVE, MEMBER, Access(approve=("*",)), "UMEMBER", Why.OWN),
    (Action.APPROVE, GUEST, Access(approve=("*",)), "UMEMBER", Why.GUEST),
    (Action.APPROVE, STRANGER, Access(approve=("*",)), "UMEMBER", Why.STRANGER),
    (Action.APPROVE, BOT, Access(approve=("*",)), "UMEMBER", Why.BOT),
    (Action.APPROVE, STRANGER, Access(approve=("USTRANGER",)), "UMEMBER", None),
    (Action.CONFIRM, MEMBER, JUDGED, "UMEMBER", None),
    (Action.CONFIRM, MEMBER, JUDGED, "USTARTER", Why.NOT_LISTED),
    (Action.CONFIRM, MEMBER, JUDGED, "", Why.NOT_LISTED),
    (Action.CONFIRM, JUDGE, JUDGED, "UMEMBER", None),
    (Action.CONFIRM, ADMIN, JUDGED, "UMEMBER", None),
    (Action.CONFIRM, ADMIN, JUDGED, "UADMIN", None),
    (Action.CONFIRM, GUEST, JUDGED, "UGUEST", None),
    (Action.CONFIRM, MEMBER, STRICT, "UMEMBER", Why.OWN),
    (Action.CONFIRM, JUDGE, STRICT, "UJUDGE", Why.OWN),
    (Action.CONFIRM, ADMIN, STRICT, "UADMIN", Why.OWN),
    (Action.CONFIRM, JUDGE, STRICT, "UMEMBER", None),
    (Action.STEER, MEMBER, NAMED, "UMEMBER", None),
    (Action.STEER, MEMBER, NAMED, "USTARTER", Why.NOT_LISTED),
    (Action.STEER, STARTER, NAMED, "UMEMBER", None),
    (Action.STEER, GROUPED, NAMED, "UMEMBER", None),
    (Action.STEER, ADMIN, NAMED, "UMEMBER", None),
    (Action.STEER, GUEST, OPEN, "UMEMBER", Why.GUEST),
    (Action.STEER, STRANGER, INVITED, "UMEMBER", None),
]


@pytest.mark.parametrize(("action", "actor", "access", "owner", "why"), MATRIX)
def test_matrix(action: Action, actor: Actor, access: Access, owner: str, why: Why | None) -> None:
    decision = decide(action, actor, access, owner=owner)
    assert (decision.reason if isinstance(decision, Denied) else None) == why


def test_a_denial_says_who_could() -> None:
    assert decide(Action.SPAWN, MEMBER, NAMED) == Denied(
        Action.SPAWN, Why.NOT_LISTED, ("USTARTER", "STEAM", "UADMIN"), "spawn"
    )
    denied = decide(Action.CANCEL, MEMBER, NAMED, owner="USTARTER")
    assert isinstance(denied, Denied)
    assert denied.who_could == ("USTARTER", "UADMIN")


def test_who_could_decide_leaves_out_who_asked() -> None:
    denied = decide(Action.APPROVE, JUDGE, JUDGED, owner="UJUDGE")
    assert denied == Denied(Action.APPROVE, Why.OWN, ("SJURY", "UADMIN"), "self_approve")
    denied = decide(Action.CONFIRM, ADMIN, STRICT, owner="UADMIN")
    assert denied == Denied(Action.CONFIRM, Why.OWN, ("UJUDGE", "SJURY"), "plan")
    denied = decide(Action.CONFIRM, STRANGER, JUDGED, owner="UMEMBER")
    assert isinstance(denied, Denied)
    assert denied.who_could == ("UMEMBER", "UJUDGE", "SJURY", "UADMIN")
    denied = decide(Action.RETRY, MEMBER, NAMED, owner="UMEMBER")
    assert isinstance(denied, Denied)
    assert denied.who_could == ("UADMIN",)


@pytest.mark.parametrize("action", [Action.APPROVE, Action.CONFIRM])
def test_a_gate_may_have_approvers_of_its_own(action: Action) -> None:
    named = ("UMEMBER", "STEAM")
    for actor, may in ((MEMBER, True), (GROUPED, True), (ADMIN, True), (JUDGE, False)):
        decision = decide(action, actor, JUDGED, owner="USTARTER", approvers=named)
        assert isinstance(decision, Allowed) == may
    denied = decide(action, JUDGE, JUDGED, approvers=named)
    assert denied == Denied(action, Why.NOT_LISTED, ("UMEMBER", "STEAM", "UADMIN"))
    only_admins = decide(action, JUDGE, JUDGED, approvers=())
    assert only_admins == Denied(action, Why.NOT_LISTED, ("UADMIN",))


@pytest.mark.parametrize(
    ("access", "approvers", "approve", "confirm"),
    [
        (CLOSED, None, False, True),
        (Access(admin=("UME",)), None, False, True),
        (Access(admin=("UME",), plan="other"), None, False, False),
        (Access(admin=("UME",), plan="other", self_approve=True), None, True, False),
        (Access(admin=("UME",), approve=("UME",)), None, False, True),
        (Access(admin=("UME",), self_approve=True), None, True, True),
        (Access(self_approve=True), None, False, True),
        (Access(admin=("UME", "UOTHER"), plan="other"), None, True, True),
        (Access(admin=("SGROUP",), plan="other"), None, True, True),
        (Access(approve=("*",), plan="other"), None, True, True),
        (Access(approve=("B1",), plan="other"), None, False, False),
        (Access(approve=("UOTHER",), plan="other"), (), False, False),
        (Access(plan="other"), ("UME",), False, False),
        (Access(plan="other"), ("UME", "SGROUP"), True, True),
    ],
)
def test_whether_anybody_could_decide(
    access: Access, approvers: tuple[str, ...] | None, *, approve: bool, confirm: bool
) -> None:
    assert possible(access, "UME", approvers) == approve
    assert possible(access, "UME", approvers, Action.CONFIRM) == confirm


def test_approvers_are_the_admins_unless_named() -> None:
    assert NAMED.approvers == ("UADMIN",)
    assert Access(approve=("UX1",), admin=("UADMIN",)).approvers == ("UX1",)
    assert Access(approve=(), admin=("UADMIN",)).approvers == ()


@pytest.mark.parametrize(
    "table",
    [{"spwan": ["*"]}, {"spawn": ["@ada"]}, {"spawn": "*"}, {"plan": "both"}, {"admin": [""]}],
    ids=str,
)
def test_a_wrong_table_is_refused(table: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Access.model_validate(table)


def test_the_table_as_it_is_read_from_a_file() -> None:
    table = {"spawn": ["*", "SGROUP"], "admin": ["U1"], "self_approve": True, "plan": "other"}
    access = Access.model_validate(table)
    assert access.spawn == ("*", "SGROUP")


# Everybody, as the directory knows them where the agent lives or as they are elsewhere.
ROLES = {
    "admin": Actor("UADMIN"),
    "approver": Actor("UAPPROVER"),
    "spawner": Actor("USPAWNER"),
    "requester": Actor("UREQUESTER"),
    "of a named group": Actor("UGROUPED", groups=frozenset({"SCREW"})),
    "member": Actor("UMEMBER"),
    "guest": Actor("UGUEST", is_guest=True),
    "guest of a named group": Actor("UTEMP", is_guest=True, groups=frozenset({"SCREW"})),
    "stranger": Actor("USTRANGER", is_stranger=True),
    "named stranger": Actor("UPARTNER", is_stranger=True),
    "bot": Actor("UBOT", is_bot=True),
    "named bot": Actor("UHELPER", is_bot=True),
}
WHERE = ("in the channel", "elsewhere", "in the direct message", "in a Slack Connect channel")
RULES = Access(
    spawn=("USPAWNER", "SCREW", "UREQUESTER", "UPARTNER", "UHELPER"),
    approve=("UAPPROVER",),
    admin=("UADMIN",),
)
SECOND = RULES.model_copy(update={"plan": "other", "self_approve": True})
COLUMNS = {
    "spawn": (Action.SPAWN, RULES), "read": (Action.READ, RULES), "cancel": (Action.CANCEL, RULES),
    "retry": (Action.RETRY, RULES), "admin": (Action.ADMIN, RULES), "approve": (Action.APPROVE, RULES),
    "confirm": (Action.CONFIRM, RULES), "second": (Action.CONFIRM, SECOND), "steer": (Action.STEER, RULES),
}  # fmt: skip
# "." may; the other letters are reasons of SAID. Four letters: they differ by WHERE.
TABLE = """
                        spawn  read  cancel  retry  admin  approve  confirm  second  steer
admin                   .      .     .       .      .      .        .        .       .
approver                L      .C..  O       O      L      .        .        .       L
spawner                 .      .C..  O       O      L      L        L        L       .
requester               .      .C..  .       .      L      Y        .        Y       .
of a named group        .      .C..  O       O      L      L        L        L       .
member                  L      .C..  O       O      L      L        L        L       L
guest                   G      G     O       O      G      G        G        G       G
guest of a named group  G      G     O       O      G      G        G        G       G
stranger                S      S     O       O      S      S        S        S       S
named stranger          .      .C..  O       O      S      S        S        S       .
bot                     B      B     O       O      B      B        B        B       B
named bot               .      .C..  O       O      B      B        B        B       .
"""
BECAUSE = {
    "L": "you are not among those who may",
    "O": "it is not yours",
    "C": "you are not in the channel that it belongs to",
    "Y": "you asked for it yourself",
    "G": "guests may only when their id is named",
    "S": "people of other workspaces may only when their id is named",
    "B": "a bot may only when its id is named",
}
LISTED = "<@USPAWNER>, <!subteam^SCREW>, <@UREQUESTER>, <@UPARTNER>, <@UHELPER>, <@UADMIN>"
DECIDERS = "Who could: <@UAPPROVER>, <@UADMIN>."
# What is refused, who could, and what would have to change, where it is the same for all reasons.
SAID = {
    "spawn": ("start agents", f"Who could: {LISTED}.", "spawn"),
    "read": ("look at agents", "Every full member of this workspace may.", "spawn"),
    "cancel": ("stop this agent", "Who could: <@UREQUESTER>, <@UADMIN>.", "admin"),
    "retry": ("let this agent try again", "Who could: <@UREQUESTER>, <@UADMIN>.", "admin"),
    "admin": ("do this", "Who could: <@UADMIN>.", "admin"),
    "approve": ("decide this", DECIDERS, "approve"),
    "confirm": ("start this plan", "Who could: <@UREQUESTER>, <@UAPPROVER>, <@UADMIN>.", "approve"),
    "second": ("start this plan", DECIDERS, "approve"),
    "steer": (
        "give this agent instructions",
        "Who could: <@UREQUESTER>, <@USPAWNER>, <!subteam^SCREW>, <@UPARTNER>, <@UHELPER>, <@UADMIN>.",
        "spawn",
    ),
}
SPECIAL = {
    ("read", "C"): (
        "Who could: its members, <@UADMIN>.", "an admin can add it to `[access] admin`",
    ),
    ("approve", "Y"): (DECIDERS, "`[access] self_approve` is off"),
    ("second", "Y"): (DECIDERS, '`[access] plan = "other"` asks for a second person'),
}  # fmt: skip


def sentence(column: str, reason: str, asker: str) -> str:
    """What a refusal says, word by word."""
    what, who, setting = SAID[column]
    who, remedy = SPECIAL.get(
        (column, reason), (who, f"an admin can add it to `[access] {setting}`")
    )
    return f"You may not {what}: {BECAUSE[reason]}. {who}\nYour id is `{asker}`; {remedy}."


def cells() -> list[tuple[str, str, str, str]]:
    """Role, column, place and letter of every cell."""
    head, *lines = TABLE.strip("\n").splitlines()
    found = []
    for line in lines:
        role, letters = line[:24].strip(), line[24:].split()
        for column, letter in zip(head.split(), letters, strict=True):
            spread = letter if len(letter) > 1 else letter * len(WHERE)
            found += [(role, column, *pair) for pair in zip(WHERE, spread, strict=True)]
    return found


@pytest.mark.parametrize(("role", "column", "where", "letter"), cells())
def test_everybody_everything_everywhere(role: str, column: str, where: str, letter: str) -> None:
    actor = replace(ROLES[role], in_channel=where != "elsewhere")
    action, access = COLUMNS[column]
    decision = decide(action, actor, access, owner="UREQUESTER")
    if letter == ".":
        assert isinstance(decision, Allowed)
        return
    assert isinstance(decision, Denied)
    refused = messages.denied(decision, actor.id)
    assert [block["text"]["text"] for block in refused.blocks] == [
        sentence(column, letter, actor.id)
    ]
    assert refused.text == sentence(column, letter, actor.id).partition(".")[0] + "."
    assert len(refused.text) <= 120


def test_the_table_leaves_nobody_and_nothing_out() -> None:
    assert {role for role, *_ in cells()} == set(ROLES)
    assert {COLUMNS[column][0] for _, column, *_ in cells()} == set(Action)
    assert len(cells()) == len(ROLES) * len(COLUMNS) * len(WHERE)


@pytest.mark.parametrize(
    ("decision", "who"),
    [
        (decide(Action.APPROVE, ADMIN, NAMED, owner="UADMIN"), "Nobody else may."),
        (
            decide(Action.APPROVE, MEMBER, Access(approve=("*",)), owner="UMEMBER"),
            "Every other full member of this workspace may.",
        ),
        (
            decide(Action.ADMIN, MEMBER, CLOSED),
            "Nobody may at present: `[access] admin` is empty.",
        ),
        (decide(Action.SPAWN, GUEST, OPEN), "Every full member of this workspace may."),
    ],
)
def test_who_could_when_it_is_nobody_or_everybody(decision: Denied, who: str) -> None:
    assert f" {who}\n" in messages.denied(decision, "U9").blocks[0]["text"]["text"]


def test_a_gate_of_its_own_names_no_setting() -> None:
    denied = decide(Action.APPROVE, MEMBER, JUDGED, owner="USTARTER", approvers=("UJUDGE",))
    assert isinstance(denied, Denied)
    said = messages.denied(denied, "UMEMBER").blocks[0]["text"]["text"]
    assert said.endswith("Who could: <@UJUDGE>, <@UADMIN>.\nYour id is `UMEMBER`.")


def agent(number: int, owner: str, status: Status = Status.ACTIVE) -> NodeView:
    """An agent of somebody."""
    return NodeView(
        id=number, workflow_id=number, request_id=number, origin=Origin("T1/C1", "1.2"),
        requester=Person(owner, owner), task="Fix it", role="", repo="shop", base="main",
        status=status, attempt=1, failures=0, max_failures=3, created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )  # fmt: skip


RUNS, ENDED = agent(1, "UMEMBER"), agent(2, "UMEMBER", Status.COMPLETED)
ASKS, THEIRS_ASKS = agent(3, "UMEMBER", Status.WAITING), agent(4, "UJUDGE", Status.WAITING)
THEIRS = agent(5, "UJUDGE")
LISTED_AGENTS = [RUNS, ENDED, ASKS, THEIRS_ASKS, THEIRS, RUNS]


@pytest.mark.parametrize(
    ("actor", "access", "waiting", "mine", "here"),
    [
        (MEMBER, JUDGED, (ASKS,), (RUNS, ENDED), (THEIRS_ASKS, THEIRS)),
        (JUDGE, JUDGED, (ASKS, THEIRS_ASKS), (THEIRS,), (RUNS, ENDED)),
        (JUROR, JUDGED, (ASKS, THEIRS_ASKS), (), (RUNS, ENDED, THEIRS)),
        (ADMIN, JUDGED, (ASKS, THEIRS_ASKS), (), (RUNS, ENDED, THEIRS)),
        (STARTER, JUDGED, (), (), (RUNS, ENDED, ASKS, THEIRS_ASKS, THEIRS)),
        (JURY_GUEST, JUDGED, (), (), (RUNS, ENDED, ASKS, THEIRS_ASKS, THEIRS)),
    ],
)
def test_a_list_begins_with_what_waits_for_the_asker(
    actor: Actor,
    access: Access,
    waiting: tuple[NodeView, ...],
    mine: tuple[NodeView, ...],
    here: tuple[NodeView, ...],
) -> None:
    assert arrange(LISTED_AGENTS, actor, access) == Roster(waiting, mine, here)


ids = st.sampled_from(["UA", "UB", "UC"])
actors = st.builds(
    Actor, id=ids, is_bot=st.booleans(), is_guest=st.booleans(), is_stranger=st.booleans(),
    groups=st.frozensets(st.sampled_from(["SA", "SB"])), in_channel=st.booleans(),
)  # fmt: skip
entries = st.lists(st.sampled_from(["UA", "UB", "SA", "SB"])).map(tuple)


@given(st.sampled_from(Action), actors, entries, entries, ids)
def test_who_is_in_no_list_and_owns_nothing_changes_nothing(
    action: Action, actor: Actor, spawn: tuple[str, ...], admin: tuple[str, ...], owner: str
) -> None:
    named = actor.id in (*spawn, *admin, owner) or actor.groups & {*spawn, *admin}
    allowed = isinstance(
        decide(action, actor, Access(spawn=spawn, admin=admin), owner=owner), Allowed
    )
    assert not allowed or named or (action is Action.READ and actor.is_member)


policies = st.builds(
    Access, admin=entries, approve=st.none() | entries, self_approve=st.booleans(),
    plan=st.sampled_from(["self", "other"]),
)  # fmt: skip


@given(actors, policies, st.none() | entries, ids)
def test_nobody_decides_where_it_was_said_that_nobody_could(
    actor: Actor, access: Access, approvers: tuple[str, ...] | None, owner: str
) -> None:
    for action in (Action.APPROVE, Action.CONFIRM):
        decision = decide(action, actor, access, owner=owner, approvers=approvers)
        may = isinstance(decision, Allowed)
        assert not may or possible(access, owner, approvers, action)
        own = access.plan == "self" if action is Action.CONFIRM else access.self_approve
        assert own or not may or actor.id != owner
