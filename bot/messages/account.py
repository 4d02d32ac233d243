"""How far an agent came that was stopped or failed: done, half done and left, facts only. Pure."""

from collections.abc import Sequence

from bot.messages import blocks, words, work
from bot.messages.blocks import Block, Item
from bot.messages.work import HASH
from engine import Account, Cause, Instruction, Kind, NodeView, Stage, Status, Step

CALLS = 3  # that are named
SUBJECT = 160  # characters of a file or command
QUOTE = 200  # characters of an instruction
BRIEF = 60  # characters of one among much else
NAME = 40  # characters of a person's name, and of a branch
CUT = frozenset({Cause.TIMEOUT, Cause.LOST})  # it was not the agent that ended the attempt
STOOD = " What was changed was committed as it stood, so it may be incomplete."
GROUPS = ("Done", "Failed", "Stopped half-way", "Never begun", "Left out")


def of(agent: NodeView) -> list[Block]:
    """What an agent left, and of one that did not end well what is done, half done and left."""
    told = agent.account
    if told is None:
        return work.changes(agent.work)
    lines = [_done(agent), *_half_done(agent, told), *_left(agent, told)]
    files = work.changes(agent.work) if agent.work.check else work.listed(agent.work)
    return [blocks.items(lines), *files]


def stopper(agent: NodeView) -> str:
    """Who stopped an agent, as the end of a sentence in mrkdwn; nobody is called."""
    by = agent.account.by if agent.account else None
    return f" by {words.code(by.name or by.id, NAME)}" if by else ""


def grouped(nodes: Sequence[NodeView]) -> list[tuple[str, list[NodeView]]]:
    """The nodes of a stopped workflow under how far they came; no group is empty."""
    found: dict[str, list[NodeView]] = {name: [] for name in GROUPS}
    for node in nodes:
        found[_group(node)].append(node)
    return [(name, members) for name, members in found.items() if members]


def _group(node: NodeView) -> str:
    if node.status is Status.COMPLETED:
        return "Done"
    if node.status is Status.FAILED:
        return "Failed"
    begun = bool(node.attempt) and not (node.account and node.account.stage is Stage.QUEUED)
    if not begun:
        return "Never begun"
    return "Stopped half-way" if node.status is Status.CANCELLED else "Left out"


def line(node: NodeView) -> str:
    """The same of one node of many, on a line of plain text; "" where there is nothing to say."""
    told = node.account
    if told is None or node.kind is Kind.GATE:
        return ""
    cut = _is_cut(node, told)
    parts = [_kept(node)] if cut and told.stage is Stage.WORKING else []
    parts += [_text(_moment(told)[0])] if cut else []
    number = len(told.untold) + told.more_untold
    first = [words.bounded(words.flat(each.text), BRIEF) for each in told.untold[:1]]
    parts += [f"{words.count(number, 'instruction')} not given to it: “{each}”" for each in first]
    return "; ".join(parts)


def _kept(node: NodeView) -> str:
    if not node.work.changed:
        return work.sums(())
    branch = words.bounded(words.flat(node.work.branch), NAME)
    return f"{work.sums(node.work.files)} in {node.work.commit[:HASH]} on {branch}"


def _is_cut(agent: NodeView, told: Account) -> bool:
    """Whether it was in the middle of something."""
    ended = agent.status is Status.CANCELLED or agent.cause in CUT
    return told.stage is not Stage.QUEUED and (ended or bool(told.under_way))


def _done(agent: NodeView) -> Item:
    """What there is in git."""
    done = agent.work
    if not done.changed:
        none = "no change is on its branch" if agent.error.strip() else "nothing was changed"
        return _item("Done", f"{none}.")
    tested = "" if done.check else " No check was run to its end."
    return _item(
        "Done",
        f"{work.sums(done.files)}, in commit ",
        _code(done.commit[:HASH]),
        " on branch ",
        _code(done.branch),
        f".{tested}",
    )


def _half_done(agent: NodeView, told: Account) -> list[Item]:
    if not _is_cut(agent, told):
        return []
    said, end = _moment(told)
    stood = STOOD if agent.work.changed else ""
    return [_item("Half done", *said, f"{end}{stood}")]


def _moment(told: Account) -> tuple[list[str | Block], str]:
    """What the agent was in the middle of, and the end of that sentence."""
    if told.stage is not Stage.WORKING:
        return ["its worktree was being made ready, setup included"], "; it had not begun to work."
    if told.under_way:
        return _calls(told.under_way), " had begun; no result of it is recorded."
    if told.under_way is None and told.last is None:
        return ["no step of it is recorded"], "."
    last = ["; its last step was ", *_step(told.last)] if told.last else []
    if told.under_way is not None:
        return ["no tool call was under way", *last], "."
    known = told.last is not None and (told.last.failed or not told.last.tool)
    end = "." if known else "; whether that had ended is not recorded."
    return ["its last recorded step was ", *_step(told.last)], end


def _calls(steps: Sequence[Step]) -> list[str | Block]:
    said: list[str | Block] = []
    for step in steps[:CALLS]:
        said += [", ", *_step(step)] if said else _step(step)
    more = len(steps) - CALLS
    return [*said, f" and {more} more"] if more > 0 else said


def _step(step: Step | None) -> list[str | Block]:
    doing, subject = words.doing(step)
    said: list[str | Block] = [doing.lower()]
    said += [" ", _code(subject, SUBJECT)] if subject else []
    return [*said, ", which failed"] if step and step.failed else said


def _left(agent: NodeView, told: Account) -> list[Item]:
    """What is still to be done, and what to type."""
    begin = {
        Stage.QUEUED: "the whole task; no worker had taken it. ",
        Stage.PREPARING: "the whole task; it had not begun to work. ",
        Stage.WORKING: "",
    }[told.stage]
    number = len(told.untold) + told.more_untold
    given = f"{words.count(number, 'instruction')} that it was not given. " if number else ""
    held = [*_calls(told.held), ", which waited for people. "] if told.held else []
    said = [*held, f"{begin}{given}{_onward(agent, told)}"]
    return [_item("Left", *said), *_untold(told)] if any(said) else []


def _onward(agent: NodeView, told: Account) -> str:
    retry = "press Retry, which gives it these as well." if told.untold else "press Retry."
    if agent.status is Status.CANCELLED and told.stage is Stage.WORKING:
        return f"To go on from there, reply here, or {retry}"
    stopped = agent.status is Status.CANCELLED or bool(told.untold)
    return f"To have it done, {retry}" if stopped else ""


def _untold(told: Account) -> list[Item]:
    quoted = [Item((blocks.run(_quote(each)),), 1) for each in told.untold]
    more = [Item((blocks.run(f"and {told.more_untold} more"),), 1)] if told.more_untold else []
    return [*quoted, *more]


def _quote(said: Instruction) -> str:
    who = words.bounded(words.flat(said.by.name or said.by.id), NAME)
    return f"{who}: “{words.bounded(words.flat(said.text), QUOTE)}”"


def _item(head: str, *parts: str | Block) -> Item:
    return Item((blocks.run(f"{head}: ", "bold"), *_runs(parts)))


def _runs(parts: Sequence[str | Block]) -> list[Block]:
    """Plain neighbours as one run."""
    runs: list[Block] = []
    for part in parts:
        if isinstance(part, str) and runs and "style" not in runs[-1]:
            runs[-1] = blocks.run(runs[-1]["text"] + part)
        else:
            runs.append(blocks.run(part) if isinstance(part, str) else part)
    return runs


def _code(text: str, limit: int = 100) -> Block:
    return blocks.run(words.bounded(words.flat(text), limit), "code")


def _text(parts: Sequence[str | Block]) -> str:
    """Runs as plain text."""
    return "".join(part if isinstance(part, str) else f"“{part['text']}”" for part in parts)
