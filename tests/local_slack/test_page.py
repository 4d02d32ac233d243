"""The page's protocol, and that nobody but the page and the app gets in."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.local import LocalSlack, Person
from bot.local.assembly import PEOPLE
from bot.local.server import Server
from tests.local_slack.conftest import bolt, connected
from tests.local_slack.test_bolt import BUTTONS, FORM

Json = dict[str, Any]
FOREIGN = "http://evil.example"


def origin(slack: LocalSlack) -> str:
    return f"http://{urlsplit(slack.page_url).netloc}"


@pytest.fixture
async def session(slack: LocalSlack) -> AsyncIterator[aiohttp.ClientSession]:
    """A browser that has opened the printed address."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(origin(slack), cookie_jar=jar) as browser:
        async with browser.get(slack.page_url, allow_redirects=False) as answer:
            assert (answer.status, answer.headers["Location"]) == (303, "/")
            cookie = answer.headers["Set-Cookie"]
            assert "HttpOnly" in cookie
            assert "SameSite=Strict" in cookie
        yield browser


class Page:
    """The page's end of the WebSocket."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.seen: list[Json] = []

    async def does(self, what: str, **arguments: Any) -> Json:
        await self.socket.send_json({"id": 1, "do": what, **arguments})
        return await self.until("reply")

    async def until(self, kind: str) -> Json:
        while True:
            increment: Json = await self.socket.receive_json(timeout=60)
            self.seen.append(increment)
            if increment["type"] == kind:
                return increment


@pytest.fixture
async def page(slack: LocalSlack, session: aiohttp.ClientSession) -> AsyncIterator[Page]:
    async with session.ws_connect("/page/live", origin=origin(slack)) as socket:
        yield Page(socket)


async def test_state_comes_first() -> None:
    chips = [{"label": "Hello", "text": "/agent spawn hello"}]
    people = (*PEOPLE, Person("visitor", is_stranger=True))
    dressing = {"chips": chips, "banner": "costs money", "banner_warns": True}
    async with LocalSlack(people=people, **dressing) as slack:
        await slack.says("you", "general", "hello")
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(origin(slack), cookie_jar=jar) as browser:
            async with browser.get(slack.page_url, allow_redirects=False):
                pass
            async with browser.ws_connect("/page/live", origin=origin(slack)) as socket:
                state = await Page(socket).until("state")
    assert {name: state[name] for name in dressing} == dressing
    assert [u["name"] for u in state["users"] if u["is_stranger"]] == ["visitor"]
    assert state["me"] == slack.user("you").id
    assert [m["text"] for m in state["messages"][slack.channel("general").id]] == ["hello"]
    assert {u["name"] for u in state["users"]} >= {"you", "guest", "agent"}


async def test_post_reply_edit_react_delete(slack: LocalSlack, page: Page) -> None:
    mine = {"as": slack.user("you").id, "channel": slack.channel("general").id}
    assert (await page.does("post", **mine, text="hello", thread_ts=None))["ok"]
    ts = slack.messages("general")[0].ts
    await page.does("post", **mine, text="reply", thread_ts=ts)
    await page.does("edit", **mine, ts=ts, text="hello, you")
    await page.does("react", **mine, ts=ts, name="eyes")
    refused = await page.does("edit", **{**mine, "as": slack.user("guest").id}, ts=ts, text="x")
    assert refused == {"type": "reply", "id": 1, "ok": False, "error": "cant_update_message"}
    told = [i["message"] for i in page.seen if i["type"] == "message"]
    assert told[-1]["text"] == "hello, you"
    assert told[-1]["reply_count"] == 1
    assert told[-1]["reactions"][0]["users"] == [slack.user("you").id]
    await page.does("delete", **mine, ts=slack.messages("general")[1].ts)
    assert [m.text for m in slack.messages("general")] == ["hello, you"]


async def test_failed_command_is_refused_with_its_sentence(slack: LocalSlack, page: Page) -> None:
    mine = {"as": "you", "channel": "general"}
    reply = await page.does("post", **mine, text="/agent help")
    assert (reply["ok"], reply["error"]) == (
        False, "/agent failed with the error dispatch_failed"
    )  # fmt: skip
    ts = await slack.says("you", "general", "root")
    reply = await page.does("post", **mine, text="/agent help", thread_ts=ts)
    assert (reply["ok"], reply["error"]) == (False, "/agent is not supported in threads. Sorry!")
    assert slack.notices("you")[-1] == reply["error"]
    assert {i["type"] for i in page.seen} == {"state", "message", "reply"}


async def test_failed_press_is_refused(slack: LocalSlack, page: Page) -> None:
    client = AsyncWebClient(slack.bot_token, base_url=slack.api_url)
    channel = slack.channel("general").id
    posted = await client.chat_postMessage(channel=channel, text="x", blocks=BUTTONS)
    press = {"as": "you", "channel": channel, "ts": posted["ts"], "block_id": "decision"}
    reply = await page.does("press", **press, action_id="approve")
    assert (reply["ok"], reply["error"]) == (False, "We had some trouble connecting. Try again?")


async def test_buttons_and_forms(slack: LocalSlack, page: Page) -> None:
    app, seen = bolt(slack), []

    @app.action("approve")
    async def approve(ack: Any, body: Json, client: Any) -> None:
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=FORM)

    @app.view("edit")
    async def save(ack: Any, view: Json) -> None:
        await ack()
        seen.append(view["state"]["values"]["task"]["text"]["value"])

    channel = slack.channel("general").id
    async with connected(slack, app):
        posted = await app.client.chat_postMessage(channel=channel, text="x", blocks=BUTTONS)
        press = {"channel": channel, "ts": posted["ts"], "block_id": "decision"}
        assert (await page.does("press", **{"as": "you"}, **press, action_id="approve"))["ok"]
        told = [i for i in page.seen if i["type"] == "view"] or [await page.until("view")]
        form = {"as": "you", "view_id": told[0]["view"]["id"]}
        refused = await page.does("submit", **form, values={})
        wrong = next(i for i in page.seen if i["type"] == "view_errors")
        entry = {"task": {"text": {"type": "plain_text_input", "value": "do it"}}}
        await page.does("submit", **form, values=entry)
    assert (refused["ok"], refused["error"]) == (False, "view_errors")
    assert list(wrong["errors"]) == ["task"]
    assert seen == ["do it"]
    assert any(i["type"] == "view_closed" for i in page.seen)


async def test_ephemerals_are_told_with_their_reader(slack: LocalSlack, page: Page) -> None:
    client = AsyncWebClient(slack.bot_token, base_url=slack.api_url)
    you, channel = slack.user("you").id, slack.channel("general").id
    await client.chat_postEphemeral(channel=channel, user=you, text="Agent 12 is queued")
    told = await page.until("ephemeral")
    assert (told["user"], told["action"], told["message"]["text"]) == (
        you, "posted", "Agent 12 is queued"
    )  # fmt: skip


async def test_reload_keeps_ephemerals_and_forms(
    slack: LocalSlack, session: aiohttp.ClientSession
) -> None:
    client = AsyncWebClient(slack.bot_token, base_url=slack.api_url)
    you, channel = slack.user("you"), slack.channel("general").id
    await client.chat_postEphemeral(channel=channel, user=you.id, text="Agent 12 is queued")
    form = slack.parts.desk.modals.open(you.id, FORM)
    async with session.ws_connect("/page/live", origin=origin(slack)) as socket:
        page = Page(socket)
        state = await page.until("state")
        told, shown = state["ephemerals"][0], state["views"][0]
        assert (told["user"], told["channel"], told["message"]["text"]) == (
            you.id, channel, "Agent 12 is queued"
        )  # fmt: skip
        assert (shown["user"], shown["view"]["id"]) == (you.id, form.id)
        mine = {"channel": channel, "ts": told["message"]["ts"]}
        other = await page.does("dismiss", **{"as": "guest"}, **mine)
        assert other["error"] == "message_not_found"
        assert (await page.does("dismiss", **{"as": "you"}, **mine))["ok"]
    async with session.ws_connect("/page/live", origin=origin(slack)) as socket:
        assert (await Page(socket).until("state"))["ephemerals"] == []


async def test_archived_channel_is_told(slack: LocalSlack, page: Page) -> None:
    await page.until("state")
    slack.archives("random")
    told = (await page.until("channel"))["channel"]
    assert (told["name"], told["is_archived"]) == ("random", True)


async def test_channel_and_invitation(slack: LocalSlack, page: Page) -> None:
    assert (await page.does("channel", **{"as": "you"}, name="work"))["ok"]
    again = await page.does("channel", **{"as": "you"}, name="work")
    assert again["error"] == "name_taken"
    assert slack.bot_user not in slack.channel("work").members
    await page.does("post", **{"as": "you"}, channel="work", text="/invite @agent")
    assert slack.bot_user in slack.channel("work").members


@pytest.mark.parametrize(
    "asked",
    ["no json", "[]", "{}", '{"do":"post"}', '{"do":"fly"}', '{"do":"press","as":"you"}'],
)
async def test_nonsense_is_answered(page: Page, asked: str) -> None:
    await page.socket.send_str(asked)
    assert (await page.until("reply"))["ok"] is False


async def test_page_cannot_act_as_the_bot_or_see_hidden_channels(
    slack: LocalSlack, page: Page
) -> None:
    direct = slack.channel("@guest").id
    bot = await page.does("post", **{"as": slack.bot_user}, channel="general", text="x")
    other = await page.does("post", **{"as": "you"}, channel=direct, text="x")
    assert (bot["error"], other["error"]) == ("user_is_bot", "channel_not_found")


async def test_files_up_and_down(slack: LocalSlack, session: aiohttp.ClientSession) -> None:
    form = aiohttp.FormData({"as": "you", "channel": "general", "text": "see"})
    form.add_field("files", b"<script>", filename="a:b.html", content_type="text/html")
    headers = {"Origin": origin(slack)}
    async with session.post("/page/upload", data=form, headers=headers) as answer:
        assert answer.status == 200
    message = slack.messages("general")[0]
    assert (message.text, message.files[0].content) == ("see", b"<script>")
    async with session.get(f"/page/file/{message.files[0].id}") as answer:
        assert answer.content_type == "application/octet-stream"
        assert answer.headers["Content-Disposition"] == 'attachment; filename="a_3Ab.html"'
        assert "sandbox" in answer.headers["Content-Security-Policy"]


async def test_headers_of_the_page(session: aiohttp.ClientSession) -> None:
    async with session.get("/") as answer:
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'self'")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    async with session.get("/nothing.js") as answer:
        assert answer.status == 404
    async with session.get("/..%2fworkspace.py") as answer:
        assert answer.status == 404


async def test_foreign_origin_cannot_post_a_command(
    slack: LocalSlack, session: aiohttp.ClientSession
) -> None:
    for foreign in (FOREIGN, "null", f"{origin(slack)}.evil.example", "http://localhost:1"):
        with pytest.raises(aiohttp.WSServerHandshakeError) as error:
            await session.ws_connect("/page/live", origin=foreign)
        assert error.value.status == 403
        form = {"as": "you", "channel": "general", "text": "/agent spawn"}
        headers = {"Origin": foreign}
        async with session.post("/page/upload", data=form, headers=headers) as answer:
            assert answer.status == 403
        api = {"token": slack.bot_token, "channel": "general", "text": "x"}
        async with session.post("/api/chat.postMessage", data=api, headers=headers) as answer:
            assert answer.status == 403
    with pytest.raises(aiohttp.WSServerHandshakeError):
        await session.ws_connect("/page/live")
    async with session.post("/page/upload", data={"as": "you"}) as answer:
        assert answer.status == 403
    assert (slack.messages("general"), slack.calls, slack.deliveries) == ([], [], [])


async def test_foreign_host_is_refused(slack: LocalSlack, session: aiohttp.ClientSession) -> None:
    port = urlsplit(slack.page_url).port
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1:1", f"127.0.0.1.x:{port}"):
        for path in ("/", "/page/live", "/api/auth.test", "/link?ticket=x"):
            async with session.get(path, headers={"Host": host}) as answer:
                assert answer.status == 403


async def test_page_needs_the_printed_address(slack: LocalSlack) -> None:
    async with aiohttp.ClientSession(origin(slack)) as stranger:
        for path in ("/", "/?token=guess", "/page/file/F1", "/app.js", "/archives/C1/p1000001"):
            async with stranger.get(path) as answer:
                assert answer.status == 403
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await stranger.ws_connect("/page/live", origin=origin(slack))


async def test_nothing_but_the_loopback(slack: LocalSlack) -> None:
    server: Server = slack.parts.server
    with pytest.raises(ValueError, match="loopback only"):
        await server.start("0.0.0.0", 0)
