"""What an interaction entitles an app to: a form within seconds, five answers in half an hour."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from bot.local.state import Message
from bot.local.timing import Timing
from bot.local.validation import Refused


@dataclass
class Reply:
    """A response_url: to whom and where it answers, and what it may replace."""

    token: str
    user: str
    channel: str
    expires: float
    uses_left: int
    original: Message | None = None


@dataclass
class Triggers:
    """Trigger ids and response_urls that were given out."""

    clock: Callable[[], float]
    timing: Timing
    _triggers: dict[str, tuple[str, float]] = field(default_factory=dict)
    _spent: set[str] = field(default_factory=set)
    _replies: dict[str, Reply] = field(default_factory=dict)

    def trigger(self, user: str) -> str:
        """A trigger_id for a person's interaction."""
        trigger = f"{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
        self._triggers[trigger] = (user, self.clock() + self.timing.trigger)
        return trigger

    def exchange(self, trigger: str) -> str:
        """Use a trigger_id; the person it belongs to. Refused when unknown, used or too old."""
        if trigger not in self._triggers:
            raise Refused("invalid_trigger_id")
        if trigger in self._spent:
            raise Refused("exchanged_trigger_id")
        user, expires = self._triggers[trigger]
        if self.clock() >= expires:
            raise Refused("expired_trigger_id")
        self._spent.add(trigger)
        return user

    def reply(self, user: str, channel: str, original: Message | None = None) -> Reply:
        """A new response_url."""
        token = secrets.token_urlsafe(24)
        expires = self.clock() + self.timing.response
        reply = Reply(token, user, channel, expires, self.timing.response_uses, original)
        self._replies[token] = reply
        return reply

    def use(self, token: str) -> Reply:
        """Count a use of a response_url. Refused when unknown, too old or used too often."""
        reply = self._replies.get(token)
        if reply is None or self.clock() >= reply.expires:
            raise Refused("expired_url")
        if reply.uses_left <= 0:
            raise Refused("used_url")
        reply.uses_left -= 1
        return reply
