"""Whether what was promised holds, seen from outside: Slack, tables, processes, files, git."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.places import channel_of
from engine.models import Node
from engine.states import InquiryStatus, Kind, Status
from engine.store import patiently
from tests import repositories
from tests.chaos import books, sights
from tests.chaos.books import SILENT, TERMINAL, Books, Wall
from tests.chaos.people import Asked
from tests.chaos.place import Place
from tests.chaos.plays import WORD, file


@dataclass(frozen=True)
class Violation:
    """A promise that was not kept."""

    rule: str  # a … f, as the suite's description names them
    about: str  # the request, agent, thread, file …
    fact: str


@dataclass(frozen=True)
class World:
    """All that the judge sees."""

    place: Place
    books: Books
    wall: Wall

    @classmethod
    async def of(cls, place: Place) -> "World":
        """As it is now; asked again when this process stood still in its transaction."""
        return cls(place, await patiently(books.read, place.db), Wall.of(place.slack))

    @property
    def parked(self) -> set[int]:
        """Threads in which nothing can be told any more, which `mab doctor` says."""
        return {flow.id for flow in self.books.workflows if flow.parked}


async def judge(place: Place, asked: Sequence[Asked]) -> list[Violation]:
    """Every violation that can be seen when everything has settled."""
    world = await World.of(place)
    pure = [
        *accepted(world, asked), *terminal(world), *owners(world), *told(world),
        *answered(world), *left(world),
    ]  # fmt: skip
    return [*pure, *await asyncio.to_thread(lambda: [*on_disk(world), *works(world)])]


def accepted(world: World, asked: Sequence[Asked]) -> Iterator[Violation]:
    """(a) What was accepted is there, once; what was recorded has been dealt with."""
    tasks = Counter(word for node in world.books.nodes for word in _begun(node))
    begun = [request for request in world.books.requests if request.kind == "workflow"]
    titles = Counter(word for request in begun for word in WORD.findall(request.title))
    inbox = [(c, str(c.payload)) for c in world.books.commands]
    for each in asked:
        about = f"{each.how} {each.word}"
        found = [c for c, said in inbox if each.word in said]
        there = titles[each.word] if each.how == "workflow" else tasks[each.word]
        if each.acked and not found:
            yield Violation("a", about, "acknowledged, and not in the inbox")
        if len(found) > 1:
            yield Violation("a", about, f"{len(found)} times in the inbox")
        if there > 1 or any(tasks[word] > 1 for word in each.words):
            yield Violation("a", about, "begun more than once")
        shut = world.place.slack.channel(each.where).id in world.place.closed
        if found and not there and each.how != "reply" and not shut:
            yield Violation("a", about, f"recorded, and nothing came of it: {found[0].outcome}")
    for command in world.books.commands:
        if command.done_at is None:
            yield Violation("a", command.key, "recorded, and never carried out")


def _begun(node: Node) -> list[str]:
    """The words of a task, where a person asked for it in these words."""
    return WORD.findall(node.task)


def terminal(world: World) -> Iterator[Violation]:
    """(a) Every request has ended, in exactly one terminal message that people can see."""
    shown = world.wall.by_mark()
    asked = Counter(request.workflow_id for request in world.books.requests)
    ends = Counter(e.workflow_id for e in world.books.notices if e.name in TERMINAL)
    for request in world.books.requests:
        if request.ended_at is None:
            yield Violation("a", f"request {request.id} of w{request.workflow_id}", "has not ended")
    for flow in world.books.workflows:
        if asked[flow.id] != ends[flow.id]:
            fact = f"{asked[flow.id]} requests, {ends[flow.id]} terminal notices"
            yield Violation("a", f"w{flow.id}", fact)
    for (kind, number), copies in shown.items():
        if len(copies) > 1:
            yield Violation("a", f"{kind} {number}", f"hangs {len(copies)} times: {_where(copies)}")


def _where(copies: Sequence[books.Posted]) -> str:
    return ", ".join(f"{copy.channel} {copy.ts}" for copy in copies)


def owners(world: World) -> Iterator[Violation]:
    """(b) The attempts of an agent are whole and follow each other; none is completed twice."""
    for node in world.books.nodes:
        attempts = [run.attempt for run in world.books.runs if run.node_id == node.id]
        if attempts != list(range(1, len(attempts) + 1)):
            yield Violation("b", f"agent {node.id}", f"attempts {attempts}")
        if attempts and node.attempt != attempts[-1]:
            yield Violation("b", f"agent {node.id}", f"at attempt {node.attempt} of {attempts}")
    for (node_id, attempt, name), times in Counter(world.books.moves).items():
        if times > 1 and attempt:
            yield Violation("b", f"agent {node_id}", f"attempt {attempt}: {name} {times} times")
    for run in world.books.runs:
        if (run.ended_at is None) == bool(run.outcome):
            about = f"agent {run.node_id}, attempt {run.attempt}"
            yield Violation("b", about, f"outcome {run.outcome!r}, ended {run.ended_at}")


def told(world: World) -> Iterator[Violation]:
    """(e) The notices of a thread hang in their order, and none is missing."""
    shown = world.wall.by_mark()
    for notice in world.books.notices:
        if notice.workflow_id in world.parked:
            continue
        about = f"notice {notice.id} ({notice.name}) of w{notice.workflow_id}"
        if notice.delivered_at is None:
            yield Violation("e", about, f"not delivered after {notice.tries} tries")
        elif notice.name not in SILENT and not shown.get(("mab_notice", notice.id)):
            ts = str((notice.receipt or {}).get("ts"))
            if ts not in world.place.excused:
                yield Violation("e", about, f"delivered as {ts}, and not on the wall")
    for flow in world.books.workflows:
        channel, root = channel_of(flow.place), flow.thread or ""
        ids = [posted.id for posted in world.wall.thread(channel, root)]
        if ids != sorted(ids):
            yield Violation("e", f"w{flow.id}", f"notices hang in the order {ids}")
        gone = str((flow.card or {}).get("ts")) in world.place.excused
        if not (gone or flow.id in world.parked or shown.get(("mab_card", flow.id))):
            yield Violation("e", f"w{flow.id}", "its card is not on the wall")


def answered(world: World) -> Iterator[Violation]:
    """(e) What has been decided asks nobody any more."""
    shown = world.wall.by_mark()
    closed = {inquiry.id for inquiry in world.books.inquiries if inquiry.closed_at is not None}
    for notice in world.books.notices:
        if notice.name != "inquiry.opened" or notice.inquiry_id not in closed:
            continue
        for copy in shown.get(("mab_notice", notice.id), ()):
            if copy.buttons and notice.workflow_id not in world.parked:
                fact = f"is closed, and still asks: {', '.join(copy.buttons)}"
                yield Violation("e", f"inquiry {notice.inquiry_id} of w{notice.workflow_id}", fact)


def left(world: World) -> Iterator[Violation]:
    """(c) No lease, reservation or question of what has ended; no worker that is no more."""
    ended = {request.id for request in world.books.requests if request.ended_at is not None}
    for run in world.books.runs:
        about = f"agent {run.node_id}, attempt {run.attempt}"
        if run.ended_at is None:
            yield Violation("c", about, f"still owned by {run.worker} until {run.lease_until}")
        if run.reserved:
            yield Violation("c", about, f"${run.reserved} still reserved")
    for inquiry in world.books.inquiries:
        if inquiry.status is InquiryStatus.OPEN:
            of = "an ended request" if inquiry.request_id in ended else "a request"
            yield Violation("c", f"inquiry {inquiry.id} ({inquiry.kind})", f"open, of {of}")
    pids = {worker.pid for worker in world.place.workers}
    for row in world.books.workers:
        if row.pid not in pids:
            yield Violation("c", f"worker {row.id}", f"is listed, and process {row.pid} is gone")


def on_disk(world: World) -> Iterator[Violation]:
    """(c) No process, worktree or temporary directory of agents."""
    place = world.place
    for sight in sights.of_agents(place.root):
        about = f"process {sight.process.pid} of agent {sight.agent}"
        yield Violation("c", about, " ".join(sight.command)[:200])
    kept = {*map(Path, orphans(world)), place.shop}
    for path in worktrees(place):
        if path not in kept:
            yield Violation("c", f"worktree {path.name}", f"is left in {path.parents[1].name}")
    for path in sorted(place.scratch.glob("*")):
        yield Violation("c", f"temporary {path.name}", "is left")
    named = {run.workspace for run in world.books.runs} - {""}  # others: see `orphans`
    for line in repositories.git(place.shop, "worktree", "list", "--porcelain").splitlines():
        if line.removeprefix("worktree ") in named:
            yield Violation("c", line, "git still knows it")


def worktrees(place: Place) -> list[Path]:
    """The worktrees on disk."""
    return sorted(path for home in place.homes for path in home.glob(".worktrees/agent-*"))


def orphans(world: World) -> list[Path]:
    """Those that no run knows, since its worker died before it could say so.

    The janitor keeps them for an hour, in which an attempt may be about to open them.
    """
    known = {run.workspace for run in world.books.runs}
    return [path for path in worktrees(world.place) if str(path) not in known]


def works(world: World) -> Iterator[Violation]:
    """(d) What completed agents wrote is on their branch, or on a ref that the thread names."""
    for node in world.books.nodes:
        found = WORD.search(node.task)
        if found is None or node.kind is not Kind.AGENT or node.status is not Status.COMPLETED:
            continue
        wanted = file(found[0])
        if any(name.startswith(f"agent-{node.id}-") for name in world.place.destroyed):
            continue
        if wanted not in _files(world.place.shop, node.branch) and not _rescued(world, node):
            about = f"agent {node.id} ({found[0]})"
            yield Violation("d", about, f"{wanted} is not on {node.branch!r}, nor rescued")


def _files(shop: Path, ref: str) -> list[str]:
    known = ref and repositories.git(shop, "for-each-ref", f"refs/heads/{ref}", ref)
    return repositories.git(shop, "ls-tree", "--name-only", ref).splitlines() if known else []


def _rescued(world: World, node: Node) -> bool:
    """Whether a rescue ref has the file, and the thread of the agent names it."""
    pattern = f"refs/mab/rescue/agent-{node.id}-*"
    refs = repositories.git(world.place.shop, "for-each-ref", "--format=%(refname)", pattern)
    said = " ".join(posted.text for posted in world.wall.posted)
    named = [ref for ref in refs.splitlines() if ref in said]
    found = WORD.search(node.task)
    return found is not None and any(
        file(found[0]) in _files(world.place.shop, ref) for ref in named
    )
