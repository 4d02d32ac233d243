"""Files that people attach: fetched from Slack with the bot's token, and from nobody else."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

import aiohttp
import structlog
from slack_sdk.web.async_client import AsyncWebClient

from bot.filetypes import fits, is_supported
from bot.messages import accepted
from engine import LARGEST_FILE, MOST_FILES, File

SECONDS = 25.0  # for all files of a message
CHUNK = 65_536
Json = Mapping[str, Any]
log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True)
class Fetched:
    """The files of a message, and the sentences about those that were refused."""

    files: tuple[File, ...] = ()
    refused: tuple[str, ...] = ()


class _Refused(Exception):
    """A file that an agent does not get; the text is a sentence for people."""


@dataclass(frozen=True)
class Downloads:
    """Fetches files by the addresses that Slack gave."""

    client: AsyncWebClient

    async def fetch(self, listed: Sequence[Json]) -> Fetched:
        """Fetch what is supported and not too large, each file or a sentence about it."""
        fetching = [asyncio.create_task(self._fetch(file)) for file in listed[:MOST_FILES]]
        if not fetching:
            return Fetched()
        await asyncio.wait(fetching, timeout=SECONDS)
        for task in fetching:
            task.cancel()
        found = await asyncio.gather(*fetching, return_exceptions=True)
        files = tuple(got for got in found if isinstance(got, File))
        pairs = zip(listed, found, strict=False)
        told = [_sentence(file, got) for file, got in pairs if isinstance(got, BaseException)]
        told += [accepted.too_many(str(file["name"])) for file in listed[MOST_FILES:]]
        return Fetched(files, tuple(told))

    async def _fetch(self, listed: Json) -> File:
        name, mimetype = str(listed["name"]), str(listed["mimetype"]).lower()
        if not is_supported(mimetype):
            raise _Refused(accepted.not_supported(name))
        if listed["size"] > LARGEST_FILE:
            raise _Refused(accepted.too_large(name))
        if not from_slack(str(listed["url"]), self.client.base_url):
            raise _Refused(accepted.not_slacks(name))
        content = await self._content(listed, name)
        if not fits(mimetype, content):
            raise _Refused(accepted.not_supported(name))
        return File(name, mimetype, content)

    async def _content(self, listed: Json, name: str) -> bytes:
        session = self.client.session
        assert session is not None  # noqa: S101 - our client is made with one
        token = {"Authorization": f"Bearer {self.client.token}"}
        async with session.get(listed["url"], headers=token, allow_redirects=False) as response:
            page = response.content_type == "text/html" != listed["mimetype"]
            if response.status != 200 or page:  # Slack's sign-in page: the token may not
                raise _Refused(accepted.not_fetched(name))
            content = bytearray()
            async for chunk in response.content.iter_chunked(CHUNK):
                content += chunk
                if len(content) > LARGEST_FILE:
                    raise _Refused(accepted.too_large(name))
            return bytes(content)


def _sentence(listed: Json, error: BaseException) -> str:
    if isinstance(error, _Refused):
        return str(error)
    expected = (aiohttp.ClientError, OSError, TimeoutError, ValueError, asyncio.CancelledError)
    if not isinstance(error, expected):
        log.error("file not fetched", exc_info=error)
    return accepted.not_fetched(str(listed["name"]))


def from_slack(url: str, api: str) -> bool:
    """Whether an address is the Web API's own host, or a host below it: the token goes there.

    Raises ValueError for what is no address.
    """
    asked, ours = urlsplit(url), urlsplit(api)
    if _origin(asked) == _origin(ours):
        return True
    host, below = _origin(asked)[1], f".{ours.hostname}"
    return _origin(asked) == ("https", host, None, None) and host.endswith(below)


def _origin(url: SplitResult) -> tuple[str, str, int | None, str | None]:
    return url.scheme, url.hostname or "", url.port, url.username
