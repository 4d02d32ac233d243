"""A plugin for pytest: it runs only where everything is imported from the directory it runs in.

The project may also be installed, and those modules are not the ones that have lost their guard.
"""

from importlib.util import find_spec
from pathlib import Path

import pytest

PACKAGES = ("engine", "bot", "tests")


def pytest_configure() -> None:
    """Refuse modules from elsewhere."""
    specs = {package: find_spec(package) for package in PACKAGES}
    places = {package: spec.origin or "" if spec else "" for package, spec in specs.items()}
    if strangers := [at for at in places.values() if not Path(at).is_relative_to(Path.cwd())]:
        raise pytest.UsageError(f"not imported from {Path.cwd()}: {strangers}")
