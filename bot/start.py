"""Where the program `mab` begins: secrets leave the environment before anything else is loaded."""

import gc
import os
import sys

from bot import secrets


def main() -> None:
    """Take the secrets, then run the command line with them."""
    try:
        held = secrets.take(os.environ)
    except secrets.BadSecret as error:
        sys.exit(f"mab: {error}")
    gc.disable()  # what is loaded stays: a sixth of the time to load it went by looking for garbage
    from bot import cli  # noqa: PLC0415 - the program may just have started over; this is slow

    gc.freeze()
    gc.enable()
    cli.main(held)


if __name__ == "__main__":
    main()
