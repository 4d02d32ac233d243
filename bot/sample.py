"""The demo's sample repository: a calculator with a test that fails."""

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path

_README = """\
# Calculator

A calculator in one file, small enough to try things out on it.

## Use

Import `calculator` and call `add`, `subtract` or `multiply` with two numbers.

## Tests

Run `python3 -m unittest`. One of the tests fails: somebody has made a mistake.

## Contributing

Change one thing at a time. Every function has a test.
"""
_CALCULATOR = '''\
"""Arithmetic with two numbers."""


def add(left: float, right: float) -> float:
    """Give the sum of two numbers."""
    return left + right


def subtract(left: float, right: float) -> float:
    """Give what is left of the first number without the second."""
    return left + right


def multiply(left: float, right: float) -> float:
    """Give the product of two numbers."""
    return left * right
'''
_TEST = '''\
"""Tests of the calculator."""

import unittest

import calculator


class CalculatorTest(unittest.TestCase):
    """What the calculator must give."""

    def test_add(self) -> None:
        self.assertEqual(calculator.add(2, 3), 5)

    def test_subtract(self) -> None:
        self.assertEqual(calculator.subtract(7, 4), 3)

    def test_multiply(self) -> None:
        self.assertEqual(calculator.multiply(2, 5), 10)


if __name__ == "__main__":
    unittest.main()
'''
_FILES = {
    "README.md": _README,
    "calculator.py": _CALCULATOR,
    "test_calculator.py": _TEST,
    ".gitignore": "__pycache__/\n",
}
_NAME, _EMAIL = "mab demo", "demo@mab.invalid"


async def create(path: Path) -> None:
    """Make the repository in a new or empty directory; raises RuntimeError when git fails."""
    await asyncio.to_thread(_write, path)
    env = _environment()
    await git(path, "init", "--quiet", "--initial-branch=main", "--template=", env=env)
    await git(path, "add", "--all", env=env)
    commit = ("commit", "--quiet", "--no-gpg-sign", "--message=Add a calculator")
    await git(path, *commit, env=env)


def _write(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True)
    for name, text in _FILES.items():
        (path / name).write_text(text, encoding="utf-8")


async def git(path: Path, *arguments: str, env: Mapping[str, str]) -> str:
    """What git says in a directory; raises RuntimeError when it fails."""
    process = await asyncio.create_subprocess_exec(
        "git", *arguments,
        cwd=path,
        env=env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, wrong = await process.communicate()
    if process.returncode:
        said = (wrong or out).decode(errors="replace").strip()
        raise RuntimeError(f"git {arguments[0]}: {said}")
    return out.decode(errors="replace")


def _environment() -> dict[str, str]:
    """The user's own git configuration and hooks have no say in the sample."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_AUTHOR_NAME": _NAME,
        "GIT_AUTHOR_EMAIL": _EMAIL,
        "GIT_COMMITTER_NAME": _NAME,
        "GIT_COMMITTER_EMAIL": _EMAIL,
    }
