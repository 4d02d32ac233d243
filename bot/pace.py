"""How fast we speak: a little slower than Slack lets us, so that it has no reason to refuse."""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

# Card edits in the whole workspace: Slack allows about 50 within any minute.
EDITS, EDITS_AT_ONCE = 48.0, 2.0  # a minute
POSTS = 60.0  # messages a minute in one channel: Slack allows about one a second, a few at once
BURST = 3.0


@dataclass
class Bucket:
    """Fills by so many tokens a minute; every call takes one."""

    per_minute: float
    most: float
    clock: Callable[[], float] = monotonic
    left: float = field(init=False)
    at: float = field(init=False)

    def __post_init__(self) -> None:
        self.left, self.at = self.most, self.clock()

    def wait(self) -> float:
        """Take a token; seconds until there is one, 0 when it was taken."""
        if missing := self.missing():
            return missing
        self.left -= 1
        return 0.0

    def tokens(self) -> int:
        """How many tokens there are, without taking one."""
        return 0 if self.missing() else int(self.left)

    def missing(self) -> float:
        """Seconds until there is a token, without taking it."""
        passed, self.at = self.clock() - self.at, self.clock()
        self.left = min(self.most, self.left + passed * self.per_minute / 60)
        return max(0.0, (1 - self.left) * 60 / self.per_minute)

    def empty(self, seconds: float) -> None:
        """Slack asked for a pause."""
        self.left = min(self.left, -seconds * self.per_minute / 60)


@dataclass
class Pace:
    """The buckets of one workspace."""

    posts_per_minute: float = POSTS
    clock: Callable[[], float] = monotonic
    edits: Bucket = field(init=False)
    _posts: dict[str, Bucket] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.edits = Bucket(EDITS, EDITS_AT_ONCE, self.clock)

    def posts(self, channel: str) -> Bucket:
        """The bucket of a channel's messages."""
        return self._posts.setdefault(channel, Bucket(self.posts_per_minute, BURST, self.clock))

    def quiet(self, channel: str) -> bool:
        """Whether nothing may be posted in a channel now."""
        return bool(self.posts(channel).missing())


class TooFast(Exception):
    """The channel has been spoken in just now; its turn comes again."""
