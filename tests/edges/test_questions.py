"""What agents ask people, with the real CLI: the run ends, and goes on with the answer."""

import pytest

from engine.claude_resume import NOT_ASKED
from engine.demo_model import Call, Turn, say
from engine.executor import Settled
from engine.store import Database
from tests.edges.conftest import Bench
from tests.edges.test_permission import DENIED, FREE, asked, host, sqlite_only


def question(text: str, *, several: bool = False) -> dict[str, object]:
    options = [{"label": label, "description": f"{label} it is"} for label in ("sqlite", "files")]
    return {"question": text, "header": "Store", "options": options, "multiSelect": several}


def asks(*texts: str) -> Call:
    return Call("AskUserQuestion", {"questions": [question(text) for text in texts]})


@pytest.mark.parametrize("reads_only", [False, True])
async def test_a_question_waits_and_is_answered(
    bench: Bench,
    db: Database,
    reads_only: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    turns = [Turn("Hm.", (asks("Which store?"),)), say("Done.")]
    async with host(bench, db, turns, ask=(), reads_only=reads_only) as agent:
        first = await agent.run()
        (call,) = first.waits
        assert (call.tool, call.because) == ("AskUserQuestion", "")
        assert call.given == asks("Which store?").arguments
        last = await agent.again(Settled(call.id, said="Mia answers: sqlite"))

        assert (last.success, last.output) == (True, "Done.")
        (result,) = agent.talk().results
        assert (result.text, result.failed) == ("Mia answers: sqlite", False)


@sqlite_only
async def test_several_questions_are_answered_together(bench: Bench, db: Database) -> None:
    several = Call("AskUserQuestion", {"questions": [question("A?", several=True), question("B?")]})
    async with host(bench, db, [Turn(calls=(several, asks("C?"), FREE)), say("Done.")]) as agent:
        first = await agent.run()
        assert [call.given for call in first.waits] == [several.arguments, asks("C?").arguments]
        assert [step.subject for step in first.beside] == ["mkdir made"]
        answers = [Settled(call.id, said=f"answer {n}") for n, call in enumerate(first.waits)]
        assert (await agent.again(*answers)).output == "Done."
        said = {result.text: result.failed for result in agent.talk().results}
        assert {"answer 0": False, "answer 1": False}.items() <= said.items()
        assert len(agent.talk().results) == 3


@sqlite_only
async def test_a_question_beside_calls_that_wait_is_not_asked_yet(
    bench: Bench, db: Database
) -> None:
    turns = [Turn(calls=(asks("A?"), asked(1), asked(2))), Turn(calls=(asks("A?"),)), say("Done.")]
    async with host(bench, db, turns) as agent:
        first = await agent.run()
        assert [call.tool for call in first.waits] == ["Bash", "Bash"]
        assert first.beside == ()
        one, two = first.waits
        again = await agent.again(Settled(one.id, allowed=True), Settled(two.id, said=DENIED))
        assert {result.text for result in agent.talk().results} == {NOT_ASKED, "1", DENIED}
        (question_,) = again.waits
        assert question_.tool == "AskUserQuestion"
        assert (await agent.again(Settled(question_.id, said="Yes."))).output == "Done."
        assert agent.ran() == ["1"]
