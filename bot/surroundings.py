"""What surrounds a request in Slack: the conversation above it, and the files that it carries."""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import structlog
from slack_sdk.errors import SlackClientError

from bot import slack_text
from bot.directory import Directory
from bot.downloads import Downloads
from bot.messages import accepted
from bot.quoting import MESSAGES, Said, Standing, quoted
from engine import Context, File

READ_SECONDS = 10.0  # for the whole conversation; without it the agent starts as well
PAGE = 200
WRITTEN = frozenset({"", "file_share", "thread_broadcast", "me_message", "bot_message"})
Json = Mapping[str, Any]
log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True)
class Surroundings:
    """What an agent gets beside its task, and what people should know was left out."""

    context: Context = field(default_factory=Context)
    files: tuple[File, ...] = ()
    lacks: tuple[str, ...] = ()  # sentences


@dataclass(frozen=True)
class Surveyor:
    """Looks around in Slack; what it does not find holds nothing up."""

    directory: Directory
    downloads: Downloads

    async def survey(self, payload: Json) -> Surroundings:
        """What surrounds the message of a command; a slash command has nothing around it."""
        fetched = await self.downloads.fetch(payload.get("files") or ())
        try:
            async with asyncio.timeout(READ_SECONDS):
                context = await self._above(payload)
        except (SlackClientError, aiohttp.ClientError, OSError, TimeoutError) as error:
            log.warning("conversation not read", error=str(error))
            return Surroundings(Context(), fetched.files, (accepted.UNREAD, *fetched.refused))
        return Surroundings(context, fetched.files, fetched.refused)

    async def others_spoke(self, payload: Json, person: str, since: float) -> bool:
        """Whether another person has written into the thread of a message since a moment.

        When Slack cannot be asked, somebody may have.
        """
        try:
            async with asyncio.timeout(READ_SECONDS):
                pages = await self.directory.client.conversations_replies(
                    channel=payload["channel"],
                    ts=payload["thread"],
                    oldest=f"{since:.6f}",
                    limit=PAGE,
                )
                me = await self.directory.bot_user()
                async for page in pages:
                    for said in page["messages"]:
                        spoke = _counts(said) and not said.get("bot_id")
                        if spoke and float(said["ts"]) > since and said["user"] not in {person, me}:
                            return True
        except (SlackClientError, aiohttp.ClientError, OSError, TimeoutError) as error:
            log.warning("thread not read", error=str(error))
            return True
        return False

    async def _above(self, payload: Json) -> Context:
        """The conversation above the message of a command."""
        ts, thread = str(payload.get("ts") or ""), str(payload.get("thread") or "")
        if not ts or thread == ts:
            return Context()
        newest: deque[Json] = deque(maxlen=MESSAGES)
        count = 0
        pages = await self.directory.client.conversations_replies(
            channel=payload["channel"], ts=thread, latest=ts, limit=PAGE, include_all_metadata=True
        )
        async for page in pages:
            found = [m for m in page["messages"] if m["ts"] < ts and _counts(m)]
            count += len(found)
            newest.extend(found)
        said = [await self._said(message) for message in newest]
        return quoted(said, count - len(said))

    async def _said(self, message: Json) -> Said:
        name, standing = await self._author(message)
        raw = _text(message)
        names = await self.directory.names(slack_text.users(raw))
        text = slack_text.meaning(raw, names)
        attached = ", ".join(slack_text.storable(_name(f)) for f in message.get("files") or ())
        return Said(
            float(message["ts"]),
            slack_text.storable(name),
            standing,
            f"{text}\n(attached: {attached})".strip() if attached else text,
        )

    async def _author(self, message: Json) -> tuple[str, Standing]:
        """Who said it, and whether their word counts as the workspace's."""
        me, user = await self.directory.me(), str(message.get("user") or "")
        if user == me["user_id"] or (message.get("bot_id") or "-") == me["bot_id"]:
            return "agent", Standing.OURS
        if not user or message.get("bot_id"):
            return str(message.get("username") or user or "a bot"), Standing.BOT
        actor, account = await self.directory.actor(user), await self.directory.account(user)
        if actor.is_stranger:
            return account.person.name, Standing.STRANGER
        if actor.is_bot:
            return account.person.name, Standing.BOT
        return account.person.name, Standing.GUEST if actor.is_guest else Standing.MEMBER


def _counts(message: Json) -> bool:
    """Whether somebody said something; a card is the state of things, not a word."""
    card = (message.get("metadata") or {}).get("event_type") == "mab_card"
    written = str(message.get("subtype") or "") in WRITTEN
    return written and not card and bool(_text(message) or message.get("files"))


def _text(message: Json) -> str:
    """What was said; bots often say it in attachments alone."""
    if text := str(message.get("text") or ""):
        return text
    parts = message.get("attachments") or ()
    return "\n".join(str(part.get("text") or part.get("fallback") or "") for part in parts).strip()


def _name(file: Json) -> str:
    return " ".join(str(file.get("name") or "a file").split())[:100]
