"""Flush."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from provgraph.errors import OverloadedError
from provgraph.operations.flush import flush, flush_async
from tests.unit.operations.stores import chain_of_pems

if TYPE_CHECKING:
    from tests.unit.operations.stores import Stores


def test_an_empty_log_needs_no_wait(stores: Stores) -> None:
    assert flush(stores.log, stores.graph, timeout_seconds=0).position == 0


@pytest.mark.usefixtures("projector")
def test_everything_appended_before_is_in_the_graph_after(stores: Stores) -> None:
    position = stores.append(*chain_of_pems(300))

    flushed = flush(stores.log, stores.graph, timeout_seconds=30)

    assert flushed.position == position
    assert stores.graph.counts().pems == 300


@pytest.mark.usefixtures("projector")
def test_a_coroutine_can_wait_too(stores: Stores) -> None:
    position = stores.append(*chain_of_pems(3))

    flushed = asyncio.run(flush_async(stores.log, stores.graph, timeout_seconds=30))

    assert flushed.position == position
    assert stores.graph.counts().pems == 3


def test_a_wait_in_vain_says_where_the_graph_is(stores: Stores) -> None:
    stores.append(*chain_of_pems(3))

    with pytest.raises(OverloadedError, match="at position 0, not yet at 3"):
        flush(stores.log, stores.graph, timeout_seconds=0)


def test_a_rebuild_that_is_not_finished_is_waited_for(stores: Stores) -> None:
    stores.graph.next_generation()

    with pytest.raises(OverloadedError, match="still being rebuilt"):
        flush(stores.log, stores.graph, timeout_seconds=0)


def test_a_graph_of_a_cleaned_log_has_not_followed(stores: Stores) -> None:
    with stores.following():
        stores.append(*chain_of_pems(3))
        flush(stores.log, stores.graph, timeout_seconds=30)
    stores.log.clean(keep=())

    with pytest.raises(OverloadedError, match="has followed another epoch of the log"):
        flush(stores.log, stores.graph, timeout_seconds=0)
