"""The word that stops: which message is nothing else, and what it means to end."""

from dataclasses import replace

import pytest

from bot.meaning import Thread
from bot.stopping import Stop, stops
from tests.tables.test_meaning import BESIDE, CODE, DESIGN, OVER, PLANNED, TEST, WORKS

LONE = Thread((DESIGN, CODE))
LANDS = Thread((DESIGN, replace(CODE, id=16, key="", lands="c" * 40)))
DRAFT = Thread((DESIGN,), PLANNED.inquiries)
BOTH = Thread((DESIGN, CODE), PLANNED.inquiries)
ONE, ALL = Stop((CODE,)), Stop(workflow=5)

WORDS = [
    "stop", "Stop!", " STOP. ", "stop it", "stop now!", "please stop", "stop please", "cancel",
    "stop the agent", "stop this agent now", "stop agent",
]  # fmt: skip
NAMED = ["stop 12", "stop #12", "stop agent 12", "stop implement", "stop w5.implement", "12: stop", "implement: stop!", "Cancel 12."]  # fmt: skip
OTHERS = [
    "", "stop retrying so often", "stop tests", "stop 99", "stop w6.test", "don't stop", "stop?",
    "stop using sqlite", "unstoppable", "cancel the order flow", "stop the tests", "when do you stop",
    "12: stop the tests", "99: stop", "stop, and use sqlite", "stopp",
]  # fmt: skip


@pytest.mark.parametrize("text", WORDS)
def test_the_only_one_that_has_not_ended_is_meant(text: str) -> None:
    assert stops(LONE, text) == ONE


@pytest.mark.parametrize("text", NAMED)
def test_one_of_several_can_be_named(text: str) -> None:
    assert stops(BESIDE, text) == ONE


@pytest.mark.parametrize("text", OTHERS)
def test_what_says_more_is_something_else(text: str) -> None:
    assert stops(BESIDE, text) is None


@pytest.mark.parametrize(
    ("thread", "text", "meant"),
    [
        (Thread(), "stop", None),
        (WORKS, "stop", Stop((CODE, TEST))),
        (WORKS, "stop all", ALL),
        (WORKS, "stop everything!", ALL),
        (LANDS, "stop", Stop((LANDS.nodes[1],))),
        (OVER, "stop", Stop()),
        (OVER, "stop all", Stop()),
        (OVER, "stop design", Stop((DESIGN,))),
        (PLANNED, "stop", ALL),
        (DRAFT, "stop", ALL),
        (BOTH, "stop", Stop((CODE,), 5)),
        (BOTH, "stop implement", ONE),
    ],
)
def test_what_is_meant(thread: Thread, text: str, meant: Stop | None) -> None:
    assert stops(thread, text) == meant
