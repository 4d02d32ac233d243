"""Who may do what: the `[access]` table of `mab.toml`, and decisions by it. Pure."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal, assert_never

from pydantic import AfterValidator, BaseModel, ConfigDict

EVERYONE = "*"
SLACK_ID = re.compile(r"[UWSB]\w+", re.ASCII)


def _known(entry: str) -> str:
    if entry != EVERYONE and not SLACK_ID.fullmatch(entry):
        raise ValueError(
            f"{entry!r} is no Slack id: give a user's (U…), a user group's (S…), "
            'a bot\'s (B…) or "*"; yours: in Slack your profile, ⋮, Copy member ID'
        )
    return entry


Setting = Literal["spawn", "approve", "admin", "self_approve", "plan"]
Entries = tuple[Annotated[str, AfterValidator(_known)], ...]


class Access(BaseModel):
    """Who may do what. Closed by default: an empty list means nobody but the admins."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    spawn: Entries = ()
    approve: Entries | None = None  # None = as admin
    admin: Entries = ()
    self_approve: bool = False
    plan: Literal["self", "other"] = "self"

    @property
    def groups(self) -> frozenset[str]:
        """The user groups that are named anywhere."""
        named = (*self.spawn, *self.approvers, *self.admin)
        return frozenset(entry for entry in named if entry.startswith("S"))

    @property
    def named(self) -> frozenset[str]:
        """Everybody who is named by an id of their own."""
        listed = (*self.spawn, *self.approvers, *self.admin)
        return frozenset(entry for entry in listed if entry[0] in "UWB")

    @property
    def approvers(self) -> Entries:
        """Who may approve."""
        return self.admin if self.approve is None else self.approve


class Action(StrEnum):
    """What somebody wants to do."""

    SPAWN = "spawn"
    READ = "read"  # status, logs, diff, list
    CANCEL = "cancel"
    RETRY = "retry"
    ADMIN = "admin"
    APPROVE = "approve"  # decide a gate, a tool permission, a push, a merge, a budget
    CONFIRM = "confirm"  # have a plan start
    STEER = "steer"  # speak to a running agent, or go on after its end


@dataclass(frozen=True)
class Actor:
    """What Slack says of the one who acts."""

    id: str
    is_bot: bool = False
    is_guest: bool = False
    is_stranger: bool = False  # of another workspace, through Slack Connect
    groups: frozenset[str] = frozenset()  # ids of user groups
    in_channel: bool = True  # is a member of the channel that the agent belongs to

    @property
    def is_member(self) -> bool:
        """Whether "*" and user groups cover them: all others must be named by their own id."""
        return not (self.is_bot or self.is_guest or self.is_stranger)


class Why(StrEnum):
    """Why somebody may not."""

    NOT_LISTED = "not_listed"
    BOT = "bot"
    GUEST = "guest"
    STRANGER = "stranger"
    NOT_OWNER = "not_owner"
    NOT_IN_CHANNEL = "not_in_channel"
    OWN = "own"


@dataclass(frozen=True)
class Allowed:
    """They may."""


@dataclass(frozen=True)
class Denied:
    """They may not; `who_could` are ids of users and user groups, or "*"."""

    action: Action
    reason: Why
    who_could: tuple[str, ...]
    setting: Setting | None = None  # of `[access]`: the list that would let them, or what forbids


def decide(
    action: Action,
    actor: Actor,
    access: Access,
    *,
    owner: str = "",
    approvers: Entries | None = None,
) -> Allowed | Denied:
    """Whether `actor` may do `action`.

    `owner` is the id of the requester; `approvers` are those that a gate names in place of the
    configured ones.
    """
    match action:
        case Action.APPROVE | Action.CONFIRM:
            return _decide_upon(action, actor, access, owner, approvers)
        case _ if _named(actor, access.admin):
            return Allowed()
        case Action.SPAWN:
            return _listed(action, actor, access, _joined(access.spawn, access.admin))
        case Action.READ:
            return _read(actor, access)
        case Action.CANCEL | Action.RETRY | Action.STEER:
            return _with_owned(action, actor, access, owner)
        case Action.ADMIN:
            return Denied(action, _outside(actor), access.admin, "admin")
        case _:
            assert_never(action)


def possible(
    access: Access,
    owner: str,
    approvers: Entries | None = None,
    action: Literal[Action.APPROVE, Action.CONFIRM] = Action.APPROVE,
    quorum: int = 1,
) -> bool:
    """Whether enough people could decide what `owner` asks for; a group counts as enough.

    A bot's own id (B…) does not: what bots post is never a decision.
    """
    could = [entry for entry in deciders(action, access, owner, approvers) if entry[0] != "B"]
    many = any(entry == EVERYONE or entry.startswith("S") for entry in could)
    return many or len(could) >= quorum


def _with_owned(
    action: Literal[Action.CANCEL, Action.RETRY, Action.STEER],
    actor: Actor,
    access: Access,
    owner: str,
) -> Allowed | Denied:
    mine = _own(action, actor, access, owner)
    match action, mine:
        case Action.RETRY, Allowed():  # it starts an agent
            return _listed(action, actor, access, access.admin)
        case Action.STEER, Denied():
            could = _joined((owner,) if owner else (), access.spawn, access.admin)
            return _listed(action, actor, access, could)
        case _:
            return mine


def _decide_upon(
    action: Action, actor: Actor, access: Access, owner: str, approvers: Entries | None
) -> Allowed | Denied:
    could = deciders(action, access, owner, approvers)
    if owner and actor.id == owner and not _decides_own(action, access):
        setting: Setting = "plan" if action is Action.CONFIRM else "self_approve"
        return Denied(action, Why.OWN, could, setting)
    if _named(actor, could):
        return Allowed()
    return Denied(action, _outside(actor), could, "approve" if approvers is None else None)


def _decides_own(action: Action, access: Access) -> bool:
    """Whether policy lets the requester decide, if they are named."""
    return access.plan == "self" if action is Action.CONFIRM else access.self_approve


def deciders(
    action: Action, access: Access, owner: str, approvers: Entries | None
) -> tuple[str, ...]:
    """Everybody who could approve or confirm what `owner` asks for: ids, or "*"."""
    named = _joined(access.approvers if approvers is None else approvers, access.admin)
    mine = (owner,) if owner else ()
    if not _decides_own(action, access):
        return tuple(entry for entry in named if entry not in mine)
    return _joined(mine, named) if action is Action.CONFIRM else named


def _named(actor: Actor, entries: Entries) -> bool:
    by_group = EVERYONE in entries or not actor.groups.isdisjoint(entries)
    return actor.id in entries or (actor.is_member and by_group)


def _listed(action: Action, actor: Actor, access: Access, could: Entries) -> Allowed | Denied:
    """Whether `spawn` names them; otherwise `could` are those who could."""
    if _named(actor, access.spawn):
        return Allowed()
    return Denied(action, _outside(actor), could, "spawn")


def _read(actor: Actor, access: Access) -> Allowed | Denied:
    if not actor.is_member and not _named(actor, (*access.spawn, *access.approvers)):
        return Denied(Action.READ, _outside(actor), (EVERYONE,), "spawn")
    if not actor.in_channel:
        return Denied(Action.READ, Why.NOT_IN_CHANNEL, access.admin, "admin")
    return Allowed()


def _own(action: Action, actor: Actor, access: Access, owner: str) -> Allowed | Denied:
    if owner and actor.id == owner:
        return Allowed()
    could = _joined((owner,) if owner else (), access.admin)
    return Denied(action, Why.NOT_OWNER, could, "admin")


def _outside(actor: Actor) -> Why:
    if actor.is_bot:
        return Why.BOT
    if actor.is_stranger:
        return Why.STRANGER
    return Why.GUEST if actor.is_guest else Why.NOT_LISTED


def _joined(*entries: Entries) -> Entries:
    return tuple(dict.fromkeys(entry for part in entries for entry in part))
