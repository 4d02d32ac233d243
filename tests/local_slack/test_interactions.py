"""The rights that an interaction gives: a form in three seconds, five answers in half an hour."""

from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.local import LocalSlack, Refused
from tests.local_slack.conftest import bolt, connected
from tests.local_slack.test_bolt import BUTTONS, FORM


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


async def payload(slack: LocalSlack) -> dict[str, Any]:
    """The payload of a command that an app acknowledged."""
    app = bolt(slack)

    @app.command("/agent")
    async def agent(ack: Any) -> None:
        await ack()

    async with connected(slack, app):
        await slack.commands("you", "general", "/agent help")
    return slack.deliveries[-1].payload


async def refused(slack: LocalSlack, method: str, **arguments: Any) -> str:
    client = AsyncWebClient(slack.bot_token, base_url=slack.api_url)
    with pytest.raises(SlackApiError) as error:
        await client.api_call(method, json=arguments)
    return str(error.value.response["error"])


async def test_trigger_is_good_once_and_for_three_seconds() -> None:
    clock = Clock()
    async with LocalSlack(clock=clock) as slack:
        client = AsyncWebClient(slack.bot_token, base_url=slack.api_url)
        first, second = await payload(slack), await payload(slack)
        clock.now += 2.9
        opened = await client.views_open(trigger_id=first["trigger_id"], view=FORM)
        again = await refused(slack, "views.open", trigger_id=first["trigger_id"], view=FORM)
        clock.now += 0.2
        late = await refused(slack, "views.open", trigger_id=second["trigger_id"], view=FORM)
        assert (again, late) == ("exchanged_trigger_id", "expired_trigger_id")
        view = opened["view"]
        changed = await client.views_update(view_id=view["id"], hash=view["hash"], view=FORM)
        assert changed["view"]["hash"] != view["hash"]
        stale = {"view_id": view["id"], "hash": view["hash"], "view": FORM}
        assert await refused(slack, "views.update", **stale) == "hash_conflict"
        await slack.closes("you", view["id"])
        assert await refused(slack, "views.update", view_id=view["id"], view=FORM) == "not_found"


async def test_three_forms_on_top_of_each_other(slack: LocalSlack) -> None:
    client = AsyncWebClient(slack.bot_token, base_url=slack.api_url)
    triggers = [(await payload(slack))["trigger_id"] for _ in range(4)]
    await client.views_open(trigger_id=triggers[0], view=FORM)
    await client.views_push(trigger_id=triggers[1], view=FORM)
    top = (await client.views_push(trigger_id=triggers[2], view=FORM))["view"]
    views = slack.views("you")
    assert [v.previous for v in views] == [None, views[0].id, views[1].id]
    assert top["root_view_id"] == views[0].id
    fourth = await refused(slack, "views.push", trigger_id=triggers[3], view=FORM)
    assert fourth == "push_limit_reached"


async def send(url: str, body: dict[str, Any]) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.post(url, json=body) as answer:
        return answer.status, await answer.text()


async def test_response_url_is_good_five_times(slack: LocalSlack) -> None:
    url = (await payload(slack))["response_url"]
    for number in range(5):
        assert await send(url, {"text": f"{number}"}) == (200, "ok")
    status, text = await send(url, {"text": "6"})
    assert (status, "used_url" in text) == (404, True)
    assert len(slack.ephemerals("you")) == 5
    assert (await send(f"{url}x", {"text": "x"}))[0] == 404


async def test_response_url_is_good_for_half_an_hour() -> None:
    clock = Clock()
    async with LocalSlack(clock=clock) as slack:
        url = (await payload(slack))["response_url"]
        clock.now += 1799
        assert (await send(url, {"text": "x", "response_type": "in_channel"}))[0] == 200
        clock.now += 1
        status, text = await send(url, {"text": "x"})
        assert (status, "expired_url" in text) == (404, True)
    assert [m.text for m in slack.messages("general")] == ["x"]


async def test_response_url_refuses_bad_bodies(slack: LocalSlack) -> None:
    url = (await payload(slack))["response_url"]
    for body, code in (({}, "no_text"), ({"blocks": [{"type": "nope"}]}, "invalid_blocks")):
        status, text = await send(url, body)
        assert (status, code in text) == (400, True)


async def test_form_is_closed_and_the_app_is_told_when_it_wants(slack: LocalSlack) -> None:
    app, seen = bolt(slack), []

    @app.view_closed("edit")
    async def closed(ack: Any, view: dict[str, Any]) -> None:
        await ack()
        seen.append(view["private_metadata"])

    client = AsyncWebClient(slack.bot_token, base_url=slack.api_url)
    for notify in (False, True):
        trigger = (await payload(slack))["trigger_id"]
        view = {**FORM, "notify_on_close": notify}
        opened = await client.views_open(trigger_id=trigger, view=view)
        async with connected(slack, app):
            await slack.closes("you", opened["view"]["id"])
    assert (seen, slack.views("you")) == (["7"], [])


@pytest.mark.parametrize("action", ["update", "push", "clear"])
async def test_form_answered_with_a_form(slack: LocalSlack, action: str) -> None:
    app = bolt(slack)
    extra = {} if action == "clear" else {"view": {**FORM, "private_metadata": "8"}}

    @app.view("edit")
    async def save(ack: Any) -> None:
        await ack(response_action=action, **extra)

    trigger = (await payload(slack))["trigger_id"]
    await AsyncWebClient(slack.bot_token, base_url=slack.api_url).views_open(
        trigger_id=trigger, view=FORM
    )
    async with connected(slack, app):
        await slack.submits("you", slack.views("you")[0], {"task": "long enough"})
    expected = {"update": ["8"], "push": ["7", "8"], "clear": []}[action]
    assert [view.body["private_metadata"] for view in slack.views("you")] == expected


async def test_what_people_may_not_do(slack: LocalSlack) -> None:
    client = AsyncWebClient(slack.bot_token, base_url=slack.api_url)
    channel = slack.channel("general").id
    ts = str((await client.chat_postMessage(channel=channel, text="x", blocks=BUTTONS))["ts"])
    with pytest.raises(LookupError, match="Approve"):
        await slack.presses("you", ts, "Reject")
    with pytest.raises(Refused, match="cant_update_message"):
        await slack.edits("you", ts, "y")
    with pytest.raises(Refused, match="not_in_channel"):
        await slack.says("guest", "random", "hello")
    await slack.presses("you", ts, "Approve")
    assert slack.notices("you") == ["We had some trouble connecting. Try again?"]
