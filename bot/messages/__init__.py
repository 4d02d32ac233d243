"""All prose that people read: pure functions from facts to Slack's messages."""

from bot.messages.blocks import Attachment, Message
from bot.messages.card import STOP, card
from bot.messages.history import logs
from bot.messages.manual import helped, whoami
from bot.messages.replies import (
    AGAIN,
    already_started,
    denied,
    diff_follows,
    failed,
    has_ended,
    listing,
    not_ended,
    not_found,
    not_in_channel,
    paused,
    queued,
    refused,
    resumed,
    retried,
    status,
    stopping,
    unavailable,
    which_agent,
    which_repo,
)
from bot.messages.terminal import RETRY, VIEW_DIFF, diff_file, ended, taken_over

__all__ = [
    "AGAIN",
    "RETRY",
    "STOP",
    "VIEW_DIFF",
    "Attachment",
    "Message",
    "already_started",
    "card",
    "denied",
    "diff_file",
    "diff_follows",
    "ended",
    "failed",
    "has_ended",
    "helped",
    "listing",
    "logs",
    "not_ended",
    "not_found",
    "not_in_channel",
    "paused",
    "queued",
    "refused",
    "resumed",
    "retried",
    "status",
    "stopping",
    "taken_over",
    "unavailable",
    "which_agent",
    "which_repo",
    "whoami",
]
