"""A graph in the ledger, told: what its nodes do, what people decide, where all stand."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from engine import inquiries
from engine import models as m
from engine.dag import GateSpec, NodeSpec, WorkflowSpec
from engine.executor import AgentResult
from engine.leases import Claim
from engine.matters import Plan
from engine.notices import Fact, Summary, SummedUp, unpacked
from engine.runs import Ending
from engine.spec import AgentSpec, Person
from engine.states import Cause, Decision, InquiryStatus, Status
from engine.verdicts import Halt
from engine.views import Work
from engine.votes import Click, Inquiry
from tests.ledger.conftest import ALICE, BOB, LedgerWorld

Gates = Mapping[str, GateSpec]
LOST = Ending(Halt.LOST, AgentResult(success=False))
STOPPED = Ending(Halt.CANCEL, AgentResult(success=False))


def described(text: str, gates: Gates | None = None) -> tuple[NodeSpec, ...]:
    """A graph: "a; b: a; ?g: a b" is a node, one that needs it, and a gate that needs both."""
    nodes = []
    for part in text.split(";"):
        name, _, needs = (piece.strip() for piece in part.partition(":"))
        key = name.lstrip("?")
        agent = AgentSpec(f"do {key}", repo="shop")
        gate = (gates or {}).get(key, GateSpec(f"is {key} good?"))
        nodes.append(NodeSpec(key, gate if name[0] == "?" else agent, tuple(needs.split())))
    return tuple(nodes)


def worked(key: str, attempt: int = 1) -> Work:
    """What a node left in git."""
    return Work(f"agent/{key}", "base", f"{key}-{attempt}")


def good(key: str, attempt: int = 1) -> Ending:
    """An attempt that did its work."""
    result = AgentResult(success=True, output=f"{key} is done")
    return Ending(None, result, worked(key, attempt))


def bad(key: str) -> Ending:
    """An attempt that failed, for good."""
    result = AgentResult(success=False, error=f"{key} is broken", cause=Cause.MODEL)
    return Ending(None, result)


@dataclass
class Story:
    """A workflow, those who work on it, and those who decide."""

    ledger: LedgerWorld
    workflow: int = 0
    thread: str = ""
    held: dict[int, Claim] = field(default_factory=dict)

    async def plan(self, spec: WorkflowSpec, by: Person = ALICE) -> Inquiry:
        """Propose a plan."""
        wish = await self.ledger.wish(by, self.thread or None)
        self.thread = wish.origin.thread or ""
        self.workflow = await self.ledger.plans.propose(Plan(spec), wish)
        return (await self.open())[-1]

    async def begin(self, text: str, gates: Gates | None = None, **rest: Any) -> None:
        """Have a graph planned and started."""
        asked = await self.plan(WorkflowSpec("calculator", described(text, gates), **rest))
        await self.decide(Decision.APPROVE, asked, ALICE)

    async def decide(
        self,
        decision: Decision,
        asked: Inquiry | None = None,
        by: Person = BOB,
        comment: str = "",
        target: str = "",
    ) -> Inquiry:
        """Somebody decides; the only open inquiry when none is named."""
        if asked is None:
            [asked] = await self.open()
        click = Click(asked.id, asked.revision, decision, comment, target)
        return await self.ledger.decisions.decide(click, await self.ledger.wish(by, self.thread))

    async def open(self) -> list[Inquiry]:
        """What people are asked at the moment."""
        async with self.ledger.db.reading() as session:
            mine = m.Inquiry.workflow_id == self.workflow
            return await inquiries.listed(session, mine, m.Inquiry.status == InquiryStatus.OPEN)

    async def claim(self) -> set[str]:
        """Let a worker take everything that it may; gives the keys."""
        claims = await self.ledger.claim(free=1000)
        self.held |= {claim.agent_id: claim for claim in claims}
        names = {number: key for key, number in (await self.ids()).items()}
        return {names[claim.agent_id] for claim in claims}

    async def end(self, key: str, ending: Ending | None = None) -> Status:
        """A node that is being worked on ends, well if nothing is said."""
        claim = self.held.pop((await self.ids())[key])
        return await self.ledger.finish(claim, ending or good(key, claim.attempt))

    async def do(self, *keys: str) -> None:
        """Nodes are claimed and end well, one after the other."""
        for key in keys:
            await self.claim()
            assert await self.end(key) is Status.COMPLETED

    async def fail(self, *keys: str) -> None:
        """Nodes are claimed and fail, one after the other."""
        for key in keys:
            await self.claim()
            await self.end(key, bad(key))

    async def retry(self, key: str, advice: str = "", by: Person = ALICE) -> None:
        """Somebody lets a node try again."""
        wish = await self.ledger.wish(by, self.thread)
        await self.ledger.mending.retry((await self.ids())[key], wish, advice)

    async def skip(self, key: str) -> None:
        """Somebody lets the workflow go on without a node."""
        wish = await self.ledger.wish(ALICE, self.thread)
        await self.ledger.mending.skip((await self.ids())[key], wish)

    async def cancel(self, key: str) -> None:
        """Somebody stops a node."""
        wish = await self.ledger.wish(ALICE, self.thread)
        await self.ledger.workflows.cancel((await self.ids())[key], wish)

    async def cancel_all(self) -> int:
        """Somebody stops the workflow."""
        wish = await self.ledger.wish(ALICE, self.thread)
        return await self.ledger.workflows.cancel_all(self.workflow, wish)

    async def node(self, key: str) -> m.Node:
        """A node by its key, or by "#" and its number."""
        async with self.ledger.db.reading() as session:
            return await session.get_one(m.Node, (await self.ids())[key])

    async def nodes(self) -> list[m.Node]:
        """All nodes."""
        async with self.ledger.db.reading() as session:
            mine = select(m.Node).where(m.Node.workflow_id == self.workflow)
            return list(await session.scalars(mine.order_by(m.Node.id)))

    async def ids(self) -> dict[str, int]:
        """The nodes' numbers by their keys; what has no key is called by its number."""
        return {node.key or f"#{node.id}": node.id for node in await self.nodes()}

    async def stands(self, *keys: str) -> dict[str, str]:
        """Where these nodes stand, or all."""
        nodes = {node.key or f"#{node.id}": node.status.value for node in await self.nodes()}
        return {key: status for key, status in nodes.items() if not keys or key in keys}

    async def are(self, status: Status) -> set[str]:
        """The keys of those who stand like this."""
        return {key for key, each in (await self.stands()).items() if each == status}

    async def told(self, names: Collection[str] = ()) -> list[Fact]:
        """What people have been told in the thread, in order."""
        mine = select(m.Event).where(m.Event.workflow_id == self.workflow, m.Event.notify)
        async with self.ledger.db.reading() as session:
            events = list(await session.scalars(mine.order_by(m.Event.id)))
        return [unpacked(e.name, e.data) for e in events if not names or e.name in names]

    async def names(self) -> list[str]:
        """The kinds of what people have been told."""
        mine = select(m.Event.name).where(m.Event.workflow_id == self.workflow, m.Event.notify)
        async with self.ledger.db.reading() as session:
            return list(await session.scalars(mine.order_by(m.Event.id)))

    async def summaries(self) -> list[Summary]:
        """The terminal notices of whole graphs."""
        return [fact.summary for fact in await self.told() if isinstance(fact, SummedUp)]

    async def given(self, key: str) -> tuple[str, ...]:
        """What an agent that is being worked on is given of what people said."""
        claim = self.held[(await self.ids())[key]]
        return await self.ledger.worker("w1").spoken(claim)
