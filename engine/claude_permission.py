"""Which tool calls of a run wait for people, which may run, and which may not.

There are two locks. The hook is asked before each call, and puts it off. The CLI passes over that
in some cases (a call taken up as it starts, a message that did not come as a stream), so what
rules are about is also nothing that the CLI allows by itself: it asks `decide` as well.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from claude_agent_sdk import (
    PermissionResult,
    PermissionResultAllow,
    PermissionResultDeny,
    ToolPermissionContext,
)
from claude_agent_sdk.types import HookContext, HookInput, HookJSONOutput

from engine import permission_paths as paths
from engine import permissions
from engine.claude_hooks import decided
from engine.claude_pending import QUESTION
from engine.claude_walls import Walls
from engine.executor import Call, Job
from engine.masking import UNMASKED

ALONE = "People have to allow this first. Make this call again, alone in its message."
ALONE_QUESTION = "This was not asked. Ask again, with this call alone in its message."
MASKED = (
    "People have to allow this, and cannot be shown it whole: a part of it looks like a secret, "
    "or like a password in an address. Do it without that."
)
REFUSED = "This is not permitted here."


class Permission:
    """Decides about the tool calls of one run.

    `approved` is the call that the CLI takes up as it starts, which people allowed.
    """

    def __init__(self, job: Job, walls: Walls, approved: Call | None = None) -> None:
        self._job = job
        self._walls = walls
        self._approved = approved
        self.begun = asyncio.Event()  # the CLI has taken that call up
        self._waiting: dict[str, Call] = {}

    @property
    def waits(self) -> tuple[Call, ...]:
        """What people have to settle: calls that wait for permission, else questions."""
        wanted = tuple(call for call in self._waiting.values() if call.because)
        return wanted or tuple(self._waiting.values())

    def puts_off(self, call: str) -> bool:
        """Whether a call has not run because it waits, or because others do."""
        return call in self._waiting

    async def hook(self, said: HookInput, name: str | None, _: HookContext) -> HookJSONOutput:
        """Put off what people decide about, before the CLI looks at it; refuse the unreachable."""
        facts: Mapping[str, Any] = said
        call = Call(name or "", str(facts["tool_name"]), facts["tool_input"])
        if self._is_approved(call):
            return {}
        real = await self._real(call)
        if why := self._walls.refusal(call, real):
            return decided("deny", why)
        if call.tool == QUESTION:
            return self._put_off(call)
        if rule := self._asked(call, real):
            wanted = Call(call.id, call.tool, call.given, rule.text)
            hidden = self._would_be_masked(call)
            return decided("deny", MASKED) if hidden else self._put_off(wanted)
        if call.tool == "WebFetch" and not self._may_fetch(call):
            return decided("deny", "this domain is not among those that may be reached")
        return {}

    async def decide(
        self, tool: str, given: dict[str, Any], context: ToolPermissionContext
    ) -> PermissionResult:
        """What may run of what the CLI does not allow by itself."""
        call = Call(context.tool_use_id or "", tool, given)
        if self._is_approved(call):
            self.begun.set()
            return PermissionResultAllow()
        self._waiting.pop(call.id, None)  # the CLI passes over that it was put off
        real = await self._real(call)
        return _ruled(self._judged(call, real, context.decision_reason))

    def _judged(self, call: Call, real: Path | None, reason: str | None) -> str:
        """Why a call must not run; "" = it may."""
        if why := self._walls.refusal(call, real):
            return why
        if call.tool == QUESTION:
            return ALONE_QUESTION
        if self._allowed(call, real):
            return ""
        if self._asked(call, real):
            return ALONE
        if reason is None and self._walls.ordinary(call, real):
            return ""
        return reason or REFUSED

    def _would_be_masked(self, call: Call) -> bool:
        """Whether people would not be shown the whole call, because secrets are never shown."""
        shown = permissions.shown(call.tool, permissions.seen(call.given, self._job.workspace))
        return UNMASKED.text(shown) != shown

    def _put_off(self, call: Call) -> HookJSONOutput:
        self._waiting[call.id] = call
        return decided("defer")

    def _is_approved(self, call: Call) -> bool:
        known = self._approved
        return bool(
            known
            and known.id == call.id
            and permissions.digest(known.tool, known.given)
            == permissions.digest(call.tool, call.given)
        )

    def _allowed(self, call: Call, real: Path | None) -> bool:
        workspace = self._job.workspace
        return permissions.allows(self._job.allowed, call.tool, call.given, workspace, real)

    def _asked(self, call: Call, real: Path | None) -> permissions.Rule | None:
        if self._allowed(call, real):
            return None
        rules = self._walls.rules_for(call, real)
        return permissions.asked(rules, call.tool, call.given, self._job.workspace, real)

    def _may_fetch(self, call: Call) -> bool:
        return self._walls.reaches(call) or self._allowed(call, None)

    async def _real(self, call: Call) -> Path | None:
        target = paths.target(call.tool, call.given, self._job.workspace)
        if call.tool not in paths.FILES or target is None:
            return None
        return await asyncio.to_thread(target.resolve)


def _ruled(why: str) -> PermissionResult:
    return PermissionResultDeny(message=why) if why else PermissionResultAllow()
