"""What Slack knows of people and channels, asked once in a while."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, TypeVar

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.access import Actor
from bot.intake import Ours
from bot.posting import understood
from engine import Person

T = TypeVar("T")
KEPT_SECONDS = 300.0
GONE = frozenset({"channel_not_found", "not_in_channel", "user_not_found", "no_such_subteam"})


@dataclass(frozen=True)
class Account:
    """One user of Slack."""

    person: Person
    is_bot: bool = False
    is_guest: bool = False
    team: str = ""


@dataclass
class Directory:
    """Users, channels and memberships; each answer is kept for five minutes."""

    client: AsyncWebClient
    groups: frozenset[str] = frozenset()  # the user groups that the access rules name
    named: frozenset[str] = frozenset()  # everybody whom they name by an id of their own
    _kept: dict[tuple[str, ...], tuple[float, Any]] = field(default_factory=dict)

    async def me(self) -> dict[str, str]:
        """The bot's own ids: user_id, bot_id, team_id (`auth.test`)."""

        async def ask() -> dict[str, str]:
            answer = await self.client.auth_test()
            return {key: str(answer.get(key) or "") for key in ("user_id", "bot_id", "team_id")}

        return await self._once(("me",), ask)

    async def bot_user(self) -> str:
        """The bot's own user id."""
        return (await self.me())["user_id"]

    async def ours(self) -> Ours:
        """Who we are, and which bots are listened to."""
        me = await self.me()
        return Ours(me["user_id"], me["team_id"], self.named - {me.get("bot_id", "")})

    async def account(self, user: str) -> Account:
        """A user, by id; one that Slack does not know is a stranger."""
        if user.startswith("B"):  # a bot that has no user
            return Account(Person(user, user), is_bot=True)

        async def ask() -> Account:
            try:
                found: dict[str, Any] = (await self.client.users_info(user=user))["user"]
            except SlackApiError as error:
                if _reason(error) not in GONE:
                    raise
                return Account(Person(user, user), is_guest=True)
            return _account(found)

        return await self._once(("user", user), ask)

    async def actor(self, user: str, channel: str = "") -> Actor:
        """What Slack says of somebody who acts; `channel`: where the agent in question lives."""
        account, me = await self.account(user), await self.me()
        return Actor(
            id=user,
            is_bot=account.is_bot,
            is_guest=account.is_guest,
            is_stranger=bool(account.team) and account.team != me["team_id"],
            groups=frozenset([group for group in self.groups if user in await self.group(group)]),
            in_channel=not channel or await self.is_member(channel, user),
        )

    async def group(self, group: str) -> frozenset[str]:
        """The members of a user group; one that Slack does not know has none."""

        async def ask() -> frozenset[str]:
            try:
                answer = await self.client.usergroups_users_list(usergroup=group)
            except SlackApiError as error:
                if _reason(error) not in GONE:
                    raise
                return frozenset()
            return frozenset(answer["users"])

        return await self._once(("group", group), ask)

    async def is_member(self, channel: str, user: str) -> bool:
        """Whether a user is in a channel."""

        async def ask() -> bool:
            try:
                pages = await self.client.conversations_members(channel=channel, limit=1000)
                async for page in pages:
                    if user in page["members"]:
                        return True
            except SlackApiError as error:
                if _reason(error) not in GONE:
                    raise
            return False

        return await self._once(("member", channel, user), ask)

    async def can_post(self, channel: str) -> bool:
        """Whether the bot can post in a channel."""

        async def ask() -> bool:
            try:
                found = (await self.client.conversations_info(channel=channel))["channel"]
            except SlackApiError as error:
                if _reason(error) not in GONE:
                    raise
                return False
            return bool(found.get("is_im") or found.get("is_member")) and not found.get(
                "is_archived"
            )

        able = await self._once(("post", channel), ask)
        if not able:  # somebody may invite the bot at any time
            self._kept.pop(("post", channel), None)
        return able

    async def names(self, users: set[str]) -> dict[str, str]:
        """The display names of these users."""
        return {user: (await self.account(user)).person.name for user in sorted(users)}

    async def _once(self, key: tuple[str, ...], ask: Callable[[], Awaitable[T]]) -> T:
        kept = self._kept.get(key)
        if kept is None or monotonic() - kept[0] > KEPT_SECONDS:
            kept = monotonic(), await ask()
            self._kept[key] = kept
        answer: T = kept[1]
        return answer


def _reason(error: SlackApiError) -> str:
    """Slack's word for what is wrong; an answer that is no JSON has none, but is understood."""
    failure = understood(error)
    return failure.reason if failure else ""


def _account(found: dict[str, Any]) -> Account:
    profile = found.get("profile") or {}
    name = profile.get("display_name") or found.get("real_name") or found.get("name") or ""
    return Account(
        Person(str(found["id"]), str(name) or str(found["id"])),
        is_bot=bool(found.get("is_bot")),
        is_guest=bool(found.get("is_restricted") or found.get("is_ultra_restricted")),
        team=str(found.get("team_id") or ""),
    )
