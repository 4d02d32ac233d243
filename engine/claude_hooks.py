"""When the Claude CLI asks us while it works: before a tool call, after it, after all of them."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlsplit

from claude_agent_sdk import HookMatcher
from claude_agent_sdk.types import HookContext, HookEvent, HookInput, HookJSONOutput

Hook = Callable[[HookInput, str | None, HookContext], Awaitable[HookJSONOutput]]
_PAUSE_SECONDS = 3600.0  # the CLI must not give up on what a hook has begun


@dataclass(frozen=True)
class Moments:
    """What is asked at which moment."""

    before: Hook  # each call of a tool that `tools` names
    tools: str | None  # a pattern of the CLI; None: all
    between: Callable[[], Awaitable[None]]  # awaited after each call
    over: Callable[[], Awaitable[str]]  # why the model is not asked again; "" = it is


def hooks(moments: Moments) -> dict[HookEvent, list[HookMatcher]]:
    """The hooks of a run."""

    async def pause(_call: HookInput, _id: str | None, _context: HookContext) -> HookJSONOutput:
        await moments.between()
        return {}

    async def judge(_call: HookInput, _id: str | None, _context: HookContext) -> HookJSONOutput:
        why = await moments.over()
        return {"continue_": False, "stopReason": why} if why else {}

    after = [HookMatcher(None, [pause], _PAUSE_SECONDS)]
    batch = cast(HookEvent, "PostToolBatch")  # the SDK's type lacks what the CLI knows
    return {
        "PreToolUse": [HookMatcher(moments.tools, [moments.before], _PAUSE_SECONDS)],
        "PostToolUse": after,
        "PostToolUseFailure": after,
        batch: [HookMatcher(None, [judge], _PAUSE_SECONDS)],
    }


def decided(decision: str, why: str = "") -> HookJSONOutput:
    """What a hook before a call says: `deny`, or `defer`, which ends the run."""
    words: dict[str, Any] = {"hookEventName": "PreToolUse", "permissionDecision": decision}
    if why:
        words["permissionDecisionReason"] = why
    return cast(HookJSONOutput, {"hookSpecificOutput": words})


def reachable(url: str, network: tuple[str, ...]) -> bool:
    """Whether a URL's host is among the domains; `*.` covers subdomains only."""
    host = urlsplit(url).hostname or ""
    return any(
        host.endswith(domain[1:]) if domain.startswith("*.") else host == domain
        for domain in network
    )
