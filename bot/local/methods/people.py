"""Who is who: auth, apps, team, bots, users, user groups; and reactions and blocks.validate."""

from typing import Any

from bot.local.calls import Args
from bot.local.desk import Desk, Methods, page
from bot.local.state import TEAM, Message
from bot.local.validation import Refused, check_blocks, check_message, check_view

Json = dict[str, Any]


def auth_test(desk: Desk, _args: Args) -> Json:
    """auth.test."""
    return {
        "url": f"{desk.state.address}/",
        "team": desk.state.team,
        "user": desk.bot.name,
        "team_id": TEAM,
        "user_id": desk.bot.id,
        "bot_id": desk.state.bot_id,
        "is_enterprise_install": False,
    }


def open_connection(desk: Desk, _args: Args) -> Json:
    """apps.connections.open: an address for one connection."""
    address = desk.state.address.replace("http://", "ws://", 1)
    return {"url": f"{address}/link?ticket={desk.sockets.ticket()}&app_id={desk.state.app_id}"}


def team_info(desk: Desk, _args: Args) -> Json:
    """team.info."""
    team = {"id": TEAM, "name": desk.state.team, "domain": "local", "email_domain": ""}
    return {"team": team}


def bot_info(desk: Desk, args: Args) -> Json:
    """bots.info."""
    if args.text("bot", desk.state.bot_id) != desk.state.bot_id:
        raise Refused("bot_not_found")
    bot = {"id": desk.state.bot_id, "name": desk.bot.name, "user_id": desk.bot.id}
    return {"bot": {**bot, "app_id": desk.state.app_id, "deleted": False}}


def user_info(desk: Desk, args: Args) -> Json:
    """users.info."""
    return {"user": desk.user(args).as_slack()}


def user_list(desk: Desk, args: Args) -> Json:
    """users.list: the members of this workspace."""
    members = [u for u in desk.state.users.values() if not u.is_stranger]
    rows, more = page(args, members, 1000)
    return {"members": [u.as_slack() for u in rows], "response_metadata": more}


def group_members(desk: Desk, args: Args) -> Json:
    """usergroups.users.list."""
    group = desk.state.usergroups.get(args.need("usergroup"))
    if group is None:
        raise Refused("no_such_subteam")
    return {"users": list(group)}


def add_reaction(desk: Desk, args: Args) -> Json:
    """reactions.add."""
    if not desk.board.react(_item(desk, args), desk.bot, args.need("name"), on=True):
        raise Refused("already_reacted")
    return {}


def remove_reaction(desk: Desk, args: Args) -> Json:
    """reactions.remove."""
    if not desk.board.react(_item(desk, args), desk.bot, args.need("name"), on=False):
        raise Refused("no_reaction")
    return {}


def validate(_desk: Desk, args: Args) -> Json:
    """blocks.validate: blocks, a message or a view."""
    given = args.given
    if given.get("view"):
        check_view(given["view"])
    elif given.get("message"):
        check_message(given["message"])
    elif given.get("blocks"):
        check_blocks(given["blocks"])
    else:
        args.need("blocks")
    return {}


def _item(desk: Desk, args: Args) -> Message:
    return desk.message(desk.readable(args), args.need("timestamp"))


METHODS: Methods = {
    "auth.test": auth_test,
    "apps.connections.open": open_connection,
    "team.info": team_info,
    "bots.info": bot_info,
    "users.info": user_info,
    "users.list": user_list,
    "usergroups.users.list": group_members,
    "reactions.add": add_reaction,
    "reactions.remove": remove_reaction,
    "blocks.validate": validate,
}
