"""Settings of the engine: environment variables and `mab.toml` (names: README, "Configuration")."""

import os
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from engine.executor import Sandbox

CI_CONFIGURATION = (
    ".github/**", ".gitlab-ci.yml", ".circleci/**", ".buildkite/**", "azure-pipelines.yml", "Jenkinsfile",
)  # fmt: skip


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

    @model_validator(mode="after")
    def _one_source(self) -> "Repo":
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
    max_failures: Annotated[int, Field(ge=1)] = 3
    keep_hours: Annotated[float, Field(ge=0)] = 48  # finished worktrees
    disk_gb: Annotated[float, Field(gt=0)] = 20  # all worktrees together


class AgentPolicy(Section):
    """What agents may do."""

    model: str = ""  # "" = the CLI's default
    sandbox: Sandbox = Sandbox.AUTO
    network: tuple[str, ...] = ()


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
    shown = subprocess.run(["git", "rev-parse", "--show-toplevel"], capture_output=True, text=True)
    if shown.returncode != 0:
        return {}
    top = Path(shown.stdout.strip())
    return {top.name: Repo(path=top)}


class Settings(BaseSettings):
    """Everything that the engine can be told from outside."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True)

    home: Path = Field(default_factory=default_home, validation_alias="MAB_HOME")
    database_url: str = Field(default="", validation_alias="DATABASE_URL")
    repos: dict[str, Repo] = Field(default_factory=_working_repo)
    limits: Limits = Limits()
    agent: AgentPolicy = AgentPolicy()
    poll: Poll = Poll()
