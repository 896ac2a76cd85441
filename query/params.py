"""Query strings of Record Keeper's lists: paging, sorting, and everything else is a filter."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl

from provgraph.catalog import ListQuery
from provgraph.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Mapping

_WHOLE_NUMBER = re.compile(r"-?[0-9]+")
_MOST_DIGITS = 18
_LARGEST = 10**_MOST_DIGITS - 1
# Databases bound how deep a condition may be: SQLite at 1,000, and with less than that for each filter.
_MOST_FILTERS = 100
_ORDERS = {"asc": False, "desc": True}


class _Given(NamedTuple):
    """What a query string says: the parameters that are not filters, and the filters."""

    known: dict[str, str]
    filters: tuple[tuple[str, str], ...]


def list_query(query_string: bytes) -> ListQuery:
    """
    Read a query string as a form.

    Filter and sort fields are the catalog's to check; it names the allowed ones.

    :raises InvalidInputError: not UTF-8, no whole number where one is wanted, out of bounds, or too many filters
    """
    known, filters = _read(query_string)
    if len(filters) > _MOST_FILTERS:
        raise InvalidInputError(
            f"There are {len(filters)} filters: at most {_MOST_FILTERS} in one question",
            rule=f"at-most-{_MOST_FILTERS}",
        )
    page_size = number(known, "pageSize", at_least=1)
    page_index = number(known, "pageIndex", at_least=0)
    return ListQuery(
        filters=filters,
        sort_field=known.get("sortField"),
        descending=_descending(known.get("sortOrder", "asc")),
        page_index=page_index or 0,
        page_size=page_size,
    )


def form(query_string: bytes) -> list[tuple[str, str]]:
    """
    Return the names and values of a query string, decoded as a form.

    :raises InvalidInputError: not UTF-8
    """
    try:
        return parse_qsl(query_string.decode(), keep_blank_values=True, errors="strict")
    except ValueError as error:
        raise InvalidInputError("The query string is not UTF-8 text", rule="utf-8") from error


def _read(query_string: bytes) -> _Given:
    pairs = form(query_string)
    known = {name: value for name, value in pairs if name in _NOT_FILTERS}
    return _Given(known, tuple(pair for pair in pairs if pair[0] not in _NOT_FILTERS))


_NOT_FILTERS = frozenset({"pageIndex", "pageSize", "sortField", "sortOrder"})


def number(known: Mapping[str, str], name: str, *, at_least: int, at_most: int | None = None) -> int | None:
    """
    Return a parameter that is a whole number, None when it is absent.

    :raises InvalidInputError: it is not one, too small or too large
    """
    stated = known.get(name)
    if stated is None:
        return None
    whole = _WHOLE_NUMBER.fullmatch(stated)
    # How long a number may be that is turned into one has a limit of its own.
    is_long = len(stated) > _MOST_DIGITS
    if whole is None or stated[0] == "-" or (not is_long and int(stated) < at_least):
        raise InvalidInputError(
            f"{name} must be a whole number of at least {at_least}: {stated[:40]!r}",
            field=name,
            rule=f"at-least-{at_least}",
        )
    most = _LARGEST if at_most is None else at_most
    if is_long or int(stated) > most:
        raise InvalidInputError(
            f"{name} must be from {at_least} to {most:,}", field=name, rule=f"{at_least}-to-{most}"
        )
    return int(stated)


def _descending(order: str) -> bool:
    try:
        return _ORDERS[order.lower()]
    except KeyError:
        raise InvalidInputError(
            f"sortOrder must be asc or desc: {order[:40]!r}", field="sortOrder", rule="asc-or-desc"
        ) from None
