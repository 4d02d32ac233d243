"""Random graphs and whatever may happen to them, compared with a model after every step."""

import asyncio
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import event, select, text, update

from engine.clock import now
from engine.columns import Base
from engine.dag import GateSpec, NodeSpec, WorkflowSpec
from engine.decisions import Decided
from engine.errors import InvalidSpec, LostLease, StaleMove
from engine.executor import AgentResult
from engine.leases import Claim
from engine.matters import Push
from engine.models import Inquiry as InquiryRow
from engine.models import Need, Node, Request, Run
from engine.notices import Closed, Ended, Opened, SummedUp
from engine.runs import Ending
from engine.settings import async_url
from engine.spec import AgentSpec
from engine.states import Decision, InquiryKind, InquiryStatus, Kind, OnFailure, Status
from engine.store import Database
from engine.verdicts import Halt
from engine.votes import Inquiry
from tests.ledger.conftest import ALICE, ledger_of
from tests.ledger.graph_model import ENDED, READY, Ask, Model, Refused, Vertex
from tests.ledger.story import STOPPED, Story, bad, good

T = TypeVar("T")
PER_USER = 2
WEEK = 8 * 86_400
ANY = st.integers(0, 40)
HANDED_OVER = Ending(Halt.HANDOVER, AgentResult(success=False))

EXAMPLES = int(os.environ.get("MACHINE_EXAMPLES", "16"))  # more of them find more, and take longer


@st.composite
def graphs(draw: st.DrawFn, least: int = 1, most: int = 6) -> tuple[NodeSpec, ...]:
    """A graph of agents and gates."""
    nodes: list[NodeSpec] = []
    for number in range(draw(st.integers(least, most))):
        keys = [node.key for node in nodes]
        needs = draw(st.sets(st.sampled_from(keys), max_size=3)) if keys else set()
        gate = bool(needs) and draw(st.integers(0, 3)) == 0
        does = GateSpec() if gate else AgentSpec(f"do {number}", repo="shop")
        nodes.append(NodeSpec(f"n{number}", does, tuple(sorted(needs))))
    return tuple(draw(st.permutations(nodes)))


class GraphMachine(RuleBasedStateMachine):
    """A thread, those who work in it, and those who decide; beside it the model."""

    def __init__(self, database: Callable[[], Database], home: Path) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.db = database()
        self.story = Story(ledger_of(self.db, home, PER_USER), thread="thread")
        self.model = Model()
        self.held: dict[int, Claim] = {}
        self.late: list[Claim] = []
        self.claimed: set[tuple[int, int]] = set()
        self.told = 0  # summaries that have been compared
        self.closed: list[Inquiry] = []

    def run(self, doing: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(doing)

    # What people ask for

    @initialize(spec=graphs(), policy=st.sampled_from(OnFailure))
    def first(self, spec: tuple[NodeSpec, ...], policy: OnFailure) -> None:
        self.run(_empty(self.db))
        self.begin(spec, policy)

    @rule(spec=graphs(most=4), policy=st.sampled_from(OnFailure), pick=ANY)
    def another(self, spec: tuple[NodeSpec, ...], policy: OnFailure, pick: int) -> None:
        if pick == 0:  # seldom
            self.begin(spec, policy)

    def begin(self, spec: tuple[NodeSpec, ...], policy: OnFailure) -> None:
        ask = self.model.ask(policy)
        self.run(self._begin(spec, policy))
        self.learn(ask, len(self.model.asked))

    async def _begin(self, spec: tuple[NodeSpec, ...], policy: OnFailure) -> None:
        asked = await self.story.plan(WorkflowSpec("random", spec, policy))
        await self.story.decide(Decision.APPROVE, asked, ALICE)

    def learn(self, ask: Ask, graph: int | None = None) -> list[int]:
        """Take over the nodes that have appeared, as they were described."""
        nodes, needs = self.run(self._read())
        new = [node for node in nodes if node.id not in self.model.all]
        for node in new:
            gate, on = node.kind is Kind.GATE, frozenset(needs.get(node.id, ()))
            self.model.all[node.id] = Vertex(node.id, on, gate, bool(node.key), graph, ask)
        return [node.id for node in new]

    async def _read(self) -> tuple[list[Node], dict[int, set[int]]]:
        needs: dict[int, set[int]] = {}
        async with self.db.reading() as session:
            for need in await session.scalars(select(Need)):
                needs.setdefault(need.node_id, set()).add(need.on_id)
            return list(await session.scalars(select(Node).order_by(Node.id))), needs

    @rule(pick=ANY, more=graphs(most=2), many=st.booleans())
    def grow(self, *, pick: int, more: tuple[NodeSpec, ...], many: bool) -> None:
        after = self.pick(pick, self.model.all)
        dead = self.model.stand(after) in ENDED and not self.model.met(after)
        wish = self.run(self.story.ledger.wish(ALICE, "thread", again=True))
        growing = self.story.ledger.growing
        doing: Coroutine[Any, Any, Any] = (
            growing.grow(more, after, wish)
            if many
            else growing.spawn(AgentSpec("more", repo="shop"), after, wish)
        )
        if dead:
            self.refused(doing, InvalidSpec)
            return
        self.run(doing)
        ask, graph = self.model.ask(), self.model.all[after].graph
        alone = len(self.model.asked) if many else None
        assert self.learn(ask, graph or alone)

    @rule(pick=ANY)
    def say(self, pick: int) -> None:
        agents = [v.id for v in self.model.all.values() if not v.gate]
        agent = self.pick(pick, agents)
        wish = self.run(self.story.ledger.wish(ALICE, "thread"))
        said = self.run(self.story.ledger.talk.say(agent, "hear", wish))
        if said.became == "instruction":
            assert self.model.stand(said.agent_id) not in ENDED
            self.model.all[said.agent_id].heard.append(None)
        else:
            assert self.model.stand(agent) in ENDED
            assert self.learn(self.model.ask()) == [said.agent_id]

    # What workers do

    @rule(free=st.integers(1, 4))
    def claim(self, free: int) -> None:
        for claim in self.run(self.story.ledger.claim(free=free)):
            assert claim.key not in self.claimed, "claimed twice"
            self.claimed.add(claim.key)
            self.model.claim(*claim.key)
            self.held[claim.agent_id] = claim

    @rule(pick=ANY, listens=st.booleans())
    def finish(self, *, pick: int, listens: bool) -> None:
        self.end(pick, good("work"), Status.COMPLETED, listens=listens)

    @rule(pick=ANY, listens=st.booleans())
    def fail(self, *, pick: int, listens: bool) -> None:
        self.end(pick, bad("work"), Status.FAILED, listens=listens)

    @rule(pick=ANY, listens=st.booleans())
    def hand_over(self, *, pick: int, listens: bool) -> None:
        self.end(pick, HANDED_OVER, Status.PENDING, listens=listens)

    @rule(pick=ANY)
    def heed_the_bell(self, pick: int) -> None:
        ringing = [key for key, v in self.model.all.items() if v.stopping or v.redo]
        keys = [claim.key for claim in self.held.values()]
        rung = self.run(self.story.ledger.worker("w1").leases.cancelled(keys))
        assert {agent for agent, _ in rung} == set(ringing)
        if ringing:
            agent = self.pick(pick, ringing)
            self.close(self.held.pop(agent), STOPPED, Status.CANCELLED)

    def end(self, pick: int, ending: Ending, status: Status, *, listens: bool = True) -> None:
        if not self.held:
            return
        claim = self.held.pop(self.pick(pick, self.held))
        if listens:
            self.run(self.story.ledger.worker("w1").spoken(claim))
            self.model.listen(claim.agent_id)
        self.close(claim, ending, status)

    def close(self, claim: Claim, ending: Ending, status: Status) -> None:
        self.run(self.story.ledger.finish(claim, ending))
        self.late.append(claim)
        self.followed(left=self.model.end(claim.agent_id, status))

    def followed(self, *, left: bool) -> None:
        """What was said too late is a follow-up, and nothing else is."""
        if left:
            assert len(self.learn(self.model.ask())) == 1

    @rule(pick=ANY)
    def ask_to_push(self, pick: int) -> None:
        if not self.held:
            return
        claim = self.held.pop(self.pick(pick, self.held))
        asks = Push("agent/work", "commit", ("protected",))
        done = good("work")
        self.run(self.story.ledger.finish(claim, Ending(None, done.result, done.work, asks=asks)))
        self.model.wait(claim.agent_id, "push")

    @rule(pick=ANY)
    def crash(self, pick: int) -> None:
        if not self.held:
            return
        claim = self.held.pop(self.pick(pick, self.held))
        self.run(self._crash(claim))
        self.late.append(claim)
        self.model.end(claim.agent_id, Status.FAILED, transient=True)

    async def _crash(self, claim: Claim) -> None:
        gone = update(Run).where(Run.node_id == claim.agent_id, Run.attempt == claim.attempt)
        async with self.db.writing() as session:
            await session.execute(gone.values(lease_until=now(-1)))
        [lost] = await self.story.ledger.take_over("w2")
        assert lost.key == claim.key

    @rule(pick=ANY)
    def late_word(self, pick: int) -> None:
        if self.late:
            claim = self.late[pick % len(self.late)]
            self.refused(self.story.ledger.finish(claim, good("work")), LostLease)

    # What people do to nodes

    @rule(pick=ANY, said=st.booleans())
    def retry(self, *, pick: int, said: bool) -> None:
        node = self.pick(pick, self.model.all)
        wish = self.run(self.story.ledger.wish(ALICE, "thread"))
        doing = self.story.ledger.mending.retry(node, wish, "please" if said else "")
        self.both(doing, lambda: self.model.retry(node, said=said))

    @rule(pick=ANY)
    def retry_a_failed_one(self, pick: int) -> None:
        ended = {Status.FAILED, Status.CANCELLED}
        if bad_ones := [v.id for v in self.model.all.values() if v.own in ended]:
            chosen = sorted(self.model.all).index(self.pick(pick, bad_ones))
            self.retry(pick=chosen, said=False)

    @rule(pick=ANY)
    def skip(self, pick: int) -> None:
        node = self.pick(pick, self.model.all)
        wish = self.run(self.story.ledger.wish(ALICE, "thread"))
        self.both(self.story.ledger.mending.skip(node, wish), lambda: self.model.skip(node))

    @rule(pick=ANY)
    def cancel(self, pick: int) -> None:
        node = self.pick(pick, self.model.all)
        wish = self.run(self.story.ledger.wish(ALICE, "thread"))
        self.both(self.story.ledger.workflows.cancel(node, wish), lambda: self.model.cancel(node))

    @rule(pick=ANY)
    def cancel_all(self, pick: int) -> None:
        if pick % 4:  # seldom
            return
        stands = self.model.stands()
        doing = self.story.cancel_all()
        if all(each in ENDED for each in stands.values()):
            self.refused(doing, StaleMove)
            return
        self.run(doing)
        for node in sorted(self.model.all):
            if self.model.stand(node) not in ENDED:
                self.model.cancel(node)

    # What people decide

    @rule(pick=ANY, decision=st.sampled_from(Decision), back=ANY)
    def decide(self, pick: int, decision: Decision, back: int) -> None:
        if not (asked := self.run(self.story.open())):
            return
        one = asked[pick % len(asked)]
        self.closed.append(one)
        assert one.node is not None
        node, key = one.node.id, self.target(one.node.id, back)
        doing = self.story.decide(decision, one, comment="so", target=key)
        match one.kind, decision:
            case (InquiryKind.GATE, Decision.SEND_BACK) if key:
                self.run(doing)
                self.model.all[self.number(key)].heard.append(None)
                self.model.send_back(self.number(key), self.model.all[node].ask)
            case (InquiryKind.FAILURE, Decision.RETRY):
                self.run(doing)
                self.model.all[node].heard.append(None)
                self.model.send_back(node, self.model.all[node].ask)
            case (InquiryKind.FAILURE, Decision.SKIP):
                self.run(doing)
                self.model.skip(node)
            case (InquiryKind.PUSH, Decision.APPROVE):
                self.run(doing)
                self.model.approve_push(node)
            case (InquiryKind.GATE, Decision.APPROVE) | (InquiryKind.PUSH, Decision.REJECT):
                self.run(doing)
                self.followed(left=self.model.become(node, Status.COMPLETED))
            case (_, Decision.REJECT):
                self.run(doing)
                self.model.become(node, Status.FAILED)
            case _:
                self.closed.pop()
                self.refused(doing, InvalidSpec)

    def target(self, gate: int, pick: int) -> str:
        """The key of an agent before a gate, now and then of one that is not."""
        names = {node.id: node.key for node in self.run(self.story.nodes())}
        above = [each for each in self.model.above(gate) if not self.model.all[each].gate]
        keyed = sorted(names[each] for each in above if names[each])
        return keyed[pick % len(keyed)] if keyed else ""

    def number(self, key: str) -> int:
        return self.run(self.story.ids())[key]

    @rule(pick=ANY)
    def decide_too_late(self, pick: int) -> None:
        still = {each.value for each in self.run(self.story.open())}
        over = [each for each in self.closed if each.value not in still]
        if over:
            doing = self.story.decide(Decision.APPROVE, over[pick % len(over)])
            self.refused(doing, Decided)

    @rule(pick=ANY)
    def expire(self, pick: int) -> None:
        if pick % 3:  # seldom
            return
        asked = self.run(self.story.open())
        self.run(self._expire())
        for one in asked:
            assert one.node is not None
            if self.model.stand(one.node.id) == Status.WAITING:
                pushed = one.kind is InquiryKind.PUSH
                end = Status.COMPLETED if pushed else Status.FAILED
                self.followed(left=self.model.become(one.node.id, end))
        self.closed += asked
        if len(asked) > 1:  # several ends, each of which told of what was then
            self.told = sum(isinstance(fact, SummedUp) for fact in self.run(self.story.told()))

    async def _expire(self) -> None:
        await self.story.ledger.pass_time(WEEK)
        keys = [claim.key for claim in self.held.values()]
        assert await self.story.ledger.worker("w1").leases.renew(keys) == set(keys)
        await self.story.ledger.decisions.tick()

    # How both are compared

    def pick(self, number: int, among: Any) -> int:
        chosen: int = sorted(among)[number % len(among)]
        return chosen

    def both(self, doing: Coroutine[Any, Any, Any], model: Callable[[], None]) -> None:
        """The ledger does what the model does, or refuses what it refuses."""
        try:
            model()
        except Refused:
            self.refused(doing, StaleMove)
        else:
            self.run(doing)

    def refused(self, doing: Coroutine[Any, Any, Any], error: type[Exception]) -> None:
        with pytest.raises(error):
            self.run(doing)

    @invariant()
    def everything_is_as_the_model_says(self) -> None:
        self.nodes_stand_where_the_model_says()
        self.each_request_ends_once()
        self.each_question_is_asked_once()

    def nodes_stand_where_the_model_says(self) -> None:
        self.model.end_requests()
        nodes, _ = self.run(self._read())
        stands = self.model.stands()
        assert {node.id for node in nodes} == set(stands)
        for node in nodes:
            assert self._seen(node) == stands[node.id], f"node {node.id}"
            if node.status is Status.BLOCKED:
                assert node.unmet == self.model.unmet(node.id), f"node {node.id}"
        admitted = [n for n in nodes if n.status in {Status.PENDING, Status.ACTIVE}]
        ready = [n for n in nodes if n.status is Status.BLOCKED and n.unmet == 0]
        assert not ready or len(admitted) >= PER_USER, "nobody was admitted"
        self._same_requests(nodes)

    def _seen(self, node: Node) -> str:
        v = self.model.all[node.id]
        if v.own is None and node.status is Status.PENDING:
            return READY
        if node.status is Status.BLOCKED and node.unmet == 0:
            return READY
        return node.status

    def _same_requests(self, nodes: list[Node]) -> None:
        """The same nodes belong together, here and there."""
        theirs = {(node.request_id, id(self.model.all[node.id].ask)) for node in nodes}
        assert len({left for left, _ in theirs}) == len(theirs) == len({r for _, r in theirs})

    def each_request_ends_once(self) -> None:
        requests, facts = self.run(self._requests())
        ended = [request for request in requests if request.ended_at is not None]
        assert len(requests) == len(self.model.asked)
        assert len(ended) == sum(ask.ended for ask in self.model.asked)
        assert sum(isinstance(fact, Ended | SummedUp) for fact in facts) == len(ended)
        summaries = [fact.summary for fact in facts if isinstance(fact, SummedUp)]
        for summary in summaries[self.told :]:
            self._verdict(summary)
        self.told = len(summaries)

    async def _requests(self) -> tuple[list[Request], list[Any]]:
        async with self.db.reading() as session:
            requests = list(await session.scalars(select(Request)))
        return requests, await self.story.told() if self.story.workflow else []

    def _verdict(self, summary: Any) -> None:
        ids = {node.id for node in summary.nodes}
        of = {self.model.all[each].graph for each in ids} - {None}
        assert {v.id for v in self.model.all.values() if v.graph in of} <= ids
        status, counts = self.model.verdict(ids)
        assert summary.status == status
        assert sum(summary.counts.values()) == len(ids)
        for each in ENDED:
            assert summary.counts.get(each, 0) == counts[each]

    def each_question_is_asked_once(self) -> None:
        asked, facts = self.run(self._asked())
        opened = Counter(f.inquiry.value for f in facts if isinstance(f, Opened) and not f.again)
        over = Counter(f.inquiry.value for f in facts if isinstance(f, Closed))
        assert opened == Counter(f"{row.id}.{row.revision}" for row in asked)
        gone = [row for row in asked if row.status is not InquiryStatus.OPEN]
        assert over == Counter(f"{row.id}.{row.revision}" for row in gone)
        waiting = Counter(row.node_id for row in asked if row.status is InquiryStatus.OPEN)
        stands = self.model.stands()
        assert waiting == Counter(k for k, each in stands.items() if each == Status.WAITING)

    async def _asked(self) -> tuple[list[InquiryRow], list[Any]]:
        async with self.db.reading() as session:
            asked = list(await session.scalars(select(InquiryRow)))
        return asked, await self.story.told() if self.story.workflow else []

    def teardown(self) -> None:
        try:
            self.drain()
        finally:
            self.runner.run(self.db.close())
            self.runner.close()

    def drain(self) -> None:
        """When everybody does their part, everything comes to an end."""
        for _ in range(200):
            self.everything_is_as_the_model_says()
            if all(each in ENDED for each in self.model.stands().values()):
                break
            self.claim(50)
            while self.held:
                self.finish(pick=0, listens=True)
                self.everything_is_as_the_model_says()
            for one in self.run(self.story.open()):
                failed = one.kind is InquiryKind.FAILURE
                self.decide(0, Decision.SKIP if failed else Decision.APPROVE, 0)
                self.everything_is_as_the_model_says()
        stands = self.model.stands()
        assert all(each in ENDED for each in stands.values()), "the graph hangs"
        assert all(ask.ended for ask in self.model.asked)
        self.everything_is_as_the_model_says()


async def _empty(db: Database) -> None:
    """Take everything out of a server's database; a file is new for each try."""
    if not db.is_sqlite:
        names = ", ".join(t.name for t in Base.metadata.sorted_tables if t.name != "clock")
        async with db.writing() as session:
            await session.execute(text(f"TRUNCATE {names} RESTART IDENTITY"))


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory in memory, where there is such a thing."""
    memory = Path("/dev/shm")
    directory = tempfile.mkdtemp(prefix="mab-", dir=memory if memory.is_dir() else None)
    yield Path(directory)
    shutil.rmtree(directory)


def test_random_graphs_on_sqlite(migrated: Path, place: Path) -> None:
    def fresh() -> Database:
        file = place / "mab.db"
        for old in place.glob("mab.db*"):
            old.unlink()
        shutil.copyfile(migrated, file)
        db = Database.connect(async_url(f"sqlite:///{file}"))
        event.listen(db.engine.sync_engine, "connect", _hasten)
        return db

    _play(fresh, place, EXAMPLES)


@pytest.mark.parametrize("database_kind", ["postgresql"])
def test_random_graphs_on_postgresql(database_url: str, place: Path) -> None:
    _play(lambda: Database.connect(async_url(database_url)), place, EXAMPLES // 4)


def _hasten(connection: Any, _: object) -> None:
    """Nothing here has to survive a loss of power."""
    connection.execute("PRAGMA synchronous=OFF").close()


def _play(database: Callable[[], Database], home: Path, examples: int) -> None:
    run_state_machine_as_test(
        lambda: GraphMachine(database, home),  # type: ignore[arg-type]  # a factory is allowed
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
