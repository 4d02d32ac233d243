"""What one person alone is told: ephemeral, at the place where they asked."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import structlog
from slack_sdk.webhook.async_client import AsyncWebhookClient

from bot.discretion import DiscreetClient
from bot.messages import Attachment, Message
from engine import Inbox, Reply

RETRY_SECONDS = (5.0, 30.0, 120.0)  # then the reply is given up: it has lost its moment
log = structlog.stdlib.get_logger(__name__)


def packed(message: Message) -> dict[str, Any]:
    """A message as the inbox keeps it."""
    return asdict(message)


def _unpacked(reply: Mapping[str, Any]) -> Message:
    file = reply.get("file")
    return Message(reply["text"], reply["blocks"], Attachment(**file) if file else None)


@dataclass(frozen=True)
class Replies:
    """Tells people what became of what they typed."""

    inbox: Inbox
    client: DiscreetClient

    async def tick(self) -> None:
        """Tell every reply that is due."""
        for reply in await self.inbox.replies():
            try:
                await self._tell(reply)
            except Exception as error:  # noqa: BLE001 - one reply does not hold up the others
                await self._later(reply, error)
            else:
                await self.inbox.replied(reply.key)

    async def _later(self, reply: Reply, error: Exception) -> None:
        log.warning("reply not told", command=reply.key, error=str(error))
        if reply.tries < len(RETRY_SECONDS):
            await self.inbox.postpone_reply(reply.key, RETRY_SECONDS[reply.tries])
        else:
            await self.inbox.replied(reply.key)

    async def _tell(self, reply: Reply) -> None:
        message = _unpacked(reply.reply)
        if not (reply.tries == 0 and await self._respond(reply, message)):
            await self._post(reply, message)
        if message.file is not None:
            await self._hand_over(reply.author, message.file)

    async def _respond(self, reply: Reply, message: Message) -> bool:
        """Answer by the address that came with the command; it works in every channel.

        It knows no thread, though: who pressed a button in one is answered there.
        """
        url = str(reply.payload.get("response_url") or "")
        if not url or (_thread(reply) and not reply.payload.get("ephemeral")):
            return False
        hook = AsyncWebhookClient(url, session=self.client.session, retry_handlers=[])
        answer = await hook.send(
            text=self.client.mask.text(message.text),
            blocks=self.client.mask.data(message.blocks),
            response_type="ephemeral",
            replace_original=bool(reply.payload.get("ephemeral")),
        )
        return answer.status_code == 200

    async def _post(self, reply: Reply, message: Message) -> None:
        await self.client.chat_postEphemeral(
            channel=str(reply.payload["channel"]),
            user=reply.author,
            text=message.text,
            blocks=message.blocks,
            thread_ts=_thread(reply),
        )

    async def _hand_over(self, user: str, file: Attachment) -> None:
        """Files cannot be ephemeral; the direct message is as private."""
        opened = await self.client.conversations_open(users=user)
        await self.client.files_upload_v2(
            channel=opened["channel"]["id"],
            content=file.content,
            filename=file.name,
            title=file.title,
        )


def _thread(reply: Reply) -> str | None:
    """The thread that a reply is shown in; one without replies is not seen."""
    thread = reply.payload.get("thread") or None
    return None if thread == reply.payload.get("ts") else thread
