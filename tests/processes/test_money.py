"""What an agent costs over waits, raises and a retry, as the model itself has counted it."""

from dataclasses import replace
from decimal import Decimal
from functools import partial

import pytest

from bot.local import Message
from bot.messages import buttons
from engine.demo_model import Fail, Turn, call, say
from engine.states import InquiryKind, Status
from tests import repositories
from tests.processes.conftest import Installation, shown, until

TURN = Decimal("0.82")  # what 200,000 tokens in and 1,000 out cost with the CLI's default model
LAST = Decimal("0.80")


def works(number: int) -> Turn:
    command = f"echo {number} >> steps.txt"
    return Turn(f"Step {number}.", call("Bash", command=command).calls, "", 200_000, 1_000)


BUSY = Fail(529, times=3)  # as often as the CLI tries by itself
TURNS = [
    *(works(number) for number in range(6)),
    replace(works(6), fault=BUSY),
    say("Done.", tokens_in=200_000),
]


@pytest.mark.parametrize("database_kind", ["sqlite"], indirect=True)
async def test_the_cost_of_three_raises_and_a_retry_is_what_the_model_charged(
    mab: Installation,
) -> None:
    mab.configure(budget=1)
    await mab.plays(costly=[TURNS])
    assert mab.model is not None
    serving = await mab.serves()
    card = await mab.spawns("costly")
    before: set[str] = set()  # what was decided
    for raised in range(1, 4):
        asked = await mab.slack.settled(partial(_question, mab, card, before), timeout=60)
        assert asked is not None
        before.add(asked.ts)
        await until(partial(mab.came_to, [(n, "asked") for n in range(1, raised + 1)]))
        view = await mab.ledger.agent(1)
        assert (view.status, view.asks) == (Status.WAITING, InquiryKind.BUDGET)
        assert view.usage.cost == TURN * 2 * raised
        assert "steps.txt" in await mab.on_branch(), "its work is committed"
        assert list(mab.agents()) == []
        if raised == 2:  # waiting, it outlives everything
            await serving.dies()
            serving = await mab.serves()
        await mab.presses("reviewer", asked, buttons.APPROVE)
    outcomes = ["asked", "asked", "asked", "failed", "completed"]
    runs = list(enumerate(outcomes, start=1))
    await until(partial(mab.came_to, runs), seconds=150)  # the retry waits, and so does the broker
    assert (await mab.story(card))[-1] == "done"
    used = (await mab.ledger.agent(1)).usage
    assert used.tokens_in == sum(mab.model.tokens_in.values()) == 1_600_000
    assert used.tokens_out == sum(mab.model.tokens_out.values())
    assert used.cost == TURN * 7 + LAST
    branch = (await mab.ledger.agent(1)).branch
    steps = repositories.git(mab.shop, "show", f"{branch}:steps.txt").split()
    assert steps == [str(number) for number in range(7)], "each exactly once"


def _question(mab: Installation, card: Message, before: set[str]) -> Message | None:
    """What is asked now."""
    thread = mab.slack.thread("general", card.ts)[1:]
    asked = (message for message in thread if buttons.APPROVE in shown(message))
    return next((message for message in asked if message.ts not in before), None)
