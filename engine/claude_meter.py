"""What a run has used, by the CLI's own account, and whether it may use more."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from claude_agent_sdk import AssistantMessage, ClaudeSDKClient, ResultMessage

from engine import claude_messages
from engine.executor import Usage

_ANSWER_SECONDS = 2.0  # for the CLI to say what it has used
_START_SECONDS = 30.0  # the same, while it starts beside many others


class Meter:
    """Measures one run of a session against its budget (US dollars)."""

    def __init__(self, budget: Decimal) -> None:
        self._budget = budget
        self._client: ClaudeSDKClient | None = None
        self._before = Usage()  # what the session had used when this run began
        self._answers: dict[str, Mapping[str, Any]] = {}  # what each answer of the model used
        self.usage = Usage()
        self.stopped = False  # the budget is used up, and the CLI was told so

    async def begin(self, client: ClaudeSDKClient, *, anew: bool) -> None:
        """Measure what this client's session has used from now on."""
        self._client = client
        if not anew:
            try:
                self._before = await _account(client, 0, _START_SECONDS)
            except Exception:  # noqa: BLE001 - whatever is wrong, the run is charged the whole
                self._before = Usage()

    async def answered(self, message: AssistantMessage) -> None:
        """The model has given an answer, or a part of one."""
        self._answers[message.message_id or ""] = message.usage or {}
        await self.measure()

    async def measure(self) -> None:
        """Ask the CLI for its account."""
        if not self._client:
            return
        try:
            used = await _account(self._client, len(self._answers), _ANSWER_SECONDS)
            self.usage = claude_messages.since(self._before, used)
        except Exception:  # noqa: BLE001 - whatever is wrong, the answers were counted as well
            self.usage = claude_messages.added(self._answers.values(), self.usage)

    def ended(self, message: ResultMessage) -> None:
        """A turn is over, and brings the account along."""
        used = claude_messages.total(message, len(self._answers))
        self.usage = claude_messages.since(self._before, used)

    async def over(self) -> str:
        """Why the model must not be asked again; "" = it may."""
        await self.measure()
        if self.usage.cost < self._budget:
            return ""
        self.stopped = True
        return claude_messages.spent(self._budget)


async def _account(client: ClaudeSDKClient, turns: int, seconds: float) -> Usage:
    """The CLI's account of the session so far; the SDK has no public name for the question."""
    question = {"subtype": "get_usage", "skip_behaviors": True, "detached": True}
    query: Any = client._query  # noqa: SLF001 - see above
    answer = await query._send_control_request(question, timeout=seconds)  # noqa: SLF001
    session = answer["session"]
    return claude_messages.counted(session["model_usage"], session["total_cost_usd"], turns)
