"""Where the trouble is made: the programs of an installation, its Slack, model, database, disks."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from bot.local import LocalSlack
from engine.demo_model import DemoModel
from engine.store import Database
from tests.processes.conftest import Running


@dataclass
class Place:
    """What faults may reach. Programs come and go; the keeper of the place starts them again."""

    root: Path
    shop: Path  # the served repository
    homes: list[Path]  # one MAB_HOME for each worker
    slack: LocalSlack
    model: DemoModel
    db: Database
    url: str
    bots: list[Running] = field(default_factory=list)
    workers: list[Running] = field(default_factory=list)
    restart: dict[str, str] = field(default_factory=dict)  # environment for the next start only
    lease: float = 6.0  # seconds
    stop_database: Callable[[], Awaitable[None]] | None = None  # PostgreSQL only
    start_database: Callable[[], Awaitable[None]] | None = None
    remote: Path | None = None  # the bare repository that `shop` fetches from and pushes to
    disk: Path | None = None  # the mount point of the small file system that holds the homes
    # Lets people ask for something that the judge counts; Slack may be cut off meanwhile.
    ask: Callable[[], Awaitable[None]] | None = None
    closed: set[str] = field(default_factory=set)  # ids of channels that were shut for a while
    destroyed: set[str] = field(default_factory=set)  # names of worktrees that were removed
    held: set[str] = field(default_factory=set)  # what one trouble has in hand, and no other
    excused: set[str] = field(default_factory=set)  # ts of messages that trouble has taken away
    patience: float = 6.0  # seconds for something to be there that can be struck
    scratch: Path = Path()  # the programs' TMPDIR

    @property
    def programs(self) -> list[Running]:
        """Every program of the installation."""
        return [*self.bots, *self.workers]
