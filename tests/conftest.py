"""
What every test shares.

A test gets its marker from the folder it lies in, so that the quick set (``-m "not e2e"``) is always complete.
"""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import settings

if TYPE_CHECKING:
    import pytest

pytest_plugins = ["tests.servers.fixtures"]

_HERE = Path(__file__).parent
_FOLDERS = ("unit", "contract", "integration", "e2e")

# No timing assertions: a slow machine is not a wrong program.
settings.register_profile("provgraph", deadline=None)
settings.load_profile("provgraph")

# A shell that starts the tests in the background has them ignore Ctrl-C, and what they start inherits that: programs
# that are interrupted here would never notice.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with the folder below ``tests`` that it lies in."""
    for item in items:
        folder = item.path.relative_to(_HERE).parts[0] if item.path.is_relative_to(_HERE) else ""
        if folder in _FOLDERS:
            item.add_marker(folder)
