"""What is in the tables and on Slack's wall when a storm is over, as the judge reads it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from bot.local import LocalSlack
from bot.local.payloads import labels
from engine.models import Command, Event, Inquiry, Node, Request, Run, Worker, Workflow
from engine.store import Database

TERMINAL = frozenset({"request.ended", "workflow.ended"})
SILENT = frozenset({"inquiry.closed", "agent.heard"})  # told without a message of their own


@dataclass(frozen=True)
class Books:
    """The rows of the tables."""

    workflows: Sequence[Workflow]
    requests: Sequence[Request]
    nodes: Sequence[Node]
    runs: Sequence[Run]
    notices: Sequence[Event]  # that people must be told
    moves: Sequence[tuple[int, int, str]]  # of nodes: number, attempt, what happened
    inquiries: Sequence[Inquiry]
    commands: Sequence[Command]
    workers: Sequence[Worker]

    def request_of(self, node: int) -> Request | None:
        """The request that a node belongs to."""
        owner = next((each.request_id for each in self.nodes if each.id == node), None)
        return next((each for each in self.requests if each.id == owner), None)

    def lines(self) -> Iterator[str]:
        """Every row as a line of text."""
        for name, rows in vars(self).items():
            for row in rows:
                yield f"{name} {row if isinstance(row, tuple) else _columns(row)}"


def _columns(row: Any) -> dict[str, Any]:
    return {key: value for key, value in vars(row).items() if not key.startswith("_")}


async def read(db: Database) -> Books:
    """Everything, at one moment."""
    moved = Event.name.in_(("agent.completed", "agent.active"))
    async with db.reading() as session:

        async def rows(query: Any) -> Sequence[Any]:
            return list(await session.scalars(query))

        moves = select(Event.node_id, Event.attempt, Event.name).where(moved)
        return Books(
            await rows(select(Workflow).order_by(Workflow.id)),
            await rows(select(Request).order_by(Request.id)),
            await rows(select(Node).order_by(Node.id)),
            await rows(select(Run).order_by(Run.node_id, Run.attempt)),
            await rows(select(Event).where(Event.notify).order_by(Event.id)),
            [(row[0] or 0, row[1], row[2]) for row in await session.execute(moves)],
            await rows(select(Inquiry).order_by(Inquiry.id)),
            await rows(select(Command).order_by(Command.id)),
            await rows(select(Worker)),
        )


@dataclass(frozen=True)
class Posted:
    """A message of the bot's that carries a mark."""

    kind: str  # mab_card | mab_notice
    id: int
    channel: str
    ts: str
    root: str
    text: str  # everything that it shows
    buttons: Sequence[str]


@dataclass(frozen=True)
class Wall:
    """The marked messages that people can see, oldest first."""

    posted: Sequence[Posted]

    @classmethod
    def of(cls, slack: LocalSlack) -> "Wall":
        """As it hangs now."""
        state = slack.parts.state
        found = [
            Posted(
                str(m.metadata["event_type"]),
                int(m.metadata["event_payload"]["id"]),
                m.channel,
                m.ts,
                m.root,
                m.text + str(m.blocks),
                labels(m.blocks),
            )
            for messages in state.messages.values()
            for m in messages.values()
            if m.bot_id and m.metadata and not m.deleted
        ]
        return cls(sorted(found, key=lambda posted: posted.ts))

    def by_mark(self) -> dict[tuple[str, int], list[Posted]]:
        """The copies of each message."""
        found: dict[tuple[str, int], list[Posted]] = defaultdict(list)
        for posted in self.posted:
            found[posted.kind, posted.id].append(posted)
        return found

    def thread(self, channel: str, root: str) -> list[Posted]:
        """The notices of a thread in the order in which they hang."""
        return [
            p for p in self.posted
            if (p.channel, p.root) == (channel, root) and p.kind == "mab_notice"
        ]  # fmt: skip
