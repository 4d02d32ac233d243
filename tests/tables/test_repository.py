"""Which repository is meant: named > thread's > channel's > the only one > ask."""

from pathlib import Path

import pytest

from bot.repository import Ask, Chosen, Unknown, choose
from engine import Repo

SHOP, API, SECRET = (Repo(path=Path("/r")) for _ in range(3))
LOCAL = Repo(path=Path("/r"), channels=("C1",))
TABLE = [
    ("the only one", "", "C1", [], {"shop": SHOP}, Chosen("shop")),
    ("named", "api", "C1", [], {"shop": SHOP, "api": API}, Chosen("api")),
    ("named before the thread's", "api", "C1", ["shop"], {"shop": SHOP, "api": API}, Chosen("api")),
    ("the thread's last", "", "C1", ["shop", "api"], {"shop": SHOP, "api": API}, Chosen("api")),
    ("the channel's", "", "C1", [], {"shop": SHOP, "local": LOCAL}, Chosen("local")),
    (
        "the thread's before the channel's",
        "",
        "C1",
        ["shop"],
        {"shop": SHOP, "local": LOCAL},
        Chosen("shop"),
    ),
    (
        "another channel's is not usable",
        "",
        "C2",
        [],
        {"shop": SHOP, "local": LOCAL},
        Chosen("shop"),
    ),
    (
        "named, but another channel's",
        "local",
        "C2",
        [],
        {"shop": SHOP, "local": LOCAL},
        Unknown("local", ("shop",)),
    ),
    ("unknown", "web", "C1", [], {"shop": SHOP}, Unknown("web", ("shop",))),
    ("several", "", "C1", [], {"shop": SHOP, "api": API}, Ask(("shop", "api"))),
    ("several of the channel", "", "C1", [], {"x": SHOP, "a": LOCAL, "b": LOCAL}, Ask(("a", "b"))),
    ("none", "", "C1", [], {}, Ask(())),
    ("only another channel's", "", "C2", [], {"local": LOCAL}, Ask(())),
    ("the thread's is no longer configured", "", "C1", ["gone"], {"shop": SHOP}, Chosen("shop")),
]


@pytest.mark.parametrize(
    ("named", "channel", "thread", "repos", "expected"),
    [row[1:] for row in TABLE],
    ids=[row[0] for row in TABLE],
)
def test_choice(
    named: str, channel: str, thread: list[str], repos: dict[str, Repo], expected: object
) -> None:
    assert choose(named, channel, thread, repos) == expected
