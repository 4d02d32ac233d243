"""Slack's rate limits, by a clock that the test turns."""

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.local import LocalSlack
from bot.local.limits import BURST, Limits


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


async def test_posts_to_a_channel_one_a_second_after_a_burst() -> None:
    clock = Clock()
    async with LocalSlack(clock=clock) as slack:
        client = AsyncWebClient(slack.bot_token, base_url=slack.api_url, retry_handlers=[])
        general, other = slack.channel("general").id, slack.channel("random").id
        for _ in range(BURST):
            await client.chat_postMessage(channel=general, text="x")
        with pytest.raises(SlackApiError) as error:
            await client.chat_postMessage(channel=general, text="x")
        assert error.value.response.status_code == 429
        assert error.value.response.headers["Retry-After"] == "1"
        assert error.value.response["error"] == "ratelimited"
        await client.chat_postMessage(channel=other, text="x")
        clock.now += 1
        await client.chat_postMessage(channel=general, text="x")
    assert len(slack.messages("general")) == BURST + 1


def test_tiers_count_a_minute() -> None:
    clock = Clock()
    limits = Limits(clock)
    answers = []
    for _ in range(51):
        answers.append(limits.retry_after("chat.update", "C1"))
        clock.now += 0.5
    assert (set(answers[:50]), answers[50]) == ({0}, 35)
    assert limits.retry_after("chat.postEphemeral") == 0
    clock.now += 35
    assert limits.retry_after("chat.update", "C1") == 0


def test_limits_can_be_turned_off() -> None:
    limits = Limits(Clock(), on=False)
    assert {limits.retry_after("chat.postMessage", "C1") for _ in range(500)} == {0}
