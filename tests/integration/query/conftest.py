from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.integration.query.story import told

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.integration.query.story import Story


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The story, told once for all tests of a module: they only ask."""
    with told(tmp_path_factory.mktemp("story")) as running:
        yield running
