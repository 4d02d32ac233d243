"""Faults on the way to the Web API, and what an app's client makes of them."""

import asyncio
import gc
from contextlib import ExitStack
from socket import socket

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from bot.local import LocalSlack, Refused, Timing
from tests.local_slack.test_web_api import refused


async def post(slack: LocalSlack, client: AsyncWebClient, text: str = "x") -> None:
    await client.chat_postMessage(channel=slack.channel("general").id, text=text)


async def test_answer_lost_after_the_post_was_made(
    slack: LocalSlack, client: AsyncWebClient
) -> None:
    slack.faults.lose_answers("chat.postMessage")
    with pytest.raises(aiohttp.ClientError):
        await post(slack, client, "once")
    assert [m.text for m in slack.messages("general")] == ["once"]
    assert (slack.calls[-1].status, slack.calls[-1].response["ok"]) == (0, True)
    await post(slack, client, "again")
    assert len(slack.messages("general")) == 2


async def test_reset_before_anything_is_done(slack: LocalSlack, client: AsyncWebClient) -> None:
    fault = slack.faults.reset_connections("chat.postMessage")
    for _ in range(2):
        with pytest.raises(aiohttp.ClientError):
            await post(slack, client)
    assert (await client.auth_test())["ok"]
    slack.faults.clear(fault)
    await post(slack, client)
    assert len(slack.messages("general")) == 1


@pytest.mark.parametrize("status", [500, 503])
async def test_server_errors(slack: LocalSlack, client: AsyncWebClient, status: int) -> None:
    inject = slack.faults.server_errors if status == 500 else slack.faults.unavailable
    inject(times=1)
    with pytest.raises((SlackApiError, aiohttp.ClientError)):
        await post(slack, client)
    assert (slack.calls[-1].status, slack.messages("general")) == (status, [])
    await post(slack, client)


async def test_rate_limit_with_retry_after(slack: LocalSlack, client: AsyncWebClient) -> None:
    slack.faults.rate_limits("chat.postMessage", retry_after=7)
    with pytest.raises(SlackApiError) as error:
        await post(slack, client)
    assert error.value.response.headers["Retry-After"] == "7"
    slack.faults.rate_limits("chat.postMessage", retry_after=0)
    client.retry_handlers.append(AsyncRateLimitErrorRetryHandler(max_retry_count=1))
    await post(slack, client)
    assert len(slack.messages("general")) == 1


async def test_outage_refuses_connections(slack: LocalSlack, client: AsyncWebClient) -> None:
    await slack.goes_down()
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.auth_test()
    await slack.comes_back()
    assert (await client.auth_test())["ok"]


async def test_faults_reach_response_urls_and_uploads(
    slack: LocalSlack, client: AsyncWebClient
) -> None:
    asked = await client.files_getUploadURLExternal(filename="a.txt", length=1)
    slack.faults.unavailable("upload", times=1)
    async with aiohttp.ClientSession() as session:
        async with session.post(asked["upload_url"], data=b"x") as answer:
            assert answer.status == 503
        async with session.post(asked["upload_url"], data=b"x") as answer:
            assert answer.status == 200


async def test_an_answer_can_hang_after_the_post_was_made(
    slack: LocalSlack, client: AsyncWebClient
) -> None:
    fault = slack.faults.lose_answers("chat.postMessage", hang=True)
    asking = asyncio.create_task(post(slack, client))
    await slack.settled(lambda: slack.messages("general"))
    assert (fault.struck, slack.calls[-1].status) == (1, 0)
    done, _ = await asyncio.wait({asking}, timeout=0.1)
    assert not done
    fault.over.set()
    with pytest.raises(aiohttp.ClientError):
        await asking


@pytest.mark.parametrize("error", ["token_revoked", "invalid_auth"])
async def test_a_token_can_be_refused_for_a_while(
    slack: LocalSlack, client: AsyncWebClient, error: str
) -> None:
    app = AsyncWebClient(slack.app_token, base_url=slack.api_url, retry_handlers=[])
    slack.revokes_token(error=error)
    assert await refused(client.auth_test()) == error
    assert (await app.apps_connections_open(app_token=slack.app_token))["ok"]
    slack.restores_token()
    slack.revokes_token(app=True, error=error)
    assert await refused(app.apps_connections_open(app_token=slack.app_token)) == error
    await post(slack, client)
    slack.restores_token(app=True)
    assert (await app.apps_connections_open(app_token=slack.app_token))["ok"]


async def test_a_channel_can_be_archived_and_brought_back(
    slack: LocalSlack, client: AsyncWebClient
) -> None:
    channel = slack.channel("general").id
    slack.archives("general")
    assert await refused(client.chat_postMessage(channel=channel, text="x")) == "is_archived"
    with pytest.raises(Refused, match="is_archived"):
        await slack.says("you", "general", "x")
    slack.unarchives("general")
    await post(slack, client)
    await slack.says("you", "general", "x")


async def test_the_bot_can_be_removed_and_invited_again() -> None:
    alone = Timing(retries=())  # nobody listens, and each event is sent once
    async with LocalSlack(limits=False, scopes=("chat:write",), timing=alone) as slack:
        client = AsyncWebClient(slack.bot_token, base_url=slack.api_url, retry_handlers=[])
        channel = slack.channel("general").id
        await slack.removes("general", slack.bot_user)
        assert await refused(client.chat_postMessage(channel=channel, text="x")) == "not_in_channel"
        await slack.says("you", "general", "unheard")
        await slack.invites("general", slack.bot_user)
        await slack.says("you", "general", "heard")
        await slack.settled(lambda: len(slack.deliveries) == 3)
    kinds = [delivery.payload["event"]["type"] for delivery in slack.deliveries]
    assert kinds == ["channel_left", "member_joined_channel", "message"]
    assert slack.deliveries[-1].payload["event"]["text"] == "heard"


async def test_anybody_s_message_can_be_erased(slack: LocalSlack, client: AsyncWebClient) -> None:
    channel = slack.channel("general").id
    roots = [(await client.chat_postMessage(channel=channel, text="x"))["ts"] for _ in range(2)]
    await client.chat_postMessage(channel=channel, text="y", thread_ts=roots[0])
    for root in roots:
        slack.erases(root)
        gone = client.chat_update(channel=channel, ts=root, text="z")
        assert await refused(gone) == "message_not_found"
    await client.chat_postMessage(channel=channel, text="y", thread_ts=roots[0])
    alone = client.chat_postMessage(channel=channel, text="y", thread_ts=roots[1])
    assert await refused(alone) == "thread_not_found"


async def test_an_outage_leaves_no_connection_that_nobody_closes(slack: LocalSlack) -> None:
    address = ("127.0.0.1", slack.parts.guard.port)
    for steps in range(8):  # of the loop, between a connection and the outage
        with ExitStack() as callers:
            for _ in range(3):
                caller = callers.enter_context(socket())
                caller.settimeout(0)
                caller.connect_ex(address)
            for _ in range(steps):
                await asyncio.sleep(0)
            await slack.goes_down()
            await slack.comes_back()
    await asyncio.sleep(0)
    gc.collect()  # what nobody closed is a ResourceWarning, which fails this test
