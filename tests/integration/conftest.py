from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.serving import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.integration.serving import Served


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """All services, open to everyone."""
    with serving(tmp_path) as running:
        yield running


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[Served]:
    """All services, asking for credentials for everything."""
    with serving(tmp_path, auth_required=True) as running:
        yield running
