"""The Web API's methods through the real SDK: effects, encodings and error codes."""

from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import pytest
import yaml
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot import manifest
from bot.local import LocalSlack, Room
from bot.local.assembly import BOT_SCOPES

Call = Callable[[AsyncWebClient, str], Awaitable[Any]]


async def refused(call: Awaitable[Any]) -> str:
    with pytest.raises(SlackApiError) as error:
        await call
    return str(error.value.response["error"])


async def test_who_am_i(slack: LocalSlack, client: AsyncWebClient) -> None:
    answer = await client.auth_test()
    assert answer["user_id"] == slack.bot_user
    assert "chat:write" in answer.headers["x-oauth-scopes"]
    assert (await client.bots_info(bot=answer["bot_id"]))["bot"]["user_id"] == slack.bot_user
    assert (await client.team_info())["team"]["id"] == answer["team_id"]


async def test_post_read_change_delete(slack: LocalSlack, client: AsyncWebClient) -> None:
    channel = slack.channel("general").id
    marker = {"event_type": "notice", "event_payload": {"id": 7}}
    root = (await client.chat_postMessage(channel=channel, text="root", metadata=marker))["ts"]
    for text in ("one", "two", "three"):
        await client.chat_postMessage(channel=channel, text=text, thread_ts=root)
    page = await client.conversations_replies(
        channel=channel, ts=root, limit=2, include_all_metadata=True
    )
    assert [m["text"] for m in page["messages"]] == ["root", "one"]
    assert page["messages"][0]["metadata"] == marker
    assert page["messages"][0]["reply_count"] == 3
    rest = await client.conversations_replies(
        channel=channel, ts=root, cursor=page["response_metadata"]["next_cursor"]
    )
    assert [m["text"] for m in rest["messages"]] == ["two", "three"]
    assert "metadata" not in (await client.conversations_history(channel=channel))["messages"][0]
    await client.chat_update(channel=channel, ts=root, text="changed")
    assert slack.message(root).text == "changed"
    assert slack.message(root).metadata == marker
    await client.chat_delete(channel=channel, ts=rest["messages"][0]["ts"])
    assert [m.text for m in slack.thread("general", root)] == ["changed", "one", "three"]


async def test_history_is_newest_first_and_without_replies(
    slack: LocalSlack, client: AsyncWebClient
) -> None:
    first = await slack.says("you", "general", "first")
    await slack.says("you", "general", "reply", thread=first)
    second = await slack.says("you", "general", "second")
    channel = slack.channel("general").id
    found = await client.conversations_history(channel=channel)
    assert [m["ts"] for m in found["messages"]] == [second, first]
    later = await client.conversations_history(channel=channel, oldest=first)
    assert [m["ts"] for m in later["messages"]] == [second]


async def test_update_drops_blocks_when_only_text_is_given(
    slack: LocalSlack, client: AsyncWebClient
) -> None:
    channel = slack.channel("general").id
    blocks = [{"type": "divider"}]
    ts = (await client.chat_postMessage(channel=channel, text="a", blocks=blocks))["ts"]
    only_blocks = {"channel": channel, "ts": ts, "blocks": blocks}
    await client.api_call("chat.update", json=only_blocks)
    assert (slack.message(ts).text, len(slack.message(ts).blocks)) == ("a", 1)
    await client.chat_update(channel=channel, ts=ts, text="b")
    assert (slack.message(ts).text, slack.message(ts).blocks) == ("b", [])


async def test_deleted_root_leaves_a_tombstone(slack: LocalSlack, client: AsyncWebClient) -> None:
    channel = slack.channel("general").id
    ts = (await client.chat_postMessage(channel=channel, text="root"))["ts"]
    await slack.says("you", "general", "reply", thread=ts)
    await client.chat_delete(channel=channel, ts=ts)
    found = await client.conversations_replies(channel=channel, ts=ts)
    assert found["messages"][0]["subtype"] == "tombstone"
    assert (
        await refused(client.chat_update(channel=channel, ts=ts, text="x")) == "message_not_found"
    )


async def test_long_text_is_cut(slack: LocalSlack, client: AsyncWebClient) -> None:
    channel = slack.channel("general").id
    ts = (await client.chat_postMessage(channel=channel, text="x" * 50_000))["ts"]
    assert len(slack.message(ts).text) == 40_000
    long = client.chat_update(channel=channel, ts=ts, text="x" * 4001)
    assert await refused(long) == "msg_too_long"


NOWHERE = "C999999999"
REFUSED: dict[str, tuple[str, Call]] = {
    "no channel": ("channel_not_found", lambda c, _: c.chat_postMessage(channel=NOWHERE, text="x")),
    "no text": ("no_text", lambda c, ch: c.api_call("chat.postMessage", json={"channel": ch})),
    "no thread": (
        "thread_not_found",
        lambda c, ch: c.chat_postMessage(channel=ch, text="x", thread_ts="1.000001"),
    ),
    "no replies": ("thread_not_found", lambda c, ch: c.conversations_replies(channel=ch, ts="1.0")),
    "no message": (
        "message_not_found",
        lambda c, ch: c.chat_update(channel=ch, ts="1.0", text="x"),
    ),
    "no user": ("user_not_found", lambda c, _: c.users_info(user="U999999999")),
    "no file": ("file_not_found", lambda c, _: c.files_info(file="F999999999")),
    "no link": (
        "message_not_found",
        lambda c, ch: c.chat_getPermalink(channel=ch, message_ts="1.0"),
    ),
    "no group": ("no_such_subteam", lambda c, _: c.usergroups_users_list(usergroup="S9")),
    "not a cursor": ("invalid_cursor", lambda c, _: c.users_list(cursor="?")),
    "not a kind": ("invalid_types", lambda c, _: c.conversations_list(types="secret")),
    "metadata format": (
        "invalid_metadata_format",
        lambda c, ch: c.chat_postMessage(channel=ch, text="x", metadata={"event_type": "x"}),
    ),
    "metadata size": (
        "metadata_too_large",
        lambda c, ch: c.chat_postMessage(
            channel=ch,
            text="x",
            metadata={"event_type": "x", "event_payload": {"y": "z" * 20_000}},
        ),
    ),
    "blocks format": (
        "invalid_blocks_format",
        lambda c, ch: c.chat_postMessage(channel=ch, text="x", blocks="no json"),
    ),
    "unknown": ("unknown_method", lambda c, _: c.api_call("chat.startStream")),
    "no trigger": (
        "invalid_trigger_id",
        lambda c, _: c.views_open(
            trigger_id="1.a",
            view={
                "type": "modal",
                "title": {"type": "plain_text", "text": "x"},
                "blocks": [{"type": "divider"}],
            },
        ),
    ),
    "not an argument": ("invalid_arguments", lambda c, _: c.api_call("chat.postMessage", json={})),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_error_codes(slack: LocalSlack, client: AsyncWebClient, name: str) -> None:
    code, call = REFUSED[name]
    assert await refused(call(client, slack.channel("general").id)) == code
    assert slack.calls[-1].response["error"] == code


async def test_places_where_the_bot_may_not_write(
    slack: LocalSlack, client: AsyncWebClient
) -> None:
    hidden = slack.add_channel(Room("hidden", is_private=True, bot=False)).id
    old = slack.add_channel(Room("old")).id
    slack.archives("old")
    small = slack.add_channel(Room("small", members=("you",))).id
    mate = slack.user("teammate").id
    assert await refused(client.chat_postMessage(channel=hidden, text="x")) == "channel_not_found"
    assert await refused(client.chat_postMessage(channel=old, text="x")) == "is_archived"
    whisper = client.chat_postEphemeral(channel=small, user=mate, text="x")
    assert await refused(whisper) == "user_not_in_channel"
    theirs = await slack.says("you", "general", "mine")
    general = slack.channel("general").id
    update = client.chat_update(channel=general, ts=theirs, text="x")
    assert await refused(update) == "cant_update_message"
    delete = client.chat_delete(channel=general, ts=theirs)
    assert await refused(delete) == "cant_delete_message"


async def test_public_channel_without_the_bot_needs_a_scope() -> None:
    async with LocalSlack(scopes=("chat:write", "channels:join")) as slack:
        client = AsyncWebClient(slack.bot_token, base_url=slack.api_url)
        channel = slack.add_channel(Room("away", bot=False)).id
        assert await refused(client.chat_postMessage(channel=channel, text="x")) == "not_in_channel"
        await client.conversations_join(channel=channel)
        assert (await client.chat_postMessage(channel=channel, text="x"))["ok"]
        assert await refused(client.users_info(user=slack.bot_user)) == "missing_scope"


async def test_the_bot_is_granted_what_the_manifest_asks_for() -> None:
    wanted = yaml.safe_load(manifest.path().read_text())["oauth_config"]["scopes"]["bot"]
    assert sorted(wanted) == sorted(BOT_SCOPES)


async def test_where_the_bot_is_can_be_asked(slack: LocalSlack, client: AsyncWebClient) -> None:
    slack.add_channel(Room("away", bot=False))
    slack.archives("random")
    everywhere = "public_channel,private_channel,im"
    found = await client.users_conversations(types=everywhere, exclude_archived=True)
    ours = {channel["id"] for channel in found["channels"]}
    people = {f"@{user}" for user in ("you", "teammate", "reviewer", "guest")}
    assert ours == {slack.channel(where).id for where in {"general", *people}}
    page = await client.users_conversations(types="im", limit=3)
    assert len(page["channels"]) == 3
    cursor = page["response_metadata"]["next_cursor"]
    assert len((await client.users_conversations(types="im", cursor=cursor))["channels"]) == 1


async def test_people_and_places(slack: LocalSlack, client: AsyncWebClient) -> None:
    guest = slack.user("guest")
    assert (await client.users_info(user=guest.id))["user"]["is_restricted"] is True
    assert len((await client.users_list())["members"]) == 5
    group = slack.add_usergroup(["you", "teammate"])
    members = (await client.usergroups_users_list(usergroup=group))["users"]
    assert members == [slack.user("you").id, slack.user("teammate").id]
    direct = (await client.conversations_open(users=guest.id))["channel"]["id"]
    await client.chat_postMessage(channel=guest.id, text="psst")
    assert [m.text for m in slack.messages("@guest")] == ["psst"]
    listed = await client.conversations_list(types="public_channel,im", limit=5)
    rest = await client.conversations_list(
        types="public_channel,im", limit=5, cursor=listed["response_metadata"]["next_cursor"]
    )
    found = [c["id"] for c in listed["channels"] + rest["channels"]]
    assert (len(found), len(set(found)), direct in found) == (6, 6, True)
    general = slack.channel("general").id
    assert (await client.conversations_info(channel=general))["channel"]["is_member"] is True
    assert guest.id in (await client.conversations_members(channel=general))["members"]


async def test_reactions(slack: LocalSlack, client: AsyncWebClient) -> None:
    ts = await slack.says("you", "general", "hello")
    where = {"channel": slack.channel("general").id, "timestamp": ts, "name": "eyes"}
    await client.reactions_add(**where)
    assert slack.message(ts).reactions == {"eyes": [slack.bot_user]}
    assert await refused(client.reactions_add(**where)) == "already_reacted"
    await client.reactions_remove(**where)
    assert await refused(client.reactions_remove(**where)) == "no_reaction"


async def test_permalink_leads_to_the_page(slack: LocalSlack, client: AsyncWebClient) -> None:
    channel = slack.channel("general").id
    ts = await slack.says("you", "general", "hello")
    link = (await client.chat_getPermalink(channel=channel, message_ts=ts))["permalink"]
    assert link.endswith(f"/archives/{channel}/p{ts.replace('.', '')}")
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        async with session.get(slack.page_url, allow_redirects=False):
            pass
        async with session.get(link, allow_redirects=False) as answer:
            assert answer.headers["Location"] == f"/#{channel}/{ts}"
