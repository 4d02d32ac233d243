"""The graph that a workflow is: what people describe, checked. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from graphlib import CycleError, TopologicalSorter

from engine.errors import InvalidSpec
from engine.spec import AgentSpec, Context, File
from engine.states import Kind, OnFailure

MOST_NODES = 50  # in what people describe
MOST_QUORUM = 20
MAX_QUESTION = 2_000  # characters
MAX_TITLE = 120
KEY = re.compile(r"[a-z][a-z0-9_-]{0,39}", re.ASCII)
WORKFLOW_ID = re.compile(r"w[0-9]+", re.ASCII)  # what a key must not look like


@dataclass(frozen=True)
class GateSpec:
    """Where people decide whether the workflow goes on."""

    question: str = ""
    approvers: tuple[str, ...] = ()  # ids of people and groups; empty = whoever may approve here
    quorum: int = 1  # how many have to approve

    def __post_init__(self) -> None:
        if not 1 <= self.quorum <= MOST_QUORUM:
            raise InvalidSpec(f"a gate needs 1 to {MOST_QUORUM} approvals, not {self.quorum}")
        if len(self.question) > MAX_QUESTION:
            raise InvalidSpec(f"a gate's question has at most {MAX_QUESTION:,} characters")


@dataclass(frozen=True)
class NodeSpec:
    """One vertex of a graph, and what has to be finished before it."""

    key: str
    does: AgentSpec | GateSpec
    needs: tuple[str, ...] = ()

    @property
    def kind(self) -> Kind:
        """Whether an agent works here, or people decide."""
        return Kind.GATE if isinstance(self.does, GateSpec) else Kind.AGENT


@dataclass(frozen=True)
class WorkflowSpec:
    """A graph of agents and gates that somebody wants to have carried out.

    Raises InvalidSpec for a graph that cannot be: the sentence names the node and the remedy.
    """

    title: str
    nodes: tuple[NodeSpec, ...]
    on_failure: OnFailure = OnFailure.CONTINUE
    budget: Decimal | None = None  # US dollars, all nodes together
    context: Context = field(default_factory=Context)
    files: tuple[File, ...] = ()
    most_nodes: int = MOST_NODES

    def __post_init__(self) -> None:
        if not self.nodes:
            raise InvalidSpec("the workflow has no step")
        if len(self.nodes) > self.most_nodes:
            raise InvalidSpec(
                f"the workflow has {len(self.nodes):,} steps; "
                f"at most {self.most_nodes} are possible"
            )
        if len(self.title) > MAX_TITLE:
            raise InvalidSpec(f"the title has at most {MAX_TITLE} characters")
        if self.budget is not None and self.budget <= 0:
            raise InvalidSpec("the budget must be more than zero")
        _check_keys(self.nodes)
        _check_needs(self.nodes)
        order(self.nodes)

    @property
    def agents(self) -> tuple[NodeSpec, ...]:
        """The nodes at which an agent works."""
        return tuple(node for node in self.nodes if node.kind is Kind.AGENT)

    @property
    def gates(self) -> tuple[NodeSpec, ...]:
        """The nodes at which people decide."""
        return tuple(node for node in self.nodes if node.kind is Kind.GATE)

    def in_repo(self, repo: str) -> "WorkflowSpec":
        """The same, with a repository for every agent that names none."""
        return replace(self, nodes=tuple(_in_repo(node, repo) for node in self.nodes))


def _in_repo(node: NodeSpec, repo: str) -> NodeSpec:
    match node.does:
        case AgentSpec(repo=""):
            return replace(node, does=replace(node.does, repo=repo))
        case _:
            return node


def is_key(text: str) -> bool:
    """Whether a step can be called this."""
    return bool(KEY.fullmatch(text)) and not WORKFLOW_ID.fullmatch(text)


def _check_keys(nodes: Iterable[NodeSpec]) -> None:
    seen: set[str] = set()
    for node in nodes:
        if not is_key(node.key):
            raise InvalidSpec(
                f"{node.key!r} cannot be the key of a step; use up to 40 lower-case letters, "
                "digits, - and _, beginning with a letter, for example `design`"
            )
        if node.key in seen:
            raise InvalidSpec(f"two steps have the key {node.key!r}; rename one of them")
        seen.add(node.key)


def _check_needs(nodes: Sequence[NodeSpec]) -> None:
    known = {node.key for node in nodes}
    for node in nodes:
        for need in node.needs:
            if need not in known:
                raise InvalidSpec(
                    f"{node.key!r} needs {need!r}, and there is no such step; "
                    f"the steps are {', '.join(sorted(known))}"
                )
        if len(set(node.needs)) < len(node.needs):
            raise InvalidSpec(f"{node.key!r} needs the same step twice")


def order(nodes: Iterable[NodeSpec]) -> tuple[NodeSpec, ...]:
    """The nodes so that each comes after its needs; raises InvalidSpec for a cycle."""
    by_key = {node.key: node for node in nodes}
    sorter = TopologicalSorter({key: node.needs for key, node in by_key.items()})
    try:
        return tuple(by_key[key] for key in sorter.static_order())
    except CycleError as error:
        way = " → ".join(reversed(error.args[1]))
        raise InvalidSpec(
            f"the steps wait for each other: {way}; remove one of the needs"
        ) from error


def levels(needs: Mapping[str, Iterable[str]]) -> dict[str, int]:
    """How deep each key lies: 0 without needs, else one more than the deepest of its needs."""
    depth: dict[str, int] = {}
    for key in TopologicalSorter(needs).static_order():
        depth[key] = 1 + max((depth[need] for need in needs.get(key, ())), default=-1)
    return depth


def leaves(nodes: Iterable[NodeSpec]) -> tuple[NodeSpec, ...]:
    """The nodes that no other node needs."""
    listed = tuple(nodes)
    needed = {need for node in listed for need in node.needs}
    return tuple(node for node in listed if node.key not in needed)
