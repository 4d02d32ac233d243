"""What those who decide have to know: of gates, pushes, conflicts, failures and merges. Pure."""

import shlex
from collections.abc import Iterator, Sequence

from bot.messages import answer, blocks, buttons, causes, words, work
from bot.messages.blocks import Block
from engine import Conflict, Failure, Handed, Kind, Merge, NodeView, Push, Status

PARENTS = 8  # that are shown
DIFFS = 3  # with a button
EXCERPT = 1_500  # characters of a result
SHORTEST = 200  # characters of a result
HEAD = 700  # characters that a parent takes beside its result
MARGIN = 3_500  # characters for heads, comments and small print
LISTED = 12  # files
COMMITS = 8
NAME = 200  # characters of a branch in a command
RAW = 1_500  # characters of an error


def parents(listed: Sequence[Handed], room: int) -> Iterator[Block]:
    """What the nodes before a gate did, in at most about `room` characters."""
    shown = listed[:PARENTS]
    each = room // len(shown) - HEAD if shown else 0
    width = min(EXCERPT, max(SHORTEST, each))
    diffs = [parent.id for parent in shown if parent.work.changed][:DIFFS]
    for parent in shown:
        yield _head(parent, diff=parent.id in diffs)
        if said := answer.excerpt(parent.result, width):
            yield blocks.markdown(said)
    if (more := len(listed) - len(shown)) > 0:
        yield blocks.context(f"and {words.count(more, 'step')} more")


def _head(parent: Handed, *, diff: bool) -> Block:
    named = words.code(parent.key or str(parent.id), 60)
    number = f" (agent {parent.id})" if parent.kind is Kind.AGENT else ""
    done = parent.work
    parts = [f"*{_stands(parent)}*"]
    if done.files:
        parts.append(work.sums(done.files))
    if done.check:
        parts.append(f"{'✓' if done.check.passed else '✗'} {work.verdict(done.check)}")
    if done.branch:
        at = f" at {work.commit(done.commit)}" if done.commit else ""
        parts.append(f"branch {words.code(done.branch, 80)}{at}")
    section = blocks.mrkdwn(f"{named}{number} {' · '.join(parts)}")
    return {**section, "accessory": buttons.diff(parent.id)} if diff else section


def _stands(parent: Handed) -> str:
    match parent.status, parent.kind:
        case Status.COMPLETED, Kind.GATE:
            return "was approved"
        case Status.COMPLETED, _:
            return "is done"
        case Status.SKIPPED, _:
            return "was skipped"
        case Status.FAILED, _:
            return "failed"
        case _:
            return "has not ended"


def push(matter: Push) -> tuple[Block, ...]:
    """The branch and the protected files that it touches."""
    where = f"Branch {words.code(matter.branch)} at {work.commit(matter.commit)}"
    return (blocks.mrkdwn(where), *_files(matter.paths))


def conflict(matter: Conflict) -> tuple[Block, ...]:
    """The files, and what to type to resolve it by hand."""
    told = "To resolve it by hand, push a branch that contains these commits:"
    lacks = f"That is not resolved yet: {words.escaped(words.flat(matter.lacks), 300)}."
    return (
        *([blocks.mrkdwn(lacks)] if matter.lacks else []),
        *_files(matter.files),
        blocks.mrkdwn(told),
        blocks.preformatted(_commands(matter)),
        blocks.context("Then press “I resolved it”. All that was done so far is kept."),
    )


def _commands(matter: Conflict) -> str:
    branch = shlex.quote(words.bounded(words.flat(matter.branch), NAME))
    commits = [shlex.quote(words.flat(commit)[:64]) for commit in matter.commits]
    first, others = (commits[0], commits[1:]) if commits else ("HEAD", [])
    lines = ["git fetch origin", f"git switch -c {branch} {first}"]
    lines += [f"git merge {commit}" for commit in others[:COMMITS]]
    more = len(others) - COMMITS
    lines += [f"# and {more} more commits"] if more > 0 else []
    return "\n".join([*lines, f"git push origin {branch}"])


def failure(matter: Failure, node: NodeView | None) -> tuple[Block, ...]:
    """Why it failed, and what can be done."""
    error = matter.error or (node.error if node else "")
    said = causes.advice(node.cause if node else None)
    shown = [blocks.preformatted(error, RAW)] if error.strip() else []
    task = [blocks.plain(node.task, 600)] if node else []
    return (*task, blocks.mrkdwn(said.sentence), *shown)


def merge(matter: Merge) -> tuple[Block, ...]:
    """The commit and the branch that gets it."""
    where = f"Commit {work.commit(matter.commit)} goes into {words.code(matter.onto, 120)}"
    return (blocks.mrkdwn(where),)


def _files(paths: Sequence[str]) -> tuple[Block, ...]:
    if not paths:
        return ()
    more = len(paths) - LISTED
    lines = [work.tail(path, work.PATH) for path in paths[:LISTED]]
    shown = "\n".join([*lines, *([f"and {more:,} more"] if more > 0 else [])])
    return (blocks.preformatted(shown),)
