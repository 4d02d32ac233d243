"""The forms that people have open: a stack of at most three views for each person."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bot.local.blocks import elements
from bot.local.changes import Changes
from bot.local.state import TEAM, Ids, State
from bot.local.validation import Refused

Json = dict[str, Any]
DEEPEST = 3


@dataclass
class View:
    """A form as the app described it; `hash` changes with every update."""

    id: str
    user: str
    root: str
    previous: str | None
    hash: str
    body: Json

    def as_slack(self, state: State) -> Json:
        """The view object of answers and payloads."""
        empty: Json = {"private_metadata": "", "callback_id": "", "external_id": ""}
        flags = {"clear_on_close": False, "notify_on_close": False}
        shown: Json = {"submit": None, "close": None, "state": {"values": {}}}
        identity = {"id": self.id, "hash": self.hash, "team_id": TEAM, "bot_id": state.bot_id}
        place = {"root_view_id": self.root, "previous_view_id": self.previous}
        app = {"app_id": state.app_id, "app_installed_team_id": TEAM}
        return {**empty, **flags, **shown, **self.body, **identity, **place, **app}

    def told(self, state: State) -> Json:
        """The view and its reader, in the page protocol."""
        return {"user": self.user, "view": self.as_slack(state)}


@dataclass
class Modals:
    """Who sees which forms."""

    state: State
    changes: Changes
    stacks: dict[str, list[View]] = field(default_factory=dict)

    def open(self, user: str, body: Json) -> View:
        """Show a form in place of whatever the person had open."""
        self.close_all(user)
        return self._put(user, body)

    def push(self, user: str, body: Json) -> View:
        """Show a form on top of the one that is open. Refused when there are three."""
        if len(self.stacks.get(user, [])) >= DEEPEST:
            raise Refused("push_limit_reached")
        return self._put(user, body)

    def update(self, view: View, body: Json) -> View:
        """Change what a form shows."""
        view.body, view.hash = named(body, self.state.ids), self.state.ids.make("h")
        self._tell(view)
        return view

    def find(self, fits: Callable[[View], bool]) -> View | None:
        """The open view that fits, or None."""
        return next((view for view in self.open_views() if fits(view)), None)

    def open_views(self) -> list[View]:
        """Every open view; of a person's, the topmost last."""
        return [view for stack in self.stacks.values() for view in stack]

    def close(self, view: View) -> None:
        """Take one form away."""
        self.stacks[view.user].remove(view)
        self.changes.tell({"type": "view_closed", "user": view.user, "view_id": view.id})

    def close_all(self, user: str) -> None:
        """Take all forms of a person away."""
        for view in reversed(self.stacks.get(user, [])[:]):
            self.close(view)

    def _put(self, user: str, body: Json) -> View:
        stack = self.stacks.setdefault(user, [])
        identity, previous = self.state.ids.make("V"), stack[-1].id if stack else None
        root = stack[0].id if stack else identity
        shown = named(body, self.state.ids)
        view = View(identity, user, root, previous, self.state.ids.make("h"), shown)
        stack.append(view)
        self._tell(view)
        return view

    def _tell(self, view: View) -> None:
        self.changes.tell({"type": "view", **view.told(self.state)})


def named(body: Json, ids: Ids) -> Json:
    """A copy whose blocks and elements all have ids, as Slack gives them."""
    return {**body, "blocks": named_blocks(body.get("blocks") or [], ids)}


def named_blocks(blocks: list[Json], ids: Ids) -> list[Json]:
    """Copies of blocks in which the ids that the app left out are filled in."""
    return [_named(block, ids) for block in blocks]


def _named(block: Json, ids: Ids) -> Json:
    block = {**block, "block_id": block.get("block_id") or ids.make("b")}
    if isinstance(block.get("child_blocks"), list):
        block["child_blocks"] = named_blocks(block["child_blocks"], ids)
    for key in ("elements", "accessory", "element", "actions"):
        if key in block and block["type"] != "rich_text":
            block[key] = _identified(block[key], ids)
    return block


def _identified(value: Any, ids: Ids) -> Any:
    if isinstance(value, list):
        return [_identified(each, ids) for each in value]
    silent = ("image", "plain_text", "mrkdwn", "rich_text", "card")
    if not isinstance(value, dict) or value.get("type") in silent:
        return value
    return {**value, "action_id": value.get("action_id") or ids.make("a")}


def acting(blocks: list[Json]) -> list[tuple[str, Json]]:
    """(block_id, element) of everything in blocks that can be used."""
    pairs: list[tuple[str, Json]] = []
    for block in blocks:
        inner = [e for e in elements(block) if "action_id" in e]
        pairs += [(block["block_id"], element) for element in inner]
        pairs += acting(block.get("child_blocks") or [])
    return pairs
