"""The form of a recipe's file, and its JSON schema. Pure.

Each field's description says what is allowed: editors show it, and so do errors.
"""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    JsonValue,
    Tag,
    WithJsonSchema,
    model_validator,
)

from engine.dag import MAX_QUESTION, MAX_TITLE, MOST_NODES, MOST_QUORUM
from engine.spec import MAX_TASK, MOST_TRIES
from engine.states import OnFailure

MOST_PARAMETERS = 20
MOST_DOLLARS = 1000
MAX_VALUE = 4_000  # characters of a parameter's value
SHORTEST, LONGEST = timedelta(seconds=10), timedelta(hours=24)
DURATION = r"^(?:[0-9]{1,6}h)?(?:[0-9]{1,6}m)?(?:[0-9]{1,6}s)?$"
CLOSED: dict[str, JsonValue] = {"additionalProperties": False}  # no other keys than the pattern's
EITHER = "a step has either `task` (an agent works) or `gate` (people decide), and not both"


def _duration(value: Any) -> Any:
    """`1h30m` as a time span; pydantic refuses what is left as it is."""
    found = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?", str(value), re.ASCII)
    if not found or not any(found.groups()) or not re.fullmatch(DURATION, str(value)):
        raise ValueError
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    span = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if not SHORTEST <= span <= LONGEST:
        raise ValueError
    return span


Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
Word = Annotated[str, Field(pattern=r"^[^\s-]\S{0,199}$")]
Phrase = Annotated[str, Field(pattern=r"^[^\s-][^\n\t]{0,79}$")]
Filled = Annotated[str, Field(pattern=r"\S")]
Id = Annotated[str, Field(pattern=r"^(?:\*|[A-Z][A-Z0-9]{1,39})$")]
Span = Annotated[
    timedelta,
    BeforeValidator(_duration),
    WithJsonSchema({"type": "string", "pattern": DURATION, "examples": ["30m", "1h30m"]}),
]
Money = Annotated[
    Decimal,
    Field(gt=0, le=MOST_DOLLARS),
    WithJsonSchema({"type": "number", "exclusiveMinimum": 0, "maximum": MOST_DOLLARS}),
]
Retries = Annotated[int, Field(ge=0, lt=MOST_TRIES)]
Default = Annotated[
    str, Field(max_length=MAX_VALUE), WithJsonSchema({"type": ["string", "number", "boolean"]})
]

REPO = Field(None, description="the name of a repository of mab.toml, for example shop")
MODEL = Field(None, description="the name of a model, in one word")
SPAN = Field(None, description="how long an attempt may take: 10s to 24h, for example 1h30m")
RETRIES = Field(
    None,
    description=f"how often an agent is tried again when the cause may pass: 0 to {MOST_TRIES - 1}",
)
MONEY = Field(None, description="US dollars: more than 0, at most 1000, for example 2.50")
NEEDS = Field((), description="a list of the steps that come before this one, for example [design]")


class Form(BaseModel):
    """A part of the file; a key that is not known is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ParameterForm(Form):
    """What has to be said, or may be said, when the workflow is run."""

    description: str = Field("", max_length=300, description="text of at most 300 characters")
    default: Default | None = Field(None, description="the value when none is given, as text")
    required: bool | None = Field(None, description="true or false")

    @model_validator(mode="after")
    def _one_meaning(self) -> Self:
        if self.required and self.default is not None:
            raise ValueError("what is required has no default; leave one of the two out")
        return self


class DefaultsForm(Form):
    """What holds for every agent that says nothing else."""

    repo: Word | None = REPO
    base: Word | None = Field(
        default=None, description="where agents start: a branch, tag or commit"
    )
    model: Word | None = MODEL
    budget: Money | None = MONEY
    timeout: Span | None = SPAN
    retries: Retries | None = RETRIES


class AgentForm(Form):
    """A step at which an agent works."""

    task: Filled = Field(
        max_length=MAX_TASK, description="what the agent shall do; {{ name }} inserts a parameter"
    )
    needs: tuple[Key, ...] = NEEDS
    role: Phrase | None = Field(None, description="a few words, for example security reviewer")
    repo: Word | None = REPO
    model: Word | None = MODEL
    timeout: Span | None = SPAN
    retries: Retries | None = RETRIES
    budget: Money | None = MONEY
    check: Filled | None = Field(
        None, max_length=2_000, description="a command that says whether the work is good"
    )
    reads_only: bool = Field(
        default=False, description="true: no tool that changes anything; or false"
    )


class GateForm(Form):
    """A step at which people decide."""

    gate: str | None = Field(
        max_length=MAX_QUESTION, description="the question; {{ name }} inserts a parameter"
    )
    needs: tuple[Key, ...] = NEEDS
    approvers: tuple[Id, ...] = Field(
        (),
        max_length=100,
        description="a list of ids of people (U…) and groups (S…) who may decide",
    )
    quorum: int = Field(
        1, ge=1, le=MOST_QUORUM, description=f"how many must approve: 1 to {MOST_QUORUM}"
    )


def _kind(value: Any) -> str | None:
    """Which of the two a step is; None when it is neither or both."""
    named = [key for key in ("task", "gate") if isinstance(value, dict) and key in value]
    return named[0] if len(named) == 1 else None


StepForm = Annotated[
    Annotated[AgentForm, Tag("task")] | Annotated[GateForm, Tag("gate")], Discriminator(_kind)
]


class RecipeForm(Form):
    """A workflow of multi-agent-builder."""

    title: str = Field(
        "", max_length=MAX_TITLE, description=f"text of at most {MAX_TITLE} characters"
    )
    description: str = Field("", max_length=1_000, description="text of at most 1,000 characters")
    parameters: dict[Key, ParameterForm | None] = Field(
        {},
        max_length=MOST_PARAMETERS,
        description=f"up to {MOST_PARAMETERS} names, in lower case, each with what it means",
        json_schema_extra=CLOSED,
    )
    defaults: DefaultsForm = Field(
        default_factory=DefaultsForm, description="a table with: repo, model, …"
    )
    on_failure: OnFailure = Field(OnFailure.CONTINUE, description="stop, continue or ask")
    budget: Money | None = Field(
        None, description="US dollars for all steps: more than 0, at most 1000, for example 20"
    )
    nodes: dict[Key, StepForm] = Field(
        min_length=1,
        max_length=MOST_NODES,
        description=f"1 to {MOST_NODES} steps: their keys, in lower case, each with task or gate",
        json_schema_extra=CLOSED,
    )


def schema() -> dict[str, Any]:
    """The JSON schema of a recipe's file, for editors."""
    made = RecipeForm.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}
