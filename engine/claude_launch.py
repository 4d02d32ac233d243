"""The step between the worker and the CLI: a program that cleans up and becomes the CLI.

Run as `python -I -S claude_launch.py PARENT CLI ARGUMENTS…`; imports nothing of this project.
It leaves the worker's session, dies with the worker (on Linux), says its process id, which
stays the CLI's, on standard error, and keeps of its environment only the variables that
`MAB_LAUNCH_KEEP` names.
"""

import os
import signal
import sys

KEEP = "MAB_LAUNCH_KEEP"  # names, separated by commas
PID_LINE = "mab-launch pid "
_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Become the CLI; does not return."""
    keep = os.environ[KEEP].split(",")
    environment = {name: os.environ[name] for name in keep if name in os.environ}
    os.setsid()
    _die_with(int(sys.argv[1]))
    os.write(sys.stderr.fileno(), f"{PID_LINE}{os.getpid()}\n".encode())
    os.execve(sys.argv[2], sys.argv[2:], environment)  # noqa: S606 - no shell is wanted


def _die_with(parent: int) -> None:
    if not sys.platform.startswith("linux"):
        return
    import ctypes  # noqa: PLC0415 - slow to load and of no use elsewhere

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        sys.exit(1)


if __name__ == "__main__":
    main()
