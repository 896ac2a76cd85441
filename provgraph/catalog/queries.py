"""The catalog's questions, in SQLAlchemy Core: the same for every database."""

from __future__ import annotations

import operator
import re
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from sqlalchemy import BigInteger, ColumnElement, false, func, literal, select, true
from sqlalchemy.exc import TimeoutError as PoolTimeout

from provgraph.catalog.base import (
    CatalogArtifact,
    CatalogCredential,
    CatalogPem,
    CatalogReport,
    CatalogTag,
    ListQuery,
)
from provgraph.catalog.schema import LOG_EVENTS, Tables
from provgraph.catalog.spelling import names_in, position_in, same_text
from provgraph.catalog.tracking import TrackingQueries
from provgraph.errors import InvalidInputError, OverloadedError, StoreError
from provgraph.families.credential.events import Grant, Holder, in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlalchemy import Column, Connection, Engine, Row, Select

_TABLES = Tables()
_PEM, _ARTIFACT, _TAG = _TABLES.pem, _TABLES.artifact, _TABLES.tag
_OUTCOME = _TABLES.outcome
_EVENT = LOG_EVENTS
_REPORT, _CREDENTIAL = _TABLES.report, _TABLES.credential
_ROWS_AT_ONCE = 1_000
_IDS_AT_ONCE = 500
_LARGEST_OFFSET = 2**62
_WHOLE_ID = re.compile("[0-9a-f]{32}")

Condition = ColumnElement[bool]


class _Field(NamedTuple):
    """How a field of Record Keeper's lists is filtered and, when ``sort`` is not empty, sorted."""

    matches: Callable[[str], Condition]
    sort: tuple[ColumnElement[Any], ...] = ()


def _contains(column: ColumnElement[str]) -> Callable[[str], Condition]:
    # Not LIKE: %, _ and \ are literal here, and case counts.
    return lambda value: position_in(column, value) > 0


def _has_id(pem_id: str) -> Condition:
    # The log's own index on ids serves here too: positions are the same.
    position = select(_EVENT.c.position).where(_EVENT.c.event_id == bytes.fromhex(pem_id)).scalar_subquery()
    return _PEM.c.position == position


def _id_matches(value: str) -> Condition:
    digits = value.replace("-", "").lower()
    if _WHOLE_ID.fullmatch(digits):
        return _has_id(digits)
    return position_in(_PEM.c.id, digits) > 0


def _predecessor_matches(value: str) -> Condition:
    # "None" is how Record Keeper's client spells: without one.
    if value == "None":
        return _PEM.c.predecessor.is_(None)
    return position_in(_PEM.c.predecessor, value.replace("-", "").lower()) > 0


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


def _text(column: Column[str]) -> _Field:
    return _Field(_contains(column), (column,))


PEM_FIELDS: Mapping[str, _Field] = {
    "ID": _Field(_id_matches, (_PEM.c.id,)),
    "Type": _text(_PEM.c.type),
    "Predecessor": _Field(_predecessor_matches, (_PEM.c.predecessor,)),
    "Emitter": _text(_PEM.c.emitter),
    "TimestampClient": _text(_PEM.c.timestamp_client),
    "TimestampReceived": _Field(_contains(_PEM.c.timestamp_received), (_PEM.c.position,)),
    "Properties": _Field(_contains(_PEM.c.properties)),
    "Version": _text(_PEM.c.version),
    "Tag": _text(_PEM.c.tag),
    "TagNamespace": _text(_PEM.c.tag_namespace),
    "UsesArtifacts": _Field(_any_name_contains(_PEM.c.uses)),
    "ProducesArtifacts": _Field(_any_name_contains(_PEM.c.produces)),
}
ARTIFACT_FIELDS: Mapping[str, _Field] = {
    "Name": _text(_ARTIFACT.c.name),
    "Properties": _Field(_contains(_ARTIFACT.c.properties)),
    # Seconds tie; the finer time and the sequence decide what is the latest.
    "CreatedAt": _Field(_contains(_ARTIFACT.c.created_at), (_ARTIFACT.c.created_us, _ARTIFACT.c.sequence)),
    # Not Record Keeper's: the one artifact of exactly this name.
    "NameIs": _Field(lambda name: same_text(_ARTIFACT.c.name, name)),
}
_PEM_COLUMNS = [
    *(_PEM.c[name] for name in CatalogPem._fields if name in _PEM.c),
    *(_OUTCOME.c.outcome, _OUTCOME.c.error),  # the last two
]
_PEMS = select(*_PEM_COLUMNS).select_from(_PEM.outerjoin(_OUTCOME, _OUTCOME.c.position == _PEM.c.position))
_ARTIFACT_COLUMNS = [_ARTIFACT.c[name] for name in CatalogArtifact._fields]
_CREDENTIAL_COLUMNS = [
    *(
        _CREDENTIAL.c[name]
        for name in (
            *("credential_id", "name", "holder", "created_at", "revoked_at"),
            *("rights", "emitters", "exclusive", "expires_us"),
        )
    ),
]


class CatalogQueries:
    """The read side of a `Catalog`, over any SQLAlchemy engine."""

    def __init__(self, engine: Engine, *, credentials: Engine) -> None:
        """
        Ask by way of an engine.

        :param credentials: an engine of their own: they are asked for on the event loop's thread, which must never
            wait for a place among the readers of lists
        """
        self._engine = engine
        self._credentials = credentials
        self.tracking = TrackingQueries(self._stream)

    def pem(self, pem_id: str) -> CatalogPem | None:
        """See `Catalog.pem`."""
        row = self._one(_PEMS.where(_has_id(pem_id)))
        return None if row is None else CatalogPem(*row)

    def pems(self, query: ListQuery) -> Iterator[CatalogPem]:
        """See `Catalog.pems`."""
        statement = _listed(_PEMS, query, PEM_FIELDS, _PEM.c.position)
        return (CatalogPem(*row) for row in self._stream(statement))

    def last_position(self) -> int:
        """See `Catalog.last_position`."""
        return max(
            self._count(select(func.coalesce(func.max(table.c.position), 0))) for table in (_PEM, _CREDENTIAL)
        )

    def pems_count(self, query: ListQuery) -> int:
        """See `Catalog.pems_count`."""
        return self._count(select(func.count()).select_from(_PEM).where(_filtered(query, PEM_FIELDS)))

    def artifacts(self, query: ListQuery) -> Iterator[CatalogArtifact]:
        """See `Catalog.artifacts`."""
        statement = _listed(select(*_ARTIFACT_COLUMNS), query, ARTIFACT_FIELDS, _ARTIFACT.c.sequence)
        return (CatalogArtifact(*row) for row in self._stream(statement))

    def artifacts_count(self, query: ListQuery) -> int:
        """See `Catalog.artifacts_count`."""
        return self._count(
            select(func.count()).select_from(_ARTIFACT).where(_filtered(query, ARTIFACT_FIELDS))
        )

    def unnamed(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """See `Catalog.unnamed`."""
        left = dict.fromkeys(names)
        if left:
            for uses, produces in self._stream(select(_PEM.c.uses, _PEM.c.produces)):
                for name in orjson.loads(uses) + orjson.loads(produces):
                    left.pop(name, None)
        return tuple(left)

    def tag(self, namespace: str, tag: str) -> CatalogTag | None:
        """See `Catalog.tag`."""
        if not _may_be_stored(namespace) or not _may_be_stored(tag):
            return None
        row = self._one(
            select(_TAG).where(same_text(_TAG.c.namespace, namespace), same_text(_TAG.c.tag, tag))
        )
        return None if row is None else CatalogTag(*row)

    def tags(self) -> Iterator[CatalogTag]:
        """See `Catalog.tags`."""
        return (CatalogTag(*row) for row in self._stream(select(_TAG).order_by(_TAG.c.namespace, _TAG.c.tag)))

    def tags_count(self) -> int:
        """See `Catalog.tags_count`."""
        return self._count(select(func.count()).select_from(_TAG))

    def report(self, report_id: str) -> CatalogReport | None:
        """See `Catalog.report`."""
        if not _may_be_stored(report_id):
            return None
        row = self._one(select(_REPORT).where(_REPORT.c.report_id == report_id))
        return None if row is None else _report(row)

    def reports(self) -> list[CatalogReport]:
        """See `Catalog.reports`."""
        newest_first = select(_REPORT).order_by(_REPORT.c.position.desc())
        return [_report(row) for row in self._stream(newest_first)]

    def credential(self, token_sha256: str) -> CatalogCredential | None:
        """See `Catalog.credential`."""
        known = select(*_CREDENTIAL_COLUMNS).where(
            _CREDENTIAL.c.token_sha256 == token_sha256, _CREDENTIAL.c.revoked_at.is_(None)
        )
        with self._credentials.connect() as connection:
            row = connection.execute(known).first()
        return None if row is None else _credential(row)

    def reservations(self) -> tuple[str, ...]:
        """See `Catalog.reservations`."""
        kept = select(_CREDENTIAL.c.emitters).where(
            _CREDENTIAL.c.exclusive == 1, _CREDENTIAL.c.revoked_at.is_(None)
        )
        with self._credentials.connect() as connection:
            rows = connection.execute(kept).all()
        return tuple(sorted({pattern for (emitters,) in rows for pattern in orjson.loads(emitters)}))

    def credential_names(self, ids: Sequence[str]) -> dict[str, str]:
        """See `Catalog.credential_names`."""
        names: dict[str, str] = {}
        for start in range(0, len(ids), _IDS_AT_ONCE):
            wanted = select(_CREDENTIAL.c.credential_id, _CREDENTIAL.c.name).where(
                _CREDENTIAL.c.credential_id.in_(ids[start : start + _IDS_AT_ONCE])
            )
            with self._credentials.connect() as connection:
                names.update((id_, name) for id_, name in connection.execute(wanted))
        return names

    def credentials(self) -> list[CatalogCredential]:
        """See `Catalog.credentials`."""
        oldest_first = select(*_CREDENTIAL_COLUMNS).order_by(_CREDENTIAL.c.position)
        return [_credential(row) for row in self._stream(oldest_first)]

    def close(self) -> None:
        """See `Catalog.close`."""
        self._credentials.dispose()
        self._engine.dispose()

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        """Give a connection; the engine turns the database's own errors into ours."""
        try:
            connection = self._engine.connect()
        except PoolTimeout as error:
            raise OverloadedError("Too many lists are being read; ask again in a moment") from error
        try:
            yield connection
        finally:
            # What was read is there, or the block has raised: a database that went away since changes neither.
            with suppress(StoreError):
                connection.close()

    def _stream(self, statement: Select[*tuple[Any, ...]]) -> Iterator[Row[*tuple[Any, ...]]]:
        with self._connected() as connection:
            reading = connection.execution_options(yield_per=_ROWS_AT_ONCE)
            with reading.execute(statement) as result:
                yield from result

    def _one(self, statement: Select[*tuple[Any, ...]]) -> Row[*tuple[Any, ...]] | None:
        with self._connected() as connection:
            return connection.execute(statement).first()

    def _count(self, statement: Select[*tuple[int]]) -> int:
        with self._connected() as connection:
            return int(connection.execute(statement).scalar_one())


def _listed(
    statement: Select[*tuple[Any, ...]],
    query: ListQuery,
    fields: Mapping[str, _Field],
    arrival: ColumnElement[int],
) -> Select[*tuple[Any, ...]]:
    """Add a query's filters, order and page to a statement."""
    listed = statement.where(_filtered(query, fields)).order_by(*_order(query, fields), arrival)
    if query.page_size is None:
        return listed
    size, offset = (
        literal(min(number, _LARGEST_OFFSET), BigInteger)
        for number in (query.page_size, query.page_index * query.page_size)
    )
    return listed.limit(size).offset(offset)


def _filtered(query: ListQuery, fields: Mapping[str, _Field]) -> Condition:
    conditions: list[Condition] = []
    for name, value in query.filters:
        field = fields.get(name)
        if field is None:
            raise InvalidInputError(
                f"Unknown filter {name}; allowed are {', '.join(fields)}", field=name, rule="known-filter"
            )
        if value:
            conditions.append(field.matches(value) if _may_be_stored(value) else false())
    together: Condition = true()
    for condition in conditions:
        together = operator.and_(together, condition)
    return together


def _may_be_stored(text: str) -> bool:
    """Tell whether a text is one that events may hold; no database should be asked for any other."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return False


def _order(query: ListQuery, fields: Mapping[str, _Field]) -> Sequence[ColumnElement[Any]]:
    if query.sort_field is None:
        return ()
    field = fields.get(query.sort_field)
    if field is None or not field.sort:
        allowed = ", ".join(name for name, known in fields.items() if known.sort)
        raise InvalidInputError(
            f"Unknown sort field {query.sort_field}; allowed are {allowed}",
            field="sortField",
            rule="known-field",
        )
    # Missing values come last in either direction.
    first = field.sort[0].is_(None)
    return (first, *(column.desc() if query.descending else column.asc() for column in field.sort))


def _report(row: Row[*tuple[Any, ...]]) -> CatalogReport:
    report_id, subject, status, text, names, opened_at, _position = row
    return CatalogReport(report_id, subject, status, text, tuple(orjson.loads(names)), opened_at)


def _credential(row: Row[*tuple[Any, ...]]) -> CatalogCredential:
    id_, name, holder, created_at, revoked_at, rights, emitters, exclusive, expires_us = row
    grant = Grant(in_order(rights.split()), tuple(orjson.loads(emitters)), bool(exclusive), expires_us)
    return CatalogCredential(id_, name, Holder(holder), grant, created_at, revoked_at)
