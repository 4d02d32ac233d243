"""The bot: Slack in front of the engine."""
