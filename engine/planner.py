"""A planning agent: what it is told, what it answers, and the workflow that this is. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from engine.dag import MAX_QUESTION, MAX_TITLE, GateSpec, NodeSpec, WorkflowSpec
from engine.errors import InvalidSpec
from engine.recipe_text import UNSAFE
from engine.spec import AgentSpec

ROLE = "planner"
MOST_STEPS = 20  # in a proposal; people may describe more
MOST_TASK = 4_000  # characters
MOST_ROLE = 40  # characters


class Form(BaseModel):
    """A part of a proposal; what is not known is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Step(Form):
    """One node: an agent with a task, or a gate with a question."""

    key: Annotated[
        str,
        Field(
            max_length=40,
            description="short name: lower-case letters, digits, - and _, beginning with a letter",
        ),
    ]
    task: Annotated[
        str,
        Field(max_length=MOST_TASK, description="what an agent does here; not beside a question"),
    ] = ""
    question: Annotated[
        str,
        Field(max_length=MAX_QUESTION, description="a gate: what people decide; without a task"),
    ] = ""
    needs: Annotated[
        tuple[str, ...],
        Field(max_length=MOST_STEPS, description="keys of the steps that must be finished before"),
    ] = ()
    role: Annotated[
        str, Field(max_length=MOST_ROLE, description="of the agent, in a word: developer, reviewer")
    ] = ""
    reads_only: Annotated[
        bool, Field(description="the agent looks and reports, and changes nothing")
    ] = False


class Proposal(Form):
    """What a planning agent answers."""

    title: Annotated[str, Field(max_length=MAX_TITLE, description="the goal in a few words")]
    nodes: Annotated[tuple[Step, ...], Field(max_length=MOST_STEPS, description="the steps")]


def _schema() -> dict[str, Any]:
    """The form as a JSON schema, without references: not every reader follows these."""
    whole = Proposal.model_json_schema()
    whole["properties"]["nodes"] |= {"items": whole.pop("$defs")["Step"], "minItems": 1}
    whole["properties"]["title"] |= {"minLength": 1}
    return whole


SCHEMA: Mapping[str, Any] = _schema()
_INSTRUCTIONS = f"""\
You are a planning agent. You change nothing, and you do none of the work yourself. Read what you \
need of the repository, then answer with a plan: a graph of steps that reaches the goal above. \
People look at it, change it, and start it; then each step is given to an agent of its own.
- As few steps as the goal needs: one for a small goal, seldom more than six, never more than \
{MOST_STEPS}. Do not cut what one agent can do and check in one go.
- The agent of a step knows nothing but its task, the repository, and what the steps that it \
needs have committed and reported. So a task says what is to be done, names the files and the \
decisions that matter, and says when it is done, such as which tests must pass.
- `needs` names the steps that must be finished before. Steps that do not need each other run at \
the same time, so they must not change the same files. No step may wait for itself in a circle.
- A step with `reads_only` looks and reports: research, or a review.
- After each step that changes something the repository must still work.
"""
_GATES = """\
- A gate is a step with a `question` in place of a task: people decide there, with the results of \
the steps that it needs before them, whether the workflow goes on. Put one only before what is \
hard to take back or is a matter of their judgement, such as a design before it is built; not \
after every step, and none where nothing follows.
"""
_NO_GATES = "- Propose no gate, a step with a `question`: nobody here may decide at one.\n"
_AGAIN = """\
Where a plan stands below, what is said above is what people want of it: answer with the whole \
plan, changed accordingly, and leave the rest of it as it is. Nothing of it has begun."""


def instructions(*, gates: bool = True) -> str:
    """What a planning agent is told beside its goal."""
    return f"{_INSTRUCTIONS}{_GATES if gates else _NO_GATES}{_AGAIN}"


def proposed(data: Any, goal: AgentSpec, *, gates: bool = True) -> WorkflowSpec:
    """The workflow that a planning agent's answer describes.

    Its agents work where the `goal` says, with its model. Raises InvalidSpec with a sentence for
    what is no plan, or none that can be carried out.
    """
    try:
        proposal = Proposal.model_validate(_clean(data))
    except ValidationError as error:
        raise InvalidSpec(_fault(data, error)) from error
    nodes = tuple(_node(step, goal, gates=gates) for step in proposal.nodes)
    title = " ".join(proposal.title.split())
    workflow = WorkflowSpec(title, nodes, context=goal.context, most_nodes=MOST_STEPS)
    if not workflow.agents:
        raise InvalidSpec("no step has a task, so nothing would be done")
    return workflow


def standing(goal: str, workflow: WorkflowSpec) -> str:
    """What a planning agent is told of the plan that it is to change."""
    nodes = tuple(_step(node) for node in workflow.nodes)
    title = workflow.title[:MAX_TITLE]
    shown = Proposal.model_construct(title=title, nodes=nodes).model_dump_json(
        exclude_defaults=True, indent=1
    )
    return f"The goal was:\n{goal}\n\nThe plan as it stands, people may have changed it:\n{shown}"


def carried(before: WorkflowSpec, after: WorkflowSpec) -> WorkflowSpec:
    """A changed plan, with what people have settled about `before` that no proposal can say."""
    old = {node.key: node.does for node in before.nodes}
    nodes = tuple(
        replace(node, does=_settled(old.get(node.key), node.does)) for node in after.nodes
    )
    return replace(
        after,
        nodes=nodes,
        context=before.context,
        budget=before.budget,
        on_failure=before.on_failure,
    )


def _settled(old: AgentSpec | GateSpec | None, new: AgentSpec | GateSpec) -> AgentSpec | GateSpec:
    match old, new:
        case AgentSpec(), AgentSpec():
            return replace(old, task=new.task, role=new.role, reads_only=new.reads_only)
        case GateSpec(), GateSpec():
            return replace(old, question=new.question)
        case _:
            return new


def _step(node: NodeSpec) -> Step:
    match node.does:
        case GateSpec(question):
            given: dict[str, Any] = {"question": question}
        case agent:
            given = {"task": agent.task[:MOST_TASK], "role": agent.role}
            given["reads_only"] = agent.reads_only
    return Step.model_construct(key=node.key, needs=node.needs, **given)


def _node(step: Step, goal: AgentSpec, *, gates: bool) -> NodeSpec:
    task, question = step.task.strip(), step.question.strip()
    if bool(task) == bool(question):
        raise InvalidSpec(f"{step.key!r} needs either a task or, for a gate, a question")
    if question and not gates:
        raise InvalidSpec(f"{step.key!r} is a gate, and nobody here may decide at one")
    if question:
        return NodeSpec(step.key, GateSpec(question), step.needs)
    role = " ".join(step.role.split())
    agent = AgentSpec(task, role, goal.repo, goal.base, goal.model, reads_only=step.reads_only)
    return NodeSpec(step.key, agent, step.needs)


def _clean(data: Any) -> Any:
    """The same without characters that cannot be kept or shown."""
    match data:
        case str():
            return UNSAFE.sub(" ", data)
        case dict():
            return {str(name): _clean(value) for name, value in data.items()}
        case list():
            return [_clean(value) for value in data]
        case _:
            return data


def _fault(data: Any, error: ValidationError) -> str:
    """The first thing that is wrong, and where."""
    if not isinstance(data, dict):
        return "the planning agent answered without a plan"
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])[:80]
    said = first["msg"][:1].lower() + first["msg"][1:]
    return f"the plan cannot be read: at {place}, {said[:200]}"
