"""Settings of the engine: environment variables and `mab.toml` (names: README, "Configuration")."""

import os
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Self

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from engine.errors import ConfigError
from engine.executor import Sandbox
from engine.permissions import parse

CI_CONFIGURATION = (
    ".github/**",
    ".gitlab-ci.yml",
    ".circleci/**",
    ".buildkite/**",
    "azure-pipelines.yml",
    "Jenkinsfile",
)


class Section(BaseModel):
    """A table of `mab.toml`; a key that is not known is an error, not a silent no-op."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Repo(Section):
    """A repository that agents may work on."""

    path: Path | None = None
    url: str = ""
    base: str = ""  # "" = the branch that HEAD names
    channels: tuple[str, ...] = ()
    setup: str = ""
    check: str = ""
    push: bool = True
    protected: tuple[str, ...] = CI_CONFIGURATION
    trusted: bool = False
    reuse: Annotated[int, Field(ge=0)] = 0  # finished worktrees that wait for the next agents

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.path is None) == (not self.url):
            raise ValueError("give either path or url")
        return self

    @field_validator("path")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        return path.expanduser().resolve() if path else None


class Limits(Section):
    """How much may run, how long, for how much."""

    slots: Annotated[int, Field(ge=1)] = 4
    per_user: Annotated[int, Field(ge=1)] = 4
    timeout_minutes: Annotated[float, Field(gt=0)] = 30
    max_turns: Annotated[int, Field(ge=1)] = 100
    budget_usd: Annotated[Decimal, Field(gt=0)] = Decimal(5)
    workflow_budget_usd: Annotated[Decimal, Field(gt=0)] = Decimal(25)  # all steps together
    daily_budget_usd: Annotated[Decimal, Field(gt=0)] = Decimal(50)  # of each person
    max_failures: Annotated[int, Field(ge=1)] = 3
    keep_hours: Annotated[float, Field(ge=0)] = 48  # worktrees of ended agents
    disk_gb: Annotated[float, Field(gt=0)] = 20  # all worktrees together
    keep_free_gb: Annotated[float, Field(ge=0)] = 1  # of the disk; with less nothing is begun
    keep_days: Annotated[float, Field(ge=1)] = 90  # history of what nobody goes on with
    keep_branches_days: Annotated[float, Field(ge=1)] | None = None  # None: for good


def _rule(text: str) -> str:
    return parse(text).text


class AgentPolicy(Section):
    """What agents may do."""

    model: str = ""  # "" = the CLI's default
    broker: bool = True  # agents get a token of their own, not the model's key
    sandbox: Sandbox = Sandbox.AUTO
    network: tuple[str, ...] = ()
    ask: tuple[Annotated[str, AfterValidator(_rule)], ...] = ()  # tool calls that people decide


class Poll(Section):
    """How often the worker looks, and how long it owns what it took."""

    seconds: Annotated[float, Field(gt=0)] = 1
    lease_seconds: Annotated[float, Field(ge=2)] = 60


def default_home() -> Path:
    """The user's data directory for mab."""
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "mab"


def _working_repo() -> dict[str, Repo]:
    """Without a file, the git repository of the working directory is the one repo."""
    command = ["git", "rev-parse", "--show-toplevel"]
    shown = subprocess.run(command, capture_output=True, text=True, check=False)
    if shown.returncode != 0:
        return {}
    top = Path(shown.stdout.strip())
    return {top.name: Repo(path=top)}


class Settings(BaseSettings):
    """Everything that the engine can be told from outside."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, env_prefix="MAB_")

    home: Path = Field(default_factory=default_home)
    database_url: str = Field(
        default="", validation_alias=AliasChoices("database_url", "DATABASE_URL")
    )
    repos: dict[str, Repo] = Field(default_factory=_working_repo)
    workflows: dict[str, Path] = {}  # names of workflows, and the files that describe them
    limits: Limits = Limits()
    agent: AgentPolicy = AgentPolicy()
    poll: Poll = Poll()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the file that `MAB_CONFIG` names."""
        file = Path(os.environ.get("MAB_CONFIG", "mab.toml"))
        if "MAB_CONFIG" in os.environ and not file.is_file():
            raise ConfigError(f"MAB_CONFIG names {file}, and there is no such file")
        try:
            written = TomlConfigSettingsSource(settings_cls, file)
        except (ValueError, OSError) as error:
            raise ConfigError(f"{file} cannot be read: {error}") from error
        return init_settings, env_settings, written

    @field_validator("workflows")
    @classmethod
    def _absolute(cls, workflows: dict[str, Path]) -> dict[str, Path]:
        return {name: path.expanduser().resolve() for name, path in workflows.items()}

    @model_validator(mode="after")
    def _home_outside_repos(self) -> Self:
        home = self.home.expanduser().resolve()
        for name, repo in self.repos.items():
            if repo.path and home.is_relative_to(repo.path):
                raise ValueError(
                    f"MAB_HOME {home} lies inside the repository {name}; choose a place outside it"
                )
        return self

    @property
    def ledger(self) -> Path:
        """The directory of the SQLite database; agents must not see it."""
        return self.home.expanduser().resolve() / "ledger"

    @property
    def database(self) -> str:
        """The database's URL in SQLAlchemy's form, with the async driver of its kind."""
        return async_url(self.database_url or f"sqlite:///{self.ledger / 'mab.db'}")


def async_url(url: str) -> str:
    """`postgres://…`, `postgresql://…` and `sqlite://…` with the driver that mab uses."""
    scheme, _, rest = url.partition("://")
    match scheme.partition("+")[0]:
        case "postgres" | "postgresql":
            return f"postgresql+psycopg://{rest}"
        case "sqlite":
            return f"sqlite+aiosqlite://{rest}"
        case other:
            raise ConfigError(
                f"DATABASE_URL begins with {other}://; use postgresql:// or sqlite://"
            )
