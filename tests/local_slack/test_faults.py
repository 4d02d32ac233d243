"""Faults on the way to the Web API, and what an app's client makes of them."""

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler
from slack_sdk.web.async_client import AsyncWebClient

from bot.local import LocalSlack


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
