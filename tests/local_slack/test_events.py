"""What the app is told of what people write, and what it is not told."""

from typing import Any

import pytest

from bot.local import LocalSlack, Person
from tests.local_slack.conftest import bolt, connected


async def test_mention_is_two_events_about_one_message(slack: LocalSlack) -> None:
    app, seen = bolt(slack), []

    @app.event("app_mention")
    async def mention(body: dict[str, Any]) -> None:
        seen.append(body)

    @app.event("message")
    async def message(body: dict[str, Any]) -> None:
        seen.append(body)

    async with connected(slack, app):
        ts = await slack.says("you", "general", "@agent see README.md & `a<b`")
        await slack.settled(lambda: len(seen) == 2 and len(slack.deliveries) == 2)
    assert {body["event"]["type"] for body in seen} == {"app_mention", "message"}
    assert {body["event"]["ts"] for body in seen} == {ts}
    assert len({body["event_id"] for body in seen}) == 2
    expected = f"<@{slack.bot_user}> see <http://README.md|README.md> &amp; `a&lt;b`"
    assert {body["event"]["text"] for body in seen} == {expected}


async def test_own_messages_are_told_and_dropped_by_bolt(slack: LocalSlack) -> None:
    app, seen = bolt(slack), []

    @app.event("message")
    async def message(event: dict[str, Any]) -> None:
        seen.append(event)

    async with connected(slack, app):
        await app.client.chat_postMessage(channel=slack.channel("general").id, text="mine")
        await slack.settled(lambda: [d for d in slack.deliveries if d.ack.acked])
    assert seen == []


async def test_message_in_a_channel_without_the_bot_is_not_told(slack: LocalSlack) -> None:
    app = bolt(slack)
    room = slack.channel("random")
    room.members.discard(slack.bot_user)
    async with connected(slack, app):
        await slack.says("you", "random", "@agent hello")
        await slack.says("you", "general", "hello")
        await slack.settled(lambda: slack.deliveries)
    assert {d.payload["event"]["channel"] for d in slack.deliveries} == {
        slack.channel("general").id
    }


async def test_files_and_reactions_of_people_are_told(slack: LocalSlack) -> None:
    app, seen = bolt(slack), []

    @app.event("reaction_added")
    async def reaction(event: dict[str, Any]) -> None:
        seen.append(event["reaction"])

    @app.event({"type": "message", "subtype": "file_share"})
    async def share(event: dict[str, Any]) -> None:
        seen.append(event["files"][0]["name"])

    async with connected(slack, app):
        ts = await slack.uploads("you", "@you", [("a.png", b"x")])
        await slack.reacts("you", ts, "eyes")
        await slack.settled(lambda: len(seen) == 2)
    assert set(seen) == {"a.png", "eyes"}
    assert slack.files()[0].mimetype == "image/png"
    assert slack.deliveries[0].payload["event"]["channel_type"] == "im"


async def test_strangers_are_marked(slack: LocalSlack) -> None:
    stranger = slack.add_user(Person("visitor", is_stranger=True))
    await slack.invites("general", "visitor")
    await slack.says("visitor", "general", "@agent hello")
    await slack.settled(lambda: len(slack.deliveries) >= 2)
    payload = slack.deliveries[-1].payload
    assert payload["is_ext_shared_channel"] is True
    assert payload["event"].get("team", stranger.team_id) == stranger.team_id != payload["team_id"]


async def test_waiting_for_what_does_not_come(slack: LocalSlack) -> None:
    with pytest.raises(TimeoutError, match="did not come"):
        await slack.settled(lambda: slack.connections, timeout=0.01)
