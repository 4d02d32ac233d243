"""Changes of a workflow: each is one transaction that ends by doing what follows from it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from engine import brake, files, inquiries, reading
from engine.advance import admissible, advance, first_in_line, stop
from engine.audit import Act, Did, note
from engine.commands import answer, settle
from engine.errors import InvalidSpec, NotFound, StaleMove
from engine.events import append, tell
from engine.models import Node, Workflow
from engine.models.graph import UNFINISHED
from engine.nodes import agent_node
from engine.notices import DiffAsked, GraphAsked
from engine.policy import Policy
from engine.requests import Wish, know, open_request, refuse_repetition, thread_of
from engine.settings import Settings
from engine.spec import AgentSpec
from engine.states import TERMINAL, Kind, Status
from engine.store import Database, lock
from engine.views import NodeView, Work

LINE = 8  # how many of those who wait see the line move


@dataclass(frozen=True)
class Workflows:
    """The verbs that change workflows."""

    db: Database
    settings: Settings

    @asynccontextmanager
    async def changing(self, workflow_id: int) -> AsyncIterator[AsyncSession]:
        """One transaction on one workflow: the body moves nodes, then what follows is done."""
        async with self.db.writing() as session:
            if await lock(session, workflow_id) is None:
                raise NotFound(f"there is no workflow {workflow_id}")
            yield session
            await advance(session, workflow_id, self.settings.limits.per_user)

    @asynccontextmanager
    async def changing_agent(
        self, agent_id: int, wish: Wish
    ) -> AsyncIterator[tuple[AsyncSession, Node]]:
        """`changing` by a command about one agent, which it locks; the command is settled."""
        async with self.changing(await self.workflow_of(agent_id)) as session:
            await settle(session, wish.key)
            yield session, await session.get_one(Node, agent_id, with_for_update=True)

    async def start(
        self, spec: AgentSpec, wish: Wish, policy: Mapping[str, Any] | None = None
    ) -> int:
        """Accept a request for one agent and settle the command that asked for it.

        `policy` is added to what the settings say. Gives the agent's id. Raises InvalidSpec for
        a repository that is not configured, AlreadyStarted for a repetition, StaleMove when the
        command was carried out already.
        """
        self.check(spec)
        async with self.db.writing() as session:
            await settle(session, wish.key)
            workflow = await thread_of(session, wish.origin)
            await know(session, wish.by)
            if not wish.again:
                await refuse_repetition(session, spec, wish)
            request = await open_request(session, workflow.id, "spawn", wish)
            node = agent_node(spec, request, self.settings)
            node.policy = {**node.policy, **(policy or {})}
            session.add(node)
            await session.flush()
            files.attach(session, node.id, spec.files)
            append(session, node, "agent.spawned")
            await answer(session, wish.key, f"agent {node.id}", wish.reply(node.id))
            await advance(session, workflow.id, self.settings.limits.per_user)
            return node.id

    def check(self, spec: AgentSpec) -> None:
        """Raise InvalidSpec for what this installation does not offer."""
        if spec.repo not in self.settings.repos:
            raise InvalidSpec(f"there is no repository {spec.repo!r}")
        most = self.settings.limits.budget_usd
        if spec.budget is not None and spec.budget > most:
            raise InvalidSpec(f"the budget of one agent is at most ${most} here")

    async def cancel(self, agent_id: int, wish: Wish) -> Status:
        """Cancel an agent in whatever state it is; gives the state it was in.

        A running one is asked to stop: its worker ends it, keeps its work and reports.
        Raises NotFound; StaleMove when it has ended already.
        """
        async with self.changing_agent(agent_id, wish) as (session, node):
            was = node.status
            if was in TERMINAL:
                raise StaleMove(f"agent {agent_id} is {was} already")
            await know(session, wish.by)
            await _stop(session, node, wish)
            await answer(session, wish.key, f"cancel {agent_id}", wish.reply(agent_id))
            return was

    async def cancel_all(self, workflow_id: int, wish: Wish) -> int:
        """Stop everything of a workflow; gives how many nodes had not ended.

        Raises NotFound; StaleMove when everything has ended already.
        """
        async with self.changing(workflow_id) as session:
            await settle(session, wish.key)
            unfinished = select(Node).where(Node.workflow_id == workflow_id, text(UNFINISHED))
            nodes = list(await session.scalars(unfinished.order_by(Node.id).with_for_update()))
            asked = await inquiries.withdraw_plans(session, workflow_id, wish.by.name)
            if not nodes and not asked:
                raise StaleMove(f"everything of workflow w{workflow_id} has ended")
            await know(session, wish.by)
            for node in nodes:
                await session.refresh(node)  # a stop above may have skipped it
                if node.status not in TERMINAL:
                    await _stop(session, node, wish)
            outcome = f"cancel w{workflow_id}"
            await answer(session, wish.key, outcome, wish.reply(workflow_id))
            return len(nodes) + asked

    async def show_diff(self, agent_id: int, wish: Wish) -> None:
        """Have an agent's diff posted in its thread; of a gate, what changed since the last one.

        Raises NotFound for a gate behind which there is no one line of changes.
        """
        async with self.changing_agent(agent_id, wish) as (session, node):
            view = await reading.agent(session, agent_id)
            shown = view if node.kind is Kind.AGENT else _spanned(view, node.policy)
            tell(session, node.workflow_id, DiffAsked(shown), node)
            await answer(session, wish.key, f"diff {agent_id}", wish.reply(agent_id))

    async def show_graph(self, workflow_id: int, wish: Wish) -> None:
        """Have the graph, as it is now, posted in its thread."""
        async with self.changing(workflow_id) as session:
            await settle(session, wish.key)
            tell(session, workflow_id, GraphAsked(wish.by))
            await answer(session, wish.key, f"graph w{workflow_id}", wish.reply(workflow_id))

    async def pause(self, wish: Wish, *, ends_runs: bool) -> None:
        """Stop claiming at once; with `ends_runs` running agents go back into the line as well."""
        async with self.db.writing() as session:
            await settle(session, wish.key)
            await brake.pull(session, wish.by.name, ends_runs=ends_runs)
            await answer(session, wish.key, "pause", wish.reply(0))

    async def resume(self, wish: Wish) -> None:
        """Let claiming go on."""
        async with self.db.writing() as session:
            await settle(session, wish.key)
            await brake.release(session)
            await answer(session, wish.key, "resume", wish.reply(0))

    async def settle(self, key: str, outcome: str, reply: dict[str, Any] | None) -> None:
        """Close a command that changes nothing."""
        async with self.db.writing() as session:
            await settle(session, key)
            await answer(session, key, outcome, reply)

    async def line_moved(self) -> None:
        """Have the cards of those who are served next say how many are ahead of them."""
        line = select(Node.workflow_id).where(Node.status == Status.PENDING)
        first = line.order_by(Node.available_at, Node.id).limit(LINE)
        shown = select(Workflow.id).where(Workflow.id.in_(first))
        free = shown.with_for_update(skip_locked=True, key_share=True).cte("free")
        moved = update(Workflow).where(Workflow.id.in_(select(free.c.id)))
        async with self.db.reading() as session:
            if await session.scalar(first.limit(1)) is None:
                return  # the rule, and it takes no write lock
        async with self.db.writing() as session:
            await session.execute(moved.values(version=Workflow.version + 1))

    async def admit(self) -> None:
        """Let the first agents of everybody who has room become pending."""
        waiting = select(Node.requested_by).where(admissible()).distinct()
        async with self.db.reading() as session:
            people = (await session.scalars(waiting)).all()
        for person in people:
            await self.admit_person(person)

    async def admit_person(self, person: str) -> None:
        """Let a person's first blocked agents become pending, as many as there is room."""
        async with self.db.reading() as session:
            first = await first_in_line(session, person, self.settings.limits.per_user)
            flows = select(Node.workflow_id).where(Node.id.in_(first)).distinct()
            found = (await session.scalars(flows)).all() if first else []
        for workflow_id in found:
            async with self.changing(workflow_id):
                pass  # advancing admits

    async def workflow_of(self, agent_id: int) -> int:
        """The workflow that an agent belongs to; raises NotFound."""
        async with self.db.reading() as session:
            found = await session.scalar(select(Node.workflow_id).where(Node.id == agent_id))
        if found is None:
            raise NotFound(f"there is no agent {agent_id}")
        return found


def _spanned(gate: NodeView, policy: Mapping[str, Any]) -> NodeView:
    """A gate with the changes that it is about."""
    if not (span := policy.get(Policy.SPAN)):
        raise NotFound(f"gate {gate.key} has no diff of its own; look at those of its steps")
    work = Work(base_commit=span["since"], commit=span["commit"])
    return replace(gate, repo=span["repo"], work=work)


async def _stop(session: AsyncSession, node: Node, wish: Wish) -> None:
    note(session, Act(Did.STOPPED, wish.by.id, wish.key), node)
    await stop(session, node, wish.by.id)
