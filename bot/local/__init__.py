"""A Slack-compatible workspace on the loopback: for the demo and for every test of the bot.

    async with LocalSlack(limits=False) as slack:
        …  # start the app with slack.api_url, slack.bot_token, slack.app_token
        await slack.settled(lambda: slack.connections)
        await slack.commands("you", "general", "/agent spawn fix it")
        card = (await slack.settled(lambda: slack.messages("general")))[0]
        await slack.presses("teammate", card, "Stop")
        await slack.settled(lambda: len(slack.thread("general", card.ts)) == 2)

Rate limits are on by default, as at Slack. Everybody of `Setup.people` is in #general.
"""

from bot.local.assembly import Person, Room, Setup
from bot.local.interactions import Answer
from bot.local.modals import View
from bot.local.state import Message
from bot.local.timing import Timing
from bot.local.validation import Refused
from bot.local.workspace import LocalSlack

__all__ = [
    "Answer",
    "LocalSlack",
    "Message",
    "Person",
    "Refused",
    "Room",
    "Setup",
    "Timing",
    "View",
]
