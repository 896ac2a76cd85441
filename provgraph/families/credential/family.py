"""The family, see `provgraph.families.base.Family`."""

from __future__ import annotations

from provgraph.families.base import Family
from provgraph.families.credential.events import (
    CREDENTIAL_CREATED,
    CREDENTIAL_REVOKED,
    read_created,
    read_revoked,
)
from provgraph.families.credential.rows import rows
from provgraph.families.credential.tables import CREDENTIAL

FAMILY = Family(
    "credential",
    {CREDENTIAL_CREATED: read_created, CREDENTIAL_REVOKED: lambda _id, payload: read_revoked(payload)},
    tables=(CREDENTIAL,),
    rows=rows,
    alone=True,
    survives_cleaning=True,
)
