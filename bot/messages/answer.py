"""An agent's answer: Markdown that can neither call people nor pass itself off as ours. Pure.

In a `markdown` block Slack obeys `<!channel>`, `<@U…>`, `<!subteam^…>`, `<#C…>` and
`<url|label>` as it does in mrkdwn. Each gets a word joiner (U+2060, which nobody sees) behind its
`<`, also where the `<` is written as an entity, and so do the bare words @channel, @here and
@everyone behind their `@`. A link whose label hides where it leads gets its host written into
it. Code is treated alike as far as mentions go, since what Slack takes for code is its own secret.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from bot.messages.blocks import Attachment
from bot.messages.words import bounded, clean, units

JOINER = "\u2060"
FENCE = "\n```"
LIMIT = 12_000  # in a block
EXCERPT = 3_000
LABEL = 300  # characters in front of a link that are looked through for its host
CALL = re.compile(
    r"(?P<open><|&lt;|&#0*60;|&#x0*3c;)(?=\\?[@#][A-Z0-9]|\\?![a-z]|[a-z][a-z0-9+.-]{0,20}:[^\s<>|]{0,3000}\|)",
    re.IGNORECASE,
)
GROUP = re.compile(r"@(?=(?:channel|here|everyone)\b)", re.IGNORECASE)
CODE = re.compile(r"(```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`\n]+`)", re.DOTALL)
LINKED = re.compile(r"\](?=\(\s*<?(?P<url>https?://[^\s()<>]+))", re.IGNORECASE)
DEFINITION = re.compile(r"^(\s{0,3}\[[^\]\n]+\]):", re.MULTILINE)


@dataclass(frozen=True)
class Answer:
    """What is shown of an answer, and the whole of it as a file when that is not all."""

    shown: str
    file: Attachment | None = None


def answer(agent_id: int, text: str, room: int = LIMIT) -> Answer:
    """An agent's answer for a `markdown` block; one that is too long comes as a file as well.

    `room` is how much the rest of the message leaves, never less than an excerpt.
    """
    whole = clean(text).strip()
    shown = harmless(whole)
    if units(shown) <= min(room, LIMIT):
        return Answer(shown)
    name = f"agent-{agent_id}-answer.md"
    cut = _closed(bounded(shown, EXCERPT))
    note = f"\n\n*The answer goes on: all of its {len(whole):,} characters are in {name}.*"
    return Answer(cut + note, Attachment(name, f"The whole answer of agent {agent_id}", whole))


def excerpt(text: str, limit: int) -> str:
    """The beginning of an answer, harmless, in at most `limit` characters."""
    cut = bounded(harmless(clean(text).strip()), max(limit - len(FENCE), 1))
    return _closed(cut)


def harmless(text: str) -> str:
    """Markdown in which nothing is live but itself."""
    silent = GROUP.sub("@" + JOINER, CALL.sub(rf"\g<open>{JOINER}", text))
    parts = CODE.split(silent)
    return "".join(part if index % 2 else _open(part) for index, part in enumerate(parts))


def _open(prose: str) -> str:
    """Prose whose links say where they lead; links defined elsewhere in it are none."""
    return LINKED.sub(_with_host, DEFINITION.sub(rf"\1{JOINER}:", prose))


def _with_host(found: re.Match[str]) -> str:
    host = _host(found["url"])
    before = found.string[max(0, found.start() - LABEL) : found.start()]
    label = before[before.rfind("[") + 1 :]
    return found[0] if not host or host in label else f" ({host})]"


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _closed(cut: str) -> str:
    """A cut text whose open code fence is closed, so that what follows is not code."""
    return f"{cut}{FENCE}" if cut.count("```") % 2 else cut
