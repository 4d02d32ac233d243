"""What a repository's own file may ask for: at most what the configuration allows. Pure.

It names no other repository, raises no limit and adds nobody to those who approve. A model it may
choose freely: no setting restricts models, and the budget bounds what they cost. Its check command
runs in the same walls as the configured one, and the file is that of the base commit.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

from engine.dag import GateSpec, NodeSpec, WorkflowSpec
from engine.errors import InvalidSpec
from engine.settings import Limits
from engine.spec import AgentSpec

EVERYONE = "*"


def narrowed(spec: WorkflowSpec, limits: Limits, allowed: Collection[str]) -> WorkflowSpec:
    """The workflow within the limits, its gates decided by those of `allowed` alone.

    `allowed` are the ids of the people and groups who may approve here, or "*". Raises InvalidSpec
    when nobody of those whom a gate names may: with the setting that would change it.
    """
    nodes = tuple(_node(node, limits, allowed) for node in spec.nodes)
    most = limits.budget_usd * len(spec.agents)
    budget = spec.budget if spec.budget is None or not most else min(spec.budget, most)
    return replace(spec, nodes=nodes, budget=budget)


def at_home(spec: WorkflowSpec, repo: str) -> WorkflowSpec:
    """The workflow of a repository's file, all of it in that repository.

    Raises InvalidSpec when a step names another one.
    """
    for node in spec.agents:
        if isinstance(node.does, AgentSpec) and node.does.repo not in {"", repo}:
            raise InvalidSpec(
                f"{node.key}: a file of {repo} cannot work on {node.does.repo!r}; name such a "
                "workflow's file in `[workflows]` of the configuration"
            )
    return spec.in_repo(repo)


def _node(node: NodeSpec, limits: Limits, allowed: Collection[str]) -> NodeSpec:
    match node.does:
        case GateSpec():
            return replace(node, does=_gate(node.key, node.does, allowed))
        case AgentSpec():
            return replace(node, does=_agent(node.does, limits))


def _gate(key: str, gate: GateSpec, allowed: Collection[str]) -> GateSpec:
    if not gate.approvers or EVERYONE in gate.approvers:
        return replace(gate, approvers=())  # whoever may approve here
    if EVERYONE in allowed:
        return gate
    both = tuple(entry for entry in gate.approvers if entry in allowed)
    if not both:
        raise InvalidSpec(
            f"{key}: nobody of {', '.join(gate.approvers)} may approve here; add one of them to "
            "`approve` in `[access]` of the configuration, or name somebody who is there"
        )
    return replace(gate, approvers=both)


def _agent(agent: AgentSpec, limits: Limits) -> AgentSpec:
    longest = timedelta(minutes=limits.timeout_minutes)
    return replace(
        agent,
        timeout=None if agent.timeout is None else min(agent.timeout, longest),
        budget=None if agent.budget is None else min(agent.budget, limits.budget_usd),
        max_failures=(
            None if agent.max_failures is None else min(agent.max_failures, limits.max_failures)
        ),
    )
