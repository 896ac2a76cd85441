"""Stores to operate on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.operations.stores import open_stores

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from graphbuilder.projector import Projector
    from tests.unit.operations.stores import Stores


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    """Empty stores; nothing brings the graph up to the log."""
    with open_stores(tmp_path) as opened:
        yield opened


@pytest.fixture
def projector(stores: Stores) -> Iterator[Projector]:
    """What brings the graph of ``stores`` up to their log."""
    with stores.following() as following:
        yield following
