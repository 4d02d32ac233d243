"""What must hold once everything is over, whatever happened before; looked at from the outside."""

import os
from collections import Counter
from pathlib import Path

from sqlalchemy import func, or_, select, update

from bot.local import Message
from engine.models import Clock, Node, Run
from engine.states import TERMINAL
from tests import repositories
from tests.processes.conftest import Installation, until


async def over(mab: Installation, *cards: Message) -> None:
    """Nothing lives, nothing is owned, nothing is told twice, and work is where it is said to be."""
    await until(lambda: not list(mab.agents()))
    assert await open_runs(mab) == 0
    for card in cards:
        assert _copies(mab, card) == []
    assert len(roots(mab)) == len(cards)
    for agent, branch, commit in await _ended(mab):
        assert repositories.git(mab.shop, "rev-parse", branch) == commit, agent
    await until(lambda: not _locks(mab.shop / ".git"))


async def later(mab: Installation, seconds: float) -> None:
    """Let time pass, for the ledger."""
    async with mab.db.writing() as session:
        await session.execute(update(Clock).values(seconds=Clock.seconds + seconds))


def roots(mab: Installation) -> list[Message]:
    """What began a thread."""
    return [m for m in mab.slack.messages("general") if m.thread_ts in (None, m.ts)]


async def open_runs(mab: Installation) -> int:
    """How many runs are owned by somebody, or have money set aside."""
    query = select(func.count()).where(or_(Run.ended_at.is_(None), Run.reserved > 0))
    async with mab.db.reading() as session:
        return await session.scalar(query.select_from(Run)) or 0


def _copies(mab: Installation, card: Message) -> list[object]:
    """What says of itself that it is the same as another message of the thread."""
    thread = mab.slack.thread("general", card.ts)
    marks = Counter(repr(message.metadata) for message in thread if message.metadata)
    return [mark for mark, times in marks.items() if times > 1]


async def _ended(mab: Installation) -> list[tuple[int, str, str]]:
    """The agents that have ended with a commit: number, branch, commit."""
    query = select(Node.id, Node.branch, Node.commit_sha)
    query = query.where(Node.status.in_(TERMINAL), Node.commit_sha != "", Node.branch != "")
    async with mab.db.reading() as session:
        return [(row.id, row.branch, row.commit_sha) for row in await session.execute(query)]


def _locks(git_dir: Path) -> list[Path]:
    """Locks of git that nobody holds any more."""
    found = (Path(at, name) for at, _, names in os.walk(git_dir) for name in names)
    return [path for path in found if path.suffix == ".lock"]
