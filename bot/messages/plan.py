"""A plan as a list that people can read on a phone. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from bot.messages import blocks, words
from bot.messages.blocks import Block, Item
from engine import AgentSpec, GateSpec, NodeSpec, OnFailure, Sandbox, WorkflowSpec, levels

ROOM = 7_000  # characters of all lines together
WIDTH = 240  # characters of a line
NEEDS = 60  # characters
SHORTEST = 20  # characters of a task
NAMED = 5  # people at a gate, models, repositories
FREELY = {
    Sandbox.REQUIRED: "edits, shell in a sandbox",
    Sandbox.AUTO: "edits, shell in a sandbox",
    Sandbox.OFF: "edits, shell without a sandbox",
}
READS = "reads only"
IF_FAILED = {
    OnFailure.CONTINUE: "If a step fails, the other branches go on",
    OnFailure.STOP: "If a step fails, nothing new is started",
    OnFailure.ASK: "If a step fails, you are asked",
}


@dataclass(frozen=True)
class Terms:
    """What this installation adds to a plan."""

    model: str = ""  # where a step names none; "" = Claude Code's default
    budget: Decimal | None = None  # US dollars, of a step that names none
    whole: Decimal | None = None  # US dollars, of a plan that names none
    sandbox: Sandbox = Sandbox.AUTO
    merges: bool = False  # several ends are merged into one branch
    names: Mapping[str, str] = field(default_factory=dict)  # of people and groups, by id


def steps(spec: WorkflowSpec, terms: Terms) -> Block:
    """Every step on its line; those that stand side by side are moved in."""
    rows = _rows(spec.nodes)
    width = min(WIDTH, ROOM // len(spec.nodes))
    mixed = len({may(agent, terms) for agent in _agents(spec)}) > 1
    places = len({agent.repo for agent in _agents(spec)}) > 1
    lines: list[Item] = []
    before: frozenset[str] = frozenset()
    for row in rows:
        for node in row:
            told = _needs(node, before)
            marks = _marks(node, terms, may_differ=mixed, repo_differs=places)
            lines.append(Item(_parts(node, [*marks, *told], width), int(len(row) > 1)))
        before = frozenset(node.key for node in row)
    return blocks.items(lines)


def _rows(nodes: Sequence[NodeSpec]) -> list[list[NodeSpec]]:
    """The nodes by how deep they lie, each row in the order in which they were written."""
    depth = levels({node.key: node.needs for node in nodes})
    rows: defaultdict[int, list[NodeSpec]] = defaultdict(list)
    for node in nodes:
        rows[depth[node.key]].append(node)
    return [rows[level] for level in sorted(rows)]


def _parts(node: NodeSpec, marks: Sequence[str], width: int) -> tuple[Block, ...]:
    after = f" ({words.bounded('; '.join(marks), width // 2)})" if marks else ""
    said = node.does.question if isinstance(node.does, GateSpec) else node.does.task
    room = max(SHORTEST, width - len(node.key) - words.units(after))
    cut = words.bounded(words.flat(said), room)
    parts = [blocks.run(f"{node.key}{_mark(node)}", "bold")]
    parts += [blocks.run(f": {cut}")] if cut else []
    return (*parts, *([blocks.run(after, "italic")] if after else []))


def _mark(node: NodeSpec) -> str:
    return " (gate)" if isinstance(node.does, GateSpec) else ""


def _needs(node: NodeSpec, before: frozenset[str]) -> list[str]:
    """What comes before a step, where that is not simply the row above it."""
    if frozenset(node.needs) == before:
        return []
    listed = ", ".join(node.needs)
    return [words.bounded(f"after {listed}", NEEDS)] if listed else ["at once"]


def _marks(node: NodeSpec, terms: Terms, *, may_differ: bool, repo_differs: bool) -> Iterable[str]:
    match node.does:
        case GateSpec() as gate:
            yield decides(gate, terms)
        case agent:
            if repo_differs and agent.repo:
                yield f"in {words.bounded(words.flat(agent.repo), 30)}"
            if may_differ:
                yield may(agent, terms)


def decides(gate: GateSpec, terms: Terms) -> str:
    """Who decides at a gate; names, not mentions, for nobody is asked yet."""
    quorum = f"{gate.quorum} approvals" if gate.quorum > 1 else "one approval"
    if not gate.approvers:
        return f"{quorum} of those who may approve"
    more = len(gate.approvers) - NAMED
    known = [words.flat(terms.names.get(each, each)) for each in gate.approvers[:NAMED]]
    listed = ", ".join(words.bounded(name, 20) for name in known)
    return f"{quorum} of {listed}{f' and {more} more' if more > 0 else ''}"


def may(agent: AgentSpec, terms: Terms) -> str:
    """What an agent may do."""
    return READS if agent.reads_only else FREELY[terms.sandbox]


def small_print(spec: WorkflowSpec, terms: Terms) -> tuple[str, ...]:
    """Where it happens, with what, for how much and how freely, in mrkdwn."""
    agents = _agents(spec)
    allowed = {may(agent, terms) for agent in agents}
    where = [_several("Repository", "Repositories", (agent.repo for agent in agents))]
    rules = [_may_all(allowed), _merged(terms), IF_FAILED[spec.on_failure]]
    return (
        " · ".join(filter(None, [*where, _models(agents, terms), cost(spec, terms)])),
        " · ".join(filter(None, rules)),
    )


def _agents(spec: WorkflowSpec) -> list[AgentSpec]:
    return [node.does for node in spec.nodes if isinstance(node.does, AgentSpec)]


def _may_all(allowed: set[str]) -> str:
    return f"Each agent: {next(iter(allowed))}" if len(allowed) == 1 else ""


def _merged(terms: Terms) -> str:
    return "All ends are merged into one branch" if terms.merges else ""


def _models(agents: Sequence[AgentSpec], terms: Terms) -> str:
    named = [agent.model or terms.model for agent in agents]
    return _several("model", "models", named) or "Claude Code's default model"


def _several(one: str, many: str, names: Iterable[str]) -> str:
    known = list(dict.fromkeys(name for name in names if name))
    more = len(known) - NAMED
    listed = ", ".join(words.code(name, 60) for name in known[:NAMED])
    said = f"{many if len(known) > 1 else one} {listed}"
    return f"{said} and {more} more" if more > 0 else said if known else ""


def cost(spec: WorkflowSpec, terms: Terms) -> str:
    """What it costs at most: all budgets together, or that of the workflow."""
    each = [agent.budget or terms.budget for agent in _agents(spec)]
    known = [budget for budget in each if budget is not None]
    whole = sum(known, Decimal(0)) if len(known) == len(each) else None
    amounts = (whole, spec.budget or terms.whole)
    most = min((amount for amount in amounts if amount is not None), default=None)
    return f"costs at most {words.money(most)}" if most is not None else ""
