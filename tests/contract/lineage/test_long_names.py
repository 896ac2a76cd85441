"""Names of any length in lists that are read page by page: a cursor stays short, and the pages add up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from provgraph.errors import ConflictError
from provgraph.families.tag.events import tag_set
from provgraph.graphstore import View
from provgraph.lineage import places
from provgraph.lineage.gaps import LISTS, Gaps, gaps
from provgraph.lineage.state import diff, state
from tests.contract.builders import pem, pem_id, version

if TYPE_CHECKING:
    from collections.abc import Callable

    from provgraph.events import NewEvent
    from provgraph.graphstore import GraphStore
    from tests.contract.graphstore.stores import Opener

# What is read of a URL on its way to a service, at least.
_ROOM = 8_000
_NAMES = [
    "L" * 999,
    "L" * 1_000,
    *("L" * 1_000 + end for end in ("A", "B", "\N{OLD ITALIC LETTER A}")),
    "L" * 9_000,
    *("L" * 9_000 + end for end in "AB"),
    "L" * 999 + "M",
    *("\N{GRINNING FACE}" * 1_500 + end for end in "AB"),
    "a",
    "z" * 1_001,
]


@pytest.fixture(scope="module")
def story() -> list[NewEvent]:
    """Events that use all names before the first produces some, with tags in long namespaces and long versions."""
    long_version = "v" * 9_000
    made = _NAMES[::3]
    return [
        pem(1, at=1, uses=[*_NAMES, *(version(name, end) for name in made for end in ("w", long_version))]),
        *(pem(2 + index, at=5, produces=[version(name, "w")]) for index, name in enumerate(made)),
        *(pem(50 + index, at=6, produces=[version(name, long_version)]) for index, name in enumerate(made)),
        *(tag_set(name, tag, pem_id(2)) for name in _NAMES for tag in ("t", "t" * 2_000, "t" * 2_000 + "u")),
    ]


def _paged(ask: Callable[[str | None], dict[str, Any]], *lists: str) -> list[Any]:
    """Return the items of all pages, after a look at every cursor."""
    page = ask(None)
    found = [item for name in lists for item in page[name]]
    while page["cursor"] is not None:
        assert len(page["cursor"]) < _ROOM
        page = ask(page["cursor"])
        found += [item for name in lists for item in page[name]]
    return found


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_pages_of_a_state_add_up(stores: Opener, story: list[NewEvent], limit: int) -> None:
    with stores.filled(story) as store:
        whole = state(store)
        found = _paged(lambda cursor: state(store, limit=limit, cursor=cursor), "artifacts", "tags")

    assert found == [*whole["artifacts"], *whole["tags"]]
    assert [each["artifact"] for each in whole["artifacts"]] == sorted(_NAMES)
    assert len(whole["tags"]) == 3 * len(_NAMES)


@pytest.mark.parametrize("ends", [(View(0), View(10_000)), (View(10_000), View(0))], ids=["there", "back"])
def test_pages_of_a_difference_add_up(stores: Opener, story: list[NewEvent], ends: tuple[View, View]) -> None:
    with stores.filled(story) as store:
        whole = diff(store, *ends)["changes"]
        found = _paged(lambda cursor: diff(store, *ends, limit=1, cursor=cursor), "changes")

    assert found == whole
    assert len(found) == 4 * len(_NAMES)


@pytest.mark.parametrize("name", LISTS)
def test_pages_of_what_is_missing_add_up(stores: Opener, story: list[NewEvent], name: str) -> None:
    with stores.filled(story) as store:
        whole = gaps(store, Gaps(name))[name]
        found = _paged(lambda cursor: gaps(store, Gaps(name, limit=1, cursor=cursor))[name], "items")

    assert found == whole["items"]
    assert (
        len(found)
        == {"never_produced": 8, "unseen_predecessors": 0, "out_of_order": 15, "contradicted": 0}[name]
    )


def test_a_key_of_short_names_is_held_as_it_is() -> None:
    key = ["n" * 1_000, "", "t"]

    assert places.held(key) == key
    assert places.key_at(key, texts=3) == tuple(key)


def test_a_page_behind_a_name_that_is_gone_is_refused(stores: Opener) -> None:
    place = places.held(["L" * 2_000])

    def behind(store: GraphStore, after: tuple[str, ...]) -> list[tuple[str, ...]]:
        return [(each.name,) for each in store.artifact_states(View(9), after=after[0], limit=9)]

    with (
        stores.filled([pem(1, uses=["L" * 2_001, "M"])]) as store,
        pytest.raises(ConflictError, match="without cursor"),
    ):
        places.key_at(place, lambda after: behind(store, after), texts=1)
