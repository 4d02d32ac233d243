"""Settings of the bot: the engine's, who may do what, and how Slack is reached."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, field_validator

from bot import health
from bot.access import Access
from engine import ConfigError, Repo, Settings

START_LINES = """\
[access]
admin = ["{example}"]  # may do everything
spawn = ["*"]          # may start agents: user ids, user-group ids, or "*" for all members
"""
CHANNEL_ID = re.compile(r"[CGD][A-Z0-9]+")


def _listenable(text: str) -> str:
    health.address(text)
    return text


Level = Literal["debug", "info", "warning", "error"]


class BotSettings(Settings):
    """Everything that the bot can be told from outside, beside its secrets."""

    access: Access = Access()
    http: Annotated[str, AfterValidator(_listenable)] = "127.0.0.1:3210"  # MAB_HTTP
    log_level: Annotated[Level, BeforeValidator(str.lower)] = "info"  # MAB_LOG_LEVEL
    slack_api_url: str = Field(
        default="https://slack.com/api/",
        validation_alias=AliasChoices("slack_api_url", "SLACK_API_URL"),
    )

    @field_validator("repos")
    @classmethod
    def _in_channels(cls, repos: Mapping[str, Repo]) -> Mapping[str, Repo]:
        for name, repo in repos.items():
            for place in repo.channels:
                if not CHANNEL_ID.fullmatch(place):
                    raise ValueError(
                        f"{name}.channels: {place!r} is no channel id (C…); "
                        "in Slack: the channel's name, About, Channel ID at the end"
                    )
        return repos

    def require_access(self) -> None:
        """Raise ConfigError, with the lines to write, when nobody may do anything."""
        if not self.access.admin or not self.access.spawn:
            raise ConfigError(
                "mab.toml must say who may start agents and who administers them:\n\n"
                + START_LINES.format(example="U0123ABCD")
                + "\nYour id, in Slack: your profile, ⋮, Copy member ID. Once mab runs, "
                "`/agent whoami` prints it as well."
            )
