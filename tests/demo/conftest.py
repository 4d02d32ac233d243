"""The demo as a program of its own, and its page in the hands of a person."""

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp
import pytest

Json = dict[str, Any]
SECONDS = 60.0
UNSET = ("ANTHROPIC_", "CLAUDE", "MAB_", "SLACK_", "GIT_")


@dataclass
class Demo:
    """A running `mab demo`; `place` holds everything it makes outside a user's repository."""

    process: subprocess.Popen[str]
    place: Path
    said: str = ""

    @classmethod
    def starts(cls, *arguments: str, **environment: str) -> Self:
        """Start it, and wait until it listens."""
        place = Path(tempfile.mkdtemp(prefix="mab-t-")).resolve()  # short: sockets lie below it
        kept = {name: v for name, v in os.environ.items() if not name.startswith(UNSET)}
        process = subprocess.Popen(
            [sys.executable, "-m", "bot.start", "demo", *arguments],
            cwd=place,
            env={**kept, "TMPDIR": str(place), **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        demo = cls(process, place)
        assert process.stdout is not None
        for line in process.stdout:
            demo.said += line
            if "Ctrl+C" in line:
                return demo
        demo.gone()
        raise AssertionError(demo.said)

    @property
    def url(self) -> str:
        """The address that it printed."""
        found = re.search(r"http://\S+", self.said)
        assert found, self.said
        return found[0]

    @property
    def origin(self) -> str:
        """The address of the page, without the token."""
        return f"http://{urlsplit(self.url).netloc}"

    def ends(self) -> str:
        """Press Ctrl+C; what it says then."""
        self.process.send_signal(signal.SIGINT)
        said, _ = self.process.communicate(timeout=SECONDS)
        assert self.process.returncode == 0, said
        return said

    def gone(self) -> None:
        """Leave nothing of it, whatever has happened."""
        self.process.send_signal(signal.SIGINT)  # nothing happens when it has ended
        try:
            self.process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
        except ValueError:
            pass  # it was read to its end before
        shutil.rmtree(self.place, ignore_errors=True)

    @asynccontextmanager
    async def page(self) -> AsyncIterator["Page"]:
        """The page, opened by the printed address."""
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(self.origin, cookie_jar=jar) as browser:
            async with browser.get(self.url) as answer:
                assert answer.status == 200
            async with browser.ws_connect("/page/live", origin=self.origin) as socket:
                yield Page(browser, socket, await socket.receive_json(timeout=SECONDS))


@dataclass
class Page:
    """The page's end of the WebSocket; `state` is what came first."""

    browser: aiohttp.ClientSession
    socket: aiohttp.ClientWebSocketResponse
    state: Json

    @property
    def general(self) -> str:
        """The id of #general."""
        return next(str(c["id"]) for c in self.state["channels"] if c["name"] == "general")

    async def types(self, text: str) -> None:
        """Send something in #general."""
        post = {"do": "post", "as": self.state["me"], "channel": self.general, "text": text}
        await self.socket.send_json({"id": 1, **post})

    async def presses(self, message: Json, label: str, who: str = "you") -> None:
        """Press a button of a message in #general, as somebody."""
        buttons = [
            {"block_id": block["block_id"], "action_id": each["action_id"], "value": each["value"]}
            for block in message["blocks"]
            for each in block.get("elements", ())
            if each.get("type") == "button" and each["text"]["text"] == label
        ]
        user = next(user["id"] for user in self.state["users"] if user["name"] == who)
        press = {"do": "press", "as": user, "channel": self.general, "ts": message["ts"]}
        await self.socket.send_json({"id": 2, **press, **buttons[0]})

    async def told(self, part: str) -> Json:
        """The first message, from now on, whose text has this part."""
        return await self._first(lambda message: part in message.get("text", ""))

    async def shows(self, pattern: str) -> Json:
        """The first message, from now on, with this pattern in it."""
        return await self._first(
            lambda message: re.search(pattern, json.dumps(message)) is not None
        )

    async def _first(self, fits: Callable[[Json], bool]) -> Json:
        async with asyncio.timeout(SECONDS):
            while True:
                event: Json = await self.socket.receive_json()
                if fits(event.get("message") or {}):
                    return dict(event["message"])


@pytest.fixture(scope="session")
def demo() -> Iterator[Demo]:
    """A demo with the sample repository and without a key."""
    running = Demo.starts()
    yield running
    running.gone()
