"""Slack's documented rate limits, kept by a clock that is given."""

import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

TIERS: Mapping[int, int] = {1: 1, 2: 20, 3: 50, 4: 100, 5: 600}
METHODS: Mapping[str, int] = {
    "apps.connections.open": 3,
    "auth.test": 5,
    "team.info": 3,
    "bots.info": 3,
    "blocks.validate": 3,
    "chat.update": 3,
    "chat.delete": 3,
    "chat.postEphemeral": 4,
    "chat.getPermalink": 4,
    "conversations.list": 2,
    "conversations.info": 3,
    "conversations.history": 3,
    "conversations.replies": 3,
    "conversations.open": 3,
    "conversations.members": 4,
    "conversations.join": 3,
    "users.info": 4,
    "users.list": 2,
    "users.conversations": 3,
    "usergroups.users.list": 2,
    "reactions.add": 3,
    "reactions.remove": 2,
    "views.open": 4,
    "views.update": 4,
    "views.push": 4,
    "files.getUploadURLExternal": 4,
    "files.completeUploadExternal": 4,
    "files.info": 4,
}
BURST = 4
POSTS_PER_SECOND = 1.0


@dataclass
class Bucket:
    """Posts to one channel: about one a second, a few at once."""

    left: float
    at: float

    def wait(self, now: float) -> float:
        """Take a token; seconds until there is one, 0.0 when it was taken."""
        self.left = min(BURST, self.left + (now - self.at) * POSTS_PER_SECOND)
        self.at = now
        if self.left < 1:
            return (1 - self.left) / POSTS_PER_SECOND
        self.left -= 1
        return 0.0


@dataclass
class Limits:
    """How often the app has called; with `on` false nothing is ever refused."""

    clock: Callable[[], float]
    on: bool = True
    _calls: dict[str, deque[float]] = field(default_factory=dict)
    _buckets: dict[str, Bucket] = field(default_factory=dict)

    def retry_after(self, method: str, channel: str = "") -> int:
        """Seconds that the app must wait, 0 when the call is counted and allowed."""
        if not self.on:
            return 0
        if method == "chat.postMessage":
            return self._post(channel)
        return self._tier(method)

    def _post(self, channel: str) -> int:
        now = self.clock()
        bucket = self._buckets.setdefault(channel, Bucket(BURST, now))
        return math.ceil(bucket.wait(now))

    def _tier(self, method: str) -> int:
        now = self.clock()
        calls = self._calls.setdefault(method, deque())
        while calls and calls[0] <= now - 60:
            calls.popleft()
        if len(calls) >= TIERS[METHODS.get(method, 3)]:
            return max(1, math.ceil(calls[0] + 60 - now))
        calls.append(now)
        return 0
