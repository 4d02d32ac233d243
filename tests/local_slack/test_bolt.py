"""The real Bolt stack against the local workspace: commands, buttons, forms."""

from typing import Any

from slack_bolt.app.async_app import AsyncApp

from bot.local import LocalSlack
from tests.local_slack.conftest import bolt, connected

BUTTONS: list[dict[str, Any]] = [
    {"type": "section", "text": {"type": "mrkdwn", "text": "Deploy?"}},
    {
        "type": "actions",
        "block_id": "decision",
        "elements": [
            {
                "type": "button",
                "action_id": "approve",
                "text": {"type": "plain_text", "text": "Approve"},
                "value": "7:1",
            },
            {
                "type": "overflow",
                "action_id": "more",
                "options": [
                    {"text": {"type": "plain_text", "text": "View diff"}, "value": "diff:7"}
                ],
            },
        ],
    },
]
FORM: dict[str, Any] = {
    "type": "modal",
    "callback_id": "edit",
    "title": {"type": "plain_text", "text": "Edit the task"},
    "submit": {"type": "plain_text", "text": "Save"},
    "private_metadata": "7",
    "blocks": [
        {
            "type": "input",
            "block_id": "task",
            "label": {"type": "plain_text", "text": "Task"},
            "element": {"type": "plain_text_input", "action_id": "text", "min_length": 3},
        },
        {
            "type": "input",
            "block_id": "role",
            "optional": True,
            "label": {"type": "plain_text", "text": "Role"},
            "element": {
                "type": "static_select",
                "action_id": "pick",
                "options": [{"text": {"type": "plain_text", "text": "Tester"}, "value": "tester"}],
            },
        },
    ],
}


async def test_command_is_acknowledged_answered_and_told(slack: LocalSlack) -> None:
    app = bolt(slack)

    @app.command("/agent")
    async def agent(ack: Any, say: Any, respond: Any, command: dict[str, Any]) -> None:
        await ack(f"Queued: {command['text']}")
        await say("card")
        await respond("private", response_type="ephemeral")

    async with connected(slack, app):
        answer = await slack.commands("you", "general", "/agent spawn fix a < b & @teammate")
        await slack.settled(lambda: len(slack.ephemerals("you")) == 2)
    mate = slack.user("teammate")
    assert answer.text == f"Queued: spawn fix a &lt; b &amp; <@{mate.id}|teammate>"
    assert {m.text for m in slack.ephemerals("you")} == {answer.text, "private"}
    assert slack.ephemerals("teammate") == []
    assert [m.text for m in slack.messages("general")] == ["card"]


async def test_command_keeps_its_lines(slack: LocalSlack) -> None:
    await slack.commands("you", "general", "/agent\nspawn `x  y`\n\n- a\n- b  ")
    payload = slack.deliveries[0].payload
    assert (payload["command"], payload["text"]) == ("/agent", "spawn `x  y`\n\n- a\n- b")


async def test_command_without_an_ack_shows_a_timeout(slack: LocalSlack) -> None:
    app = bolt(slack)

    @app.command("/agent")
    async def agent(ack: Any) -> None:
        await ack()

    async with connected(slack, app):
        slack.faults.drop_acks("slash_commands")
        answer = await slack.commands("you", "general", "/agent help")
        assert answer.error == "operation_timeout"
        assert (await slack.commands("you", "general", "/agent help")).ok
    assert slack.notices("you") == ["/agent failed with the error operation_timeout"]


async def test_commands_that_slack_itself_refuses(slack: LocalSlack) -> None:
    ts = await slack.says("you", "general", "hello")
    threaded = await slack.commands("you", "general", "/agent help", thread=ts)
    unknown = await slack.commands("you", "general", "/nobody")
    alone = await slack.commands("you", "general", "/agent help")
    assert threaded.error == "not_supported_in_threads"
    assert unknown.error == "invalid_command"
    assert alone.error == "dispatch_failed"
    assert slack.notices("you")[0] == "/agent is not supported in threads. Sorry!"


async def post_buttons(slack: LocalSlack, app: AsyncApp) -> str:
    channel = slack.channel("general").id
    posted = await app.client.chat_postMessage(channel=channel, text="Deploy?", blocks=BUTTONS)
    return str(posted["ts"])


async def test_button_by_its_label_and_replacement_by_response_url(slack: LocalSlack) -> None:
    app, seen = bolt(slack), []

    @app.action("approve")
    async def approve(ack: Any, body: dict[str, Any], respond: Any) -> None:
        await ack()
        seen.append(body)
        await respond("Approved", replace_original=True)

    async with connected(slack, app):
        ts = await post_buttons(slack, app)
        shown = slack.message(ts).copy()
        assert slack.buttons(shown) == ["Approve", "View diff"]
        await slack.presses("teammate", ts, "Approve")
        await slack.settled(lambda: slack.message(ts).text == "Approved")
        await slack.presses("you", shown, "Approve")
        await slack.settled(lambda: len(seen) == 2)
    body = seen[0]
    assert body["user"]["id"] == slack.user("teammate").id
    assert (body["actions"][0]["value"], body["actions"][0]["block_id"]) == ("7:1", "decision")
    assert body["container"]["message_ts"] == body["message"]["ts"] == ts
    assert slack.message(ts).blocks == []


async def test_overflow_option(slack: LocalSlack) -> None:
    app, seen = bolt(slack), []

    @app.action("more")
    async def more(ack: Any, action: dict[str, Any]) -> None:
        await ack()
        seen.append(action["selected_option"]["value"])

    async with connected(slack, app):
        ts = await post_buttons(slack, app)
        await slack.presses("you", ts, "View diff")
    assert seen == ["diff:7"]


async def test_form_opened_corrected_and_submitted(slack: LocalSlack) -> None:
    app, seen = bolt(slack), []

    @app.shortcut("edit")
    async def edit(ack: Any, client: Any, shortcut: dict[str, Any]) -> None:
        await ack()
        seen.append(shortcut["message"]["text"])
        await client.views_open(trigger_id=shortcut["trigger_id"], view=FORM)

    @app.view("edit")
    async def save(ack: Any, view: dict[str, Any]) -> None:
        text = view["state"]["values"]["task"]["text"]["value"]
        if text == "bad":
            await ack(response_action="errors", errors={"task": "Say more"})
        else:
            await ack()
            seen.append((text, view["state"]["values"]["role"]["pick"]["selected_option"]["value"]))

    async with connected(slack, app):
        ts = await slack.says("you", "general", "do it")
        await slack.shortcut("you", "edit", ts)
        form = (await slack.settled(lambda: slack.views("you")))[0]
        assert (await slack.submits("you", form, {})).payload["errors"] == {
            "task": "Please complete this required field."
        }
        refused = await slack.submits("you", form, {"task": "bad"})
        assert refused.payload["errors"] == {"task": "Say more"}
        assert (await slack.submits("you", form, {"text": "good", "role": "Tester"})).ok
    assert seen == ["do it", ("good", "tester")]
    assert slack.views("you") == []


async def test_ephemeral_message_has_buttons_too(slack: LocalSlack) -> None:
    app, seen = bolt(slack), []

    @app.action("approve")
    async def approve(ack: Any, body: dict[str, Any], respond: Any) -> None:
        await ack()
        seen.append((body["container"]["is_ephemeral"], "message" in body))
        await respond(delete_original=True)

    async with connected(slack, app):
        await app.client.chat_postEphemeral(
            channel=slack.channel("general").id,
            user=slack.user("you").id,
            text="Start another?",
            blocks=BUTTONS,
        )
        await slack.presses("you", slack.ephemerals("you")[0], "Approve")
        await slack.settled(lambda: not slack.ephemerals("you"))
    assert seen == [(True, False)]


async def test_acks_that_slack_cannot_show(slack: LocalSlack) -> None:
    app = bolt(slack)

    @app.command("/agent")
    async def agent(ack: Any, command: dict[str, Any]) -> None:
        if command["text"] == "bad":
            await ack(blocks=[{"type": "nope"}])
        else:
            await ack("for all", response_type="in_channel")

    async with connected(slack, app):
        bad = await slack.commands("you", "general", "/agent bad")
        await slack.commands("you", "general", "/agent good")
    assert (bad.error, slack.ephemerals("you")) == ("invalid_blocks", [])
    assert [m.text for m in slack.messages("general")] == ["for all"]


async def test_button_in_a_form(slack: LocalSlack) -> None:
    app, seen = bolt(slack), []

    @app.shortcut("edit")
    async def edit(ack: Any, client: Any, shortcut: dict[str, Any]) -> None:
        await ack()
        view = {**FORM, "blocks": [*FORM["blocks"], BUTTONS[1]]}
        await client.views_open(trigger_id=shortcut["trigger_id"], view=view)

    @app.action("approve")
    async def approve(ack: Any, body: dict[str, Any]) -> None:
        await ack()
        seen.append((body["container"]["type"], body["view"]["private_metadata"]))

    async with connected(slack, app):
        await slack.shortcut("you", "edit")
        form = (await slack.settled(lambda: slack.views("you")))[0]
        assert slack.buttons(form) == ["Tester", "Approve", "View diff"]
        await slack.presses("you", form, "Approve")
    assert seen == [("view", "7")]
