"""What decides how git writes contents into files, besides the commit that is written."""

import asyncio
import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from engine.git import Git

CONFIGURED = r"^(core|filter|lfs)\."
SYSTEM = "/etc/gitattributes"


async def rules(git: Git) -> str:
    """What is configured for a repository and for this user, as one word."""
    told = (await git.run("config", "-z", "--get-regexp", CONFIGURED)).out
    files = [*_outside(told), git.git_dir / "info" / "attributes"]
    return sha256(told + await asyncio.to_thread(_contents, files)).hexdigest()


def _outside(told: bytes) -> list[Path]:
    """Where attributes may stand that are no repository's; see gitattributes(5)."""
    config = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    named = [line.partition("\n") for line in os.fsdecode(told).split("\0")]
    files = [value for name, _, value in named if name == "core.attributesfile" and value]
    return [Path(file).expanduser() for file in (*files, f"{config}/git/attributes", SYSTEM)]


def _contents(files: list[Path]) -> bytes:
    told = b""
    for file in files:
        with suppress(OSError):
            told += b"\0" + file.read_bytes()
    return told
