"""Secrets in what agents say and leave, masked before anybody reads it. Pure.

Two kinds are known: the values that this installation was given, and texts in the well-known
shapes of tokens, keys and passwords, wherever an agent found them.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import quote, unquote

MASK = "[secret]"
SHORTEST = 8  # characters of a value; masking shorter ones would spoil ordinary words
URL_PASSWORD = re.compile(r"(?<=://)[^\s/@:'\"<>]*:[^\s/@'\"<>]{2,}(?=@[\w.\[-])")
SHAPES = re.compile(
    r"""
      -----BEGIN[ ][A-Z0-9 ]*PRIVATE[ ]KEY(?:[ ]BLOCK)?-----
      .*?(?:-----END[ ][A-Z0-9 ]*PRIVATE[ ]KEY(?:[ ]BLOCK)?-----|\Z)
    | (?<![A-Za-z0-9])(?:
      xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{10,} | xapp-[0-9]-[A-Za-z0-9-]{10,}
    | sk-ant-[A-Za-z0-9_-]{10,} | sk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{20,}
    | sk-[A-Za-z0-9]{32,}
    | gh[pousr]_[A-Za-z0-9]{20,} | github_pat_[A-Za-z0-9_]{22,} | gl[a-z]{2,5}-[A-Za-z0-9_-]{20,}
    | (?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])
    | AIza[A-Za-z0-9_-]{35} | ya29\.[A-Za-z0-9_-]{20,}
    | npm_[A-Za-z0-9]{36} | pypi-[A-Za-z0-9_-]{40,} | hf_[A-Za-z0-9]{30,}
    | dckr_[a-z]{3}_[A-Za-z0-9_-]{20,} | [sr]k_(?:live|test)_[A-Za-z0-9]{16,}
    | SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}
    | eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}
    )
    | (?<=hooks\.slack\.com/services/)[A-Za-z0-9/]{20,}
    | (?<=\bBearer[ ])[A-Za-z0-9._~+/-]{20,}=*
    | (?i:(?<=aws_secret_access_key=)|(?<=aws_secret_access_key[ ]=[ ])
        |(?<="SecretAccessKey":[ ]"))[A-Za-z0-9/+]{40}
    """,
    re.VERBOSE | re.DOTALL,
)
# Keys of Slack's forms whose values are names for programs: no text, and they come back to us.
NAMES = frozenset(
    {
        *("action_id", "block_id", "callback_id", "channel", "external_id", "hash", "metadata"),
        *("private_metadata", "thread_ts", "trigger_id", "ts", "type", "user", "value", "view_id"),
    }
)


@dataclass(frozen=True)
class Mask:
    """Takes secrets out of texts; its repr tells none."""

    values: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of(cls, values: Iterable[str]) -> "Mask":
        """A mask that knows these values, their lines, and the passwords of those that are URLs."""
        known = {text for value in values for text in _spellings(value) if len(text) >= SHORTEST}
        return cls(tuple(sorted(known, key=lambda text: (-len(text), text))))

    @cached_property
    def _known(self) -> re.Pattern[str] | None:
        return re.compile("|".join(map(re.escape, self.values))) if self.values else None

    def text(self, text: str) -> str:
        """The text without secrets."""
        known = self._known.sub(MASK, text) if self._known else text
        return SHAPES.sub(MASK, URL_PASSWORD.sub(MASK, known))

    def data(self, data: Any) -> Any:
        """Nested data, such as Slack's blocks, with every text in it masked."""
        match data:
            case str():
                return self.text(data)
            case Mapping():
                return {
                    key: value if key in NAMES else self.data(value) for key, value in data.items()
                }
            case list() | tuple():
                return [self.data(value) for value in data]
            case _:
                return data

    def content(self, content: bytes) -> bytes:
        """A file's content; what is no text stays as it is."""
        try:
            text = content.decode()
        except UnicodeDecodeError:
            return content
        return self.text(text).encode()


UNMASKED = Mask()  # knows the shapes only


def _spellings(value: str) -> Iterable[str]:
    yield value.strip()
    yield from (line.strip() for line in value.splitlines())
    for found in URL_PASSWORD.findall(value):
        password = found.partition(":")[2]
        yield from (password, unquote(password), quote(password, safe=""))
