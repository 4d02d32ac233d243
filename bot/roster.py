"""Which agents concern somebody who asks for a list: what they can act on comes first. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from bot.access import Access, Action, Actor, Allowed, decide
from engine import NodeView, Status


@dataclass(frozen=True)
class Roster:
    """Agents in three groups; none is in two of them."""

    waiting: tuple[NodeView, ...]  # for the asker
    mine: tuple[NodeView, ...]
    here: tuple[NodeView, ...]


def arrange(agents: Iterable[NodeView], actor: Actor, access: Access) -> Roster:
    """The groups, each in the order given; an agent that is given twice is listed once."""
    known = {agent.id: agent for agent in agents}.values()
    waiting = tuple(agent for agent in known if _waits_for(actor, agent, access))
    rest = [agent for agent in known if agent not in waiting]
    return Roster(
        waiting,
        tuple(agent for agent in rest if agent.requester.id == actor.id),
        tuple(agent for agent in rest if agent.requester.id != actor.id),
    )


def _waits_for(actor: Actor, agent: NodeView, access: Access) -> bool:
    """Whether an agent waits for somebody, as its requester or as one who may decide."""
    if agent.status is not Status.WAITING:
        return False
    owner = agent.requester.id
    decides = decide(Action.APPROVE, actor, access, owner=owner)
    return owner == actor.id or isinstance(decides, Allowed)
