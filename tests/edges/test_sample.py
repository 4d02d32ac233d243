"""The sample repository of the demo."""

import asyncio
import sys
from pathlib import Path

import pytest

from bot import sample


async def told(folder: Path, *command: str) -> str:
    """What a program prints, on either stream."""
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    words, _ = await process.communicate()
    return words.decode()


async def test_the_sample_is_a_repository_with_one_failing_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_AUTHOR_NAME", "somebody else")
    path = tmp_path / "a folder" / "sample"
    await sample.create(path)
    monkeypatch.delenv("GIT_DIR")
    log = await told(path, "git", "log", "--format=%an <%ae> %cn: %s")
    assert log == "mab demo <demo@mab.invalid> mab demo: Add a calculator\n"
    assert await told(path, "git", "status", "--porcelain") == ""
    tests = await told(path, sys.executable, "-B", "-m", "unittest")
    assert "FAILED (failures=1)" in tests
    assert "test_subtract" in tests


async def test_what_git_says_is_told(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("not a repository")
    with pytest.raises(RuntimeError, match="git init"):
        await sample.create(tmp_path)
