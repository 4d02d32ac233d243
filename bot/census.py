"""What Slack knows of the ids that the configuration names, asked side by side."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from bot.policies import Census, Entry, State

AT_ONCE = 8  # calls
MOST = 200  # ids
LONGEST_NAME = 40
UNKNOWN = frozenset(
    {
        *("user_not_found", "users_not_found", "user_not_visible", "bot_not_found"),
        *("no_such_subteam", "plan_upgrade_required", "channel_not_found"),
    }
)
Json = Mapping[str, Any]


@dataclass(frozen=True)
class Registry:
    """Slack, asked who is who; what it does not answer in time stays unasked."""

    client: AsyncWebClient
    seconds: float  # for all answers

    async def census(self, ids: Iterable[str]) -> Census:
        """An entry for each id; raises nothing."""
        wanted = tuple(ids)
        room = asyncio.Semaphore(AT_ONCE)
        looks = (self._bounded(room, who) for who in wanted[:MOST])
        groups, found = await asyncio.gather(self._groups(wanted), asyncio.gather(*looks))
        return {entry.id: _named(entry, groups.get(entry.id, {})) for entry in found}

    async def _bounded(self, room: asyncio.Semaphore, who: str) -> Entry:
        try:
            async with asyncio.timeout(self.seconds), room:
                return await self._look(who)
        except SlackApiError as error:
            unknown = error.response.get("error") in UNKNOWN
            return Entry(who, State.UNKNOWN if unknown else State.UNASKED)
        except (SlackClientError, aiohttp.ClientError, OSError, TimeoutError):
            return Entry(who)

    def _look(self, who: str) -> Awaitable[Entry]:
        looks: dict[str, Callable[[str], Awaitable[Entry]]] = {
            "U": self._user,
            "W": self._user,
            "S": self._group,
            "B": self._bot,
        }
        return looks.get(who[:1], self._channel)(who)

    async def _user(self, user: str) -> Entry:
        found: Json = (await self.client.users_info(user=user))["user"]
        profile: Json = found.get("profile") or {}
        name = profile.get("display_name") or found.get("real_name") or found.get("name") or ""
        state = State.GONE if found.get("deleted") else State.THERE
        return Entry(user, state, _clean(name), is_bot=bool(found.get("is_bot")))

    async def _bot(self, bot: str) -> Entry:
        found: Json = (await self.client.bots_info(bot=bot))["bot"]
        state = State.GONE if found.get("deleted") else State.THERE
        return Entry(bot, state, _clean(found.get("name")), is_bot=True)

    async def _group(self, group: str) -> Entry:
        answer = await self.client.usergroups_users_list(usergroup=group)
        return Entry(group, State.THERE, members=frozenset(map(str, answer["users"])))

    async def _channel(self, channel: str) -> Entry:
        found: Json = (await self.client.conversations_info(channel=channel))["channel"]
        inside = found.get("is_member") or found.get("is_im")
        state = State.THERE if inside else State.OUTSIDE
        name = f"#{_clean(found.get('name'))}" if found.get("name") else ""
        return Entry(channel, State.GONE if found.get("is_archived") else state, name)

    async def _groups(self, wanted: Iterable[str]) -> dict[str, Json]:
        """All user groups by id, when one is wanted; their names only adorn, so none is no harm."""
        if not any(who.startswith("S") for who in wanted):
            return {}
        try:
            async with asyncio.timeout(self.seconds):
                answer = await self.client.usergroups_list(include_disabled=True)
        except (SlackClientError, aiohttp.ClientError, OSError, TimeoutError):
            return {}
        return {str(group["id"]): group for group in answer["usergroups"]}


def _named(entry: Entry, group: Json) -> Entry:
    """With the handle of a user group; one that is disabled has no members."""
    if not group:
        return entry
    name = f"@{_clean(group.get('handle'))}"
    if group.get("date_delete"):
        return Entry(entry.id, State.GONE, name)
    return replace(entry, name=name)


def _clean(name: object) -> str:
    """What people called something, on one line and short; names are others' text."""
    printable = "".join(sign if sign.isprintable() else " " for sign in str(name or ""))
    return " ".join(printable.split())[:LONGEST_NAME]
