"""Who recorded an event: how names are looked up, and what is said where none is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from provgraph.events.recorder import RECORDED_BY, called
from provgraph.families.credential.events import Grant, Holder, Role, credential_created
from provgraph.lineage.recorders import Recorders
from tests.contract.builders import pem
from tests.unit.operations.stores import open_stores

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.unit.operations.stores import Stores

UNKNOWN = "ab" * 16


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    with open_stores(tmp_path) as opened:
        yield opened


class Asked:
    """A catalog that remembers which names it was asked for."""

    def __init__(self, stores: Stores) -> None:
        self._catalog = stores.catalog
        self.ids: list[set[str]] = []

    def credential_names(self, ids: Sequence[str]) -> dict[str, str]:
        self.ids.append(set(ids))
        return self._catalog.credential_names(ids)


def test_names_are_asked_for_by_id_once_and_unknown_ones_again_after_a_while(stores: Stores) -> None:
    created = credential_created("ada", holder=Holder.PUC, grant=Grant.of(Role.WRITER), token_sha256="f" * 64)
    ada = created.event_id
    stores.log.append([created, pem(1).sent_by(ada), pem(2).sent_by(UNKNOWN), pem(3)])
    asked, now = Asked(stores), [0.0]
    recorders = Recorders(stores.log, asked, clock=lambda: now[0])  # type: ignore[arg-type] # what is asked of it

    told = [recorders(range(1, 5)) for _ in range(3)]
    now[0] = 60.0
    told.append(recorders(range(1, 5)))

    assert (
        told
        == [{2: {RECORDED_BY: {"id": ada, "name": "ada"}}, 3: {RECORDED_BY: {"id": UNKNOWN, "name": None}}}]
        * 4
    )
    assert asked.ids == [{ada, UNKNOWN}, {UNKNOWN}]


@pytest.mark.parametrize(
    ("recorder", "expected"),
    [({"id": UNKNOWN, "name": "ada"}, "ada"), ({"id": UNKNOWN, "name": None}, UNKNOWN)],
)
def test_a_recorder_without_a_name_is_called_by_its_id(recorder: dict[str, Any], expected: str) -> None:
    assert called(recorder) == expected
