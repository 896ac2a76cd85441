"""
What the catalog's tables are, as a text: other tables, or other rows of the same events, make another one.

It is kept beside the log's state. A process that finds another one than its own does not write: the tables are not
those that it knows.
"""

from __future__ import annotations

import functools
import hashlib
from typing import TYPE_CHECKING

import orjson
from sqlalchemy import PrimaryKeyConstraint, UniqueConstraint

import provgraph
from provgraph.events import canonical
from provgraph.families.registry import FAMILIES
from provgraph.relational.columns import is_given, is_long, is_number

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Table

    from provgraph.families.base import Family


def fingerprint(family: Family) -> str:
    """Return what a family's tables are: 16 hex digits."""
    described = [family.revision, *(_described(table) for table in family.tables)]
    return hashlib.sha256(canonical.dumps(described)).hexdigest()[:16]


@functools.cache
def stamp() -> str:
    """Return the text for the tables of all families, with the version of provgraph that it is of."""
    prints = {family.name: fingerprint(family) for family in FAMILIES if family.tables}
    return canonical.text({"families": prints, "version": provgraph.__version__})


def is_same(found: str | None, own: str) -> bool:
    """Tell whether tables are those of a stamp, whichever version made them."""
    return found is not None and (found == own or _families(found) == _families(own))


def differing(found: str | None, *, missing: Collection[str] = ()) -> tuple[Family, ...]:
    """
    Return the families whose tables are to be built anew, with those that they need for it, in order.

    :param missing: names of families whose tables are not there, whatever the stamp says
    """
    known = {} if found is None else _families(found)
    names = {
        family.name
        for family in FAMILIES
        if family.tables and (family.name in missing or known.get(family.name) != fingerprint(family))
    }
    names.update(needed for family in FAMILIES if family.name in names for needed in family.needs)
    return tuple(family for family in FAMILIES if family.name in names)


def newer_version(found: str | None) -> str | None:
    """Return the version of a stamp if it is newer than this one."""
    if found is None:
        return None
    version = str(_read(found).get("version", ""))
    return version if _numbers(version) > _numbers(provgraph.__version__) else None


def _families(found: str) -> dict[str, str]:
    families = _read(found).get("families")
    return families if isinstance(families, dict) else {}


def _read(found: str) -> dict[str, object]:
    try:
        read = orjson.loads(found)
    except orjson.JSONDecodeError:  # written by hand: as good as none
        return {}
    return read if isinstance(read, dict) else {}


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) if part.isdecimal() else 0 for part in version.split("."))


def _described(table: Table) -> list[object]:
    columns = [
        [column.name, is_number(column), bool(column.nullable), is_long(column), is_given(column)]
        for column in table.columns
    ]
    keys = sorted(
        [isinstance(constraint, PrimaryKeyConstraint), *constraint.columns.keys()]
        for constraint in table.constraints
        if isinstance(constraint, UniqueConstraint | PrimaryKeyConstraint)
    )
    return [table.name, columns, keys, bool(table.dialect_options["sqlite"]["with_rowid"])]
