"""A run that has cost its budget, with the real CLI: it stops between steps, and can go on."""

from decimal import Decimal

from engine.demo_model import Call, Turn, say
from engine.executor import AgentResult
from engine.states import Cause
from engine.store import Database
from tests.edges.conftest import Bench, Diary
from tests.edges.test_permission import asked, host, sqlite_only

TURN = Decimal("0.82")  # what 200,000 tokens in and 1,000 out cost with the CLI's default model


def works(number: int) -> Turn:
    """Three calls: one fails, one is slow to come back, one is quick."""
    calls = (Call("Read", {"file_path": "none"}), asked(number), Call("Glob", {"pattern": "*"}))
    return Turn(f"Step {number}.", calls, tokens_in=200_000, tokens_out=1_000)


@sqlite_only
async def test_a_budget_stops_between_steps_and_the_run_goes_on_where_it_was(
    bench: Bench, db: Database
) -> None:
    turns = [*(works(number) for number in range(5)), say("Done.", tokens_in=200_000)]
    async with host(bench, db, turns, ask=(), budget=TURN * 2 - Decimal("0.1")) as agent:
        results = [await agent.run()]
        while results[-1].cause is Cause.BUDGET:
            results.append(await agent.again(context=f"More money {len(results)}."))

        assert [result.success for result in results] == [False, False, True]
        assert "budget" in results[0].error
        assert results[0].output.startswith("Step 0.")
        assert agent.ran() == ["0", "1", "2", "3", "4"]
        assert [talk.turn for talk in agent.talks()] == [0, 1, 2, 3, 4, 5]
        assert agent.talk().told == ("More money 1.", "More money 2.")
        assert len(agent.talk().results) == 15
        charged(agent.model.tokens_in, agent.model.tokens_out, results)


def charged(came: dict[str, int], went: dict[str, int], results: list[AgentResult]) -> None:
    """The runs together have used what the model charged, by its own count."""
    (session,) = came
    assert sum(result.usage.tokens_in for result in results) == came[session] == 1_200_000
    assert sum(result.usage.tokens_out for result in results) == went[session] == 5_000
    assert [result.usage.turns for result in results] == [2, 2, 2]
    cost = sum(result.usage.cost for result in results)
    assert cost == TURN * 5 + Decimal("0.8")


@sqlite_only
async def test_a_budget_that_is_used_up_by_the_last_words_is_no_failure(
    bench: Bench, db: Database
) -> None:
    async with host(bench, db, [say("Done.", tokens_in=200_000)], budget=Decimal("0.1")) as agent:
        result = await agent.run()
        assert (result.success, result.output) == (True, "Done.")


@sqlite_only
async def test_what_is_said_when_the_budget_ends_begins_no_turn(bench: Bench, db: Database) -> None:
    async with host(bench, db, [works(0), works(1), say("Done.")], ask=(), budget=TURN) as agent:
        diary = Diary()
        diary.said = ["use sqlite"]
        first = await agent.run(diary)
        assert first.cause is Cause.BUDGET
        assert len(agent.talks()) == 1
        assert first.unheard == 1
