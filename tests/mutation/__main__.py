"""`python -m tests.mutation [guard …]`: take the guards away, one after the other."""

import asyncio
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

from tests.mutation.mutants import MUTANTS, Mutant
from tests.mutation.proof import Unproven, prove, sound


async def main(wanted: Sequence[Mutant]) -> int:
    """Prove the wanted ones and say how it went; the exit code."""
    failures = 0
    with tempfile.TemporaryDirectory(prefix="mab-mutation-") as place:
        await sound(wanted, Path(place))
        print(f"unchanged: the tests of {len(wanted)} guards pass")  # noqa: T201 - for who runs it
        for mutant in wanted:
            began = monotonic()
            try:
                outcome = await prove(mutant, Path(place))
                names = sorted({name.partition("[")[0] for name in outcome.failed})
                said = f"noticed by {', '.join(names)}"
            except Unproven as error:
                failures, said = failures + 1, f"SURVIVED\n{error}"
            took = monotonic() - began
            print(f"{mutant.guard} ({took:.1f} s): {said}", flush=True)  # noqa: T201 - as above
    return min(failures, 1)


if __name__ == "__main__":
    known = {mutant.guard: mutant for mutant in MUTANTS}
    if unknown := set(sys.argv[1:]) - known.keys():
        sys.exit(f"no such guard: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    chosen = [known[name] for name in sys.argv[1:]] or list(MUTANTS)
    sys.exit(asyncio.run(main(chosen)))
