"""A headless Chromium, driven over its DevTools protocol."""

import asyncio
import json
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

Json = dict[str, Any]
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
SECONDS = 60.0
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--no-proxy-server", "--window-size=1360,860", "--remote-debugging-port=0"),
)
TROUBLES = ("Runtime.exceptionThrown", "Log.entryAdded", "Runtime.consoleAPICalled")


def binary() -> str | None:
    """The browser of this machine."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@dataclass
class Tab:
    """A page that is open."""

    socket: aiohttp.ClientWebSocketResponse
    troubles: list[str] = field(default_factory=list)  # errors of the console, CSP's among them
    _number: int = 0

    async def does(self, method: str, **parameters: Any) -> Json:
        """One command of the protocol."""
        self._number = number = self._number + 1
        await self.socket.send_json({"id": number, "method": method, "params": parameters})
        while True:
            message: Json = await self.socket.receive_json(timeout=SECONDS)
            if message.get("id") == number:
                assert "error" not in message, message
                return dict(message["result"])
            self._note(message)

    def _note(self, message: Json) -> None:
        told = message.get("params", {})
        level = told.get("entry", {}).get("level") or told.get("type", "error")
        if message.get("method") in TROUBLES and level == "error":
            self.troubles.append(json.dumps(told))

    async def value(self, expression: str) -> Any:
        """What an expression gives in the page."""
        given = await self.does("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in given, given
        return given["result"].get("value")

    async def until(self, expression: str) -> Any:
        """The first true value of an expression."""
        deadline = time.monotonic() + SECONDS
        while not (value := await self.value(expression)):
            assert time.monotonic() < deadline, await self.value("document.body.innerText")
            await asyncio.sleep(0.05)
        return value

    async def clicks(self, selector: str) -> None:
        """Press and release the mouse in the middle of an element."""
        box = f"document.querySelector({json.dumps(selector)}).getBoundingClientRect()"
        x, y = await self.value(f"(({{x, y, width, height}}) => [x+width/2, y+height/2])({box})")
        for kind in ("mousePressed", "mouseReleased"):
            where = {"x": x, "y": y, "button": "left", "clickCount": 1}
            await self.does("Input.dispatchMouseEvent", type=kind, **where)


@asynccontextmanager
async def opened(program: str, url: str) -> AsyncIterator[Tab]:
    """A new browser with one page; it is gone afterwards."""
    profile = Path(tempfile.mkdtemp(prefix="mab-browser-"))
    process = await asyncio.create_subprocess_exec(
        *(program, *FLAGS, f"--user-data-dir={profile}", "about:blank"),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with aiohttp.ClientSession() as session:
            address = await _page(session, await _port(profile))
            async with session.ws_connect(address, max_msg_size=0) as socket:
                tab = Tab(socket)
                for domain in ("Runtime", "Log", "Page"):
                    await tab.does(f"{domain}.enable")
                await tab.does("Page.navigate", url=url)
                yield tab
                await tab.does("Browser.close")
    finally:
        await _end(process)
        shutil.rmtree(profile, ignore_errors=True)


async def _end(process: asyncio.subprocess.Process) -> None:
    try:
        await asyncio.wait_for(process.wait(), 5)
    except TimeoutError:
        process.kill()
        await process.wait()


async def _port(profile: Path) -> str:
    """The port that the browser chose, which it writes into its profile."""
    written = profile / "DevToolsActivePort"
    deadline = time.monotonic() + SECONDS
    while not (written.exists() and (lines := written.read_text().splitlines())):
        assert time.monotonic() < deadline, "the browser did not start"
        await asyncio.sleep(0.05)
    return lines[0]


async def _page(session: aiohttp.ClientSession, port: str) -> str:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        async with session.get(f"http://127.0.0.1:{port}/json") as answer:
            targets = await answer.json(content_type=None)
        if pages := [target for target in targets if target["type"] == "page"]:
            return str(pages[0]["webSocketDebuggerUrl"])
        await asyncio.sleep(0.05)
    raise AssertionError("the browser has no page")
