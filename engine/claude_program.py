"""Which program the Claude CLI is, and the script that starts it through the launcher."""

import hashlib
import secrets
import shlex
import shutil
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import claude_agent_sdk

from engine import claude_launch


def find(given: Path | None) -> Path | None:
    """The given CLI, else the one that the SDK brings along, else the one in the PATH."""
    if given:
        return given if given.is_file() else None
    bundled = Path(claude_agent_sdk.__file__).parent / "_bundled" / "claude"
    if bundled.is_file():
        return bundled
    found = shutil.which("claude")
    return Path(found) if found else None


def launcher(environment: Mapping[str, str], cli: Path) -> Path:
    """A program that becomes the CLI by way of `engine.claude_launch`.

    The SDK takes one path and puts its arguments behind it, hence a script. It is written once
    into the private directory of the CLI and checked at every use.
    """
    folder = Path(environment.get("CLAUDE_CONFIG_DIR") or tempfile.mkdtemp(prefix="mab-"))
    command = shlex.join([sys.executable, "-I", "-S", str(Path(claude_launch.__file__).resolve())])
    text = f'#!/bin/sh\nexec {command} "$PPID" {shlex.quote(str(cli))} "$@"\n'
    script = folder / f"launch-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    if not script.exists() or script.read_text() != text:
        _write(script, text)
    return script


def _write(script: Path, text: str) -> None:
    script.parent.mkdir(parents=True, exist_ok=True)
    draft = script.with_suffix(f".{secrets.token_hex(4)}")
    draft.write_text(text)
    draft.chmod(0o700)
    draft.replace(script)  # nobody ever sees half a script
