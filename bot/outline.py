"""Workflows as text: from what a person typed to the graph, and back for the Edit field. Pure.

One step per line, or ` -> ` between them on one line; the language is explained in the README.
`key(needs nothing)` and `key(needs)` say that a step waits for none; only where a step is called
`nothing` or `and` do these words name it.
"""

import re
from collections.abc import Iterator
from datetime import timedelta
from difflib import get_close_matches
from typing import Any

from bot import options
from bot.grammar import Refusal
from bot.marks import FENCE, Broken, Marks
from bot.messages import refusals
from bot.options import AROUND, Fault, Options
from bot.steps import Need, Step, find
from engine import AgentSpec, GateSpec, InvalidSpec, NodeSpec, OnFailure, WorkflowSpec

FILLERS = frozenset({"nothing", "and"})
REPAIRS = 12  # that are tried one after the other
OF_AGENT = ("repo", "base", "model", "timeout")  # options that every agent of the workflow gets
# All steps in a fence of code, perhaps with the title in front of it; or the whole as code.
FENCED = re.compile(
    r"\A(?P<front>\s*+|[^`\n]*:\s*+)(?P<open>```(?:\w{0,20}(?=\n))?)"
    r"(?P<steps>.*)(?P<close>```)\s*\Z",
    re.DOTALL,
)
CODE = re.compile(r"\A(?P<front>\s*+)(?P<open>`)(?P<steps>[^`]+)(?P<close>`)\s*\Z")
# What would end a quotation, or a fence, that a text leaves open.
TRAP = "".join(f"\nz: z{mark}" for mark in ["'", "’", '"', "”", "“", "»", "`", FENCE])  # noqa: RUF001 - as phones write them


def read(text: str) -> WorkflowSpec | Refusal:
    """The workflow that `text` describes, which is what follows the verb, options in front.

    A refusal names the place of the first fault; its suggestion is a command that can be read.
    """
    outcome = _read(_unix(text))
    if isinstance(outcome, WorkflowSpec):
        return outcome
    return Refusal(outcome.reason, text, _suggestion(outcome.repaired))


def _suggestion(repaired: str) -> str:
    """The command that is left when one repair after the other is made, or ""."""
    for _ in range(REPAIRS):
        outcome = _read(repaired) if repaired else Fault("")
        if isinstance(outcome, WorkflowSpec):
            return f"workflow {repaired.strip()}"
        repaired = outcome.repaired
    return ""


def _read(text: str) -> WorkflowSpec | Fault:
    given = options.read(text, options.OF_WORKFLOW)
    if isinstance(given, Fault):
        return given
    bare = text[: len(text) - len(given.rest)] + _bare(given.rest)
    try:
        title, steps = find(bare, len(text) - len(given.rest))
        return _workflow(title, _nodes(bare, steps, given), given)
    except Broken as broken:
        return Fault(refusals.placed(bare, broken.at, broken.reason), broken.repaired)
    except InvalidSpec as error:
        return Fault(refusals.bad_workflow(error.detail))


def _unix(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _bare(text: str) -> str:
    """`text` with blanks in place of the code marks around all steps."""
    found = FENCED.match(text) or CODE.match(text)
    if not found or found["open"][:3] in found["steps"]:
        return text
    inner = Marks(found["steps"])
    if found["front"].strip() and not inner.begins(inner.past_gap(0, bulleted=True)):
        return text
    blank = " " * len(found["open"]), " " * len(found["close"])
    return f"{found['front']}{blank[0]}{found['steps']}{blank[1]}"


def _workflow(title: str, nodes: tuple[NodeSpec, ...], given: Options) -> WorkflowSpec:
    named: dict[str, Any] = {  # each value has the type of its field
        name.replace("-", "_"): value
        for name, value in given.values.items()
        if name not in OF_AGENT
    }
    return WorkflowSpec(title, nodes, **named)


def _nodes(text: str, steps: list[Step], given: Options) -> tuple[NodeSpec, ...]:
    keys = _keys(text, steps)
    shared: dict[str, Any] = {
        name: value for name, value in given.values.items() if name in OF_AGENT
    }
    before: tuple[str, ...] = ()
    group: list[str] = []
    nodes = []
    for index, step in enumerate(steps):
        if index and step.group != steps[index - 1].group:
            before, group = tuple(group), []
        group.append(step.key)
        needs = before if step.needs is None else _named(text, step, step.needs, keys)
        nodes.append(NodeSpec(step.key, _does(step, shared), needs))
    return tuple(nodes)


def _keys(text: str, steps: list[Step]) -> dict[str, None]:
    keys: dict[str, None] = {}
    for step in steps:
        if step.key in keys:
            number = next(n for n in range(2, len(steps) + 2) if f"{step.key}-{n}" not in keys)
            end = step.key_at + len(step.key)
            renamed = f"{text[:end]}-{number}{text[end:]}"
            raise Broken(step.at, refusals.repeated_key(step.key), renamed)
        keys[step.key] = None
    return keys


def _named(
    text: str, step: Step, needs: tuple[Need, ...], keys: dict[str, None]
) -> tuple[str, ...]:
    for need in needs:
        if need.key not in keys and need.key not in FILLERS:
            near = get_close_matches(need.key[:40], keys, n=1, cutoff=0.7)
            end = need.at + len(need.key)
            repaired = f"{text[: need.at]}{near[0]}{text[end:]}" if near else ""
            reason = refusals.unknown_need(step.key, need.key, keys)
            raise Broken(step.at, reason, repaired)
    return tuple(dict.fromkeys(need.key for need in needs if need.key in keys))


def _does(step: Step, shared: dict[str, Any]) -> AgentSpec | GateSpec:
    try:
        return GateSpec(step.text) if step.gate else AgentSpec(step.text, **shared)
    except InvalidSpec as error:
        raise Broken(step.at, refusals.bad_workflow(error.detail)) from error


def write(spec: WorkflowSpec) -> str:
    """The text of a workflow, one step per line: `read` gives the same workflow for it.

    Not in the text: roles, checks and budgets of single agents, approvers and quorum, context and
    files, and the options in which the agents differ. A task that holds every kind of quotation
    mark may get others.
    """
    front = " ".join(_options(spec))
    title = _titled(" ".join(spec.title.split())) if spec.title.strip() else ""
    keys = {node.key for node in spec.nodes}
    lines = [
        _line(node, keys, before, titled=bool(title))
        for before, node in zip((None, *spec.nodes), spec.nodes, strict=False)
    ]
    return "\n".join(filter(None, [front, title, *lines]))


def _options(spec: WorkflowSpec) -> Iterator[str]:
    agents = [node.does for node in spec.nodes if isinstance(node.does, AgentSpec)]
    for name in OF_AGENT:
        values = {getattr(agent, name) for agent in agents}
        value = values.pop() if len(values) == 1 else None
        if value:
            yield f"--{name} {_duration(value) if isinstance(value, timedelta) else value}"
    if spec.budget is not None:
        yield f"--budget {spec.budget}"
    if spec.on_failure is not OnFailure.CONTINUE:
        yield f"--on-failure {spec.on_failure}"


def _duration(value: timedelta) -> str:
    seconds = round(value.total_seconds())
    parts = {"h": seconds // 3600, "m": seconds // 60 % 60, "s": seconds % 60}
    return "".join(f"{number}{unit}" for unit, number in parts.items() if number)


def _titled(title: str) -> str:
    forms = (title, f'"{title}"')
    same = (f"{form}:" for form in forms if _found(f"{form}:\nz: z")[0] == title)
    return next(same, '"' + re.sub(r"[\"“”»«]", "'", title) + '":')


def _line(node: NodeSpec, keys: set[str], before: NodeSpec | None, *, titled: bool) -> str:
    gate = isinstance(node.does, GateSpec)
    said = _unix(node.does.question if isinstance(node.does, GateSpec) else node.does.task)
    head = f"{'?' if gate else ''}{node.key}{_needs(node.needs, keys, before)}"
    if not said:
        return head
    quoted = (f"{opener}{said}{closers[0]}" for opener, closers in AROUND.items())
    front = f"z: z\n{head}: " if titled or before else f"{head}: "
    same = (form for form in (said, *quoted) if _reads_as(said, front, form))
    plain = said.replace("«", '"').replace("»", '"')
    return f"{head}: {next(same, f'«{plain}»')}"


def _needs(needs: tuple[str, ...], keys: set[str], before: NodeSpec | None) -> str:
    if needs == ((before.key,) if before else ()):
        return ""
    nothing = "" if "nothing" in keys else " nothing"
    return f"(needs {', '.join(needs)})" if needs else f"(needs{nothing})"


def _reads_as(said: str, front: str, form: str) -> bool:
    """Whether `form` is read as what was said, also with other steps below it."""
    index = front.count("\n")
    for below in ("", TRAP):
        title, steps = _found(f"{front}{form}{below}")
        if title or len(steps) <= index or steps[index].text != said:
            return False
    return True


def _found(text: str) -> tuple[str, list[Step]]:
    """The title and the steps, none where the text cannot be read."""
    given = options.read(text, options.OF_WORKFLOW)
    try:
        return ("", []) if isinstance(given, Fault) else find(_bare(given.rest))
    except Broken:
        return "", []
