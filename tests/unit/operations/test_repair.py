"""Repair: whatever somebody did to the graph, it says again what the log says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provgraph.errors import CheckpointMismatchError, ConflictError, CorruptStoreError
from provgraph.graphstore.base import Checkpoint, Corrections
from provgraph.operations import repair as module
from provgraph.operations.flush import flush
from provgraph.operations.repair import repair
from provgraph.operations.verify import verify
from tests.unit.operations.stores import chain_of_pems, pem, pem_id, tag

if TYPE_CHECKING:
    from graphbuilder.projector import Projector
    from tests.unit.operations.stores import Stores

_UNKNOWN = 999
_FAILED = pem(10, Predecessor=pem_id(_UNKNOWN), Outcome="failed", Error="no rows")
_DAMAGE = {
    "a PEM lost its edges": ["DELETE FROM cause WHERE pem_key = 4", "DELETE FROM produces WHERE pem_key = 4"],
    "a PEM says something else": ["UPDATE pem SET type = 'other', properties = '{}' WHERE pem_key = 3"],
    "a PEM says that its work failed": ["UPDATE pem SET outcome = 'failed' WHERE pem_key = 3"],
    "a PEM does not say any more that its work failed": ["UPDATE pem SET outcome = NULL, error = NULL"],
    "a PEM has another place in its moment": ["UPDATE pem SET rank = 2 WHERE pem_key = 4"],
    "a PEM lost its place in its moment": ["UPDATE pem SET rank = NULL WHERE pem_key = 6"],
    "a PEM is said to have come late": ["UPDATE pem SET late = 9 WHERE pem_key = 4"],
    "a use says something": [
        "INSERT INTO described SELECT artifact_key, pem_key, '', '{}', 'd', 'k' FROM cause WHERE artifact_key > 0"
    ],
    "something is said of a use that is not there": [
        "INSERT INTO described VALUES (1, 777, '', '{}', NULL, NULL)"
    ],
    "a production has another place in its moment": [
        "UPDATE produces SET moment = CAST(x'00' || substr(moment, 2) AS BLOB) WHERE pem_key = 4"
    ],
    "a PEM is gone": ["DELETE FROM pem WHERE pem_key = 5", "DELETE FROM cause WHERE pem_key = 5"],
    "a PEM became a placeholder": ["UPDATE pem SET position = NULL WHERE pem_key = 2"],
    "a PEM was made up": [
        "INSERT INTO emitter VALUES (77, 'nobody')",
        "INSERT INTO pem VALUES (777, zeroblob(16), 5, 0, 't', 77, '{}', '', 0, 'x', NULL, 0, 0)",
        "INSERT INTO cause SELECT 777, 0, '', 3",
        "UPDATE cause SET cause_key = 777 WHERE pem_key = 6 AND artifact_key <> 0",
    ],
    "a use sees another version": ["UPDATE cause SET cause_key = 1 WHERE pem_key = 9 AND artifact_key <> 0"],
    "a placeholder is gone": ["DELETE FROM pem WHERE position IS NULL"],
    "a placeholder was made up": [
        "INSERT INTO pem(pem_key, rk_id) VALUES (888, x'00000000000000000000000000000888')"
    ],
    "a placeholder was filled": [
        "UPDATE pem SET position = 3, occurred_us = 0, type = 't', emitter_key = 1 WHERE position IS NULL",
        "UPDATE pem SET properties = '{}', timestamp_client = '' WHERE properties IS NULL",
    ],
    "an artifact is gone": ["DELETE FROM artifact WHERE artifact_key = 3"],
    "an artifact says something else": [
        "UPDATE artifact SET properties = '{\"a\":1}' WHERE artifact_key = 2"
    ],
    "an artifact was made up": ["INSERT INTO artifact VALUES (99, 'made up', '{}', '', 0, 0, 0)"],
    "a tag points elsewhere": ["UPDATE tag SET pem_id = '00000000000000000000000000000001'"],
    "a tag is gone": ["DELETE FROM tag"],
    "a tag was made up": ["INSERT INTO tag VALUES ('n', 'made up', '00000000000000000000000000000001')"],
}


@pytest.fixture
def filled(stores: Stores, projector: Projector) -> Stores:
    """Stores with ten PEMs, one of which follows an unknown one, and a tag."""
    assert projector.failure is None
    stores.append(*chain_of_pems(9), _FAILED, tag("latest", 3))
    flush(stores.log, stores.graph, timeout_seconds=30)
    return stores


def is_right(stores: Stores) -> bool:
    return verify(stores.log, stores.catalog, stores.graph, deep=True).in_sync


@pytest.mark.parametrize("damage", sorted(_DAMAGE))
def test_damage_is_mended(filled: Stores, damage: str) -> None:
    digest = filled.graph.digest()
    for statement in _DAMAGE[damage]:
        filled.tamper_with_graph(statement)
    assert not is_right(filled)

    repaired = repair(filled.log, filled.catalog, filled.graph)

    assert repaired.corrected > 0
    assert is_right(filled)
    assert filled.graph.digest() == digest


def test_all_of_it_at_once_is_mended(filled: Stores) -> None:
    digest = filled.graph.digest()
    for statements in _DAMAGE.values():
        for statement in statements:
            filled.tamper_with_graph(statement)

    repair(filled.log, filled.catalog, filled.graph)

    assert filled.graph.digest() == digest


def test_a_mended_graph_goes_on_following(filled: Stores) -> None:
    filled.tamper_with_graph("DELETE FROM pem WHERE pem_key > 8")
    repair(filled.log, filled.catalog, filled.graph)

    filled.append(*chain_of_pems(10, start=11))
    flush(filled.log, filled.graph, timeout_seconds=30)

    assert is_right(filled)


def test_nothing_to_repair_changes_nothing(filled: Stores) -> None:
    repaired = repair(filled.log, filled.catalog, filled.graph)

    assert (repaired.corrected, repaired.rebuilt_catalog) == (0, False)
    assert repaired.message.startswith("nothing to repair")


def test_a_catalog_that_was_changed_is_built_anew(filled: Stores) -> None:
    filled.tamper_with_database("UPDATE pem SET type = 'other'")

    repaired = repair(filled.log, filled.catalog, filled.graph)

    assert (repaired.corrected, repaired.rebuilt_catalog) == (0, True)
    assert is_right(filled)


def test_a_log_that_was_changed_mends_nothing(filled: Stores) -> None:
    filled.tamper_with_database("UPDATE event SET recorded_us = 1 WHERE position = 3")
    filled.tamper_with_graph("DELETE FROM tag")

    with pytest.raises(CorruptStoreError, match="log that was changed"):
        repair(filled.log, filled.catalog, filled.graph)

    assert not list(filled.graph.tags())


def test_too_much_is_left_to_a_rebuild(filled: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_CORRECTIONS", 3)
    filled.tamper_with_graph("UPDATE pem SET type = 'other' WHERE position IS NOT NULL")

    with pytest.raises(ConflictError, match="rebuild"):
        repair(filled.log, filled.catalog, filled.graph)


def test_a_graph_that_moved_is_not_mended(filled: Stores) -> None:
    before = filled.graph.digest()

    with pytest.raises(CheckpointMismatchError):
        filled.graph.mend(Corrections(surplus_pems=[pem_id(3)]), expected=Checkpoint("e", 1))

    assert filled.graph.digest() == before
