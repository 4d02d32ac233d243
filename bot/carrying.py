"""What a plan keeps when its text is changed: everything that the text cannot hold. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from bot.outline import OF_AGENT
from engine import AgentSpec, GateSpec, NodeSpec, WorkflowSpec

KEPT = ("role", "check", "budget", "max_failures", "reads_only", "context", "files")


def carried(before: WorkflowSpec, after: WorkflowSpec) -> WorkflowSpec:
    """The plan that was read from a changed text, with what `before` says beside its own text.

    A step keeps what belongs to it as long as its key and its kind stay. An option in which the
    agents differ stands in no text; one that the text names counts for all of them. A new agent
    works in the repository of the others.
    """
    old = {node.key: node for node in before.nodes}
    hidden = _differing(before)
    nodes = tuple(_node(old.get(node.key), node, hidden) for node in after.nodes)
    repos = [does.repo for does in _agents(before) if does.repo]
    kept = replace(after, nodes=nodes, context=before.context, files=before.files)
    return kept.in_repo(repos[0]) if repos else kept


def _agents(spec: WorkflowSpec) -> list[AgentSpec]:
    return [node.does for node in spec.nodes if isinstance(node.does, AgentSpec)]


def _differing(spec: WorkflowSpec) -> list[str]:
    """The options that the text of a workflow leaves out, because its agents differ in them."""
    agents = _agents(spec)
    return [name for name in OF_AGENT if len({getattr(each, name) for each in agents}) > 1]


def _node(old: NodeSpec | None, new: NodeSpec, hidden: Sequence[str]) -> NodeSpec:
    match old, new.does:
        case NodeSpec(does=GateSpec() as was), GateSpec() as gate:
            return replace(new, does=replace(gate, approvers=was.approvers, quorum=was.quorum))
        case NodeSpec(does=AgentSpec() as was), AgentSpec() as agent:
            return replace(new, does=_agent(was, agent, hidden))
        case _:
            return new


def _agent(old: AgentSpec, new: AgentSpec, hidden: Sequence[str]) -> AgentSpec:
    left = [name for name in hidden if not getattr(new, name)]
    values: dict[str, Any] = {name: getattr(old, name) for name in (*KEPT, *left)}
    return replace(new, **values)
