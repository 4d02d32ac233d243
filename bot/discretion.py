"""The client of Slack's Web API that tells no secret, whatever it is asked to say."""

from typing import Any

from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from engine import Mask


class DiscreetClient(AsyncWebClient):
    """Masks secrets in every text and file on its way to Slack, in whoever's words they are."""

    def __init__(self, mask: Mask, **options: Any) -> None:
        super().__init__(**options)
        self.mask = mask

    async def api_call(self, api_method: str, **options: Any) -> AsyncSlackResponse:
        """Call a method with what may be told of its arguments."""
        for part in ("data", "params", "json"):
            if given := options.get(part):
                options[part] = self.mask.data(given)
                if "token" in given:  # it authorises the call
                    options[part]["token"] = given["token"]
        return await super().api_call(api_method, **options)

    async def files_upload_v2(
        self, *, content: str | bytes | None = None, **options: Any
    ) -> AsyncSlackResponse:
        """Upload a file; one that is text is masked."""
        match content:
            case str():
                content = self.mask.text(content)
            case bytes():
                content = self.mask.content(content)
        options["title"] = self.mask.data(options.get("title"))
        return await super().files_upload_v2(content=content, **options)
