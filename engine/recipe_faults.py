"""What is wrong with a recipe's file, and what is allowed there instead. Pure."""

from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from engine.recipe_form import (
    EITHER,
    AgentForm,
    DefaultsForm,
    Form,
    GateForm,
    ParameterForm,
    RecipeForm,
)
from engine.recipe_text import Place, Written, short

NAMES = (
    "this cannot be a name; use up to 40 lower-case letters, digits, - and _, "
    "beginning with a letter"
)


def form(written: Written) -> RecipeForm:
    """The checked content of a file; raises BadRecipe for the first thing that is wrong."""
    try:
        return RecipeForm.model_validate(written.value)
    except ValidationError as error:
        faults = [written.fault(_place(one), _said(one)) for one in error.errors()]
        raise min(faults, key=lambda fault: fault.line) from error


def _place(error: ErrorDetails) -> Place:
    """Where in the file, without what pydantic adds."""
    loc = tuple(part for part in error["loc"] if part != "[key]")
    return loc[:2] + loc[3:] if loc[:1] == ("nodes",) else loc


def _said(error: ErrorDetails) -> str:
    """What is wrong, and what is allowed."""
    model, inner = _form_at(error["loc"])
    field = model.model_fields.get(str(inner[0])) if inner else None
    keys = ", ".join(model.model_fields)
    match error["type"]:
        case _ if "[key]" in error["loc"]:
            return NAMES
        case "extra_forbidden":
            return f"there is no such key here; {_meant(str(inner[0]), model)}allowed: {keys}"
        case "union_tag_invalid" | "union_tag_not_found":
            return EITHER
        case "value_error" if not field:
            return error["msg"].removeprefix("Value error, ")
    allowed = (field.description or "") if field else f"a table with keys of these: {keys}"
    if error["type"] == "missing":
        return f"this is missing; needed: {allowed}"
    return f"{_shown(error['input'])} is not possible here; allowed: {allowed}"


def _meant(key: str, model: type[Form]) -> str:
    near = get_close_matches(key[:40], model.model_fields, n=1, cutoff=0.6)
    return f"did you mean {near[0]}? " if near else ""


def _shown(value: Any) -> str:
    match value:
        case None | "":
            return "nothing"
        case {} | [] if not value:
            return "nothing"
        case str():
            return f"“{short(value)}”"
        case dict():
            return "a table"
        case _:
            return "a list"


def _form_at(loc: Place) -> tuple[type[Form], Place]:
    """The part of the form that a place lies in, and the way from there."""
    match loc:
        case ("nodes", _, "task", *inner):
            return AgentForm, tuple(inner)
        case ("nodes", _, "gate", *inner):
            return GateForm, tuple(inner)
        case ("parameters", _, *inner):
            return ParameterForm, tuple(inner)
        case ("defaults", *inner) if inner:
            return DefaultsForm, tuple(inner)
        case _:
            return RecipeForm, loc
