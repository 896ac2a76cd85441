"""Questions about the PEMs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import orjson
from sqlalchemy import literal, select

from provgraph.families.pem.tables import OUTCOME, PEM
from provgraph.relational.lists import Condition, Field, contains, counted, listed, text_field
from provgraph.relational.logevents import LOG_EVENTS
from provgraph.relational.reading import Questions
from provgraph.relational.spelling import names_in, position_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sqlalchemy import ColumnElement

    from provgraph.relational.lists import ListQuery

_WHOLE_ID = re.compile("[0-9a-f]{32}")


class CatalogPem(NamedTuple):
    """A PEM as lists show it. ``properties``, ``uses`` and ``produces`` are JSON texts."""

    position: int
    id: str
    type: str
    predecessor: str | None
    emitter: str
    timestamp_client: str
    timestamp_received: str
    properties: str
    version: str
    tag: str | None
    tag_namespace: str | None
    uses: str  # list of names, in the order sent
    produces: str
    outcome: str | None = None  # failed, aborted, unknown; None: nothing was stated
    error: str | None = None


def _has_id(pem_id: str) -> Condition:
    # The log's own index on ids serves here too: positions are the same.
    same = LOG_EVENTS.c.event_id == bytes.fromhex(pem_id)
    return PEM.c.position == select(LOG_EVENTS.c.position).where(same).scalar_subquery()


def _id_matches(value: str) -> Condition:
    digits = value.replace("-", "").lower()
    if _WHOLE_ID.fullmatch(digits):
        return _has_id(digits)
    return position_in(PEM.c.id, digits) > 0


def _predecessor_matches(value: str) -> Condition:
    # "None" is how Record Keeper's client spells: without one.
    if value == "None":
        return PEM.c.predecessor.is_(None)
    return position_in(PEM.c.predecessor, value.replace("-", "").lower()) > 0


def _any_name_contains(column: ColumnElement[str]) -> Callable[[str], Condition]:
    def condition(value: str) -> Condition:
        # Each character has one spelling in JSON. So where no name holds the value, the list's text does not hold its
        # spelling either, and need not be taken apart.
        spelling = orjson.dumps(value)[1:-1].decode()
        names = names_in(column).table_valued("value")
        holds = select(literal(1)).select_from(names).where(position_in(names.c.value, value) > 0).exists()
        is_spelled: Condition = position_in(column, spelling) > 0
        return is_spelled & holds

    return condition


_FIELDS: Mapping[str, Field] = {
    "ID": Field(_id_matches, (PEM.c.id,)),
    "Type": text_field(PEM.c.type),
    "Predecessor": Field(_predecessor_matches, (PEM.c.predecessor,)),
    "Emitter": text_field(PEM.c.emitter),
    "TimestampClient": text_field(PEM.c.timestamp_client),
    "TimestampReceived": Field(contains(PEM.c.timestamp_received), (PEM.c.position,)),
    "Properties": Field(contains(PEM.c.properties)),
    "Version": text_field(PEM.c.version),
    "Tag": text_field(PEM.c.tag),
    "TagNamespace": text_field(PEM.c.tag_namespace),
    "UsesArtifacts": Field(_any_name_contains(PEM.c.uses)),
    "ProducesArtifacts": Field(_any_name_contains(PEM.c.produces)),
}
_COLUMNS = [
    *(PEM.c[name] for name in CatalogPem._fields if name in PEM.c),
    *(OUTCOME.c.outcome, OUTCOME.c.error),  # the last two
]
_PEMS = select(*_COLUMNS).select_from(PEM.outerjoin(OUTCOME, OUTCOME.c.position == PEM.c.position))


class PemQueries(Questions):
    """What the catalog knows of PEMs."""

    def pem(self, pem_id: str) -> CatalogPem | None:
        """See `Catalog.pem`."""
        row = self._reading.one(_PEMS.where(_has_id(pem_id)))
        return None if row is None else CatalogPem(*row)

    def pems(self, query: ListQuery) -> Iterator[CatalogPem]:
        """See `Catalog.pems`."""
        statement = listed(_PEMS, query, _FIELDS, PEM.c.position)
        return (CatalogPem(*row) for row in self._reading.stream(statement))

    def pems_count(self, query: ListQuery) -> int:
        """See `Catalog.pems_count`."""
        return self._reading.count(counted(PEM, query, _FIELDS))

    def unnamed(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """See `Catalog.unnamed`."""
        left = dict.fromkeys(names)
        if left:
            for uses, produces in self._reading.stream(select(PEM.c.uses, PEM.c.produces)):
                for name in orjson.loads(uses) + orjson.loads(produces):
                    left.pop(name, None)
        return tuple(left)
