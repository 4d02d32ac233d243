"""The rows of nodes, as people describe them."""

from datetime import timedelta

from engine.dag import GateSpec
from engine.models import Node, Request
from engine.policy import Policy
from engine.settings import Settings
from engine.spec import AgentSpec
from engine.states import Kind


def agent_node(spec: AgentSpec, request: Request, settings: Settings, key: str = "") -> Node:
    """The row of an agent that somebody asked for."""
    limits, policy = settings.limits, settings.agent
    timeout = spec.timeout or timedelta(minutes=limits.timeout_minutes)
    return Node(
        workflow_id=request.workflow_id,
        request_id=request.id,
        key=key,
        role=spec.role,
        task=spec.task,
        context=spec.context.text,
        quoted=spec.context.messages,
        attached=len(spec.files),
        repo=spec.repo,
        base=spec.base,
        requested_by=request.by,
        max_failures=spec.max_failures or limits.max_failures,
        policy={
            Policy.MODEL: spec.model or policy.model,
            Policy.TIMEOUT: timeout.total_seconds(),
            Policy.MAX_TURNS: limits.max_turns,
            Policy.BUDGET: str(spec.budget or limits.budget_usd),
            Policy.CHECK: spec.check,
            Policy.READS_ONLY: spec.reads_only,
        },
    )


def gate_node(spec: GateSpec, request: Request, key: str) -> Node:
    """The row of a gate."""
    return Node(
        workflow_id=request.workflow_id,
        request_id=request.id,
        kind=Kind.GATE,
        key=key,
        task=spec.question,
        repo="",
        requested_by=request.by,
        policy={Policy.APPROVERS: list(spec.approvers), Policy.QUORUM: spec.quorum},
    )
