"""What a bot has told of a backlog: as fast as Slack allows, everything, and in order."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from bot.local import LocalSlack
from bot.local.limits import BURST, METHODS, POSTS_PER_SECOND, TIERS
from tests.bench.ground import Copy
from tests.bench.process import SideFailed

POST, EDIT = "chat.postMessage", "chat.update"
WINDOW = 60.0  # seconds, of Slack's limit of edits
LEFT = "SELECT count(*) FROM workflows WHERE shown < version"
EXPECTED = (
    "SELECT workflows.thread, events.id FROM events"
    " JOIN workflows ON workflows.id = events.workflow_id WHERE events.notify ORDER BY events.id"
)


@dataclass(frozen=True)
class Drained:
    """The calls that Slack has accepted since a moment."""

    slack: LocalSlack
    before: int  # calls

    def _at(self, method: str) -> dict[str, list[float]]:
        """When, by channel."""
        found: dict[str, list[float]] = defaultdict(list)
        for call in self.slack.calls[self.before :]:
            if call.method == method and call.status == 200 and call.response.get("ok"):
                found[str(call.args["channel"])].append(call.at)
        return found

    @property
    def rates(self) -> dict[str, float]:
        """The rate of posts by the allowed one, where Slack's burst is used up."""
        spans = [times[BURST - 1 :] for times in self._at(POST).values() if len(times) > BURST]
        if not spans:
            raise SideFailed("no channel had more to tell than a burst")
        allowed = POSTS_PER_SECOND * sum(times[-1] - times[0] for times in spans)
        told = sum(len(times) - 1 for times in spans)
        return {"posts of the allowed rate %": 100 * told / allowed}

    async def edited(self, copy: Copy, seconds: float) -> dict[str, float]:
        """The rate of card edits by the allowed one, over Slack's window after the first.

        Nothing where there is not enough to edit for so long.
        """
        allowed = TIERS[METHODS[EDIT]]
        left = await copy.counted(LEFT)
        if left <= allowed:
            return {}
        await asyncio.sleep(seconds)
        if not await copy.counted(LEFT):
            return {}
        times = sorted(at for each in self._at(EDIT).values() for at in each)
        since = times[0] + WINDOW
        many = sum(since < at <= since + WINDOW for at in times)
        return {"card edits of the allowed rate %": 100 * many / allowed}


async def told_in_order(slack: LocalSlack, copy: Copy, agents: int) -> dict[str, float]:
    """How many notices are missing, are there twice, or stand before an earlier one."""
    expected: dict[str, list[int]] = defaultdict(list)
    for thread, notice in await copy.rows(EXPECTED, EXPECTED):
        expected[str(thread)].append(int(notice))
    if len(expected) != agents:
        raise SideFailed(f"{len(expected)} of {agents} threads have something to tell")
    told = _told(slack)
    pairs = [(ids, told[thread]) for thread, ids in expected.items()]
    return {
        "notices missing notices": sum(len({*ids} - {*found}) for ids, found in pairs),
        "notices told twice notices": sum(len(found) - len({*found}) for _, found in pairs),
        "notices out of order notices": sum(map(_descents, (found for _, found in pairs))),
    }


def _told(slack: LocalSlack) -> dict[str, list[int]]:
    """The notices of each thread, in the order in which people see them."""
    found: dict[str, list[int]] = defaultdict(list)
    for channel in slack.parts.state.channels.values():
        for message in slack.parts.state.channel_messages(channel.id):
            told = message.metadata or {}
            if told.get("event_type") == "mab_notice" and message.thread_ts:
                found[message.thread_ts].append(int(told["event_payload"]["id"]))
    return found


def _descents(numbers: Sequence[int]) -> int:
    return sum(one > other for one, other in pairwise(numbers))
