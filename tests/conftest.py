"""
What every test shares.

A test gets its marker from the folder it lies in, so that the quick set (``-m "not e2e"``) is always complete. How much
the tests try is said in `tests.effort`, which of them stay on one worker in `tests.workers`.
"""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from hypothesis import settings

from tests.effort import IS_LONG, examples
from tests.workers import Scheduling

pytest_plugins = ["tests.servers.fixtures"]

_HERE = Path(__file__).parent
_FOLDERS = ("unit", "contract", "integration", "e2e")

# No timing assertions: a slow machine is not a wrong program.
settings.register_profile("provgraph", deadline=None, max_examples=examples())
settings.load_profile("provgraph")

# A shell that starts the tests in the background has them ignore Ctrl-C, and what they start inherits that: programs
# that are interrupted here would never notice.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark each test with its folder below ``tests``, and leave out what is long unless that is wanted."""
    for item in items:
        folder = item.path.relative_to(_HERE).parts[0] if item.path.is_relative_to(_HERE) else ""
        if folder in _FOLDERS:
            item.add_marker(folder)
    if not IS_LONG:
        left_out = [item for item in items if item.get_closest_marker("long")]
        items[:] = [item for item in items if not item.get_closest_marker("long")]
        if left_out:
            config.hook.pytest_deselected(items=left_out)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Scheduling:
    """Hand out the tests as `tests.workers` says."""
    config.option.loadscopereorder = False
    return Scheduling(config, log)
