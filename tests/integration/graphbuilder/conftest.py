"""Stores that a projector follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.operations.stores import open_stores

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.unit.operations.stores import Stores


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    """Empty stores; nothing brings the graph up to the log yet."""
    with open_stores(tmp_path) as opened:
        yield opened
