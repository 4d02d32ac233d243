"""Whether Slack takes the tokens, asked once before anything starts."""

import asyncio

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.async_client import AsyncWebClient

from engine import ConfigError

ASKING_SECONDS = 5.0
REFUSALS = frozenset(  # that do not pass by themselves
    {
        *("invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired"),
        *("not_allowed_token_type", "missing_scope", "no_permission"),
    }
)


async def require(client: AsyncWebClient, app_token: str) -> None:
    """Raise ConfigError, naming the variable, when Slack refuses the bot's or the app's token.

    That Slack cannot be asked now is no reason not to start.
    """
    looks = {
        "SLACK_BOT_TOKEN": client.auth_test(),
        "SLACK_APP_TOKEN": client.apps_connections_open(app_token=app_token),
    }
    try:
        async with asyncio.timeout(ASKING_SECONDS):
            answers = await asyncio.gather(*looks.values(), return_exceptions=True)
    except TimeoutError:
        return
    for name, answer in zip(looks, answers, strict=True):
        _accept(name, answer)


def _accept(name: str, answer: object) -> None:
    match answer:
        case SlackApiError(response=response) if response.get("error") in REFUSALS:
            said = f"Slack refuses {name}: {response['error']}; `mab doctor` says what is needed"
            raise ConfigError(said)
        case SlackClientError() | aiohttp.ClientError() | OSError() | TimeoutError():
            return
        case BaseException():
            raise answer
        case _:
            return
