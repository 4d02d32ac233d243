"""The finer rules of posting and editing."""

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.local import LocalSlack, Refused, Timing
from tests.local_slack.test_web_api import refused


async def test_markdown_text_becomes_a_block(slack: LocalSlack, client: AsyncWebClient) -> None:
    channel = slack.channel("general").id
    await client.chat_postMessage(channel=channel, markdown_text="**bold**")
    message = slack.messages("general")[0]
    assert (message.text, message.blocks[0]["type"]) == ("**bold**", "markdown")
    assert message.blocks[0]["block_id"]


async def test_edit_window_and_archived_channel() -> None:
    now = [1_000_000.0]
    timing = Timing(edit_window=60)
    async with LocalSlack(clock=lambda: now[0], timing=timing) as slack:
        client = AsyncWebClient(slack.bot_token, base_url=slack.api_url)
        general = slack.channel("general").id
        ts = str((await client.chat_postMessage(channel=general, text="x"))["ts"])
        now[0] += 61
        late = client.chat_update(channel=general, ts=ts, text="y")
        assert await refused(late) == "edit_window_closed"
        slack.archives("general")
        frozen = client.chat_update(channel=general, ts=ts, text="y")
        assert await refused(frozen) == "is_inactive"
        with pytest.raises(Refused, match="is_archived"):
            await slack.says("you", "general", "x")


async def test_reply_to_a_reply_is_refused(slack: LocalSlack, client: AsyncWebClient) -> None:
    channel = slack.channel("general").id
    root = await slack.says("you", "general", "root")
    reply = await slack.says("you", "general", "reply", thread=root)
    wrong = client.chat_postMessage(channel=channel, text="x", thread_ts=reply)
    assert await refused(wrong) == "cannot_reply_to_message"
    shown = {"channel": channel, "text": "x", "thread_ts": root, "reply_broadcast": True}
    broadcast = (await client.api_call("chat.postMessage", json=shown))["ts"]
    found = await client.conversations_history(channel=channel)
    assert [m["ts"] for m in found["messages"]] == [broadcast, root]
