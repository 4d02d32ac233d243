"""Whatever is delivered several times, or to several programs, happens once."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import replace

import psycopg
import pytest
from slack_sdk.web.async_client import AsyncWebClient
from sqlalchemy import update

from bot.app import Intake, build
from bot.connection import sockets, web_client
from bot.directory import Directory
from bot.intake import Ours
from bot.local.socket_mode import Delivery
from bot.messages import VIEW_DIFF
from bot.metrics import Metrics
from bot.program import open_program
from engine import Database, Inbox, Incoming, Status
from engine.commands import TELLING_SECONDS, answer
from engine.models import Clock
from engine.scripted import Write
from tests.conversations.conftest import World, is_card

COPIES = 4


async def one_agent(world: World) -> None:
    """Everything is carried out, and it was one agent with one card and one last word."""
    await world.until(world.terminals)
    await world.agent(1, Status.COMPLETED)
    await world.interpreted()
    await world.delivered()
    assert [view.id for view in await world.agents()] == [1]
    assert len(world.terminals()) == 1
    assert [m.text for m in world.slack.ephemerals("you") if "Already" in m.text] == []
    assert len([m for m in world.slack.messages("general") if is_card(m)]) == 1


def said(world: World) -> list[Delivery]:
    """Every delivery of an event that a person caused."""
    events = [d for d in world.slack.deliveries if d.kind == "events_api"]
    you = world.slack.user("you").id
    return [d for d in events if d.payload["event"].get("user") == you]


async def test_an_event_that_comes_four_times_starts_one_agent(world: World) -> None:
    await world.begins()
    world.slack.faults.duplicate_events(copies=COPIES, event="app_mention")
    world.slack.faults.duplicate_events(copies=COPIES, event="message")
    await world.says("@agent look around")
    await world.until(lambda: len(said(world)) == 2 * COPIES)
    assert {d.payload["event"]["type"] for d in said(world)} == {"app_mention", "message"}
    assert all(delivery.ack.acked for delivery in said(world))
    await one_agent(world)


async def test_an_event_whose_acks_are_lost_starts_one_agent(world: World) -> None:
    await world.begins()
    world.slack.faults.drop_acks("app_mention", times=COPIES - 1)
    await world.says("@agent look around")
    await world.until(lambda: len(said(world)) == COPIES + 1)
    mentions = [d for d in said(world) if d.payload["event"]["type"] == "app_mention"]
    assert [delivery.ack.acked for delivery in mentions] == [False, False, False, True]
    await one_agent(world)


async def test_a_command_that_comes_four_times_starts_one_agent(world: World) -> None:
    await world.begins()
    world.slack.faults.drop_acks("slash_commands")
    answer = asyncio.create_task(world.slack.commands("you", "general", "/agent spawn look"))
    await world.until(world.terminals)
    world.slack.retries_now()  # the time for the ack is over
    assert (await answer).error == "operation_timeout"
    [first] = [d for d in world.slack.deliveries if d.kind == "slash_commands"]
    for _ in range(COPIES - 1):
        again = await world.slack.parts.desk.sockets.send(first.kind, first.payload)
        assert again.acked
    await one_agent(world)


async def test_a_button_whose_press_comes_four_times_acts_once(world: World) -> None:
    world.script["note"] = [Write("note.txt", "x")]
    await world.begins()
    await world.says("@agent write a note")
    [told] = await world.until(world.terminals)
    assert (await world.slack.presses("you", told, VIEW_DIFF)).ok
    [press] = [d for d in world.slack.deliveries if d.kind == "interactive"]
    for _ in range(COPIES - 1):
        assert (await world.slack.parts.desk.sockets.send(press.kind, press.payload)).acked
    await world.until(world.slack.files)
    await one_agent(world)
    assert len(world.slack.files()) == 1


@asynccontextmanager
async def intake(world: World) -> AsyncIterator[tuple[Intake, AsyncWebClient]]:
    """What records; nobody interprets anything."""
    async with (
        open_program(world.given) as program,
        web_client(world.slack.bot_token, world.slack.api_url, Metrics.make().trace()) as client,
    ):
        ours, seconds = Directory(client).ours, program.metrics.recorded
        yield Intake(program.engine, ours, lambda: None, seconds), client


@asynccontextmanager
async def only_recording(world: World) -> AsyncIterator[None]:
    """A bot that is killed before it interprets anything."""
    async with (
        intake(world) as (record, client),
        sockets(build(client, record), world.slack.app_token),
    ):
        await world.until(lambda: world.slack.connections == 2)
        yield


async def test_what_was_acknowledged_before_a_crash_is_carried_out_once(world: World) -> None:
    async with only_recording(world):
        await world.says("/agent spawn look around")
        await world.says("@agent look again")
        await world.until(lambda: len(world.slack.deliveries) == 3)
        assert all(delivery.ack.acked for delivery in world.slack.deliveries)
    await world.until(lambda: world.slack.connections == 0)
    await world.begins()
    await world.until(lambda: len(world.terminals()) == 2)
    assert [view.task for view in await world.agents()] == ["look around", "look again"]
    await world.told("you", "Agent 1 is queued")
    await world.told("you", "Agent 2 is queued")


async def test_a_bot_that_closes_before_it_acknowledges_is_sent_it_again(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    came, closed = asyncio.Event(), asyncio.Event()
    async with intake(world) as (record, client):

        async def late() -> Ours:
            came.set()
            await closed.wait()
            return await record.ours()

        app = build(client, replace(record, ours=late))
        async with sockets(app, world.slack.app_token):
            await world.until(lambda: world.slack.connections == 2)
            await world.says("@agent look around")
            await came.wait()
        closed.set()
        await world.until(lambda: "Failed to send a message" in caplog.text)
    assert "Traceback" not in caplog.text
    await world.begins()
    world.slack.retries_now()
    await one_agent(world)


async def test_two_programs_on_one_ledger_act_as_one(world: World) -> None:
    world.script["note"] = [Write("note.txt", "x")]
    await world.begins()
    await world.begins()
    world.slack.faults.duplicate_events(copies=COPIES, event="app_mention")
    await world.says("@agent write a note")
    await world.until(world.terminals)
    assert len(world.slack.ephemerals("you")) == 1
    await world.says("/agent spawn write another note")
    await world.until(lambda: len(world.terminals()) == 2)
    await world.told("you", "Agent 2 is queued")
    await world.ends()
    told = [ephemeral.text for ephemeral in world.slack.ephemerals("you")]
    assert told == ["Agent 1 is queued", "Agent 2 is queued"]
    assert len(world.terminals()) == 2
    assert len([m for m in world.slack.messages("general") if is_card(m)]) == 2


async def test_a_reply_is_told_by_one_program(db: Database) -> None:
    first, second = Inbox(db), Inbox(db)
    await first.record(Incoming("command:1", "command", {}, "U1"))
    async with db.writing() as session:
        await answer(session, "command:1", "told", {"text": "Agent 1 is queued"})
    assert [reply.key for reply in await first.replies()] == ["command:1"]
    assert await second.replies() == []
    async with db.writing() as session:  # the first has died before it could tell
        await session.execute(update(Clock).values(seconds=Clock.seconds + TELLING_SECONDS + 1))
    assert [reply.key for reply in await second.replies()] == ["command:1"]
    await second.replied("command:1")
    assert await first.replies() == []


@contextmanager
def nobody_can_write(url: str) -> Iterator[None]:
    """Hold the lock that a record needs."""
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
    else:
        with psycopg.connect(url) as connection:
            connection.execute("LOCK TABLE commands IN EXCLUSIVE MODE")
            yield
            connection.rollback()


async def test_what_cannot_be_recorded_is_not_acknowledged_and_comes_again(
    world: World, database_url: str
) -> None:
    await world.begins()
    with nobody_can_write(database_url):
        command = asyncio.create_task(world.slack.commands("you", "general", "/agent spawn look"))
        await world.says("@agent look around")
        refused = await command
        await world.until(lambda: len(world.slack.deliveries) >= 3)
        assert refused.error == "operation_timeout"
        assert not any(delivery.ack.acked for delivery in world.slack.deliveries)
    await world.until(world.terminals)
    await world.interpreted()
    assert [view.task for view in await world.agents()] == ["look around"]
    await one_agent(world)
