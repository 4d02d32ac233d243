"""The composition root of a worker: everything that it needs, put together from the settings."""

import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from sqlalchemy.engine import make_url

from engine.claude import ClaudeExecutor
from engine.environment import cleaned, model_environment
from engine.equipment import Tools
from engine.executor import Executor, Usage
from engine.janitor import Janitor
from engine.leases import Leases
from engine.processes import host_identity
from engine.repos import Repos
from engine.runs import Runs
from engine.sessions import Sessions
from engine.settings import Settings
from engine.store import Database
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
    return Workshop(repos, Worktrees(repos, home / ".worktrees"), push, protected)


@dataclass(frozen=True)
class Listeners:
    """Who wants to know what a worker does."""

    told: Callable[[], None] = lambda: None  # there is something to tell people
    charged: Callable[[str, str, Usage], None] = lambda *_: None  # repository, person, usage


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
    leases = Leases(workflows.db, name, host, settings.poll.lease_seconds)
    tools = Tools(
        runs=Runs(workflows, leases, listeners.charged),
        workshop=workshop(settings),
        trays=Trays(_trays(settings)),
        executor=executor,
        settings=settings,
        host=host,
        environment=cleaned(outside.environ, settings.home.expanduser().resolve() / "agents"),
        model_environment=model_environment({**outside.environ, **outside.secrets}),
        hidden=_hidden(settings, outside),
    )
    return Worker(tools, leases, workflows, listeners.told)


def make_janitor(worker: Worker) -> Janitor:
    """Who clears away the worktrees on this worker's host."""
    tools = worker.tools

    def active() -> list[Path]:
        return [at for attempt in worker.attempts.values() if (at := attempt.workspace)]

    return Janitor(
        worker.workflows.db, tools.host, tools.workshop, tools.settings, tools.trays, active
    )


def _hidden(settings: Settings, outside: Outside) -> tuple[Path, ...]:
    secret = (outside.user_home / name for name in SECRET_PLACES)
    ledger = (settings.ledger, *_ledger_files(settings.database))
    return (*ledger, _trays(settings), outside.config.resolve(), *outside.hidden, *secret)


def _trays(settings: Settings) -> Path:
    """Where all agents' files lie; each agent sees its own."""
    return settings.home.expanduser().resolve() / "files"


def _ledger_files(url: str) -> Iterator[Path]:
    """The files of an SQLite database, wherever it is."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        file = Path(parsed.database).resolve()
        yield from (file.with_name(file.name + suffix) for suffix in ("", "-wal", "-shm"))
