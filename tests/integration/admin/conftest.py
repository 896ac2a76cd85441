"""A service to administer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.graphbuilder.service import open_service

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.graphbuilder.service import Service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """An open service without events."""
    with open_service(tmp_path) as running:
        yield running
