"""What somebody is told in direct messages when their thread cannot be told anything. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.messages import blocks, naming, standing, words
from bot.messages.blocks import Message
from bot.places import channel_of
from engine import TERMINAL, Card

LISTED = 5  # nodes
CHANNEL = 40  # characters of an id


@dataclass(frozen=True)
class Why:
    """Why nothing can be said, as the end of a sentence, and what people can do about it."""

    said: str
    remedy: str


ARCHIVED = Why("the channel is archived", "Unarchive it")
NOT_THERE = Why("I am not in the channel", "Invite me to it again")
FORBIDDEN = Why("I am not allowed to post there", "Ask who looks after the channel to allow it")
REASONS: Mapping[str, Why] = {
    "is_archived": ARCHIVED,
    "is_inactive": ARCHIVED,
    "channel_not_found": NOT_THERE,
    "not_in_channel": NOT_THERE,
    "restricted_action": FORBIDDEN,
    "restricted_action_thread_locked": Why("the thread is locked", "Have it unlocked"),
    "team_access_not_granted": FORBIDDEN,
}


def silenced(card: Card, reason: str) -> Message:
    """Why a thread is silent, how its agents stand, and what can be done."""
    name = _name(card)
    why = REASONS.get(reason) or Why(f"Slack says {words.code(reason, 60)}", "Mend that")
    title = words.notification(f"I cannot write in the thread of {name} any more", card.title)
    channel = f"<#{channel_of(card.origin.place)[:CHANNEL]}>"
    said = f"I cannot write in the thread of *{name}* in {channel} any more: {why.said}."
    then = (
        f"{why.remedy}, and everything that there is to tell follows in the thread. "
        f"Until then, {_look(card)} shows how it goes, in any channel where I am."
    )
    return Message(
        title, [blocks.mrkdwn(said), blocks.mrkdwn(_standing(card)), blocks.mrkdwn(then)]
    )


def _name(card: Card) -> str:
    return naming.node(card.nodes[0]) if len(card.nodes) == 1 else f"workflow w{card.workflow_id}"


def _look(card: Card) -> str:
    subject = card.nodes[0].id if len(card.nodes) == 1 else f"w{card.workflow_id}"
    return words.code(f"/agent status {subject}", 60)


def _standing(card: Card) -> str:
    """What it came to, or that it goes on."""
    if not card.nodes:
        return "Nothing of it has begun."
    shown = [
        f"• {naming.first(naming.node(node))} {standing.outcome(node)}."
        if node.status in TERMINAL
        else f"• {naming.first(naming.node(node))} goes on."
        for node in card.nodes[:LISTED]
    ]
    more = sum(card.counts.values()) - len(shown)
    return "\n".join([*shown, *([f"… and {more:,} more"] if more > 0 else [])])
