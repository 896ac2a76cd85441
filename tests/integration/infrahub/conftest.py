"""A service that has the part."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.serving import Served, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A service, open to everybody here."""
    with serving(tmp_path) as running:
        yield running
