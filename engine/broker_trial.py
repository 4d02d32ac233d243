"""Whether the model's API takes the key, asked without an agent: for `mab doctor`."""

import asyncio

import aiohttp

from engine.broker_upstream import Upstream, trusting
from engine.errors import MabError

_QUESTION = "/v1/models?limit=1"  # costs nothing
_VERSION = {"anthropic-version": "2023-06-01"}
_PATIENCE = aiohttp.ClientTimeout(total=15.0)


class ModelAway(MabError):
    """The model's API cannot be reached."""


async def takes_key(upstream: Upstream) -> bool:
    """Whether the API, or what stands before it, lets the key in; raises ModelAway."""
    jar = aiohttp.DummyCookieJar()
    tls = await asyncio.to_thread(trusting, upstream.certificates)
    try:
        async with (
            aiohttp.ClientSession(timeout=_PATIENCE, cookie_jar=jar) as session,
            session.get(
                upstream.url + _QUESTION,
                headers={**_VERSION, **upstream.headers},
                proxy=upstream.proxy or None,
                ssl=tls,
                allow_redirects=False,  # the key goes nowhere else
            ) as answer,
        ):
            return answer.status not in (401, 403)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise ModelAway(type(error).__name__) from error
