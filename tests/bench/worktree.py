"""How long a worktree of a large repository takes, beside what git does when a person asks it.

With `reuse` the worktree of an agent that ended is taken over, here one in which nothing was changed.
All are made one after the other, from the same commit, each time another first: a disk that has
written much becomes slower. What was written is on the disk before the next begins, and what was
made is removed outside the clock. The ratios are those of the same turn.
"""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from time import perf_counter

from engine.git import Git
from engine.repos import Repos
from engine.settings import Repo
from engine.worktrees import Worktrees
from tests import repositories
from tests.bench.ground import Ground
from tests.bench.measure import Extent
from tests.bench.process import SideFailed
from tests.bench.rows import Row

SMALL, LARGE = 100, 50_000  # files; the small one shows what does not depend on them
DIRECTORY = 100  # files in each
LINES = 60  # of a file, 33 bytes each
MAB, REUSED, GIT = "mab", "mab, reused", "git worktree add"
METRIC = "new worktree of {:,} files"


async def worktree(ground: Ground, extent: Extent) -> AsyncIterator[Row]:
    """Seconds for a new worktree, ours and git's own."""
    for files in sorted({min(SMALL, extent.of(LARGE)), extent.of(LARGE)}):
        home = ground.home()
        shop, commit = await asyncio.to_thread(_large, home / "shop", files)
        trees = Worktrees(Repos({"shop": Repo(path=shop)}, home / "mab"), home / "mab" / "trees")
        sparing = replace(trees, root=home / "mab" / "spared", reuse={"shop": 1})
        await _ours(sparing, 0, commit, files)  # the first to be reused
        found: dict[str, list[float]] = {MAB: [], REUSED: [], GIT: []}
        for turn in extent.times:
            sides = list(found)
            for side in sides[turn % len(sides) :] + sides[: turn % len(sides)]:
                if side == GIT:
                    spent = await _gits(shop, home / f"plain-{turn}", commit, files)
                else:
                    ours = trees if side == MAB else sparing
                    spent = await _ours(ours, turn, commit, files)
                found[side].append(spent)
        metric = METRIC.format(files)
        for side, values in found.items():
            yield Row("worktree", side, metric, "s", tuple(values), "", side != GIT)
        for side in (MAB, REUSED):
            by_git = (mine / gits for mine, gits in zip(found[side], found[GIT], strict=True))
            yield Row("worktree", side, f"{metric} by git's", "x", tuple(by_git), "", ours=True)


async def _ours(worktrees: Worktrees, turn: int, commit: str, files: int) -> float:
    await asyncio.to_thread(os.sync)
    began = perf_counter()
    repo = await worktrees.repos.open("shop")
    tree = await worktrees.open(turn + 1, "bench", repo, commit)
    spent = perf_counter() - began
    await asyncio.to_thread(_whole, tree.path, files)
    await worktrees.remove(tree.path, spare=True)
    if len(worktrees.spares.of()) != worktrees.reuse.get("shop", 0):
        raise SideFailed("no spare was kept")
    return spent


async def _gits(shop: Path, place: Path, commit: str, files: int) -> float:
    git = Git(shop / ".git", timeout=600)
    await asyncio.to_thread(os.sync)
    began = perf_counter()
    await asyncio.to_thread(
        repositories.git, shop, "worktree", "add", "--quiet", "-b", place.name, str(place), commit
    )
    spent = perf_counter() - began
    await asyncio.to_thread(_whole, place, files)
    await git.out("worktree", "remove", "--force", str(place))
    return spent


def _whole(place: Path, files: int) -> None:
    """Raise SideFailed unless every file is there."""
    there = sum(len(names) for _, _, names in os.walk(place / "src"))
    if there != files:
        raise SideFailed(f"{there} of {files} files are in {place.name}")


def _large(where: Path, files: int) -> tuple[Path, str]:
    """A repository of so many files, each its own; its commit."""
    where.mkdir()
    repositories.git(where, "init", "--quiet", "--initial-branch=main")
    stream = where.parent / "stream"
    with stream.open("wb") as out:
        out.writelines(_stream(files))
    with stream.open("rb") as given:
        subprocess.run(["git", "fast-import", "--quiet"], cwd=where, stdin=given, check=True)
    stream.unlink()
    repositories.git(where, "reset", "--quiet", "--hard", "main")
    return where, repositories.git(where, "rev-parse", "HEAD")


def _stream(files: int) -> Iterator[bytes]:
    yield b"commit refs/heads/main\ncommitter Owner <owner@example.invalid> 1700000000 +0000\n"
    yield b"data 5\nBegin\n"
    for number in range(files):
        content = f"line of file number {number:012d}\n".encode() * LINES
        yield f"M 100644 inline src/{number // DIRECTORY:04d}/{number:06d}.txt\n".encode()
        yield b"data %d\n%s\n" % (len(content), content)
