"""Who may do what: people, actions, and the table of the configuration."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.access import Access, Action, Actor, Allowed, Denied, Why, decide

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
]


@pytest.mark.parametrize(("action", "actor", "access", "owner", "why"), MATRIX)
def test_matrix(action: Action, actor: Actor, access: Access, owner: str, why: Why | None) -> None:
    decision = decide(action, actor, access, owner=owner)
    assert (decision.reason if isinstance(decision, Denied) else None) == why


def test_a_denial_says_who_could() -> None:
    assert decide(Action.SPAWN, MEMBER, NAMED) == Denied(
        Action.SPAWN, Why.NOT_LISTED, ("USTARTER", "STEAM", "UADMIN")
    )
    denied = decide(Action.CANCEL, MEMBER, NAMED, owner="USTARTER")
    assert isinstance(denied, Denied)
    assert denied.who_could == ("USTARTER", "UADMIN")


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
