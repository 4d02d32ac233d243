"""How to see that everything has ended, or that something still moves. Pure."""

from tests.chaos.judge import World


def unsettled(world: World) -> list[str]:
    """What has not ended, or has not been told."""
    rows = world.books
    events = world.place.slack.parts.events.under_way
    return [
        *([f"{events} events"] if events else []),
        *(f"command {c.id} ({c.kind})" for c in rows.commands if not c.done_at or c.reply_at),
        *(f"request {request.id}" for request in rows.requests if request.ended_at is None),
        *(
            f"notice {notice.id} ({notice.name}) of w{notice.workflow_id}"
            for notice in rows.notices
            if notice.delivered_at is None and notice.workflow_id not in world.parked
        ),
        *(f"card of w{f.id}" for f in rows.workflows if f.version != f.shown and not f.parked),
    ]


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
