"""Where an agent's branch goes: forward from what it was, by compare-and-swap, or not at all."""

import asyncio
import re
from contextlib import suppress

from engine import places
from engine.checkouts import Worktree, WorktreeError
from engine.git import Git, GitError

MAX_RESCUES = 100


async def heads(worktree: Worktree) -> tuple[str, str]:
    """The commit where the agent's own commands left HEAD, and the one to go on from.

    They differ when the agent rewrote history that was there before it: its commits are then
    rescued, and what its files hold is committed on top of what was there.
    """
    git = worktree.git
    last = await asyncio.to_thread(places.last_head, worktree.git_dir)
    moved = last != worktree.head and re.fullmatch("[0-9a-f]{40,64}", last)
    own = (await git.commit_of(last) if moved else "") or worktree.head
    return own, own if await git.contains(own, worktree.head) else worktree.head


async def advance(worktree: Worktree, commit: str, own: str, parent: str) -> str:
    """Move the branch to the commit; returns the ref that rescued what cannot go there, or ""."""
    git = worktree.git
    rewritten = "" if await git.contains(parent, own) else await _rescue(worktree, own)
    tip = await git.commit_of(worktree.ref)
    onwards = tip == parent != commit  # a child of the tip's is not in its history
    if tip and not onwards and await git.contains(tip, commit):
        return rewritten
    if tip in {"", worktree.head, own} and await _move(worktree, commit, tip):
        return rewritten
    return await _rescue(worktree, commit)


async def _move(worktree: Worktree, commit: str, tip: str) -> bool:
    """Swap the branch, from inside the worktree if git still knows it, so that its log follows."""
    with suppress(GitError):
        inside = Git(worktree.git_dir)
        if (await inside.run("symbolic-ref", "HEAD", worktree.ref)).code == 0:
            return await inside.swap(worktree.ref, commit, tip)
    return await worktree.git.swap(worktree.ref, commit, tip)


async def _rescue(worktree: Worktree, commit: str) -> str:
    """Keep a commit under the first free name; the same work is kept once."""
    git = worktree.git
    for number in range(1, MAX_RESCUES):
        ref = f"refs/mab/rescue/agent-{worktree.agent}-{number}"
        if await git.swap(ref, commit, "") or await _same_work(git, ref, commit):
            return ref
    raise WorktreeError(f"agent {worktree.agent} has too many rescued commits")


async def _same_work(git: Git, one: str, other: str) -> bool:
    """Whether two commits have the same files and parents."""
    shown = await git.run("show", "--no-patch", "--format=%T %P", one, other)
    return shown.code == 0 and len(set(shown.out.splitlines())) == 1
