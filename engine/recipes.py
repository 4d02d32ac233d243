"""Recipes: workflows that are described in files, with parameters. Pure.

The values of parameters are plain text. They are inserted into tasks and questions and nowhere
else, above all not into commands, and what they hold is not looked through for more parameters.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import PurePosixPath

from engine.dag import GateSpec, NodeSpec, WorkflowSpec, is_key
from engine.errors import InvalidSpec
from engine.recipe_faults import form
from engine.recipe_form import MAX_VALUE, AgentForm, GateForm, RecipeForm, schema
from engine.recipe_text import UNSAFE, BadRecipe, Place, Value, Written, parse, short
from engine.spec import AgentSpec

__all__ = ["BadRecipe", "BadValue", "Parameter", "Recipe", "fill", "is_name", "read", "schema"]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}", re.ASCII)
# A backslash in front makes it text.
INSERTED = re.compile(r"(?P<text>\\)?\{\{[ \t]*(?P<name>[a-z][\w-]{0,39})[ \t]*\}\}", re.ASCII)


class BadValue(InvalidSpec):
    """The values do not fit the parameters of the workflow."""


@dataclass(frozen=True)
class Parameter:
    """What has to be said, or may be said, when a recipe is run."""

    name: str
    description: str = ""
    default: str = ""
    required: bool = True


@dataclass(frozen=True)
class Recipe:
    """A workflow of a file: what people see of it before it is run, and what it is made from."""

    name: str
    file: str
    title: str
    description: str
    parameters: tuple[Parameter, ...]
    form: RecipeForm = field(repr=False)
    written: Written = field(repr=False)
    configured: bool = False  # by the configuration, not by a repository


def is_name(text: str) -> bool:
    """Whether a recipe can be called this."""
    return bool(NAME.fullmatch(text))


def read(text: str, file: str, name: str = "") -> Recipe:
    """The recipe that a file's text describes; its name is that of the file, if no other is given.

    Raises BadRecipe, which names the file, the line and the key, and what is allowed there.
    """
    name = name or PurePosixPath(file).stem
    if not is_name(name):
        said = "its name cannot be typed; use up to 60 letters, digits, -, _ and . for it"
        raise BadRecipe(file, 0, "", said)
    written = parse(text, file)
    read_form = form(written)
    parameters = tuple(_parameters(read_form))
    recipe = Recipe(
        name, file, read_form.title or name, read_form.description, parameters, read_form, written
    )
    _check_insertions(recipe)
    _check_steps(recipe)
    _spec(recipe, lambda said: said)
    return recipe


def fill(recipe: Recipe, values: Mapping[str, str]) -> WorkflowSpec:
    """The workflow that a recipe gives with these values.

    Raises BadValue for unknown and missing parameters, BadRecipe for what only these values make
    impossible, such as a task that is too long.
    """
    given = _values(recipe, values)

    def filled(said: str) -> str:
        return INSERTED.sub(lambda one: one[0][1:] if one["text"] else given[one["name"]], said)

    return _spec(recipe, filled)


def _parameters(form: RecipeForm) -> Iterator[Parameter]:
    for name, about in form.parameters.items():
        if about is None:
            yield Parameter(name)
        else:
            required = about.default is None if about.required is None else about.required
            yield Parameter(name, about.description, about.default or "", required)


def _check_insertions(recipe: Recipe) -> None:
    known = {parameter.name for parameter in recipe.parameters}
    for place, said in _texts(recipe.written.value, ()):
        names = {one["name"] for one in INSERTED.finditer(said) if not one["text"]}
        if place[0] == "nodes" and place[2:] in {("task",), ("gate",)}:
            for name in sorted(names - known):
                raise recipe.written.fault(place, _undeclared(name, known))
        elif place[-1] != "description" and names & known:
            allowed = "parameters are inserted into task and gate only; write the value itself"
            raise recipe.written.fault(place, allowed)


def _texts(value: Value, place: Place) -> Iterator[tuple[Place, str]]:
    match value:
        case str():
            yield place, value
        case dict():
            for key, inner in value.items():
                yield from _texts(inner, (*place, key))
        case list():
            for index, inner in enumerate(value):
                yield from _texts(inner, (*place, index))


def _undeclared(name: str, known: set[str]) -> str:
    declared = f"the parameters are {', '.join(sorted(known))}" if known else "there are none"
    return (
        f"{{{{ {name} }}}} names no parameter; {declared}. "
        f"Declare it in `parameters`, or write \\{{{{ {name} }}}} for text"
    )


def _check_steps(recipe: Recipe) -> None:
    steps = recipe.form.nodes
    for key, step in steps.items():
        if not is_key(key):
            raise recipe.written.fault(("nodes", key), "w and a number is kept for workflows")
        for index, need in enumerate(step.needs):
            place = ("nodes", key, "needs", index)
            if need not in steps:
                said = f"there is no step “{need}”; the steps are {', '.join(steps)}"
                raise recipe.written.fault(place, said)
            if need in step.needs[:index]:
                raise recipe.written.fault(place, f"“{need}” stands here twice; give it once")


def _values(recipe: Recipe, values: Mapping[str, str]) -> dict[str, str]:
    known = {parameter.name: parameter for parameter in recipe.parameters}
    for name, value in values.items():
        if name not in known:
            near = get_close_matches(name[:40], known, n=1, cutoff=0.6)
            meant = f"did you mean {near[0]}? " if near else ""
            said = f"{recipe.name} has no parameter “{short(name)}”; {meant}{_listed(recipe)}"
            raise BadValue(said)
        if len(value) > MAX_VALUE or UNSAFE.search(value):
            said = f"at most {MAX_VALUE:,} characters are possible, and no control characters"
            raise BadValue(f"the value of {name} cannot be inserted; {said}")
    missing = [name for name, one in known.items() if one.required and not values.get(name, "")]
    if missing:
        raise BadValue(f"{recipe.name} needs {', '.join(missing)}; {_listed(recipe)}")
    return {name: values.get(name, one.default) for name, one in known.items()}


def _listed(recipe: Recipe) -> str:
    if not recipe.parameters:
        return "it takes none"
    shown = [f"{one.name}{' (required)' if one.required else ''}" for one in recipe.parameters]
    return f"its parameters are {', '.join(shown)}"


def _spec(recipe: Recipe, filled: Callable[[str], str]) -> WorkflowSpec:
    nodes = tuple(_node(recipe, key, filled) for key in recipe.form.nodes)
    try:
        return WorkflowSpec(recipe.title, nodes, recipe.form.on_failure, recipe.form.budget)
    except InvalidSpec as error:
        raise recipe.written.fault(("nodes",), error.detail) from error


def _node(recipe: Recipe, key: str, filled: Callable[[str], str]) -> NodeSpec:
    step = recipe.form.nodes[key]
    try:
        match step:
            case GateForm():
                does: AgentSpec | GateSpec = _gate(step, filled)
            case AgentForm():
                does = _agent(step, recipe, filled)
    except InvalidSpec as error:
        raise recipe.written.fault(("nodes", key), error.detail) from error
    return NodeSpec(key, does, step.needs)


def _gate(step: GateForm, filled: Callable[[str], str]) -> GateSpec:
    return GateSpec(filled((step.gate or "").strip()), step.approvers, step.quorum)


def _agent(step: AgentForm, recipe: Recipe, filled: Callable[[str], str]) -> AgentSpec:
    shared = recipe.form.defaults
    retries = shared.retries if step.retries is None else step.retries
    return AgentSpec(
        task=filled(step.task.strip()),
        role=step.role or "",
        repo=step.repo or shared.repo or "",
        base=shared.base or "",
        model=step.model or shared.model or "",
        timeout=step.timeout or shared.timeout,
        budget=step.budget or shared.budget,
        check=step.check or "",
        max_failures=None if retries is None else retries + 1,
        reads_only=step.reads_only,
    )
