"""Clean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provgraph.catalog import ListQuery
from provgraph.errors import OverloadedError
from provgraph.families.credential.events import Grant, Holder, Role
from provgraph.graphstore.base import GraphCounts
from provgraph.operations.clean import clean
from provgraph.operations.connections import report_connections
from provgraph.operations.credentials import Credentials
from provgraph.operations.flush import flush
from provgraph.operations.verify import verify
from tests.unit.operations.stores import chain_of_pems, tag

if TYPE_CHECKING:
    from tests.unit.operations.stores import Stores


@pytest.mark.usefixtures("projector")
def test_cleaning_removes_everything_but_credentials(stores: Stores) -> None:
    credentials = Credentials(stores.log, stores.catalog)
    credentials.create("ada", holder=Holder.USER, grant=Grant.of(Role.ADMIN))
    stores.append(*chain_of_pems(5), tag("latest", 1))
    report_connections(stores.log, stores.catalog, stores.graph)
    flush(stores.log, stores.graph, timeout_seconds=30)
    before = stores.log.head()

    head, by_hand = clean(stores.log, stores.graph, timeout_seconds=30)
    assert by_hand == ()

    assert head.epoch != before.epoch
    assert head.position > before.position
    assert stores.graph.counts() == GraphCounts(0, 0, 0)
    assert list(stores.graph.tags()) == []
    assert stores.catalog.pems_count(ListQuery()) == stores.catalog.artifacts_count(ListQuery()) == 0
    assert (stores.catalog.tags_count(), stores.catalog.reports()) == (0, [])
    assert [credential.name for credential in credentials.list()] == ["ada"]


@pytest.mark.usefixtures("projector")
def test_what_was_cleaned_can_be_sent_again(stores: Stores) -> None:
    events = chain_of_pems(5)
    stores.append(*events)
    clean(stores.log, stores.graph, timeout_seconds=30)

    stores.append(*events)
    flush(stores.log, stores.graph, timeout_seconds=30)

    assert stores.graph.counts().pems == 5
    assert verify(stores.log, stores.catalog, stores.graph, deep=True).in_sync


def test_a_graph_that_does_not_follow_is_told(stores: Stores) -> None:
    stores.append(*chain_of_pems(5))

    with pytest.raises(OverloadedError, match="Everything was removed"):
        clean(stores.log, stores.graph, timeout_seconds=0)
