"""Without any of its guards the program fails a test that names what was guarded."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.mutation.mutants import MUTANTS, Mutant
from tests.mutation.proof import Copy, Unproven, prove, sound

GUARDS = [pytest.param(mutant, id=mutant.guard) for mutant in MUTANTS]


@pytest.mark.parametrize("mutant", GUARDS)
async def test_a_missing_guard_is_noticed(
    mutant: Mutant, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue("postgres") if mutant.needs_postgresql else ""
    outcome = await prove(mutant, tmp_path, server)
    assert outcome.failed


async def test_with_all_guards_the_same_tests_pass(tmp_path: Path, postgres: str) -> None:
    outcome = await sound(MUTANTS, tmp_path, postgres)
    assert len(outcome.passed) >= len({test for mutant in MUTANTS for test in mutant.tests})


def test_a_guard_that_has_moved_is_no_proof(tmp_path: Path) -> None:
    moved = replace(MUTANTS[0], text="no such text")
    with pytest.raises(Unproven, match="0 times"):
        Copy.make(tmp_path / "copy").mutate(moved)


async def test_a_change_that_no_test_notices_survives(tmp_path: Path) -> None:
    mutant = next(mutant for mutant in MUTANTS if mutant.guard == "self-approval")
    harmless = replace(mutant, instead=mutant.text)
    with pytest.raises(Unproven, match="survived"):
        await prove(harmless, tmp_path)


async def test_a_module_that_cannot_be_imported_is_no_proof(tmp_path: Path) -> None:
    mutant = next(mutant for mutant in MUTANTS if mutant.guard == "self-approval")
    with pytest.raises(Unproven, match="broken"):
        await prove(replace(mutant, instead="if if"), tmp_path)
