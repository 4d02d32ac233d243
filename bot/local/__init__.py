"""A Slack-compatible workspace on the loopback: for the demo and for every test of the bot."""
