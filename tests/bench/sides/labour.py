"""What a run of the bench `recovery` is: a program that says when it begins and when it ends.

Run as `python -I -S labour.py LOG GO WHO NUMBER`. It ends well as soon as the file GO is there.
When its worker dies its standard input is closed, and it ends without a word, as an agent's CLI.
"""

import json
import os
import select
import sys
import time
from pathlib import Path

LOOK_SECONDS = 0.02


def main(log: str, go: str, who: str, number: str) -> int:
    """Wait for the file; 0 when it came."""
    say(log, who, int(number), "began")
    while not Path(go).exists():
        if select.select([0], [], [], LOOK_SECONDS)[0] and not os.read(0, 1):
            return 1
    say(log, who, int(number), "ended")
    return 0


def say(log: str, who: str, number: int, what: str) -> None:
    """Write a line into the log that all share; whole, since it is one write."""
    line = {"who": who, "number": number, "what": what, "at": time.time(), "pid": os.getpid()}
    with Path(log).open("ab", buffering=0) as out:
        out.write(json.dumps(line).encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
