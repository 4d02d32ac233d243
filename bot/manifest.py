"""Where the manifest of the Slack app lies: at the top of a checkout, or where pip puts it."""

import sys
from pathlib import Path

_PLACES = (
    Path(__file__).parent.parent / "manifest.yml",
    Path(sys.prefix) / "share" / "multi-agent-builder" / "manifest.yml",
)


def path() -> Path:
    """The manifest's file."""
    return next((place for place in _PLACES if place.is_file()), _PLACES[0])
