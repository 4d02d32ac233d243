"""How to see that everything has ended, or that something still moves. Pure."""

from tests.chaos.judge import World


def unsettled(world: World) -> bool:
    """Whether anything has not ended, or has not been told."""
    rows = world.books
    return (
        world.place.slack.parts.events.under_way > 0
        or any(command.done_at is None or command.reply_at for command in rows.commands)
        or any(request.ended_at is None for request in rows.requests)
        or any(n.delivered_at is None and n.workflow_id not in world.parked for n in rows.notices)
        or any(flow.version != flow.shown and not flow.parked for flow in rows.workflows)
    )


def progress(world: World) -> str:
    """What changes while there is progress: what has ended, been told, been decided.

    Not what was commanded: people press a button again and again when nothing comes of it.
    """
    rows = world.books
    done = (
        [(r.node_id, r.attempt, r.step) for r in rows.runs],
        [n.id for n in rows.notices if n.delivered_at],
        [i.id for i in rows.inquiries if i.closed_at],
    )
    return str(done)
