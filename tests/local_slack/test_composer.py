"""What typed text becomes (a table)."""

import pytest

from bot.local import composer

USERS = {"agent": "U1", "teammate": "U2"}
ROOMS = {"general": "C1"}
MESSAGES = {
    "plain": "plain",
    "a < b && c > d": "a &lt; b &amp;&amp; c &gt; d",
    "@agent do it": "<@U1> do it",
    "<@U1> do it": "<@U1> do it",
    "<@U9> who": "&lt;@U9&gt; who",
    "@nobody hi": "@nobody hi",
    "see #general, #1": "see <#C1|general>, #1",
    "https://a.example/x?y=1&z=2.": "<https://a.example/x?y=1&amp;z=2>.",
    "(http://a.example)": "(<http://a.example>)",
    "edit README.md now": "edit <http://README.md|README.md> now",
    "edit src/app.py": "edit src/app.py",
    "hello.txt": "hello.txt",
    "me@a.example": "<mailto:me@a.example|me@a.example>",
    "`a < @agent` b": "`a &lt; @agent` b",
    "```x = https://a.example\n@agent```": "```x = https://a.example\n@agent```",
    "— dash “quoted” 🎉\nnext": "— dash “quoted” 🎉\nnext",
    "&gt; typed": "&amp;gt; typed",
}


@pytest.mark.parametrize("typed", MESSAGES)
def test_messages(typed: str) -> None:
    assert composer.message(typed, USERS, ROOMS) == MESSAGES[typed]


def test_commands_carry_names() -> None:
    typed = "spawn ask @teammate in #general & https://a.example"
    expected = "spawn ask <@U2|teammate> in <#C1|general> &amp; <https://a.example>"
    assert composer.command(typed, USERS, ROOMS) == expected
