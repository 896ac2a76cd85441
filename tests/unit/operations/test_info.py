"""Info."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provgraph.operations.flush import flush
from provgraph.operations.info import Lag, counts, lag, status, sync_percent
from tests.unit.operations.stores import chain_of_pems, pem, pem_id

if TYPE_CHECKING:
    from tests.unit.operations.stores import Stores


@pytest.mark.parametrize(
    ("catalog", "graph", "text"),
    [
        (0, 0, "100.00%"),
        (5, 5, "100.00%"),
        (3, 1, "33.33%"),
        (200_000, 199_999, "99.99%"),
        (1, 0, "0.00%"),
        (0, 1, "0.00%"),
        (4, 5, "80.00%"),
    ],
)
def test_percents_are_100_only_for_equal_numbers(catalog: int, graph: int, text: str) -> None:
    assert sync_percent(catalog, graph) == text


@pytest.mark.usefixtures("projector")
def test_a_graph_that_followed_has_no_lag(stores: Stores) -> None:
    stores.append(*chain_of_pems(3), pem(4, Predecessor=pem_id(99)))
    flush(stores.log, stores.graph, timeout_seconds=30)

    assert lag(stores.log, stores.graph) == Lag(0, 0.0)
    found = counts(stores.catalog, stores.graph)
    assert (found.catalog_pems, found.graph_pems, found.graph_placeholders) == (4, 4, 1)
    assert (found.pems_sync, found.artifacts_sync) == ("100.00%", "100.00%")


def test_a_graph_that_does_not_follow_lags(stores: Stores) -> None:
    stores.append(*chain_of_pems(3))

    found = lag(stores.log, stores.graph)

    assert found.events == 3
    assert found.seconds >= 0


def test_a_graph_of_another_epoch_lags_by_the_whole_log(stores: Stores) -> None:
    with stores.following():
        stores.append(*chain_of_pems(3))
        flush(stores.log, stores.graph, timeout_seconds=30)
    stores.log.clean(keep=())

    assert lag(stores.log, stores.graph).events == 1


def test_an_empty_log_has_a_status(stores: Stores) -> None:
    found = status(stores.log, stores.catalog, stores.graph)

    assert (found.events, found.head.position, found.lag, found.tags) == (0, 0, Lag(0, 0.0), 0)
