"""What a removal of artifacts changes in the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, select, union

from provgraph.events import canonical
from provgraph.families.artifact.events import ArtifactsRemoved
from provgraph.families.artifact.tables import ARTIFACT
from provgraph.families.pem.tables import PEM
from provgraph.relational.spelling import names_in

if TYPE_CHECKING:
    from sqlalchemy import CTE, Column, Delete, Select

    from provgraph.events import RecordedEvent
    from provgraph.relational.changes import Changes, Target


def rows(event: RecordedEvent, changes: Changes) -> None:
    """Remove the artifacts that a removal lists."""
    if isinstance(event.content, ArtifactsRemoved):
        changes.then(ARTIFACT, _remove, {"names": canonical.text(list(event.content.names))})


def _remove(to: Target) -> Delete:
    """Remove artifacts, but for those that some PEM names by now."""
    artifact, pem = to[ARTIFACT], to[PEM]
    listed = select(names_in(bindparam("names")).table_valued("value").c.value.label("name"))
    listed_names = listed.cte("listed").prefix_with("MATERIALIZED")
    named = union(*(_named(column, listed_names) for column in (pem.c.uses, pem.c.produces)))
    named_names = named.cte("named").prefix_with("MATERIALIZED")
    return delete(artifact).where(
        artifact.c.name.in_(select(listed_names.c.name)), artifact.c.name.not_in(select(named_names.c.name))
    )


def _named(column: Column[str], listed: CTE) -> Select[tuple[str]]:
    names = names_in(column).table_valued("value")
    listed_ones = select(listed.c.name)
    return (
        select(names.c.value.label("name"))
        .select_from(column.table, names)
        .where(names.c.value.in_(listed_ones))
    )
