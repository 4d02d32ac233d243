"""The app's manifest: what Slack accepts, and what our code needs of it."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.referee.referee import check_manifest

PATH = Path(__file__).parents[2] / "manifest.yml"

# What Slack demands beyond the limits that its types state (manifest schema 2.0.0).
LONG_DESCRIPTION = range(175, 4001)
SHORTCUT_NAME = 24
# The scope of each method that the bot calls, and of each event that it listens to.
NEEDED = {
    "chat.postMessage, chat.update, chat.postEphemeral, chat.delete": {"chat:write"},
    "app_mention": {"app_mentions:read"},
    "message.channels, conversations.history and .replies": {"channels:history", "channels:read"},
    "message.groups, the same in private channels": {"groups:history", "groups:read"},
    "message.im, conversations.open": {"im:history", "im:read", "im:write"},
    "users.info": {"users:read"},
    "usergroups.users.list": {"usergroups:read"},
    "files.getUploadURLExternal, files.completeUploadExternal": {"files:write"},
    "files.info, url_private": {"files:read"},
    "reactions.add": {"reactions:write"},
    "/agent, the shortcut": {"commands"},
}


@pytest.fixture
def manifest() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(PATH.read_text("utf-8"))
    return read


def test_slack_accepts_it(manifest: dict[str, Any]) -> None:
    assert check_manifest(manifest) == []
    shown = manifest["display_information"]
    assert len(shown["long_description"]) in LONG_DESCRIPTION
    assert all(len(s["name"]) <= SHORTCUT_NAME for s in manifest["features"]["shortcuts"])
    assert manifest["_metadata"]["major_version"] == 2


def test_the_scopes_are_those_that_we_need(manifest: dict[str, Any]) -> None:
    scopes = manifest["oauth_config"]["scopes"]["bot"]
    assert set(scopes) == set().union(*NEEDED.values())
    assert len(scopes) == len(set(scopes))


def test_the_command_escapes_and_the_events_come_through_the_socket(
    manifest: dict[str, Any],
) -> None:
    (command,) = manifest["features"]["slash_commands"]
    assert (command["command"], command["should_escape"]) == ("/agent", True)
    assert "url" not in command
    assert manifest["settings"]["socket_mode_enabled"] is True
    assert manifest["settings"]["interactivity"] == {"is_enabled": True}
    events = set(manifest["settings"]["event_subscriptions"]["bot_events"])
    assert {"app_mention", "message.channels", "message.groups", "message.im"} <= events
    assert {"channel_unarchive", "group_unarchive", "member_joined_channel"} <= events


def test_the_shortcut_and_the_direct_messages(manifest: dict[str, Any]) -> None:
    (shortcut,) = manifest["features"]["shortcuts"]
    assert (shortcut["type"], shortcut["callback_id"]) == ("message", "spawn")
    home = manifest["features"]["app_home"]
    assert home["messages_tab_enabled"] is True
    assert home["messages_tab_read_only_enabled"] is False
