"""Socket Mode and the Events API: retries, duplicates, order, reconnecting, tickets."""

from typing import Any

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.local import LocalSlack, Timing
from tests.local_slack.conftest import bolt, connected


def listening(slack: LocalSlack) -> tuple[Any, list[dict[str, Any]]]:
    app, seen = bolt(slack), []

    @app.event("message")
    async def message(body: dict[str, Any], request: Any) -> None:
        seen.append({**body, "retry": request.headers.get("x-slack-retry-num")})

    return app, seen


async def test_event_with_a_lost_ack_comes_again(slack: LocalSlack) -> None:
    app, seen = listening(slack)
    async with connected(slack, app):
        slack.faults.drop_acks("events_api", times=2)
        await slack.says("you", "general", "hello")
        await slack.settled(lambda: len(slack.deliveries) == 2)
        slack.retries_now()
        await slack.settled(lambda: len(slack.deliveries) == 3)
    assert [d.attempt for d in slack.deliveries] == [0, 1, 2]
    assert [d.ack.acked for d in slack.deliveries] == [False, False, True]
    assert len({body["event_id"] for body in seen}) == 1
    assert [body["retry"] for body in seen] == [["0"], ["1"], ["2"]]


async def test_slack_gives_up_after_three_retries() -> None:
    timing = Timing(retries=(0.0, 0.0, 0.0))
    async with LocalSlack(timing=timing) as slack:
        app, _ = listening(slack)
        async with connected(slack, app):
            slack.faults.drop_acks("message", times=None)
            await slack.says("you", "general", "hello")
            await slack.settled(lambda: len(slack.deliveries) == 4)
            slack.faults.clear()
            await slack.says("you", "general", "next")
            await slack.settled(lambda: slack.deliveries[-1].ack.acked)
    assert [d.attempt for d in slack.deliveries] == [0, 1, 2, 3, 0]


async def test_events_that_nobody_handles_are_retried() -> None:
    timing = Timing(ack=0.05, retries=(0.0,))
    async with (
        LocalSlack(timing=timing) as slack,
        connected(slack, bolt(slack), catch_all=False),
    ):
        await slack.says("you", "general", "hello")
        await slack.settled(lambda: len(slack.deliveries) == 2)
    assert [d.ack.reason for d in slack.deliveries] == ["timeout", "timeout"]


async def test_event_waits_for_an_app_that_is_away(slack: LocalSlack) -> None:
    app, seen = listening(slack)
    await slack.says("you", "general", "hello")
    await slack.settled(lambda: len(slack.deliveries) == 2)
    async with connected(slack, app):
        slack.retries_now()
        await slack.settled(lambda: seen)
    assert slack.deliveries[0].ack.reason == "connection_failed"
    assert seen[0]["retry"] == ["2"]


async def test_one_event_four_times(slack: LocalSlack) -> None:
    app, seen = listening(slack)
    async with connected(slack, app):
        slack.faults.duplicate_events(copies=4, event="message")
        await slack.says("you", "general", "hello")
        await slack.settled(lambda: len(slack.deliveries) == 4)
    assert len(seen) == 4
    assert len({body["event_id"] for body in seen}) == 1


async def test_events_held_back_and_reordered(slack: LocalSlack) -> None:
    app, seen = listening(slack)
    async with connected(slack, app):
        held = slack.faults.hold_events("message")
        await slack.says("you", "general", "first")
        await slack.says("you", "general", "second")
        assert slack.deliveries == []
        slack.faults.clear(held)
        slack.release_events(reverse=True)
        await slack.settled(lambda: len(seen) == 2)
    assert [body["event"]["text"] for body in seen] == ["second", "first"]


async def test_edits_and_deletions_are_told(slack: LocalSlack) -> None:
    app, seen = listening(slack)
    async with connected(slack, app):
        ts = await slack.says("you", "general", "draft")
        await slack.edits("you", ts, "final")
        await slack.deletes("you", ts)
        await slack.settled(lambda: len(seen) == 3)
    kinds = {body["event"].get("subtype") for body in seen}
    assert kinds == {None, "message_changed", "message_deleted"}
    changed = next(b["event"] for b in seen if b["event"].get("subtype") == "message_changed")
    assert changed["message"]["text"] == "final"
    assert changed["previous_message"]["text"] == "draft"


async def test_only_subscribed_events_come() -> None:
    async with LocalSlack(subscriptions=("app_mention",)) as slack:
        app, seen = listening(slack)
        async with connected(slack, app):
            await slack.says("you", "general", "@agent hello")
            await slack.settled(lambda: slack.deliveries)
    assert [d.payload["event"]["type"] for d in slack.deliveries] == ["app_mention"]
    assert seen == []


@pytest.mark.parametrize("reason", ["warning", "refresh_requested"])
async def test_refresh_opens_a_new_connection(slack: LocalSlack, reason: str) -> None:
    app, seen = listening(slack)

    async with connected(slack, app):
        await slack.refreshes(reason)
        await slack.settled(lambda: slack.greeted == 2 and slack.connections == 1)
        await slack.says("you", "general", "hello")
        await slack.settled(lambda: seen)


async def test_app_returns_after_an_outage(slack: LocalSlack) -> None:
    app, seen = listening(slack)
    async with connected(slack, app) as handler:
        await slack.goes_down()
        with pytest.raises(aiohttp.ClientError):
            await app.client.auth_test()
        await slack.comes_back()
        handler.client.wss_uri = None
        await slack.settled(lambda: slack.connections)
        await slack.says("you", "general", "hello")
        await slack.settled(lambda: seen)


async def open_link(slack: LocalSlack) -> str:
    client = AsyncWebClient(slack.app_token, base_url=slack.api_url)
    return str((await client.apps_connections_open(app_token=slack.app_token))["url"])


async def test_ticket_works_once_and_not_for_long() -> None:
    now = [1000.0]
    async with LocalSlack(clock=lambda: now[0]) as slack, aiohttp.ClientSession() as session:
        link = await open_link(slack)
        async with session.ws_connect(link) as socket:
            hello = await socket.receive_json()
        assert (hello["type"], hello["num_connections"]) == ("hello", 1)
        stale = await open_link(slack)
        now[0] += 31
        for spent in (link, stale, link.partition("?")[0]):
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await session.ws_connect(spent)
            assert refused.value.status == 408


async def test_a_ticket_can_be_stale_when_it_is_used(slack: LocalSlack) -> None:
    fault = slack.faults.stale_tickets(times=1)
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(await open_link(slack))
        assert (refused.value.status, fault.struck) == (408, 1)
        async with session.ws_connect(await open_link(slack)) as socket:
            assert (await socket.receive_json())["type"] == "hello"


async def test_ten_connections_and_no_more(slack: LocalSlack) -> None:
    async with aiohttp.ClientSession() as session:
        sockets = [await session.ws_connect(await open_link(slack)) for _ in range(11)]
        for number, socket in enumerate(sockets[:10], 1):
            assert (await socket.receive_json())["num_connections"] == number
        goodbye = await sockets[10].receive_json()
        for socket in sockets:
            await socket.close()
    assert (goodbye["type"], goodbye["reason"]) == ("disconnect", "too_many_websockets")


async def test_late_ack_is_ignored() -> None:
    async with (
        LocalSlack(timing=Timing(ack=0.05)) as slack,
        aiohttp.ClientSession() as session,
        session.ws_connect(await open_link(slack)) as socket,
    ):
        await socket.receive_json()
        answer = await slack.commands("you", "general", "/agent help")
        envelope = await socket.receive_json()
        await socket.send_json({"envelope_id": envelope["envelope_id"]})
        await socket.send_str("no json")
        again = await slack.commands("you", "general", "/agent help")
    assert (answer.error, again.error) == ("operation_timeout", "operation_timeout")
