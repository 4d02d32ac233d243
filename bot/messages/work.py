"""What an agent left in git, in words: files, the check's verdict, where it can be had. Pure."""

from bot.messages import blocks, words
from bot.messages.blocks import Block
from engine import Check, FileChange, Work

FILES = 12
PATH = 60  # characters
RAW = 700  # characters of a check's last lines
HASH = 10  # digits of a commit


def changes(work: Work) -> list[Block]:
    """The files that were changed, and whether they were tested."""
    files = listed(work)
    return [*files, *_checked(work.check)] if work.changed or work.check else files


def listed(work: Work) -> list[Block]:
    """The files that were changed, with the lines of each."""
    return [blocks.preformatted(_listing(work.files))] if work.files else []


def _listing(files: tuple[FileChange, ...]) -> str:
    more = len(files) - FILES
    lines = [_change(change) for change in files[:FILES]]
    return "\n".join([*lines, f"and {more:,} more"] if more > 0 else lines)


def _change(change: FileChange) -> str:
    counts = "binary" if change.binary else f"+{change.added} {words.MINUS}{change.removed}"
    return f"{counts:<12} {tail(change.path, PATH)}"


def tail(path: str, limit: int) -> str:
    """The end of a path, which says more than its beginning, in at most `limit` characters."""
    whole = words.flat(path)
    return whole if len(whole) <= limit else "…" + whole[1 - limit :]


def _checked(check: Check | None) -> list[Block]:
    if check is None:
        return [blocks.context("Not tested: this repository has no `check` command.")]
    last = words.clean(check.tail).strip()[-RAW:]
    said = f"Tested: {verdict(check)}."
    said = said if check.passed else f"*{said}*"
    return [blocks.mrkdwn(said), *([blocks.preformatted(last, RAW)] if last else [])]


def verdict(check: Check) -> str:
    """What a check said, without its output."""
    command = words.code(check.command, 100)
    if check.passed:
        return f"{command} passed"
    if check.exit_code is None:
        return f"{command} did not end in time"
    return f"{command} failed with exit code {check.exit_code}"


def where(work: Work) -> str:
    """The branch and the commit, and how to get them; "" where there is no branch."""
    if not work.branch:
        return ""
    parts = [f"Branch {words.code(work.branch)}"]
    if work.commit:
        parts.append(f"commit {commit(work.commit)}")
    if work.changed and work.compare_url:
        parts.append(f"<{_url(work.compare_url)}|Open a pull request>")
    elif work.changed and work.fetch:
        parts.append(words.code(work.fetch, 300))
    return " · ".join(parts)


def commit(digits: str) -> str:
    """The first digits of a commit, as code."""
    return words.code(digits[:HASH], HASH * 5)


def _url(url: str) -> str:
    """A URL that cannot end the link that it stands in."""
    safe = url.replace("|", "%7C").replace("<", "%3C").replace(">", "%3E").replace(" ", "%20")
    return words.escaped(safe, 1000)


def sums(files: tuple[FileChange, ...]) -> str:
    """How many files and lines were changed."""
    if not files:
        return "nothing changed"
    added, removed = sum(f.added for f in files), sum(f.removed for f in files)
    return f"{words.count(len(files), 'file')} +{added:,} {words.MINUS}{removed:,}"
