"""Plans: a described workflow that waits to be started. It has no nodes until then."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncSession

from engine import files, graphs, inquiries, planner, proposals
from engine.audit import Act, Did, note
from engine.commands import answer, settle
from engine.dag import NodeSpec, WorkflowSpec, leaves
from engine.errors import InvalidSpec, StaleMove
from engine.events import append
from engine.inquiries import Asking
from engine.matters import Plan
from engine.models import Request
from engine.policy import Policy
from engine.requests import Wish, know, open_request, thread_of
from engine.settings import Settings
from engine.spec import AgentSpec
from engine.states import InquiryStatus
from engine.workflows import Workflows

INTEGRATE = "integrate"


@dataclass(frozen=True)
class Plans:
    """The verbs of what is not started yet."""

    workflows: Workflows

    async def propose(self, plan: Plan, wish: Wish) -> int:
        """Put a plan to people, and settle the command that brought it; gives its workflow.

        Raises InvalidSpec for what this installation does not offer.
        """
        self.check(plan.workflow)
        async with self.workflows.db.writing() as session:
            await settle(session, wish.key)
            workflow = await thread_of(session, wish.origin)
            await know(session, wish.by)
            title = plan.workflow.title
            request = await open_request(session, workflow.id, "workflow", wish, title)
            request.on_failure = plan.workflow.on_failure
            workflow.title = workflow.title or title
            files.keep(session, request.id, plan.workflow.files)
            await session.flush()
            await inquiries.ask(session, Asking(_without_files(plan), workflow.id, request.id))
            await answer(session, wish.key, f"plan w{workflow.id}", wish.reply(workflow.id))
            workflow.version += 1
            return workflow.id

    async def think(self, goal: AgentSpec, wish: Wish, *, gates: bool = True) -> int:
        """Have an agent read the repository and propose a plan for a goal; gives its id.

        It changes nothing. What it proposes is put to people, and what is said to it while that
        waits has it propose another version. Without `gates` it proposes none. The steps work
        where the goal says, with its model; its budget and timeout are those of the planning
        agent. Raises as `Workflows.start`.
        """
        reader = replace(goal, role=planner.ROLE, reads_only=True, check="")
        return await self.workflows.start(reader, wish, proposals.policy(gates=gates))

    async def edit(self, inquiry_id: int, revision: int, plan: Plan, wish: Wish) -> None:
        """Put another plan in the place of one that waits; what was said about that one is void.

        Raises NotFound; StaleMove when it waits no more, or was changed meanwhile.
        """
        self.check(plan.workflow)
        async with self.workflows.db.reading() as session:
            shown = await inquiries.inquiry(session, inquiry_id)
        async with self.workflows.changing(shown.workflow_id) as session:
            await settle(session, wish.key)
            row, in_time = await inquiries.locked(session, inquiry_id)
            waits = row.status is InquiryStatus.OPEN and in_time
            if not waits or row.revision != revision:
                raise StaleMove("this plan was decided or changed meanwhile")
            await know(session, wish.by)
            await proposals.retitle(session, row.request_id, plan.workflow)
            await proposals.call_off(session, row.request_id, wish.by.id)
            plan = proposals.edited(row, plan)
            await inquiries.change(session, row, _without_files(plan))
            note(session, Act(Did.CHANGED_PLAN, wish.by.id, wish.key), row)
            await answer(session, wish.key, f"edit {inquiry_id}", wish.reply(inquiry_id))

    def check(self, spec: WorkflowSpec) -> None:
        """Raise InvalidSpec for what this installation does not offer."""
        most = self.workflows.settings.limits.workflow_budget_usd
        if spec.budget is not None and spec.budget > most:
            raise InvalidSpec(f"the budget of a workflow is at most ${most} here")
        for node in spec.nodes:
            if isinstance(node.does, AgentSpec):
                try:
                    self.workflows.check(node.does)
                except InvalidSpec as error:
                    raise InvalidSpec(f"{node.key}: {error.detail}") from error


def _without_files(plan: Plan) -> Plan:
    """Files are bytes, and an inquiry is text; they stay where they were said."""
    return replace(plan, workflow=replace(plan.workflow, files=()))


async def begin(session: AsyncSession, plan: Plan, request: Request, settings: Settings) -> None:
    """Make the nodes of a plan that was confirmed, in the transaction of the decision."""
    spec = plan.workflow
    request.budget = spec.budget
    nodes = [*spec.nodes, *integration(spec.nodes)]
    made = await graphs.grow(session, nodes, request, settings)
    for added in nodes[len(spec.nodes) :]:
        made[added.key].policy = {**made[added.key].policy, Policy.MERGES: True}
    for node in made.values():
        append(session, node, "agent.spawned")
    first = [made[node.key] for node in spec.agents if not node.needs]
    for node in first:  # what was said and attached goes to the agents that begin
        node.context, node.quoted = spec.context.text, spec.context.messages
    await files.deal(session, request.id, first)


def integration(nodes: Sequence[NodeSpec]) -> list[NodeSpec]:
    """For each repository in which several branches end: the node that merges them."""
    by_key = {node.key: node for node in nodes}
    leaf_keys: dict[str, list[str]] = defaultdict(list)
    ends: dict[str, set[str]] = defaultdict(set)
    for leaf in leaves(nodes):
        for repo, keys in _ends(leaf, by_key).items():
            leaf_keys[repo].append(leaf.key)
            ends[repo] |= keys
    made: list[NodeSpec] = []
    for repo in sorted(leaf_keys):
        if len(ends[repo]) > 1:
            key = graphs.free_key(INTEGRATE, [*by_key, *(node.key for node in made)])
            task = f"Merge the work of {', '.join(sorted(ends[repo]))}"
            made.append(NodeSpec(key, AgentSpec(task, repo=repo), tuple(leaf_keys[repo])))
    return made


def _ends(leaf: NodeSpec, by_key: Mapping[str, NodeSpec]) -> dict[str, set[str]]:
    """Whose work ends at a node, by repository; what changes nothing lets that through."""
    found: dict[str, set[str]] = defaultdict(set)
    seen: set[str] = set()
    ahead = [leaf.key]
    while ahead:
        node = by_key[ahead.pop()]
        if node.key in seen:
            continue
        seen.add(node.key)
        if isinstance(node.does, AgentSpec) and not node.does.reads_only:
            found[node.does.repo].add(node.key)
        else:
            ahead.extend(node.needs)
    return found
