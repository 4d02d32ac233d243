"""The composition root of a worker: everything that it needs, put together from the settings."""

import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import gettempdir
from uuid import uuid4

from sqlalchemy.engine import make_url

from engine import places
from engine.broker_access import access
from engine.broker_exchange import Ears
from engine.claude import ClaudeExecutor
from engine.environment import cleaned
from engine.equipment import Tools
from engine.executor import Executor, Sandbox, Usage
from engine.janitor import Janitor
from engine.leases import Leases
from engine.masking import Mask
from engine.old_branches import OldBranches
from engine.processes import host_identity
from engine.repos import Repos
from engine.retention import Retention
from engine.runs import Runs
from engine.scratch import Scratch
from engine.sessions import Sessions
from engine.settings import Settings
from engine.store import Database
from engine.survivors import Survivors
from engine.trays import Trays
from engine.worker import Worker
from engine.workflows import Workflows
from engine.workshop import Workshop
from engine.worktrees import Worktrees

SECRET_PLACES = (
    *(".ssh", ".gnupg", ".aws", ".azure", ".config", ".docker", ".kube", ".netrc", ".npmrc"),
    *(".pypirc", ".git-credentials", ".claude", ".claude.json", ".password-store", ".vault-token"),
    *(".pgpass", ".pg_service.conf"),
)


@dataclass(frozen=True)
class Outside:
    """What a worker takes from the world around it."""

    environ: Mapping[str, str]  # of this process, secrets taken out
    secrets: Mapping[str, str]  # those, of which the model's are passed to the executor
    config: Path  # the configuration file, hidden from agents
    user_home: Path
    hidden: tuple[Path, ...] = ()  # files that secrets were read from


def workshop(settings: Settings) -> Workshop:
    """The repositories and worktrees of an installation."""
    home = settings.home.expanduser().resolve()
    repos = Repos(settings.repos, home)
    push = {name: repo.push for name, repo in settings.repos.items()}
    protected = {name: repo.protected for name, repo in settings.repos.items()}
    confined = settings.agent.sandbox is not Sandbox.OFF  # who is not could write what spares go by
    reuse = {name: repo.reuse for name, repo in settings.repos.items() if confined}
    worktrees = Worktrees(repos, home / places.WORKTREES, reuse=reuse)
    return Workshop(repos, worktrees, push, protected)


@dataclass(frozen=True)
class Listeners:
    """Who wants to know what a worker does."""

    told: Callable[[], None] = lambda: None  # there is something to tell people
    charged: Callable[[str, str, Usage], None] = lambda *_: None  # repository, person, usage
    broker: Ears = field(default_factory=Ears)


def make_executor(db: Database) -> Executor:
    """What runs agents for real: it keeps their sessions in the ledger."""
    return ClaudeExecutor(sessions=Sessions(db))


def make_worker(
    workflows: Workflows, executor: Executor, outside: Outside, listeners: Listeners
) -> Worker:
    """A worker with an identity of its own."""
    settings = workflows.settings
    host = host_identity()
    name = f"{socket.gethostname()}-{uuid4().hex[:12]}"
    around = {**outside.environ, **outside.secrets}
    leases = Leases(workflows.db, name, host, settings.poll.lease_seconds)
    tools = Tools(
        runs=Runs(workflows, leases, listeners.charged),
        workshop=workshop(settings),
        trays=Trays(_trays(settings)),
        executor=executor,
        settings=settings,
        host=host,
        environment=cleaned(outside.environ, settings.home.expanduser().resolve() / "agents"),
        model=access(around, listeners.broker, wanted=settings.agent.broker),
        hidden=hidden_from_agents(settings, outside),
        mask=Mask.of(outside.secrets.values()),
    )
    return Worker(tools, leases, workflows, listeners.told)


def make_janitor(worker: Worker) -> Janitor:
    """Who clears away what nobody needs any more, on this worker's host and in the ledger."""
    tools = worker.tools

    def active() -> list[Path]:
        return [at for attempt in worker.attempts.values() if (at := attempt.workspace)]

    db, worktrees = worker.workflows.db, tools.workshop.worktrees
    retention = Retention(db, tools.settings.limits.keep_days)
    home = Path(tools.environment["HOME"])
    sweeps = Scratch(Path(gettempdir()), home, worktrees.root), Survivors(home)
    common = (db, tools.host, tools.workshop, tools.settings, tools.trays, active)
    branches = OldBranches(db, tools.settings.limits.keep_branches_days)
    return Janitor(*common, *sweeps, retention, branches)


def hidden_from_agents(settings: Settings, outside: Outside) -> tuple[Path, ...]:
    """What no agent may read, but for what is its own: its worktree, repository, trays.

    Below MAB_HOME lie all agents' worktrees, transcripts and files, and the ledger; among the
    temporary files what other runs, and other programs of this user, keep for a moment.
    """
    secret = (outside.user_home / name for name in SECRET_PLACES)
    shared = (settings.home.expanduser().resolve(), Path(gettempdir()).resolve())
    files = (*_ledger_files(settings.database), *_logs())
    return (*shared, *files, outside.config.resolve(), *outside.hidden, *secret)


def _logs() -> Iterator[Path]:
    """The files that this program writes its log to, where the system tells."""
    for number in (1, 2):
        with suppress(OSError):
            path = Path(f"/dev/fd/{number}").resolve()
            if path.is_file():
                yield path


def _trays(settings: Settings) -> Path:
    """Where all agents' files lie; each agent sees its own."""
    return settings.home.expanduser().resolve() / "files"


def _ledger_files(url: str) -> Iterator[Path]:
    """The files of an SQLite database, wherever it is; the sockets of another."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        file = Path(parsed.database).resolve()
        yield from (file.with_name(file.name + suffix) for suffix in ("", "-wal", "-shm"))
    named = parsed.query.get("host", ())
    for host in (parsed.host or "", *([named] if isinstance(named, str) else named)):
        if host.startswith("/"):
            yield Path(host).resolve()
