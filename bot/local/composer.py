"""What Slack's composer makes of what a person types, before an app gets to see it. Pure."""

import re
from collections.abc import Callable, Mapping

CODE = re.compile(r"(```.*?```|`[^`\n]+`)", re.DOTALL)
_TOKEN = re.compile(
    r"(?P<user_id><@(?P<uid>[UW][A-Z0-9]+)(?:\|[^>]*)?>)"
    r"|(?P<channel_id><#(?P<cid>C[A-Z0-9]+)(?:\|[^>]*)?>)"
    r"|(?P<url>https?://[^\s<>|]*[^\s<>|.,;:!?)\]}'\"`])"
    r"|(?P<mail>[\w.+-]+@[\w-]+(?:\.[\w-]+)+)"
    r"|(?P<domain>(?<![\w./@-])[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*"
    r"\.(?:com|org|net|io|dev|ai|app|md|rs|sh|py)(?![\w.@-]|/\w))"
    r"|(?<![\w@])@(?P<at>[\w.-]*\w)"
    r"|(?<![\w#&])#(?P<hash>[\w-]+)"
)
Names = Mapping[str, str]


def escaped(text: str) -> str:
    """The three characters that Slack writes as entities."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def message(text: str, users: Names, channels: Names) -> str:
    """The text of a message event; `users` and `channels` map names to ids.

    Known mentions become `<@U…>` and `<#C…|name>`, addresses become links (also those that only
    look like one, such as README.md), all else is escaped. In code nothing but escaping happens.
    """
    return _typed(text, lambda uid, _name: f"<@{uid}>", users, channels)


def command(text: str, users: Names, channels: Names) -> str:
    """The text of a slash command with `should_escape`: mentions carry their names."""
    return _typed(text, lambda uid, name: f"<@{uid}|{name}>", users, channels)


def _typed(text: str, mention: Callable[[str, str], str], users: Names, channels: Names) -> str:
    def token(match: re.Match[str]) -> str:
        return _token(match, mention, users, channels)

    return "".join(
        escaped(part) if index % 2 else _outside(part, token)
        for index, part in enumerate(CODE.split(text))
    )


def _outside(text: str, token: Callable[[re.Match[str]], str]) -> str:
    parts, end = [], 0
    for match in _TOKEN.finditer(text):
        parts += [escaped(text[end : match.start()]), token(match)]
        end = match.end()
    return "".join([*parts, escaped(text[end:])])


def _token(
    match: re.Match[str], mention: Callable[[str, str], str], users: Names, channels: Names
) -> str:
    typed = match.group()
    match match.lastgroup:
        case "url":
            return f"<{escaped(typed)}>"
        case "mail":
            return f"<mailto:{typed}|{typed}>"
        case "domain":
            return f"<http://{typed}|{typed}>"
        case "user_id" | "at":
            name = match["at"] or _name(users, match["uid"])
            return mention(users[name], name) if name in users else escaped(typed)
        case "channel_id" | "hash":
            name = match["hash"] or _name(channels, match["cid"])
            return f"<#{channels[name]}|{name}>" if name in channels else escaped(typed)
        case _:
            return escaped(typed)


def _name(names: Names, wanted: str) -> str:
    return next((name for name, id_ in names.items() if id_ == wanted), "")
