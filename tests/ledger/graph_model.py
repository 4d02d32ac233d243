"""What a graph should do, said a second time and in another way: a tiny model to compare with.

A vertex keeps only what was done to it. Whether one that nothing was done to is ready, blocked or
skipped follows from its needs, and is worked out anew whenever somebody looks.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from engine.states import OnFailure, Status

TRIES = 3
READY = "ready"  # pending, or blocked until its person has room
STARTABLE = {READY, Status.PENDING, Status.BLOCKED, Status.WAITING}
ENDED = {Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.SKIPPED}


class Refused(Exception):
    """The ledger should refuse this."""


@dataclass
class Ask:
    """What somebody asked for."""

    policy: OnFailure = OnFailure.CONTINUE
    ended: bool = False


@dataclass
class Vertex:
    """A node, and what was done to it."""

    id: int
    needs: frozenset[int]
    gate: bool
    keyed: bool
    graph: int | None
    ask: Ask
    own: Status | None = None
    asks: str = ""  # waits with this question
    stopped_for: int | None = None
    redo: bool = False
    stopping: bool = False
    failures: int = 0
    attempt: int = 0
    heard: list[int | None] = field(default_factory=list)  # of each message: in which attempt


@dataclass
class Model:
    """All vertices of a thread."""

    all: dict[int, Vertex] = field(default_factory=dict)
    asked: list[Ask] = field(default_factory=list)

    def ask(self, policy: OnFailure = OnFailure.CONTINUE) -> Ask:
        """Somebody asks for something."""
        self.asked.append(Ask(policy))
        return self.asked[-1]

    def stands(self) -> dict[int, str]:
        """Where all of them stand."""
        seen: dict[int, str] = {}
        return {key: self._stand(key, seen) for key in self.all}

    def stand(self, key: int) -> str:
        """Where one of them stands."""
        return self._stand(key, {})

    def _stand(self, key: int, seen: dict[int, str]) -> str:
        if key not in seen:
            seen[key] = self._worked_out(self.all[key], seen)
        return seen[key]

    def _worked_out(self, v: Vertex, seen: dict[int, str]) -> str:
        if v.own is not None:
            return v.own
        if v.stopped_for is not None or any(self._dead(each, seen) for each in v.needs):
            return Status.SKIPPED
        if not all(self.met(each) for each in v.needs):
            return Status.BLOCKED
        return Status.WAITING if v.gate else READY

    def _dead(self, key: int, seen: dict[int, str]) -> bool:
        bad = self._stand(key, seen) in {Status.FAILED, Status.CANCELLED, Status.SKIPPED}
        return bad and self.all[key].own is not Status.SKIPPED

    def met(self, key: int) -> bool:
        """Whether what needs it may begin."""
        return self.all[key].own in {Status.COMPLETED, Status.SKIPPED}

    def unmet(self, key: int) -> int:
        """How many of its needs are open."""
        return sum(not self.met(each) for each in self.all[key].needs)

    def below(self, key: int) -> set[int]:
        """All that need it."""
        direct = {v.id for v in self.all.values() if key in v.needs}
        return direct.union(*(self.below(each) for each in direct)) if direct else direct

    def above(self, key: int) -> set[int]:
        """All that it needs."""
        direct = set(self.all[key].needs)
        return direct.union(*(self.above(each) for each in direct)) if direct else direct

    def claim(self, key: int, attempt: int) -> None:
        """It is worked on."""
        v = self.all[key]
        assert self.stand(key) in {READY, Status.PENDING}, "claimed before its time"
        assert attempt == v.attempt + 1, "claimed twice"
        v.own, v.attempt = Status.ACTIVE, attempt

    def listen(self, key: int) -> None:
        """It is given what was said."""
        v = self.all[key]
        v.heard = [v.attempt if each is None else each for each in v.heard]

    def end(self, key: int, status: Status, *, transient: bool = False) -> bool:
        """An attempt ends; gives whether somebody has to go on with what was said too late."""
        v = self.all[key]
        if v.stopping:
            return self._become(v, Status.CANCELLED)
        if v.redo:
            self._again(v)
            self._forget([v])
            return False
        if status is Status.PENDING:
            return self._once_more(v)
        if status is Status.FAILED:
            v.failures += 1
            if transient and v.failures < TRIES:
                return self._once_more(v)
            if v.keyed and v.ask.policy is OnFailure.ASK:
                v.own, v.asks = Status.WAITING, "failure"
                return False
        return self._become(v, status)

    def _once_more(self, v: Vertex) -> bool:
        v.own = None
        v.heard = [None if each == v.attempt else each for each in v.heard]
        return False

    def wait(self, key: int, asks: str) -> None:
        """An attempt ends with a question."""
        v = self.all[key]
        if v.stopping or v.redo:
            self.end(key, Status.COMPLETED)
        else:
            v.own, v.asks = Status.WAITING, asks

    def become(self, key: int, status: Status) -> bool:
        """It is at an end because of what people decided, or did not."""
        return self._become(self.all[key], status)

    def _become(self, v: Vertex, status: Status) -> bool:
        if status is Status.FAILED and v.ask.policy is OnFailure.STOP:
            stands = self.stands()
            for each in self.all.values():
                if each.ask is v.ask and each is not v and stands[each.id] in STARTABLE:
                    each.own, each.stopped_for, each.asks = None, v.id, ""
        v.own, v.asks, v.stopped_for, v.stopping, v.redo = status, "", None, False, False
        left = status is Status.COMPLETED and None in v.heard
        if left:
            self.listen(v.id)
        return left

    def approve_push(self, key: int) -> None:
        """It may be published."""
        v = self.all[key]
        v.own, v.asks = Status.PENDING, ""

    def retry(self, key: int, *, said: bool = False) -> None:
        """Somebody lets it try again."""
        v = self.all[key]
        if v.own not in {Status.FAILED, Status.CANCELLED}:
            raise Refused
        if said and not v.gate:
            v.heard.append(None)
        self.send_back(key, self._ask_of(v))

    def _ask_of(self, v: Vertex) -> Ask:
        return self.ask(v.ask.policy) if v.ask.ended else v.ask

    def send_back(self, key: int, ask: Ask) -> None:
        """It begins again, and with it all that its end decided about."""
        v = self.all[key]
        ids = self.below(key) | {e.id for e in self.all.values() if e.stopped_for == key}
        ids |= self._skipped_with(ids)
        others = [self.all[each] for each in ids - {key}]
        for each in (v, *others):
            self._again(each)
        self._forget(others)
        self._adopt((v, *others), ask)

    def _skipped_with(self, ids: Collection[int]) -> set[int]:
        """What is skipped because others are; it belongs to their request as well."""
        stopped = {each for each in ids if self.all[each].stopped_for is not None}
        under = {each for key in stopped for each in self.below(key)}
        stands = self.stands()
        return {e for e in under if stands[e] == Status.SKIPPED and self.all[e].own is None}

    def _again(self, v: Vertex) -> None:
        if v.own is Status.ACTIVE and not v.redo:
            v.redo, v.stopping = True, False
        else:
            v.own, v.asks, v.stopped_for, v.redo, v.failures = None, "", None, False, 0

    def _forget(self, vertices: Iterable[Vertex]) -> None:
        for v in vertices:
            v.heard = [None] * len(v.heard)

    def _adopt(self, vertices: Iterable[Vertex], ask: Ask) -> None:
        for v in vertices:
            if v.ask.ended:
                v.ask = ask

    def skip(self, key: int) -> None:
        """Somebody goes on without it."""
        v = self.all[key]
        if self.met(key) or v.own is Status.ACTIVE:
            raise Refused
        ask = self._ask_of(v)
        stands = self.stands()
        ids = self.below(key) | {e.id for e in self.all.values() if e.stopped_for == key}
        ids |= self._skipped_with(ids)
        skipped = [
            self.all[each]
            for each in ids - {key}
            if stands[each] == Status.SKIPPED and self.all[each].own is None
        ]
        for each in skipped:
            self._again(each)
        self._become(v, Status.SKIPPED)
        self._adopt((v, *skipped), ask)

    def cancel(self, key: int) -> None:
        """Somebody stops it."""
        v = self.all[key]
        if self.stand(key) in ENDED:
            raise Refused
        if v.own is Status.ACTIVE:
            v.stopping, v.redo = True, False
        else:
            self._become(v, Status.CANCELLED)

    def end_requests(self, open_plans: Collection[Ask] = ()) -> None:
        """What was asked for is at an end when all that belongs to it is."""
        stands = self.stands()
        for ask in self.asked:
            mine = [v.id for v in self.all.values() if v.ask is ask]
            if ask not in open_plans and all(stands[each] in ENDED for each in mine):
                ask.ended = True

    def verdict(self, ids: Collection[int]) -> tuple[Status, Counter[str]]:
        """How a graph ended, and how many stand where."""
        stands = self.stands()
        counts = Counter(stands[each] for each in ids)
        if counts[Status.FAILED]:
            return Status.FAILED, counts
        if counts[Status.CANCELLED] or not counts[Status.COMPLETED]:
            return Status.CANCELLED, counts
        return Status.COMPLETED, counts
