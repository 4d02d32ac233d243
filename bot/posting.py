"""Posting to Slack so that nothing is posted twice: what an error means, and what is there."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.messages import Attachment, Message
from engine import Failpoint, reached

LOOK_BACK = 200  # messages that are searched for one that may have been posted
# Slack says no, until people change something: nothing can be told in this channel.
CLOSED = frozenset(
    {
        *("channel_not_found", "is_archived", "is_inactive", "not_in_channel"),
        *("restricted_action", "restricted_action_thread_locked", "team_access_not_granted"),
        "messages_tab_disabled",
    }
)
# The channel is there, the thread is not: its first message was deleted.
UNTHREADED = frozenset({"thread_not_found", "cannot_reply_to_message"})
# The message to edit is gone, or cannot be edited any more.
GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})


class Trouble(StrEnum):
    """What a failed call means for the next one."""

    CLOSED = "closed"  # not in this channel, until people change something
    UNTHREADED = "unthreaded"  # not in this thread, it is gone
    GONE = "gone"  # the message to edit does not exist
    REFUSED = "refused"  # it had no effect; later perhaps
    UNCERTAIN = "uncertain"  # it may have had its effect


@dataclass(frozen=True)
class Failure:
    """A call that failed, understood."""

    trouble: Trouble
    reason: str
    retry_after: float = 0.0  # seconds that Slack asks for


def understood(error: BaseException) -> Failure | None:
    """What an error of a Slack call means; None for errors that are not Slack's."""
    if isinstance(error, SlackApiError):
        return _refusal(error)
    if isinstance(error, aiohttp.ClientConnectorError):
        return Failure(Trouble.REFUSED, "Slack cannot be reached")
    if isinstance(error, (aiohttp.ClientError, TimeoutError, OSError)):
        return Failure(Trouble.UNCERTAIN, repr(error))
    return None


def _refusal(error: SlackApiError) -> Failure:
    answer = error.response
    code = str(answer.get("error") or "") if isinstance(answer.data, dict) else ""
    status = int(getattr(answer, "status_code", 0) or 0)
    if status == 429 or code == "ratelimited":
        return Failure(
            Trouble.REFUSED, "rate limit", float(answer.headers.get("Retry-After", 1) or 1)
        )
    if status >= 500 or code in {"internal_error", "fatal_error", "request_timeout", ""}:
        return Failure(Trouble.UNCERTAIN, code or f"HTTP {status}")
    sorts = {Trouble.CLOSED: CLOSED, Trouble.UNTHREADED: UNTHREADED, Trouble.GONE: GONE}
    found = [trouble for trouble, codes in sorts.items() if code in codes]
    return Failure(found[0] if found else Trouble.REFUSED, code)


@dataclass(frozen=True)
class Spot:
    """A thread in a channel; without `thread`, the channel itself."""

    channel: str
    thread: str | None


@dataclass(frozen=True)
class Mark:
    """What a message carries so that it can be found again: kind and id of what it tells."""

    kind: str  # card | notice
    id: int

    @property
    def metadata(self) -> dict[str, Any]:
        """In Slack's form."""
        return {"event_type": f"mab_{self.kind}", "event_payload": {"id": self.id}}


@dataclass(frozen=True)
class Enclosure:
    """A file of an agent's, byte for byte."""

    name: str
    title: str
    content: bytes


@dataclass(frozen=True)
class Poster:
    """The Slack calls that speak in threads."""

    client: AsyncWebClient

    async def post(self, spot: Spot, message: Message, mark: Mark) -> str:
        """Post a message; gives its ts."""
        reached(Failpoint.BEFORE_POST)
        answer = await self.client.chat_postMessage(
            channel=spot.channel,
            thread_ts=spot.thread,
            text=message.text,
            blocks=message.blocks,
            metadata=mark.metadata,
            unfurl_links=False,
            unfurl_media=False,
        )
        reached(Failpoint.AFTER_POST)
        return str(answer["ts"])

    async def direct(self, user: str) -> str:
        """The channel of the direct messages with somebody."""
        opened = await self.client.conversations_open(users=user)
        return str(opened["channel"]["id"])

    async def edit(self, spot: Spot, ts: str, message: Message, mark: Mark) -> None:
        """Put another content in the place of a message."""
        await self.client.chat_update(
            channel=spot.channel,
            ts=ts,
            text=message.text,
            blocks=message.blocks,
            metadata=mark.metadata,
        )

    async def react(self, spot: Spot, ts: str, name: str) -> None:
        """Put a reaction on a message; one that cannot be put is left out, nothing hangs on it."""
        try:
            await self.client.reactions_add(channel=spot.channel, timestamp=ts, name=name)
        except SlackApiError as error:
            failure = _refusal(error)
            if failure.trouble is Trouble.UNCERTAIN or failure.retry_after:
                raise

    async def upload(self, spot: Spot, file: Attachment | Enclosure) -> None:
        """Post a file."""
        await self.client.files_upload_v2(
            channel=spot.channel,
            thread_ts=spot.thread,
            content=file.content or "\n",
            filename=file.name,
            title=file.title,
        )

    async def find(self, spot: Spot, mark: Mark) -> str:
        """The ts of the message with this mark; "" when there is none."""
        return next(iter(await self.copies(spot, mark)), "")

    async def copies(self, spot: Spot, mark: Mark) -> list[str]:
        """The ts of every message with this mark."""
        return [
            str(message["ts"])
            for message in await self._latest(spot)
            if message.get("metadata") == mark.metadata and message.get("bot_id")
        ]

    async def remove(self, spot: Spot, ts: str) -> None:
        """Delete a message, if it is still there."""
        try:
            await self.client.chat_delete(channel=spot.channel, ts=ts)
        except SlackApiError as error:
            if _refusal(error).trouble is not Trouble.GONE:
                raise

    async def has_file(self, spot: Spot, file: Attachment | Enclosure, since: str) -> bool:
        """Whether a file of this name was posted after the message `since`."""
        return any(
            shared.get("name") == file.name and float(message["ts"]) > float(since)
            for message in await self._latest(spot)
            for shared in message.get("files") or ()
        )

    async def _latest(self, spot: Spot) -> list[dict[str, Any]]:
        if spot.thread is None:
            answer = await self.client.conversations_history(
                channel=spot.channel, limit=LOOK_BACK, include_all_metadata=True
            )
            return list(answer["messages"])
        found: list[dict[str, Any]] = []
        pages = await self.client.conversations_replies(
            channel=spot.channel, ts=spot.thread, limit=LOOK_BACK, include_all_metadata=True
        )
        async for page in pages:
            found += page["messages"]
        return found
