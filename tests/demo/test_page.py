"""The demo's page in a real browser."""

import pytest

from tests.demo.browser import binary, opened
from tests.demo.conftest import Demo

BROWSER = binary()
EXAMPLE = ".example"
SHOWN = 'document.querySelector("#thread").innerText'


@pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome on the PATH")
async def test_a_click_on_an_example_fills_the_thread(demo: Demo) -> None:
    assert BROWSER
    async with opened(BROWSER, demo.url) as tab:
        await tab.until("document.querySelector('.banner')?.innerText.startsWith('demo model')")
        room = "[...document.querySelectorAll('.room')].find(r => r.innerText.includes('random'))"
        await tab.value(f"{room}.click()")  # nobody has spoken there, so the examples are shown
        await tab.until(f"document.querySelectorAll('{EXAMPLE}').length >= 5")
        await tab.clicks(EXAMPLE)
        await tab.until(f"{SHOWN}.includes(' is done.')")
        shown = await tab.value(SHOWN)
        assert await tab.value("location.search") == ""  # the token is not left in the address
        assert tab.troubles == []
    assert "Created hello.txt with 17 characters." in shown
    assert "View diff" in shown
