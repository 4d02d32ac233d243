"""What `[access]` and `channels` come to, for the people and channels that there are. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from bot.access import EVERYONE, Access, Action, Actor, Allowed, decide

MY_ID = "Slack: your profile, ⋮, Copy member ID"
DECISIONS = {
    Action.APPROVE: ("approve anything", "self_approve = true"),
    Action.CONFIRM: ("confirm a plan", 'plan = "self"'),
}
EASED = {"self_approve": True, "plan": "self"}


class State(StrEnum):
    """What Slack says of an id."""

    UNASKED = "unasked"
    THERE = "there"
    UNKNOWN = "unknown"
    GONE = "gone"  # deactivated, disabled or archived
    OUTSIDE = "outside"  # a channel that the bot is not in


@dataclass(frozen=True)
class Entry:
    """What an id of the configuration stands for."""

    id: str
    state: State = State.UNASKED
    name: str = ""
    is_bot: bool = False
    members: frozenset[str] = frozenset()  # of a user group


Census = Mapping[str, Entry]


@dataclass(frozen=True)
class Rules:
    """What the configuration says of people and channels."""

    access: Access
    channels: Mapping[str, tuple[str, ...]]  # by the repository's name
    asks: bool = False  # agents have to ask people for some tool calls

    @property
    def people(self) -> tuple[str, ...]:
        """Every id of a user, bot or user group, once."""
        access = self.access
        named = (*access.admin, *access.spawn, *access.approvers)
        return tuple(dict.fromkeys(entry for entry in named if entry != EVERYONE))

    @property
    def places(self) -> tuple[str, ...]:
        """Every id of a channel, once."""
        return tuple(dict.fromkeys(place for places in self.channels.values() for place in places))


@dataclass(frozen=True)
class Doubt:
    """A rule that nobody can fulfil; fatal: with it nothing can be done at all."""

    said: str
    remedy: str
    fatal: bool = False


def doubts(access: Access, census: Census, *, asks: bool = False) -> tuple[Doubt, ...]:
    """What nobody could do; an id that was not asked for counts as somebody who is there.

    With `asks` agents have to ask for some tool calls: where nobody could approve, none starts.
    """
    people = _population(access, census)
    needed = _administering(access, people) + _starting(access, people)
    decided = ((action, _deciding(action, access, people, census)) for action in DECISIONS)
    return (*needed, *(_graver(action, doubt, asks=asks) for action, doubt in decided if doubt))


def _graver(action: Action, doubt: Doubt, *, asks: bool) -> Doubt:
    if not (asks and action is Action.APPROVE):
        return doubt
    said = f"{doubt.said}, and [agent] ask is set: no agent starts there"
    return replace(doubt, said=said)


def _population(access: Access, census: Census) -> tuple[Actor, ...]:
    """Everybody who is named; two stand-ins for everybody, and for a group that is not known."""
    named = {*access.admin, *access.spawn, *access.approvers}
    groups = {entry: _members(entry, census) for entry in named if entry.startswith("S")}
    alone = {entry for entry in named - groups.keys() if entry != EVERYONE and _acts(entry, census)}
    anybody = _stand_ins(EVERYONE) if EVERYONE in named else frozenset()
    return tuple(
        Actor(
            who,
            is_bot=who.startswith("B") or (who in census and census[who].is_bot),
            groups=frozenset(group for group, members in groups.items() if who in members),
        )
        for who in sorted(alone.union(anybody, *groups.values()))
    )


def _members(group: str, census: Census) -> frozenset[str]:
    entry = census.get(group, Entry(group))
    return _stand_ins(group) if entry.state is State.UNASKED else entry.members


def _stand_ins(entry: str) -> frozenset[str]:
    return frozenset({f"{entry}+1", f"{entry}+2"})


def _acts(who: str, census: Census) -> bool:
    return census.get(who, Entry(who)).state in {State.THERE, State.UNASKED}


def _administering(access: Access, people: Iterable[Actor]) -> tuple[Doubt, ...]:
    remedy = f'[access] admin = ["U…"]  # {MY_ID}'
    if not access.admin:
        said = "nobody is admin: `mab serve` does not start"
        return (Doubt(said, remedy, fatal=True),)
    if not _able(Action.ADMIN, access, people):
        return (Doubt("[access] admin names nobody that there is", remedy, fatal=True),)
    return ()


def _starting(access: Access, people: Iterable[Actor]) -> tuple[Doubt, ...]:
    remedy = '[access] spawn = ["*"]  # all members; or ids of users and user groups'
    if not access.spawn:
        said = "[access] spawn is empty: `mab serve` does not start"
        return (Doubt(said, remedy, fatal=True),)
    if not _able(Action.SPAWN, Access(spawn=access.spawn), people):
        said = "[access] spawn names nobody that there is: only admins may start agents"
        return (Doubt(said, remedy),)
    return ()


def _able(action: Action, access: Access, people: Iterable[Actor]) -> list[Actor]:
    return [actor for actor in people if isinstance(decide(action, actor, access), Allowed)]


def _deciding(
    action: Action, access: Access, people: tuple[Actor, ...], census: Census
) -> Doubt | None:
    """Whether somebody is there for each who may start agents; bots decide nothing."""
    starters = _able(Action.SPAWN, access, people)
    stuck = [one for one in starters if not _decided(action, one, access, people)]
    if not stuck:
        return None
    what, lift = DECISIONS[action]
    named = " and ".join(shown(one.id, census) for one in stuck)
    said = f"nobody could {what}" + ("" if stuck == starters else f" for {named}")
    eased = access.model_copy(update=EASED)
    helps = all(_decided(action, one, eased, people) for one in stuck)
    remedy = '[access] approve = ["U…"]  # a second person'
    return Doubt(said, f"{remedy}\nor [access] {lift}" if helps else remedy)


def _decided(action: Action, one: Actor, access: Access, people: Iterable[Actor]) -> bool:
    return any(
        isinstance(decide(action, other, access, owner=one.id), Allowed)
        for other in people
        if not other.is_bot
    )


def shown(entry: str, census: Census) -> str:
    """An id with what Slack calls it, and what is the matter with it."""
    if entry == EVERYONE:
        return "* (all members of the workspace)"
    found = census.get(entry, Entry(entry))
    said = ", ".join(word for word in (found.name, matter(found)) if word)
    return f"{entry} ({said})" if said else entry


def matter(found: Entry) -> str:
    """What is the matter with an id; "" when it is in order."""
    place = found.id[:1] not in {"U", "W", "S", "B"}
    match found.state:
        case State.THERE:
            empty = found.id.startswith("S") and not found.members
            return "without members" if empty else ""
        case State.UNASKED:
            return "not looked up"
        case State.UNKNOWN:
            return f"unknown to Slack{', or private and without @agent' if place else ''}"
        case State.GONE:
            return "archived" if place else "deactivated"
        case State.OUTSIDE:
            return "without @agent"
        case _:
            assert_never(found.state)
