"""How calls come in: tokens, encodings, uploads."""

import json
from typing import Any

import aiohttp
from slack_sdk.web.async_client import AsyncWebClient

from bot.local import LocalSlack
from tests.local_slack.test_web_api import refused

DIVIDER = {"type": "divider"}


async def test_tokens(slack: LocalSlack, client: AsyncWebClient) -> None:
    wrong = AsyncWebClient("xoxb-wrong", base_url=slack.api_url)
    swapped = AsyncWebClient(slack.app_token, base_url=slack.api_url)
    assert await refused(wrong.auth_test()) == "invalid_auth"
    assert await refused(swapped.auth_test()) == "not_allowed_token_type"
    assert await refused(AsyncWebClient("", base_url=slack.api_url).auth_test()) == "not_authed"
    assert (await AsyncWebClient("", base_url=slack.api_url).blocks_validate(blocks=[DIVIDER]))[
        "ok"
    ]
    slack.revokes_token()
    assert await refused(client.auth_test()) == "token_revoked"


async def test_every_encoding_is_understood(slack: LocalSlack) -> None:
    url, channel = f"{slack.api_url}chat.postMessage", slack.channel("general").id
    args = {"channel": channel, "text": "x", "blocks": json.dumps([{"type": "divider"}])}
    bearer = {"Authorization": f"Bearer {slack.bot_token}"}
    async with aiohttp.ClientSession() as session:
        encodings: list[dict[str, Any]] = [{"params": args}, {"data": args}, {"json": args}]
        for extra in encodings:
            async with session.post(url, headers=bearer, **extra) as answer:
                assert (await answer.json())["ok"] is True
        async with session.post(url, data={**args, "token": slack.bot_token}) as answer:
            assert (await answer.json())["ok"] is True
        broken: Any = {"data": "{", "headers": {**bearer, "Content-Type": "application/json"}}
        async with session.post(url, **broken) as answer:
            assert (await answer.json())["error"] == "invalid_json"
    assert [len(m.blocks) for m in slack.messages("general")] == [1, 1, 1, 1]


async def test_file_goes_up_into_a_thread_and_down_again(
    slack: LocalSlack, client: AsyncWebClient
) -> None:
    channel = slack.channel("general").id
    root = (await client.chat_postMessage(channel=channel, text="root"))["ts"]
    sent = await client.files_upload_v2(
        channel=channel, thread_ts=root, filename="a.diff", content="+1\n", initial_comment="see"
    )
    reply = slack.thread("general", root)[1]
    assert (reply.text, reply.files[0].content) == ("see", b"+1\n")
    file = (await client.files_info(file=sent["file"]["id"]))["file"]
    assert file["shares"]["public"][channel] == [{"ts": reply.ts}]
    bearer = {"Authorization": f"Bearer {slack.bot_token}"}
    async with aiohttp.ClientSession() as session:
        async with session.get(file["url_private"], headers=bearer) as answer:
            assert await answer.read() == b"+1\n"
        async with session.get(file["url_private"]) as answer:
            assert answer.status == 403


async def test_upload_of_another_length_is_refused(
    slack: LocalSlack, client: AsyncWebClient
) -> None:
    asked = await client.files_getUploadURLExternal(filename="a.txt", length=3)
    async with (
        aiohttp.ClientSession() as session,
        session.post(asked["upload_url"], data=b"four") as answer,
    ):
        assert answer.status == 400
    done = client.files_completeUploadExternal(files=[{"id": asked["file_id"], "title": "a"}])
    assert await refused(done) == "file_not_found"
