"""What a demo leaves behind in its directory and in the repository, and how to remove it."""

import asyncio
import os
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bot.sample import git

HEADS = "refs/heads/"
OURS = ("refs/heads/agent/", "refs/mab/")


@dataclass(frozen=True)
class Leftovers:
    """Looks at a repository before the demo, so that afterwards only what is new is named."""

    home: Path
    repo: Path
    before: frozenset[str]  # refs

    @classmethod
    async def watching(cls, home: Path, repo: Path) -> "Leftovers":
        """Begin to look; raises RuntimeError when git fails."""
        return cls(home, repo, frozenset(await _refs(repo)))

    async def told(self) -> str:
        """The branches with their files, and the one command that removes everything."""
        refs = [ref for ref in await _refs(self.repo) if ref not in self.before]
        branches = [ref.removeprefix(HEADS) for ref in refs if ref.startswith(HEADS)]
        files = await asyncio.gather(*(self._files(branch) for branch in branches))
        lines = [f"  {self.home} (database, worktrees{self._sample()})"]
        for branch, changed in zip(branches, files, strict=True):
            lines.append(f"  branch {branch}: {', '.join(changed) or 'nothing changed'}")
        return "\n".join(
            [
                "The demo leaves behind:",
                *lines,
                "Remove all of it with:",
                f"  {self._removal(refs)}",
            ]
        )

    def _sample(self) -> str:
        return ", the sample repository" if self.is_sample else ""

    @property
    def is_sample(self) -> bool:
        """Whether the repository belongs to the demo."""
        return self.repo.is_relative_to(self.home)

    async def _files(self, branch: str) -> list[str]:
        """What the branch changed since it began."""
        names = ("diff", "--name-only", "-z", f"HEAD...{HEADS}{branch}", "--")
        return (await git(self.repo, *names, env=_environment())).split("\0")[:-1]

    def _removal(self, refs: Iterable[str]) -> str:
        steps = [["rm", "-rf", str(self.home)]]
        hidden = []
        if not self.is_sample:
            branches = [ref.removeprefix(HEADS) for ref in refs if ref.startswith(HEADS)]
            hidden = [ref for ref in refs if not ref.startswith(HEADS)]
            steps.append(self._git("worktree", "prune"))
            steps += [self._git("branch", "-q", "-D", *branches)] if branches else []
        command = " && ".join(shlex.join(step) for step in steps)
        if hidden:
            deleting = shlex.join(self._git("update-ref", "--stdin"))
            command += f" && printf 'delete %s\\n' {shlex.join(hidden)} | {deleting}"
        return command

    def _git(self, *arguments: str) -> list[str]:
        return ["git", "-C", str(self.repo), *arguments]


async def _refs(repo: Path) -> list[str]:
    order = ("--sort=version:refname", "--format=%(refname)")
    return (await git(repo, "for-each-ref", *order, *OURS, env=_environment())).splitlines()


def _environment() -> dict[str, str]:
    """The user's own configuration counts; who calls git must not say where."""
    return {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
