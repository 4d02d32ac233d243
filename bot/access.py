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
            'a bot\'s (B…) or "*"; `/agent whoami` prints your own'
        )
    return entry


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
        """Whether "*" covers them: guests, bots and people of other workspaces must be named."""
        return not (self.is_bot or self.is_guest or self.is_stranger)


class Why(StrEnum):
    """Why somebody may not."""

    NOT_LISTED = "not_listed"
    BOT = "bot"
    GUEST = "guest"
    STRANGER = "stranger"
    NOT_OWNER = "not_owner"
    NOT_IN_CHANNEL = "not_in_channel"


@dataclass(frozen=True)
class Allowed:
    """They may."""


@dataclass(frozen=True)
class Denied:
    """They may not; `who_could` are ids of users and user groups, or "*"."""

    action: Action
    reason: Why
    who_could: tuple[str, ...]


def decide(action: Action, actor: Actor, access: Access, *, owner: str = "") -> Allowed | Denied:
    """Whether `actor` may do `action`; `owner` is the id of the agent's requester."""
    if _named(actor, access.admin):
        return Allowed()
    match action:
        case Action.SPAWN:
            return _listed(action, actor, access)
        case Action.READ:
            return _read(actor, access)
        case Action.CANCEL:
            return _own(action, actor, access, owner)
        case Action.RETRY:
            mine = _own(action, actor, access, owner)
            return mine if isinstance(mine, Denied) else _listed(action, actor, access)
        case Action.ADMIN:
            return Denied(action, _outside(actor), access.admin)
        case _:
            assert_never(action)


def _named(actor: Actor, entries: Entries) -> bool:
    named = actor.id in entries or not actor.groups.isdisjoint(entries)
    return named or (EVERYONE in entries and actor.is_member)


def _listed(action: Action, actor: Actor, access: Access) -> Allowed | Denied:
    if _named(actor, access.spawn):
        return Allowed()
    return Denied(action, _outside(actor), _joined(access.spawn, access.admin))


def _read(actor: Actor, access: Access) -> Allowed | Denied:
    if not actor.is_member and not _named(actor, (*access.spawn, *access.approvers)):
        return Denied(Action.READ, _outside(actor), _joined(access.spawn, access.admin))
    if not actor.in_channel:
        return Denied(Action.READ, Why.NOT_IN_CHANNEL, access.admin)
    return Allowed()


def _own(action: Action, actor: Actor, access: Access, owner: str) -> Allowed | Denied:
    if owner and actor.id == owner:
        return Allowed()
    return Denied(action, Why.NOT_OWNER, _joined((owner,) if owner else (), access.admin))


def _outside(actor: Actor) -> Why:
    if actor.is_bot:
        return Why.BOT
    if actor.is_stranger:
        return Why.STRANGER
    return Why.GUEST if actor.is_guest else Why.NOT_LISTED


def _joined(*entries: Entries) -> Entries:
    return tuple(dict.fromkeys(entry for part in entries for entry in part))
