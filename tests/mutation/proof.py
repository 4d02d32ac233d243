"""Carries out the proof: a copy of the project, one change in it, and the tests that must fail."""

import asyncio
import os
import shutil
import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.mutation.mutants import Mutant

PROJECT = Path(__file__).parents[2]
PARTS = ("engine", "bot", "tests")
FILES = ("pyproject.toml", "manifest.yml", "README.md")
WITNESS = "tests.mutation.witness"
SECONDS = 250.0  # for the tests of one mutant, on a loaded machine


class Unproven(AssertionError):
    """The proof does not hold, or could not be carried out."""


@dataclass(frozen=True)
class Outcome:
    """What became of tests: their names without file, with what is in brackets."""

    passed: frozenset[str]
    failed: frozenset[str]  # in the test itself
    broken: frozenset[str]  # before or after it, or not even collected
    said: str


@dataclass(frozen=True)
class Copy:
    """The project's files in another directory, from which alone its modules are imported."""

    top: Path
    postgresql: str = ""  # the URL of a server; "" = the tests start one

    @classmethod
    def make(cls, top: Path, postgresql: str = "") -> "Copy":
        """Copy the files; what Python has compiled comes along, so that it does so once."""
        for part in PARTS:
            shutil.copytree(
                PROJECT / part, top / part, ignore=shutil.ignore_patterns(".*", "*.pyc.*")
            )
        for file in FILES:
            shutil.copy2(PROJECT / file, top / file)
        return cls(top, postgresql)

    def mutate(self, mutant: Mutant) -> None:
        """Take the guard away; raises Unproven when it does not stand where it is said to."""
        file = self.top / mutant.file
        text = file.read_text(encoding="utf-8")
        if (times := text.count(mutant.text)) != 1:
            said = f"{mutant.guard}: its text stands {times} times in {mutant.file}, not once"
            raise Unproven(said)
        file.write_text(text.replace(mutant.text, mutant.instead), encoding="utf-8")
        for compiled in file.parent.glob(f"__pycache__/{file.stem}.*.pyc"):
            compiled.unlink()

    async def tested(self, tests: Sequence[str]) -> Outcome:
        """Run tests in the copy, and see that it is the copy that they import."""
        report = self.top / "report.xml"
        plugins = ("-p", WITNESS, "-p", "no:cacheprovider", "-p", "no:xdist")
        options = ("--no-header", "--tb=short", f"--junitxml={report}")
        command = ("-m", "pytest", *plugins, *options, *tests)
        code, said = await self._python(*command)
        if not report.exists():
            raise Unproven(f"pytest ended with {code} and no report:\n{said}")
        return _outcome(report, said)

    async def _python(self, *arguments: str) -> tuple[int, str]:
        """Run Python in the copy; its exit code and what it said."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *arguments,
            cwd=self.top,
            env=self._environ(os.environ),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            async with asyncio.timeout(SECONDS):
                out, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return process.returncode or 0, out.decode(errors="replace")

    def _environ(self, ours: Mapping[str, str]) -> dict[str, str]:
        """What decides about what is imported, tested and measured is the copy's own."""
        kept = {k: v for k, v in ours.items() if not k.startswith(("PYTEST_", "COV", "COVERAGE"))}
        server = {"TEST_DATABASE_URL": self.postgresql} if self.postgresql else {}
        return kept | server | {"PYTHONPATH": str(self.top)}


async def prove(mutant: Mutant, place: Path, postgresql: str = "") -> Outcome:
    """See that each test of a mutant fails in a copy below `place`; raises Unproven."""
    copy = Copy.make(place / mutant.guard, postgresql)
    copy.mutate(mutant)
    outcome = await copy.tested(mutant.tests)
    survived = [test for test in mutant.tests if not _is_in(test, outcome.failed)]
    if outcome.broken or survived:
        told = f"broken {sorted(outcome.broken)}, survived {survived}"
        raise Unproven(f"{mutant.guard}: {told}\n{outcome.said[-3000:]}")
    return outcome


async def sound(mutants: Sequence[Mutant], place: Path, postgresql: str = "") -> Outcome:
    """See that the tests of all these pass where nothing is changed; raises Unproven."""
    tests = list(dict.fromkeys(test for mutant in mutants for test in mutant.tests))
    outcome = await Copy.make(place / "unchanged", postgresql).tested(tests)
    missing = [test for test in tests if not _is_in(test, outcome.passed)]
    if outcome.failed or outcome.broken or missing:
        raise Unproven(f"not all pass unchanged; not run: {missing}\n{outcome.said[-3000:]}")
    return outcome


def _is_in(test: str, names: frozenset[str]) -> bool:
    """Whether a test, or one of its parameters, is among these."""
    wanted = test.partition("::")[2]
    return any(name == wanted or name.startswith(f"{wanted}[") for name in names)


def _outcome(report: Path, said: str) -> Outcome:
    """What a report of pytest, which our own tests have written, says about each test."""
    passed, failed, broken = set(), set(), set()
    for case in ET.parse(report).iter("testcase"):
        kinds = {child.tag for child in case}
        if "error" in kinds or "skipped" in kinds:
            broken.add(case.get("name", ""))
        elif "failure" in kinds:
            failed.add(case.get("name", ""))
        else:
            passed.add(case.get("name", ""))
    return Outcome(frozenset(passed), frozenset(failed), frozenset(broken), said)
