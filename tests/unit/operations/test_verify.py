"""Verify: each kind of difference is found and named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from provgraph.errors import OverloadedError
from provgraph.operations.findings import Difference, Findings, Sense
from provgraph.operations.flush import flush
from provgraph.operations.verify import Verification, verify
from tests.unit.operations.stores import chain_of_pems, pem, pem_id, tag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from graphbuilder.projector import Projector
    from provgraph.graphstore.base import PemFacts
    from tests.unit.operations.stores import Stores

_UNKNOWN = 999


@pytest.fixture
def filled(stores: Stores, projector: Projector) -> Stores:
    """Stores with ten PEMs, one of which follows an unknown one, and a tag."""
    assert projector.failure is None
    stores.append(*chain_of_pems(9), pem(10, Predecessor=pem_id(_UNKNOWN)), tag("latest", 3))
    flush(stores.log, stores.graph, timeout_seconds=30)
    return stores


def verified(
    stores: Stores, *, deep: bool = False, pems: bool = True, artifacts: bool = True
) -> Verification:
    return verify(stores.log, stores.catalog, stores.graph, deep=deep, pems=pems, artifacts=artifacts)


def found(stores: Stores, *, deep: bool = False) -> list[tuple[str, str, str]]:
    result = verified(stores, deep=deep)
    assert result.in_sync is (not result.differences)
    return [(difference.sense.value, difference.what, difference.name) for difference in result.differences]


@pytest.mark.parametrize("deep", [False, True])
def test_what_agrees_is_in_sync(filled: Stores, deep: bool) -> None:
    result = verified(filled, deep=deep)

    assert result.in_sync
    assert result.message.startswith("in sync: 10 PEMs and 10 artifacts")
    assert len(result.message.splitlines()) == 1


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.usefixtures("projector")
def test_empty_stores_are_in_sync(stores: Stores, deep: bool) -> None:
    assert verified(stores, deep=deep).in_sync


@pytest.mark.parametrize("deep", [False, True])
def test_a_missing_pem_is_named(filled: Stores, deep: bool) -> None:
    filled.tamper_with_graph("DELETE FROM pem WHERE rk_id = ?", bytes.fromhex(pem_id(4)))

    result = verified(filled, deep=deep)

    assert not result.in_sync
    first, *lines = result.message.splitlines()
    assert first.startswith("out of sync")
    assert "in sync" not in first
    assert any(line.startswith(f"missing PEM {pem_id(4)}") for line in lines)


@pytest.mark.parametrize("deep", [False, True])
def test_a_surplus_pem_is_named(filled: Stores, deep: bool) -> None:
    filled.tamper_with_graph(
        "INSERT INTO pem SELECT 4711, ?, position, occurred_us, type, emitter_key, properties, timestamp_client, "
        "recorded_us, outcome, error FROM pem WHERE rk_id = ?",
        bytes.fromhex(pem_id(50)),
        bytes.fromhex(pem_id(1)),
    )

    assert found(filled, deep=deep) == [("surplus", "PEM", pem_id(50))]


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize(
    ("change", "fact"),
    [
        ("UPDATE pem SET type = 'forged' WHERE rk_id = ?", "type"),
        ("UPDATE pem SET outcome = 'failed' WHERE rk_id = ?", "outcome"),
        ("UPDATE pem SET error = 'no rows' WHERE rk_id = ?", "error"),
        ("UPDATE pem SET emitter_key = 4711 WHERE rk_id = ?", "emitter"),
        ("UPDATE pem SET properties = '{\"x\":1}' WHERE rk_id = ?", "properties"),
        ("UPDATE pem SET timestamp_client = '2020-01-01 00:00:00' WHERE rk_id = ?", "timestamp_client"),
        ("UPDATE pem SET position = 1 WHERE rk_id = ?", "position"),
        (
            "DELETE FROM produces WHERE pem_key = (SELECT pem_key FROM pem WHERE rk_id = ?)",
            "produces",
        ),
        (
            "DELETE FROM cause WHERE artifact_key > 0 AND pem_key = (SELECT pem_key FROM pem WHERE rk_id = ?)",
            "uses",
        ),
        (
            "DELETE FROM cause WHERE artifact_key = 0 AND pem_key = (SELECT pem_key FROM pem WHERE rk_id = ?)",
            "predecessors",
        ),
    ],
)
def test_a_changed_fact_of_a_pem_is_named(filled: Stores, change: str, fact: str, deep: bool) -> None:
    filled.tamper_with_graph("INSERT INTO emitter VALUES (4711, 'forger')")
    filled.tamper_with_graph(change, bytes.fromhex(pem_id(4)))

    differences = {
        (difference.what, difference.name): difference
        for difference in verified(filled, deep=deep).differences
    }

    assert differences["PEM", pem_id(4)].sense is Sense.DIFFERENT
    assert fact in differences["PEM", pem_id(4)].details


@pytest.mark.parametrize("deep", [False, True])
def test_a_surplus_artifact_is_named(filled: Stores, deep: bool) -> None:
    filled.tamper_with_graph(
        "INSERT INTO artifact VALUES (4711, 'forged', '{}', '2020-01-01 00:00:00', 0, 0, 0)"
    )

    assert found(filled, deep=deep) == [("surplus", "artifact", "forged")]


@pytest.mark.parametrize("deep", [False, True])
def test_a_missing_artifact_is_named(filled: Stores, deep: bool) -> None:
    filled.tamper_with_graph("DELETE FROM artifact WHERE rk_id = 'a9'")

    assert ("missing", "artifact", "a9") in found(filled, deep=deep)


@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("column", ["properties", "created_at"])
def test_a_changed_fact_of_an_artifact_is_named(filled: Stores, column: str, deep: bool) -> None:
    filled.tamper_with_graph(f"UPDATE artifact SET {column} = '?' WHERE rk_id = 'a5'")  # noqa: S608 - a name of ours

    result = verified(filled, deep=deep)

    assert [(d.sense, d.name, d.details) for d in result.differences] == [(Sense.DIFFERENT, "a5", column)]


@pytest.mark.parametrize("deep", [False, True])
def test_what_is_not_to_be_compared_is_not(filled: Stores, deep: bool) -> None:
    filled.tamper_with_graph("UPDATE artifact SET created_at = '?' WHERE rk_id = 'a5'")

    assert verified(filled, deep=deep, artifacts=False).in_sync
    assert not verified(filled, deep=deep, pems=False).in_sync


def test_a_resolved_version_is_checked_by_the_deep_way(filled: Stores) -> None:
    filled.tamper_with_graph("UPDATE cause SET cause_key = pem_key WHERE artifact_key > 0 AND pem_key = 4")

    assert [(what, name) for _, what, name in found(filled, deep=True)] == [("PEM", pem_id(4))]


def test_tags_and_placeholders_are_checked_by_the_deep_way(filled: Stores) -> None:
    filled.tamper_with_graph("DELETE FROM tag")
    filled.tamper_with_graph("INSERT INTO pem(pem_key, rk_id) VALUES (4711, ?)", bytes.fromhex(pem_id(77)))

    differing = {
        (sense, what, name.partition(" at position")[0]) for sense, what, name in found(filled, deep=True)
    }
    assert differing == {
        ("missing", "tag", f"space/latest on {pem_id(3)}"),
        ("surplus", "placeholder", pem_id(77)),
    }


def test_a_changed_log_is_found_by_the_deep_way(filled: Stores) -> None:
    filled.tamper_with_database(
        "UPDATE event SET payload = CAST(replace(payload, 'train', 'drain') AS BLOB) WHERE position = 4"
    )

    result = verified(filled, deep=True)

    assert not result.in_sync
    assert result.message.splitlines()[1].startswith("different log position 4: ")
    assert pem_id(4) in result.message


def test_a_changed_catalog_is_found_by_the_deep_way(filled: Stores) -> None:
    filled.tamper_with_database("UPDATE pem SET tag = 'forged' WHERE position = 4")

    assert found(filled, deep=True) == [("different", "catalog", "digest")]


def test_a_changed_catalog_differs_from_the_graph(filled: Stores) -> None:
    filled.tamper_with_database("DELETE FROM pem WHERE position = 4")
    filled.tamper_with_database("DELETE FROM artifact WHERE name = 'a9'")

    assert found(filled) == [("surplus", "PEM", pem_id(4)), ("surplus", "artifact", "a9")]


def test_a_graph_that_does_not_follow_is_not_compared(stores: Stores) -> None:
    stores.append(*chain_of_pems(2))

    with pytest.raises(OverloadedError):
        verify(stores.log, stores.catalog, stores.graph, timeout_seconds=0)


def test_a_name_with_a_line_end_stays_on_its_line(filled: Stores) -> None:
    filled.tamper_with_graph(
        "INSERT INTO artifact VALUES (4711, ?, '{}', '2020-01-01 00:00:00', 0, 0, 0)", "two\nin sync"
    )

    assert verified(filled).message.splitlines()[1:] == [
        "surplus artifact two\\nin sync: in the graph, not in the catalog"
    ]


def test_progress_reaches_its_total(filled: Stores) -> None:
    reports: list[tuple[int, int]] = []

    verify(filled.log, filled.catalog, filled.graph, report=lambda done, total: reports.append((done, total)))

    assert reports[-1] == (20, 20)


def test_events_that_arrive_meanwhile_are_no_differences(filled: Stores) -> None:
    number = 100

    def append_more(_done: int, _total: int) -> None:
        nonlocal number
        filled.append(*chain_of_pems(50, start=number))
        number += 50

    filled.append(*chain_of_pems(1_500, start=1_000_000))
    result = verify(filled.log, filled.catalog, filled.graph, report=append_more)

    assert number > 150
    assert result.in_sync, result.message


def apply_late_productions(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """
    Apply a production whenever the PEMs of the served graph are read; all uses of ``shared`` move to it.

    There are more of them than a verification lists; their PEMs have the numbers from 5,001 on.

    :returns: when the productions so far say they happened
    """
    applied: list[str] = []
    read = stores.graph.pems

    def pems() -> Iterator[PemFacts]:
        applied.append(f"2026-01-01 00:00:{len(applied):02}")
        stores.append(pem(9_000 + len(applied), produces=["shared"], TimestampClient=applied[-1]))
        flush(stores.log, stores.graph, timeout_seconds=30)
        return read()

    stores.append(*(pem(5_000 + number, uses=["shared", "own"]) for number in range(1, 1_501)))
    flush(stores.log, stores.graph, timeout_seconds=30)
    monkeypatch.setattr(stores.graph, "pems", pems)
    return applied


def test_late_productions_that_arrive_meanwhile_are_no_differences(
    filled: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    applied = apply_late_productions(filled, monkeypatch)

    result = verified(filled, deep=True)

    assert len(applied) > 1
    assert result.in_sync, result.message


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE pem SET type = 'forged' WHERE rk_id = ?",
        # one of two uses; the other one moves all the time
        (
            "UPDATE cause SET cause_key = pem_key WHERE (pem_key, artifact_key) IN"
            " (SELECT pem_key, artifact_key FROM pem, artifact WHERE pem.rk_id = ? AND artifact.rk_id = 'own')"
        ),
    ],
)
def test_damage_is_found_while_late_productions_arrive(
    filled: Stores, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    applied = apply_late_productions(filled, monkeypatch)
    filled.tamper_with_graph(change, bytes.fromhex(pem_id(5_042)))

    result = verified(filled, deep=True)

    assert len(applied) > 1
    assert [(difference.what, difference.name) for difference in result.differences] == [
        ("PEM", pem_id(5_042))
    ]


def test_a_long_list_of_differences_is_cut_and_says_so() -> None:
    findings = Findings(limit=2)

    findings.add_all(Difference(Sense.MISSING, "PEM", str(number), "gone") for number in range(5))

    assert findings.lines() == ["missing PEM 0: gone", "missing PEM 1: gone", "... and 3 differences more"]


def test_only_what_is_found_again_is_confirmed() -> None:
    first = Findings(limit=1)
    first.add_all([Difference(Sense.MISSING, "artifact", name, "") for name in ("lagging", "gone")])
    second = Findings(limit=1, earlier=first)
    second.add_all([Difference(Sense.MISSING, "artifact", name, "") for name in ("late", "gone")])

    assert (second.total, second.confirmed.total) == (2, 1)
    assert [difference.name for difference in second.confirmed.listed] == ["gone"]


def test_a_difference_in_other_facts_is_another_difference() -> None:
    difference = Difference(Sense.DIFFERENT, "PEM", "a", "uses")
    first = Findings()
    first.add(difference, evidence=["x", "y"])
    second, third = Findings(earlier=first), Findings(earlier=first)
    second.add(difference, evidence=["z"])
    third.add(difference, evidence=["y", "z"])

    assert (second.confirmed.total, third.confirmed.total) == (0, 1)
