"""How a local workspace is set up, and the one place that puts its parts together."""

import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.local.board import Board
from bot.local.changes import Changes
from bot.local.desk import Desk
from bot.local.events import Events
from bot.local.faults import Faults
from bot.local.guard import Guard
from bot.local.interactions import Interactions
from bot.local.limits import Limits
from bot.local.modals import Modals
from bot.local.page_acts import PageActs
from bot.local.page_api import Dressing, PageApi
from bot.local.people import People
from bot.local.server import Routes, Server
from bot.local.socket_mode import Sockets
from bot.local.state import Channel, Ids, State, User
from bot.local.timing import Timing
from bot.local.triggers import Triggers
from bot.local.uploads import Uploads
from bot.local.web_api import Tokens, WebApi

Json = dict[str, Any]
# Those that manifest.yml asks for.
_SCOPES = """
app_mentions:read channels:history channels:read chat:write commands files:read files:write
groups:history groups:read im:history im:read im:write reactions:write usergroups:read users:read
"""
BOT_SCOPES = frozenset(_SCOPES.split())


@dataclass(frozen=True)
class Person:
    """Somebody to be in the workspace; a stranger comes from another one (Slack Connect).

    A bot is that of another app: it posts as programs do.
    """

    name: str
    real_name: str = ""
    is_guest: bool = False
    is_stranger: bool = False
    is_bot: bool = False


@dataclass(frozen=True)
class Room:
    """A channel to be there; without members everybody but guests and strangers is in it."""

    name: str
    is_private: bool = False
    bot: bool = True
    members: tuple[str, ...] = ()


PEOPLE = (
    Person("you", "You"),
    Person("teammate", "Your teammate"),
    Person("reviewer", "Your reviewer"),
    Person("guest", "A guest", is_guest=True),
)
ROOMS = (Room("general", members=("you", "teammate", "reviewer", "guest")), Room("random"))
AGENT: Json = {"command": "/agent", "description": "", "usage_hint": "", "subcommands": []}


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What a workspace starts with.

    `commands` are {command, description, usage_hint, subcommands}, `shortcuts` {name, callback_id},
    `chips` {label, text}. `limits` False turns Slack's rate limits off. `subscriptions` are the bot
    events of the manifest (`message.channels`, `app_mention`); None: all. `clock` is in seconds.
    """

    team: str = "Local"
    bot: str = "agent"
    people: Sequence[Person] = PEOPLE
    rooms: Sequence[Room] = ROOMS
    commands: Sequence[Json] = (AGENT,)
    shortcuts: Sequence[Json] = ()
    chips: Sequence[Json] = ()
    banner: str = ""
    banner_warns: bool = False  # it says something that costs money
    scopes: Iterable[str] = BOT_SCOPES
    subscriptions: Iterable[str] | None = None
    limits: bool = True
    timing: Timing = field(default_factory=Timing)
    clock: Callable[[], float] = time.time
    bot_token: str = field(default_factory=lambda: f"xoxb-{secrets.token_hex(16)}")
    app_token: str = field(default_factory=lambda: f"xapp-{secrets.token_hex(16)}")


@dataclass(frozen=True)
class Parts:
    """The parts of a workspace, wired."""

    state: State
    changes: Changes
    faults: Faults
    events: Events
    desk: Desk
    people: People
    interactions: Interactions
    api: WebApi
    guard: Guard
    server: Server


def assemble(setup: Setup) -> Parts:
    """Wire a workspace; nothing listens yet."""
    state, changes = populated(setup), Changes()
    faults = Faults(changes.wake)
    sockets = Sockets(state.app_id, changes, faults, setup.timing, setup.clock)
    subscribed = None if setup.subscriptions is None else frozenset(setup.subscriptions)
    events = Events(state, sockets, faults, setup.timing, subscribed)
    board, modals = Board(state, changes, events), Modals(state, changes)
    triggers = Triggers(setup.clock, setup.timing)
    uploads = Uploads(state, setup.timing, setup.clock)
    scopes = frozenset(setup.scopes)
    desk = Desk(
        state, board, modals, triggers, uploads, sockets, setup.timing, setup.clock, scopes
    )  # fmt: skip
    names = frozenset(str(c["command"]) for c in setup.commands)
    interactions = Interactions(state, board, modals, triggers, sockets, names)
    limits = Limits(setup.clock, setup.limits)
    tokens = Tokens(setup.bot_token, setup.app_token)
    api = WebApi(desk, tokens, limits, faults, changes, setup.clock)
    people, guard = People(state, board), Guard()
    page = PageApi(
        state, changes, guard, PageActs(desk, people, interactions), dressed(setup, state)
    )
    server = Server(Routes(desk, api, interactions, faults, changes), page, guard)
    return Parts(state, changes, faults, events, desk, people, interactions, api, guard, server)


def populated(setup: Setup) -> State:
    """A state with the bot, the people and the channels."""
    ids = Ids(setup.clock)
    bot = User(ids.make("U"), setup.bot, setup.bot.capitalize(), is_bot=True)
    state = State(ids, setup.team, bot, users={bot.id: bot})
    for person in setup.people:
        add_person(state, person)
    for room in setup.rooms:
        add_room(state, room)
    return state


def add_person(state: State, person: Person) -> User:
    """Somebody new in the workspace, with a place for direct messages with the bot."""
    real_name = person.real_name or person.name
    user = User(
        state.ids.make("U"),
        person.name,
        real_name,
        is_bot=person.is_bot,
        is_guest=person.is_guest,
        is_stranger=person.is_stranger,
    )
    state.users[user.id] = user
    if not user.is_bot:
        state.direct(user)
    return user


def add_room(state: State, room: Room) -> Channel:
    """A new channel."""
    usual = (u for u in state.users.values() if not (u.is_bot or u.is_guest or u.is_stranger))
    members = {state.user(name).id for name in room.members if _known(state, name)}
    members = members or {user.id for user in usual}
    if room.bot:
        members.add(state.bot.id)
    identity = state.ids.make("C")
    channel = Channel(identity, room.name, is_private=room.is_private, members=members)
    state.channels[channel.id] = channel
    return channel


def dressed(setup: Setup, state: State) -> Dressing:
    """What the page shows beside the conversation."""
    me = next(user.id for user in state.users.values() if not user.is_bot)
    chips, shortcuts = tuple(setup.chips), tuple(setup.shortcuts)
    commands = tuple(setup.commands)
    return Dressing(me, setup.banner, setup.banner_warns, chips, commands, shortcuts)


def _known(state: State, name: str) -> bool:
    return any(name in (user.id, user.name) for user in state.users.values())
