"""What the policy of a node says: names of its entries, and which outlive what. Pure."""

from collections.abc import Collection, Mapping
from enum import StrEnum
from typing import Any

BY_AGENT = "agent"  # Policy.CONFLICT: an agent resolves it; else the branch of a person


class Policy(StrEnum):
    """What is said in the policy of a node."""

    MODEL = "model"
    TIMEOUT = "timeout_seconds"
    MAX_TURNS = "max_turns"
    BUDGET = "budget_usd"
    CHECK = "check"
    READS_ONLY = "reads_only"
    PROJECT = "project"  # under which the sessions of a chain of agents are stored
    PLANS = "plans"  # it answers with a plan
    GATES = "gates"  # and that may have gates
    SCHEMA = "schema"  # of its structured answer
    APPROVERS = "approvers"  # of a gate
    QUORUM = "quorum"  # of a gate
    SPAN = "span"  # of a gate: the commits between which its diff lies
    MERGES = "merges"  # it is done once the branches are merged
    LANDS = "lands"  # the commit that it brings into a base branch
    ONTO = "onto"  # that branch
    OF = "of"  # whose work that commit is
    APPROVED = "approved"  # the commit that people let leave this host, or land
    CONFLICT = "conflict"  # who resolves it, as people decided
    RESUME = "resume"  # where its session waited (settling.Resume)
    ALLOWED = "allowed"  # what people let this agent do (permissions.rule_for)
    SINCE = "since"  # the attempt from which on its cost counts towards its own budget


DECIDED = frozenset({Policy.APPROVED, Policy.CONFLICT, Policy.RESUME})  # by people, about the work
OF_ONE = {Policy.ALLOWED, Policy.SINCE, Policy.MERGES, Policy.LANDS, Policy.ONTO, Policy.OF}
ONCE = DECIDED | OF_ONE  # what no follow-up inherits


def without(policy: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """A policy that says nothing under these names."""
    return {name: said for name, said in policy.items() if name not in names}


def sessions_of(agent: int, policy: Mapping[str, Any]) -> str:
    """Under which name the sessions of the chain that an agent belongs to are stored."""
    return str(policy.get(Policy.PROJECT) or f"agent:{agent}")
