"""What the Claude CLI asks while it works: whether it may fetch, and what people have said."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from claude_agent_sdk import HookMatcher
from claude_agent_sdk.types import HookContext, HookEvent, HookInput, HookJSONOutput

Hook = Callable[[HookInput, str | None, HookContext], Awaitable[HookJSONOutput]]
_PAUSE_SECONDS = 3600.0  # the CLI must not give up on what a hook has begun


def hooks(
    network: tuple[str, ...], between: Callable[[], Awaitable[None]]
) -> dict[HookEvent, list[HookMatcher]]:
    """The hooks of a run; `between` is awaited after each tool call, before the model goes on."""

    async def pause(_call: HookInput, _id: str | None, _context: HookContext) -> HookJSONOutput:
        await between()
        return {}

    after = [HookMatcher(None, [pause], _PAUSE_SECONDS)]
    found: dict[HookEvent, list[HookMatcher]] = {"PostToolUse": after, "PostToolUseFailure": after}
    if network:
        found["PreToolUse"] = [HookMatcher("WebFetch", [_doorkeeper(network)])]
    return found


def _doorkeeper(network: tuple[str, ...]) -> Hook:
    """Refuses what the CLI would fetch by itself: it brings a list of domains of its own."""

    async def keep(call: HookInput, _id: str | None, _context: HookContext) -> HookJSONOutput:
        arguments: Mapping[str, Any] = call.get("tool_input", {})  # type: ignore[assignment]
        if reachable(str(arguments.get("url", "")), network):
            return {}
        return {
            "hookSpecificOutput": {
                "hookEventName": "PreToolUse",
                "permissionDecision": "deny",
                "permissionDecisionReason": "this domain is not among those that may be reached",
            }
        }

    return keep


def reachable(url: str, network: tuple[str, ...]) -> bool:
    """Whether a URL's host is among the domains; `*.` covers subdomains only."""
    host = urlsplit(url).hostname or ""
    return any(
        host.endswith(domain[1:]) if domain.startswith("*.") else host == domain
        for domain in network
    )
