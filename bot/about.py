"""Commands about one agent, one step of a workflow, or a whole workflow."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import assert_never

from bot import grammar, messages
from bot.access import Action
from bot.asked import Asked, Done, Outcome, Told, in_time
from bot.gatekeeper import Gatekeeper
from bot.grammar import Ref
from bot.messages import Message
from bot.replies import packed
from engine import (
    Card,
    Click,
    Decision,
    Engine,
    InquiryKind,
    Kind,
    NodeView,
)

AboutOne = (
    grammar.Status | grammar.Logs | grammar.Diff | grammar.Cancel | grammar.Retry | grammar.Skip
)
Command = AboutOne | grammar.Graph | grammar.Audit
OF_GATES = (grammar.Skip, grammar.Cancel, grammar.Retry, grammar.Diff)  # retry asks again
ACTIONS: Mapping[type, Action] = {
    grammar.Cancel: Action.CANCEL,
    grammar.Retry: Action.RETRY,
    grammar.Skip: Action.RETRY,
}


@dataclass(frozen=True)
class About:
    """Carries out what is asked about something that exists."""

    engine: Engine
    gate: Gatekeeper

    async def do(self, command: Command, asked: Asked) -> Outcome:
        """Carry it out; without an ID it is about the one agent, or the workflow, of the thread."""
        if isinstance(command, grammar.Graph):
            return await self._graph(command, asked)
        if isinstance(command, grammar.Audit):
            return await self._audit(command, asked)
        match command.id:
            case Ref(workflow=workflow, key="") if workflow:
                return await self._about_workflow(command, workflow, asked)
            case named:
                return await self._about_node(command, named, asked)

    async def _about_node(self, command: AboutOne, named: Ref | None, asked: Asked) -> Outcome:
        verb = type(command).__name__.lower()
        node = await self._node(named, asked)
        if node is None:
            return messages.which_agent(await self._here(asked), verb)
        if node.kind is Kind.GATE and not isinstance(command, OF_GATES):
            return messages.is_gate(node, verb)
        action = ACTIONS.get(type(command), Action.READ)
        if refusal := await self.gate.refusal(action, asked, node):
            return refusal
        return await self._tell_or_change(command, node, asked)

    async def _about_workflow(self, command: AboutOne, workflow: int, asked: Asked) -> Outcome:
        """Of a whole workflow one can see how it stands, and stop it."""
        stops = isinstance(command, grammar.Cancel)
        card = await self._card(workflow, Action.CANCEL if stops else Action.READ, asked)
        match card, command:
            case Message(), _:
                return card
            case _, grammar.Cancel():
                return await self._cancel_all(workflow, asked)
            case _, grammar.Status():
                return messages.card(card)
            case _:
                return messages.which_agent(card.nodes, type(command).__name__.lower())

    async def _card(self, workflow: int, action: Action, asked: Asked) -> Card | Message:
        """How a workflow stands, or the refusal for one who may not do this with it."""
        card = await self.engine.ledger.workflow(workflow)
        owner = await self.engine.ledger.owner(workflow)
        return await self.gate.refused(action, asked, card.origin, owner) or card

    async def _cancel_all(self, workflow: int, asked: Asked) -> Outcome:
        wish = asked.wish(_unless_pressed(asked, messages.workflow_stopping))
        if await in_time(self.engine.workflows.cancel_all(workflow, wish)):
            return Done.SETTLED
        return messages.workflow_ended(workflow)

    async def _audit(self, command: grammar.Audit, asked: Asked) -> Outcome:
        workflow = command.id.workflow if command.id else 0
        if command.id is not None and command.id.agent:
            workflow = (await self.engine.ledger.agent(command.id.agent)).workflow_id
        workflow = workflow or await self.engine.ledger.workflow_in(asked.origin) or 0
        if not workflow:
            return messages.no_workflow()
        card = await self._card(workflow, Action.READ, asked)
        if isinstance(card, Message):
            return card
        return messages.audit(workflow, await self.engine.ledger.audit(workflow))

    async def _graph(self, command: grammar.Graph, asked: Asked) -> Outcome:
        workflow = command.workflow
        if workflow is None:
            workflow = await self.engine.ledger.workflow_in(asked.origin)
        if workflow is None:
            return messages.no_workflow()
        card = await self._card(workflow, Action.READ, asked)
        if isinstance(card, Message):
            return card
        wish = asked.wish(_unless_pressed(asked, messages.graph_follows))
        await self.engine.workflows.show_graph(workflow, wish)
        return Done.SETTLED

    async def _tell_or_change(self, command: AboutOne, agent: NodeView, asked: Asked) -> Outcome:
        match command:
            case grammar.Status():
                return messages.status(agent, await self.engine.ledger.runs(agent.id))
            case grammar.Logs():
                return messages.logs(agent, await self.engine.ledger.log(agent.id))
            case grammar.Diff():
                wish = asked.wish(_unless_pressed(asked, messages.diff_follows))
                await self.engine.workflows.show_diff(agent.id, wish)
                return Done.SETTLED
            case grammar.Cancel():
                return await self._cancel(agent, asked)
            case grammar.Retry(advice=advice):
                return await self._retry(agent, advice, asked)
            case grammar.Skip():
                return await self._skip(agent, asked)
            case _:
                assert_never(command)

    async def _cancel(self, agent: NodeView, asked: Asked) -> Outcome:
        wish = asked.wish(_unless_pressed(asked, messages.stopping))
        if await in_time(self.engine.workflows.cancel(agent.id, wish)):
            return Done.SETTLED
        return messages.has_ended(await self.engine.ledger.agent(agent.id))

    async def _skip(self, node: NodeView, asked: Asked) -> Outcome:
        wish = asked.wish(_unless_pressed(asked, messages.skipped))
        if await in_time(self.engine.mending.skip(node.id, wish)):
            return Done.SETTLED
        return messages.cannot_skip(await self.engine.ledger.agent(node.id))

    async def _retry(self, agent: NodeView, advice: str, asked: Asked) -> Outcome:
        told = packed(messages.retried(agent.id))
        verb: Awaitable[object]
        if click := await self._asks_whether(agent, advice):
            wish = asked.wish(lambda _: None)
            verb = self.engine.decisions.decide(click, wish, lambda _: told)
        else:
            verb = self.engine.mending.retry(agent.id, asked.wish(lambda _: told), advice)
        if await in_time(verb):
            return Done.SETTLED
        return messages.not_ended(await self.engine.ledger.agent(agent.id))

    async def _asks_whether(self, agent: NodeView, advice: str) -> Click | None:
        """The answer to the question what is to be done about an agent's failure, if it is open."""
        if agent.asks is InquiryKind.FAILURE:
            for asked in await self.engine.ledger.asked_in(agent.origin):
                if asked.node and asked.node.id == agent.id:
                    return Click(asked.id, asked.revision, Decision.RETRY, advice)
        return None

    async def _node(self, named: Ref | None, asked: Asked) -> NodeView | None:
        match named:
            case None:
                here = await self._here(asked)
                return here[0] if len(here) == 1 else None
            case Ref(agent=agent) if agent:
                return await self.engine.ledger.agent(agent)
            case Ref(workflow=workflow, key=key):
                return await self.engine.ledger.node(workflow, key)

    async def _here(self, asked: Asked) -> list[NodeView]:
        nodes = await self.engine.ledger.of_thread(asked.origin)
        return [node for node in nodes if not node.lands]


def _unless_pressed(asked: Asked, said: Callable[[int], Message]) -> Told:
    """A button's effect is seen in the thread; a typed command is answered as well."""
    if asked.pressed:
        return lambda _: None
    return lambda agent: packed(said(agent))
