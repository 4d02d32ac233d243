"""What the Claude CLI says, read as steps, usage and an outcome. Pure."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from claude_agent_sdk import (
    AssistantMessage,
    CLINotFoundError,
    ProcessError,
    ResultMessage,
    TextBlock,
    ToolResultBlock,
    ToolUseBlock,
    UserMessage,
)

from engine.executor import AgentResult, Call, Step, Usage
from engine.states import Cause

MAX_SUBJECT = 500  # characters
MAX_ERROR = 2_000  # characters
MAX_OUTPUT = 100_000  # characters
OUT_OF_MEMORY = (
    "Something on the worker's host killed it (SIGKILL): as a rule the kernel, because memory ran "
    "out. Look for “Out of memory” in the kernel's log, and lower `[limits] slots` or add memory."
)
_SUBJECTS = ("file_path", "notebook_path", "command", "pattern", "url", "path", "query")
_ANSWER = "StructuredOutput"  # not a tool: how the agent gives a structured answer
_CONNECTION = (
    *("connect", "socket", "network", "timed out", "timeout", "econn", "stream", "fetch"),
    *("json parse", "malformed"),  # what lies between has broken the answer
)
_BY_FORCE = {-9, 128 + 9}  # SIGKILL, as Python tells it and as a shell does
_SANDBOX = ("sandbox required", "sandbox unavailable", "working sandbox")
_NAMED = {
    "authentication_failed": Cause.BAD_KEY,
    "billing_error": Cause.BAD_KEY,
    "rate_limit": Cause.RATE_LIMIT,
    "overloaded": Cause.OVERLOADED,
}


def steps(message: AssistantMessage, workspace: Path) -> Iterator[Step]:
    """What the agent says and does in one message."""
    yield from (Step("", text[:MAX_SUBJECT]) for text in texts(message))
    yield from calls(message, workspace).values()


def texts(message: AssistantMessage) -> Iterator[str]:
    """What the agent says in one message."""
    for block in message.content:
        if isinstance(block, TextBlock) and block.text.strip():
            yield block.text.strip()


def calls(message: AssistantMessage, workspace: Path) -> dict[str, Step]:
    """The tool calls of one message by their ids."""
    return {
        block.id: Step(block.name, subject(block.input, workspace))
        for block in message.content
        if isinstance(block, ToolUseBlock) and block.name != _ANSWER
    }


def subject(arguments: Mapping[str, Any], workspace: Path) -> str:
    """What a tool call is about: its file, seen from the workspace, or its command, or pattern."""
    found = next((str(arguments[name]) for name in _SUBJECTS if arguments.get(name)), "")
    if found.startswith("/") and Path(found).is_relative_to(workspace):
        found = str(Path(found).relative_to(workspace))
    return found[:MAX_SUBJECT]


def results(message: UserMessage) -> dict[str, bool]:
    """The ids of the tool calls that the message reports, and whether they failed."""
    blocks = message.content if isinstance(message.content, list) else []
    return {
        block.tool_use_id: bool(block.is_error)
        for block in blocks
        if isinstance(block, ToolResultBlock)
    }


def counted(models: Mapping[str, Mapping[str, Any]], cost: float, turns: int) -> Usage:
    """The CLI's own account of a session, all its models together."""
    return Usage(
        tokens_in=sum(_tokens_in(model) for model in models.values()),
        tokens_out=sum(int(model.get("outputTokens", 0)) for model in models.values()),
        cost=round(Decimal(str(cost)), 6),
        turns=turns,
    )


def total(result: ResultMessage, turns: int) -> Usage:
    """What the whole session used."""
    return counted(result.model_usage or {}, result.total_cost_usd or 0.0, turns)


def since(start: Usage, now: Usage) -> Usage:
    """What a run has used whose session had used so much when it started; turns are the run's."""
    return Usage(
        tokens_in=max(0, now.tokens_in - start.tokens_in),
        tokens_out=max(0, now.tokens_out - start.tokens_out),
        cost=max(Decimal(0), now.cost - start.cost),
        turns=now.turns,
    )


def added(answers: Collection[Mapping[str, Any]], known: Usage) -> Usage:
    """What single answers used, where the CLI gives no account; the cost is as last known."""
    return Usage(
        tokens_in=max(known.tokens_in, sum(_input(answer) for answer in answers)),
        tokens_out=max(
            known.tokens_out, sum(int(answer.get("output_tokens") or 0) for answer in answers)
        ),
        cost=known.cost,
        turns=len(answers),
    )


def _input(answer: Mapping[str, Any]) -> int:
    names = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    return sum(int(answer.get(name) or 0) for name in names)


def _tokens_in(model: Mapping[str, Any]) -> int:
    names = ("inputTokens", "cacheReadInputTokens", "cacheCreationInputTokens")
    return sum(int(model.get(name, 0)) for name in names)


@dataclass(frozen=True)
class Ending:
    """What is known when the CLI has fallen silent."""

    said: tuple[str, ...] = ()  # the agent's texts
    result: ResultMessage | None = None
    error: Exception | None = None  # why there is no result
    heard: tuple[str, ...] = ()  # standard error, last lines
    named: str = ""  # the CLI's name for the last failure of the API
    session: str = ""  # its id, once there is one


def outcome(ending: Ending, usage: Usage) -> AgentResult:
    """The result of an attempt, without its duration."""
    if ending.result is None:
        return _crash(ending, usage)
    result = ending.result
    words = "" if result.structured_output is not None else result.result  # not the data again
    final = AgentResult(
        success=True,
        output=(words or _all(ending.said))[:MAX_OUTPUT],
        usage=usage,
        session_id=result.session_id,
        data=result.structured_output,
    )
    if not result.is_error and result.subtype == "success":
        return final
    error = _words(result)
    cause = _cause(result, error, ending.named)
    return replace(final, success=False, output=_all(ending.said), error=error, cause=cause)


def _crash(ending: Ending, usage: Usage) -> AgentResult:
    said = str(ending.error or "the CLI ended without a result")
    words = "\n".join([*_killed(ending.error), said, *ending.heard])
    cause = Cause.CLI_CRASHED
    if isinstance(ending.error, CLINotFoundError):
        cause = Cause.CLI_MISSING
    elif any(sign in words.lower() for sign in _SANDBOX):
        cause = Cause.SANDBOX
    return AgentResult(
        success=False,
        output=_all(ending.said),
        error=words[:MAX_ERROR],
        cause=cause,
        usage=usage,
        session_id=ending.session,
    )


def _killed(error: Exception | None) -> tuple[str, ...]:
    """That somebody else ended the CLI; the kernel does so, without a word, to the largest."""
    by_force = isinstance(error, ProcessError) and error.exit_code in _BY_FORCE
    return (OUT_OF_MEMORY,) if by_force else ()


def spent(budget: Decimal) -> str:
    """That a run may cost no more."""
    return f"the budget of this run, {budget} US dollars, is used up"


def stopped(final: AgentResult, budget: Decimal) -> AgentResult:
    """The result of a run that may cost no more, and can be gone on with."""
    return replace(final, success=False, error=spent(budget), cause=Cause.BUDGET)


def waiting(final: AgentResult, waits: tuple[Call, ...], beside: tuple[Step, ...]) -> AgentResult:
    """The result of a run that ended with calls put off."""
    if waits:
        return replace(final, waits=waits, beside=beside)
    why = "a hook of the repository put off a tool call, and nobody can settle it"
    return replace(final, success=False, error=why, cause=Cause.MODEL)


def _words(result: ResultMessage) -> str:
    texts = [*(result.errors or []), result.result or ""]
    return ("\n".join(text for text in texts if text) or result.subtype)[:MAX_ERROR]


def _all(said: tuple[str, ...]) -> str:
    return "\n\n".join(said)[-MAX_OUTPUT:]


def _cause(result: ResultMessage, error: str, named: str) -> Cause:
    if result.subtype == "error_max_turns":
        return Cause.TURNS
    if result.api_error_status:
        return _cause_of_status(result.api_error_status, named)
    if named in _NAMED:
        return _NAMED[named]
    lowered = error.lower()
    return Cause.CONNECTION if any(sign in lowered for sign in _CONNECTION) else Cause.MODEL


def _cause_of_status(status: int, named: str) -> Cause:
    if status in (401, 403):
        return Cause.BAD_KEY
    if status == 429:
        return Cause.RATE_LIMIT
    return Cause.OVERLOADED if status >= 500 else _NAMED.get(named, Cause.MODEL)
