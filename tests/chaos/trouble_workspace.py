"""Trouble that people and administrators make in Slack: channels, members, messages, tokens."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from random import Random

from bot.local import Message
from bot.local.state import Channel
from tests.chaos.fault import Fault
from tests.chaos.grip import grip
from tests.chaos.ordered import BRIEF, until
from tests.chaos.place import Place

LATEST = 30  # messages among which one is picked to be deleted
Act = Callable[[Place, Channel], Awaitable[None]]
Pick = Callable[[Place], Sequence[Message]]


async def archive(place: Place, channel: Channel) -> None:
    """Put a channel away."""
    place.slack.archives(channel.id)


async def unarchive(place: Place, channel: Channel) -> None:
    """Bring a channel back."""
    place.slack.unarchives(channel.id)


async def remove(place: Place, channel: Channel) -> None:
    """Remove the bot from a channel."""
    await place.slack.removes(channel.id, place.slack.bot_user)


async def invite(place: Place, channel: Channel) -> None:
    """Invite the bot again."""
    await place.slack.invites(channel.id, place.slack.bot_user)


@dataclass(frozen=True)
class Shut:
    """The bot cannot speak in a channel for a while."""

    kind: str
    shut: Act
    open: Act

    async def strike(self, place: Place, chance: Random) -> bool:
        """Shut one of the channels in which the bot has spoken, and open it again."""
        channels = [channel for channel in _spoken_in(place) if channel.id not in place.held]
        if not channels:
            return False
        channel = chance.choice(channels)
        with grip(place, channel.id):
            place.closed.add(channel.id)
            await self.shut(place, channel)
            try:
                await asyncio.sleep(BRIEF.seconds(place, chance))
            finally:
                await self.open(place, channel)
        return True


@dataclass(frozen=True)
class Erased:
    """A message of a thread is deleted."""

    kind: str
    pick: Pick

    async def strike(self, place: Place, chance: Random) -> bool:
        """Delete one of the latest, with the judge's leave."""
        found = list(self.pick(place))[-LATEST:]
        if not found:
            return False
        message = chance.choice(found)
        place.excused |= {message.ts, message.root}
        place.slack.erases(message.ts)
        return True


@dataclass(frozen=True)
class Revoked:
    """A token opens nothing for a while."""

    kind: str
    error: str
    app: bool = False

    async def strike(self, place: Place, chance: Random) -> bool:
        """Revoke it, and let it be good again; whether a call was refused."""
        with grip(place, "tokens") as free:
            return free and await self._revoked(place, chance)

    async def _revoked(self, place: Place, chance: Random) -> bool:
        before = len(place.slack.calls)
        place.slack.revokes_token(app=self.app, error=self.error)
        try:
            if self.app:
                await place.slack.disconnects()  # what is connected needs no token
            await asyncio.sleep(BRIEF.seconds(place, chance))
            return await until(lambda: self._refused(place, before))
        finally:
            place.slack.restores_token(app=self.app)

    def _refused(self, place: Place, before: int) -> bool:
        return any(call.response.get("error") == self.error for call in place.slack.calls[before:])


def roots(place: Place) -> list[Message]:
    """The messages with which the bot's threads begin, oldest first."""
    messages = place.slack.parts.state.messages
    spoken = {(m.channel, m.root) for m in _of_bot(place)}
    found = [messages[channel][ts] for channel, ts in spoken if ts in messages[channel]]
    return sorted((m for m in found if not m.deleted), key=lambda m: m.ts)


def replies(place: Place) -> list[Message]:
    """What the bot has said in threads, oldest first."""
    return sorted((m for m in _of_bot(place) if m.root != m.ts), key=lambda m: m.ts)


def _of_bot(place: Place) -> list[Message]:
    state = place.slack.parts.state
    return [m for all_ in state.messages.values() for m in all_.values() if m.user == state.bot.id]


def _spoken_in(place: Place) -> list[Channel]:
    state = place.slack.parts.state
    found = [state.channels[name] for name in sorted({m.channel for m in _of_bot(place)})]
    open_ = (c for c in found if not c.is_im and not c.is_archived)
    return [channel for channel in open_ if state.bot.id in channel.members]


FAULTS: Sequence[Fault] = (
    Shut("slack channel archived", archive, unarchive),
    Shut("slack bot removed", remove, invite),
    Erased("slack message deleted", replies),
    Erased("slack root deleted", roots),
    Revoked("slack token revoked", "token_revoked"),
    Revoked("slack token invalid", "invalid_auth"),
    Revoked("slack app token revoked", "token_revoked", app=True),
)
