"""How fast we speak: a little slower than Slack lets us, so that it has no reason to refuse."""

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

EDITS = 40.0  # card edits a minute in the whole workspace; Slack allows about 50
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
        passed, self.at = self.clock() - self.at, self.clock()
        self.left = min(self.most, self.left + passed * self.per_minute / 60)
        if self.left < 1:
            return (1 - self.left) * 60 / self.per_minute
        self.left -= 1
        return 0.0

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
        self.edits = Bucket(EDITS, EDITS / 4, self.clock)

    def posts(self, channel: str) -> Bucket:
        """The bucket of a channel's messages."""
        return self._posts.setdefault(channel, Bucket(self.posts_per_minute, BURST, self.clock))


class TooFast(Exception):
    """The channel has been spoken in just now; `seconds` says how long to wait."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"{seconds:.1f} s")
