"""views.*: the app's forms."""

from typing import Any

from bot.local.calls import Args
from bot.local.desk import Desk, Methods
from bot.local.modals import View
from bot.local.validation import Refused, check_view

Json = dict[str, Any]


def open_view(desk: Desk, args: Args) -> Json:
    """views.open: needs a fresh trigger_id."""
    body = _body(args)
    user = desk.triggers.exchange(args.need("trigger_id"))
    return {"view": desk.modals.open(user, body).as_slack(desk.state)}


def push(desk: Desk, args: Args) -> Json:
    """views.push: on top of the form that the person has open."""
    body = _body(args)
    user = desk.triggers.exchange(args.need("trigger_id"))
    return {"view": desk.modals.push(user, body).as_slack(desk.state)}


def update(desk: Desk, args: Args) -> Json:
    """views.update: by view_id or external_id; a hash that is old is a conflict."""
    body = _body(args)
    view = _wanted(desk, args)
    if args.text("hash") and args.text("hash") != view.hash:
        raise Refused("hash_conflict")
    return {"view": desk.modals.update(view, body).as_slack(desk.state)}


def _body(args: Args) -> Json:
    body = args.given.get("view")
    check_view(body)
    return dict(body or {})


def _wanted(desk: Desk, args: Args) -> View:
    view_id, external = args.text("view_id"), args.text("external_id")
    if not view_id and not external:
        args.need("view_id")
    found = desk.modals.find(
        lambda v: v.id == view_id or bool(external and v.body.get("external_id") == external)
    )
    if found is None:
        raise Refused("not_found")
    return found


METHODS: Methods = {"views.open": open_view, "views.push": push, "views.update": update}
