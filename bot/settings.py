"""Settings of the bot: the engine's, who may do what, and how Slack is reached."""

from pydantic import AliasChoices, Field

from bot.access import Access
from engine import ConfigError, Settings

START_LINES = """\
[access]
admin = ["{example}"]  # may do everything
spawn = ["*"]          # may start agents: user ids, user-group ids, or "*" for all members
"""


class BotSettings(Settings):
    """Everything that the bot can be told from outside, beside its secrets."""

    access: Access = Access()
    http: str = "127.0.0.1:3210"  # MAB_HTTP
    log_level: str = "info"  # MAB_LOG_LEVEL
    slack_api_url: str = Field(
        default="https://slack.com/api/",
        validation_alias=AliasChoices("slack_api_url", "SLACK_API_URL"),
    )

    def require_access(self) -> None:
        """Raise ConfigError, with the lines to write, when nobody may do anything."""
        if not self.access.admin or not self.access.spawn:
            raise ConfigError(
                "mab.toml must say who may start agents and who administers them:\n\n"
                + START_LINES.format(example="U0123ABCD")
                + "\nIn Slack, `/agent whoami` prints your own id."
            )
