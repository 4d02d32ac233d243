"""Slack's markup of what people type, turned back into what they meant. Pure."""

import re
from collections.abc import Mapping

TOKEN = re.compile(r"<([^<>\n]*)>|&(amp|lt|gt);")
ENTITIES = {"amp": "&", "lt": "<", "gt": ">"}
ENTITY = re.compile(r"&(amp|lt|gt);")
LINK = re.compile(r"([a-z][a-z0-9+.-]*):(.+)", re.IGNORECASE | re.DOTALL)
MENTION = r"<@{id}(?:\|[^<>]*)?>"
NOBODY: Mapping[str, str] = {}


def meaning(text: str, names: Mapping[str, str] = NOBODY) -> str:
    """What the person meant by `text`, which is as Slack delivers it.

    `names` gives display names by the id of users, channels and user groups; an id without a
    name stays an id. Code, newlines, emoji, quotes and spaces stay as they are; only what no
    database can hold (NUL, half of a surrogate pair) is taken out.
    """
    return storable(TOKEN.sub(lambda found: _token(found, names), text))


def without_mention(text: str, bot_id: str) -> str:
    """`text`, as Slack delivers it, without the mention of the bot.

    Every mention in front goes, and when there is none in front the first one elsewhere: the
    others are a part of what is said.
    """
    mention = MENTION.format(id=re.escape(bot_id))
    rest, found = re.subn(rf"\A(?:\s*{mention})+[\s,:]*", "", text)
    return rest if found else re.sub(mention, "", text, count=1).strip()


def mentions(text: str, bot_id: str) -> bool:
    """Whether `text`, as Slack delivers it, mentions the bot."""
    return re.search(MENTION.format(id=re.escape(bot_id)), text) is not None


def users(text: str) -> set[str]:
    """The ids of the users that `text`, as Slack delivers it, mentions without their names."""
    return set(re.findall(r"<@([A-Z0-9]+)>", text))


def storable(text: str) -> str:
    """`text` without NUL and with lone surrogates replaced, neither of which UTF-8 stores take."""
    return text.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _token(found: re.Match[str], names: Mapping[str, str]) -> str:
    if found[2]:
        return ENTITIES[found[2]]
    target, _, label = found[1].partition("|")
    meant = _meant(_decoded(target), _decoded(label), names)
    return _decoded(found[0]) if meant is None else meant


def _decoded(text: str) -> str:
    return ENTITY.sub(lambda found: ENTITIES[found[1]], text)


def _meant(target: str, label: str, names: Mapping[str, str]) -> str | None:
    """What `<target|label>` stands for; None when it is no markup of Slack's."""
    match target[:1], target[1:]:
        case "@", name if name:
            return "@" + (names.get(name) or label.removeprefix("@") or name)
        case "#", name if name:
            return "#" + (names.get(name) or label.removeprefix("#") or name)
        case "!", command if command:
            return _special(command, label, names)
        case _:
            return _link(target, label)


def _special(command: str, label: str, names: Mapping[str, str]) -> str:
    kind, *arguments = command.split("^")
    if kind == "subteam" and arguments:
        return "@" + (names.get(arguments[0]) or label.removeprefix("@") or arguments[0])
    if kind == "date":
        return label or (arguments[0] if arguments else "")
    return "@" + (label.removeprefix("@") or kind)


def _link(url: str, label: str) -> str | None:
    """A link as it was typed: Slack makes links of bare names (README.md) and addresses, too."""
    found = LINK.fullmatch(url)
    if not found:
        return None
    address = found[2].removeprefix("//")
    bare = {address, address.rstrip("/"), found[2]}
    if not label or label == url:
        return address if found[1].lower() == "mailto" else url
    if label in bare or label.rstrip("/") == url.rstrip("/"):
        return label
    return f"{label} ({address if found[1].lower() == 'mailto' else url})"
