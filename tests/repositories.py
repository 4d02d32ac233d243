"""Real git repositories for tests, made with git itself."""

import os
import subprocess
from hashlib import sha256
from pathlib import Path

IDENTITY = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_AUTHOR_NAME": "Tester",
    "GIT_AUTHOR_EMAIL": "tester@example.invalid",
    "GIT_COMMITTER_NAME": "Tester",
    "GIT_COMMITTER_EMAIL": "tester@example.invalid",
}


def git(where: Path, *args: str) -> str:
    """Run git in a directory; its output without the newline at the end."""
    command = ["git", "-c", "protocol.file.allow=always", *args]
    done = subprocess.run(
        command, cwd=where, env=os.environ | IDENTITY, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode("utf-8", "replace").rstrip("\n")


def create(where: Path, files: dict[str, str] | None = None) -> Path:
    """A repository on the branch main with one commit."""
    where.mkdir(parents=True)
    git(where, "init", "--quiet", "--initial-branch=main")
    commit(where, files or {"README.md": "hello\n"})
    return where


def commit(where: Path, files: dict[str, str], message: str = "a commit") -> str:
    """Write files and commit everything; the new commit."""
    for name, text in files.items():
        (where / name).parent.mkdir(parents=True, exist_ok=True)
        (where / name).write_text(text)
    git(where, "add", "--all", "--force")
    git(where, "commit", "--quiet", "--allow-empty", "-m", message)
    return git(where, "rev-parse", "HEAD")


def with_remote(where: Path, files: dict[str, str] | None = None) -> tuple[Path, Path]:
    """A bare remote and a clone of it."""
    source = create(where / "source", files)
    remote, clone = where / "remote.git", where / "clone"
    git(where, "clone", "--quiet", "--bare", str(source), str(remote))
    git(where, "clone", "--quiet", str(remote), str(clone))
    return remote, clone


def checkout(top: Path) -> dict[str, str]:
    """Everything of a checkout that agents' work must leave alone, byte for byte."""
    grows = ("objects/", "worktrees/", "refs/mab/", "refs/heads/agent/", "logs/refs/heads/agent/")
    files = [path for path in sorted(top.rglob("*")) if path.is_file() and not path.is_symlink()]
    names = {path: str(path.relative_to(top)).removeprefix(".git/") for path in files}
    return {
        names[path]: sha256(path.read_bytes()).hexdigest()
        for path in files
        if not names[path].startswith(grows)
    }
