"""Queries: lists of nodes with filters, and what the SDK asks of a service itself."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import provgraph
from infrahub.budget import cells_of
from infrahub.documents import merged, strings
from infrahub.errors import DocumentError, UnsupportedError
from infrahub.nodes import dashed
from provgraph.errors import InvalidInputError
from provgraph.families.pem.events import event_id
from provgraph.families.tracking.queries import TrackingQueries
from provgraph.tracking.kinds import NODE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from infrahub.documents import Selected
    from infrahub.nodes import Nodes
    from provgraph.families.tracking.queries import StoredObject
    from provgraph.http import Services

JSONObject = dict[str, Any]

SUPPORTED = (
    "lists of a kind (KIND(offset, limit, ids, hfid, ATTRIBUTE__value, ATTRIBUTE__values, RELATIONSHIP__ids) "
    "{ count edges { node { ... } } }), KINDCreate, KINDUpsert, KINDUpdate, KINDDelete, InfrahubInfo and InfrahubStatus"
)
_DEFAULT_LIMIT = 1_000
_MOST = 10_000
_FILTERS = "offset, limit, ids, hfid, ATTRIBUTE__value, ATTRIBUTE__values and RELATIONSHIP__ids"


class Queries:
    """Answers the calls of queries. Its methods block."""

    def __init__(self, services: Services) -> None:
        self._reads = TrackingQueries(services.catalog.reading)
        self._log = services.log

    def answer(self, call: Selected, nodes: Nodes, branch: str) -> Any:
        """
        Return the answer to one call.

        :raises ProvgraphError: it cannot be answered
        """
        if call.name == "__typename":
            return "Query"
        if call.name == "InfrahubInfo":
            facts = {"version": provgraph.__version__, "deployment_id": dashed(self._log.head().epoch)}
            return _facts(call, facts)
        if call.name == "InfrahubStatus":
            return {
                key: _facts(one, {"schema_hash_synced": True, "active_workers": 1})
                for key, one in merged(call.selection or (), lambda _: True).items()
                if one.name == "summary"
            }
        return self._list(call, nodes, branch)

    def _list(self, call: Selected, nodes: Nodes, branch: str) -> JSONObject:
        kinds = nodes.kinds_of(call.name)
        if not kinds and call.name != NODE:
            raise UnsupportedError(
                f"Cannot query field {call.name!r}: no kind of that name is defined. Served here are {SUPPORTED}"
            )
        wanted = _Wanted(call, nodes, self._reads, branch, kinds)
        answer: JSONObject = {}
        for key, one in merged(call.selection or (), lambda _: True).items():
            if one.name == "count":
                answer[key] = wanted.count
            elif one.name == "edges":
                answer[key] = _edges(one, nodes, wanted.page)
            elif one.name == "__typename":
                answer[key] = f"Paginated{call.name}"
            else:
                raise DocumentError(f"Cannot query field {one.name!r} on a list: it has count and edges")
        if not answer:
            raise DocumentError(f"{call.name} needs a selection: {{ count edges {{ node {{ ... }} }} }}")
        return answer


class _Wanted:
    """What a list asks for."""

    def __init__(
        self, call: Selected, nodes: Nodes, reads: TrackingQueries, branch: str, kinds: Sequence[str]
    ) -> None:
        self._nodes = nodes
        self._reads = reads
        self._branch = branch
        self._kinds = kinds
        filters = {name: value for name, value in call.arguments.items() if not _is_idle(name, value)}
        self._offset = _number(filters.pop("offset", None), "offset", 0)
        self._limit = min(_number(filters.pop("limit", None), "limit", _DEFAULT_LIMIT), _MOST)
        self._filters = filters
        for value in filters.values():
            # A list is compared and looked up in each call that names it, and one variable may stand in all of them.
            nodes.budget.take_look_up(len(value) if isinstance(value, list) else 0)
        self._found: list[StoredObject] | None = None

    # Read once, however many names the answer has for it.

    @cached_property
    def count(self) -> int:
        if not self._filters:
            return self._reads.count_of_kinds(branch=self._branch, kinds=self._kinds)
        return len(self._matching())

    @cached_property
    def page(self) -> Sequence[StoredObject]:
        if not self._filters:
            return self._reads.page_of_kinds(
                branch=self._branch, kinds=self._kinds, offset=self._offset, limit=self._limit
            )
        return self._matching()[self._offset : self._offset + self._limit]

    def _matching(self) -> list[StoredObject]:
        if self._found is None:
            tests = [self._test(name, value) for name, value in self._filters.items()]
            matching = (stored for stored in self._candidates() if all(test(stored) for test in tests))
            self._found = sorted(matching, key=lambda stored: (stored.created, stored.state.id))
        return self._found

    def _candidates(self) -> list[StoredObject]:
        found: Iterable[StoredObject] = self._by_key()
        if "ids" in self._filters:
            found = self._reads.objects(list(_ids(self._filters["ids"], "ids"))).values()
        return [
            stored
            for stored in found
            if stored.state.live and stored.state.branch == self._branch and stored.state.kind in self._kinds
        ]

    def _by_key(self) -> Iterator[StoredObject]:
        """Yield those of the key that is asked for; all there are where none is, or nothing has it."""
        for kind in self._kinds:
            stated = self._stated_name(kind)
            one = None if stated is None else self._nodes.called(self._branch, kind, stated)
            if one is not None and self._nodes.is_called(one, stated or ()):
                yield one
            else:
                # Who saved an object may have given it a key that is not its name.
                yield from self._nodes.scan(self._branch, kind)

    def _stated_name(self, kind: str) -> Sequence[str] | None:
        if "hfid" in self._filters:
            return strings(self._filters["hfid"], "hfid")
        parts = self._nodes.key_parts(kind)
        if any(part.relationship is not None for part in parts):
            return None  # there is no filter for what another object says
        stated = [self._filters.get(f"{part.attribute}__value") for part in parts]
        if not parts or not all(isinstance(value, str) and value for value in stated):
            return None
        return [str(value) for value in stated]

    def _test(self, name: str, value: Any) -> Callable[[StoredObject], bool]:
        if name == "ids":
            return lambda _: True
        if name == "hfid":
            wanted = list(strings(value, name))
            return lambda stored: self._nodes.is_called(stored, wanted)
        field, _, suffix = name.rpartition("__")
        if suffix == "value" and self._has("attributes", field):
            is_it = _equal_to([value])
            return lambda stored: is_it(self._nodes.value(stored, field))
        if suffix == "values" and self._has("attributes", field) and isinstance(value, list):
            is_one = _equal_to(value)
            return lambda stored: is_one(self._nodes.value(stored, field))
        if suffix == "ids" and self._has("relationships", field):
            ids = _ids(value, name)
            return lambda stored: any(other.state.id in ids for other in self._nodes.related(stored, field))
        raise UnsupportedError(f"The filter {name!r} is not served here; {_FILTERS} are")

    def _has(self, member: str, name: str) -> bool:
        parts = self._nodes.attributes if member == "attributes" else self._nodes.relationships
        return bool(self._kinds) and all(name in parts(kind) for kind in self._kinds)


def _edges(field: Selected, nodes: Nodes, page: Sequence[StoredObject]) -> list[JSONObject]:
    fields = merged(field.selection or (), lambda _: True)
    columns: dict[str, Sequence[Any]] = {}
    for key, one in fields.items():
        if one.name == "node" and one.selection:
            nodes.budget.take_cells(len(page) * cells_of(key))
            columns[key] = nodes.shown_all(page, one.selection)
        elif one.name == "__typename":
            nodes.budget.take_cells(len(page) * cells_of(key))
            columns[key] = ["Edge"] * len(page)
        else:
            raise DocumentError(f"Cannot query field {one.name!r} on an edge: it has node {{ ... }}")
    return [{key: column[index] for key, column in columns.items()} for index in range(len(page))]


def _facts(call: Selected, facts: Mapping[str, Any]) -> JSONObject:
    answer: JSONObject = {}
    for key, one in merged(call.selection or (), lambda _: True).items():
        if one.name not in facts:
            raise DocumentError(f"Cannot query field {one.name!r} on {call.name}: it has {', '.join(facts)}")
        answer[key] = facts[one.name]
    return answer


def _is_idle(name: str, value: Any) -> bool:
    """Tell whether an argument asks for what is the case anyway."""
    if value is None:
        return not name.endswith("__value")
    if name == "partial_match":
        return value is False
    return name == "order" and isinstance(value, dict) and set(value) <= {"disable"}


def _number(value: Any, name: str, default: int) -> int:
    if value is None:
        return default
    if type(value) is not int or value < 0:
        raise DocumentError(f"{name} must be a whole number of at least 0", field=name)
    return value


def _ids(value: Any, name: str) -> dict[str, None]:
    """Return ids as they are stored; what can be none is no node's."""
    found: dict[str, None] = {}
    for stated in strings(value, name):
        try:
            found[event_id(stated)] = None
        except InvalidInputError:
            continue
    return found


def _equal_to(wanted: Sequence[Any]) -> Callable[[Any], bool]:
    """Return what tells whether a value is one of these. A number is its digits, null and true are no texts."""
    named = {one for one in wanted if one is None or isinstance(one, bool)}
    others = [one for one in wanted if one is not None and not isinstance(one, bool)]
    texts = {str(one) for one in others}
    numbers = {one for one in others if isinstance(one, (int, float))}

    def is_one(value: Any) -> bool:
        if value is None or isinstance(value, bool):
            return value in named
        return str(value) in texts or (isinstance(value, (int, float)) and value in numbers)

    return is_one
