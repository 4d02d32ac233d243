"""Trouble with Slack and the model: it can be seen from outside, and is over afterwards."""

import asyncio
from collections.abc import Callable
from random import Random

import aiohttp
import pytest

from tests.chaos import trouble_model, trouble_slack
from tests.chaos.bystander import Bystander
from tests.chaos.conftest import LEASE, ids, raging
from tests.chaos.fault import Fault
from tests.chaos.ordered import until
from tests.chaos.place import Place
from tests.conftest import ONE_DATABASE

BODY = {"model": "m", "messages": [{"role": "user", "content": "x"}], "tools": [{"name": "Read"}]}


def many(*names: str) -> Callable[[Bystander], bool]:
    return lambda app: any(app.seen[name] for name in names)


def repeated(app: Bystander) -> bool:
    return len(set(app.events)) < len(app.events)


def disordered(app: Bystander) -> bool:
    return app.said != sorted(app.said)


LOST = many("ServerDisconnectedError", "ClientOSError", "ClientConnectionResetError")
SIGNS = {
    "slack 429": many("429"),
    "slack 500": many("500"),
    "slack 503": many("503"),
    "slack connection reset": LOST,
    "slack answer lost, message": LOST,
    "slack answer lost, card": LOST,
    "slack answer lost, file": LOST,
    "slack answer hangs": LOST,
    "slack call late": lambda app: app.slowest > 0.1 * LEASE,
    "slack events duplicated": repeated,
    "slack ack of an event dropped": many("again"),
    "slack ack of a command dropped": many("command: operation_timeout"),
    "slack ack of a button dropped": many("button: operation_timeout"),
    "slack events reordered": disordered,
    "slack gap": many("socket ended"),
    "slack gap longer than a lease": many("socket ended"),
    "slack sockets cut": many("socket ended"),
    "slack refresh": many("goodbye"),
    "slack stale ticket": many("WSServerHandshakeError"),
    "slack away": many("ClientConnectorError"),
    "slack channel archived": many("is_archived"),
    "slack bot removed": many("not_in_channel"),
    "slack token revoked": many("token_revoked"),
    "slack token invalid": many("invalid_auth"),
    "slack app token revoked": many("token_revoked"),
}
BY_PEOPLE = {"slack message deleted", "slack root deleted"}
WITH_SIGNS = [fault for fault in trouble_slack.FAULTS if fault.kind not in BY_PEOPLE]


@ONE_DATABASE
@pytest.mark.parametrize("fault", WITH_SIGNS, ids=ids(WITH_SIGNS))
async def test_slack(fault: Fault, place: Place) -> None:
    app = Bystander(place.slack)
    async with app.busy():
        assert await until(lambda: app.events and place.slack.files())
        assert await raging(fault, place, lambda: SIGNS[fault.kind](app)), app.seen
        assert await until(lambda: place.slack.connections == 2)
        at = len(place.slack.calls)
        done = {"chat.postMessage", "chat.update", "files.completeUploadExternal"}
        assert await until(lambda: done <= good_calls(place, at)), app.seen
        before = len(app.events)
        assert await until(lambda: len(app.events) > before)
    calm(place)


def good_calls(place: Place, since: int) -> set[str]:
    return {call.method for call in place.slack.calls[since:] if call.response.get("ok")}


def calm(place: Place) -> None:
    """Nothing is left of any trouble."""
    assert not place.slack.faults.active
    assert not place.slack.parts.events.held
    assert not place.slack.parts.api.tokens.revoked
    assert not place.model.faults.active
    assert not place.held
    channels = place.slack.parts.state.channels.values()
    assert all(place.slack.bot_user in c.members and not c.is_archived for c in channels)


@ONE_DATABASE
async def test_a_call_that_times_out(place: Place) -> None:
    fault = trouble_slack.TimedOut(seconds=0.1)
    app = Bystander(place.slack)
    async with app.busy():
        assert await raging(fault, place, lambda: LOST(app))
    calm(place)


@ONE_DATABASE
async def test_people_delete_what_the_bot_has_said(place: Place) -> None:
    message, root = (f for f in trouble_slack.FAULTS if f.kind in BY_PEOPLE)
    assert not await message.strike(place, Random(1))
    assert not await root.strike(place, Random(1))
    client, room = Bystander(place.slack).client, place.slack.channel("general").id
    card = str((await client.chat_postMessage(channel=room, text="x"))["ts"])
    reply = str((await client.chat_postMessage(channel=room, text="y", thread_ts=card))["ts"])
    assert await message.strike(place, Random(1))
    assert [m.ts for m in place.slack.messages("general")] == [card]
    assert place.excused == {card, reply}
    assert await root.strike(place, Random(1))
    assert place.slack.messages("general") == []
    calm(place)


MODEL_SIGNS = {
    "model 429": "429",
    "model 500": "500",
    "model 529": "529",
    "model slow": "slow",
    "model slower than a lease": "slow",
    "model stream cut": "cut",
    "model key refused": "401",
}


async def ask(place: Place, seen: set[str]) -> None:
    """One request to the model after the other."""
    headers, loop = {"x-api-key": place.model.token}, asyncio.get_running_loop()
    url = f"{place.model.url}/v1/messages"
    async with aiohttp.ClientSession(headers=headers) as http:
        while True:
            since = loop.time()
            try:
                async with http.post(url, json=BODY) as answer:
                    seen.add(str(answer.status))
                    await answer.read()
            except aiohttp.ClientError:
                seen.add("cut")
            seen |= {"slow"} if loop.time() - since > 0.1 * LEASE else set()
            await asyncio.sleep(0.01)


@ONE_DATABASE
@pytest.mark.parametrize("fault", trouble_model.FAULTS, ids=ids(trouble_model.FAULTS))
async def test_model(fault: Fault, place: Place) -> None:
    seen: set[str] = set()
    asking = asyncio.create_task(ask(place, seen))
    assert await until(lambda: "200" in seen)
    assert await raging(fault, place, lambda: MODEL_SIGNS[fault.kind] in seen)
    seen.clear()
    assert await until(lambda: "200" in seen)
    asking.cancel()
    calm(place)
