"""Questions about the credentials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from sqlalchemy import select

from provgraph.families.credential.events import Grant, Holder, in_order
from provgraph.families.credential.tables import CREDENTIAL
from provgraph.relational.reading import Questions, in_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Row


class CatalogCredential(NamedTuple):
    """A credential; its token is known to its holder alone."""

    id: str
    name: str
    holder: Holder
    grant: Grant
    created_at: str
    revoked_at: str | None


_COLUMNS = (
    *("credential_id", "name", "holder", "created_at", "revoked_at"),
    *("rights", "emitters", "exclusive", "expires_us"),
)
_CREDENTIALS = select(*(CREDENTIAL.c[name] for name in _COLUMNS))


class CredentialQueries(Questions):
    """What the catalog knows of credentials."""

    def credential(self, token_sha256: str) -> CatalogCredential | None:
        """See `Catalog.credential`."""
        known = _CREDENTIALS.where(
            CREDENTIAL.c.token_sha256 == token_sha256, CREDENTIAL.c.revoked_at.is_(None)
        )
        return next(map(_credential, self._reading.credentials(known)), None)

    def reservations(self) -> tuple[str, ...]:
        """See `Catalog.reservations`."""
        kept = select(CREDENTIAL.c.emitters).where(
            CREDENTIAL.c.exclusive == 1, CREDENTIAL.c.revoked_at.is_(None)
        )
        rows = self._reading.credentials(kept)
        return tuple(sorted({pattern for (emitters,) in rows for pattern in orjson.loads(emitters)}))

    def credential_names(self, ids: Sequence[str]) -> dict[str, str]:
        """See `Catalog.credential_names`."""
        names: dict[str, str] = {}
        for part in in_parts(ids):
            wanted = select(CREDENTIAL.c.credential_id, CREDENTIAL.c.name).where(
                CREDENTIAL.c.credential_id.in_(part)
            )
            names.update((id_, name) for id_, name in self._reading.credentials(wanted))
        return names

    def credentials(self) -> list[CatalogCredential]:
        """See `Catalog.credentials`."""
        oldest_first = _CREDENTIALS.order_by(CREDENTIAL.c.position)
        return [_credential(row) for row in self._reading.stream(oldest_first)]


def _credential(row: Row[*tuple[Any, ...]]) -> CatalogCredential:
    id_, name, holder, created_at, revoked_at, rights, emitters, exclusive, expires_us = row
    grant = Grant(in_order(rights.split()), tuple(orjson.loads(emitters)), bool(exclusive), expires_us)
    return CatalogCredential(id_, name, Holder(holder), grant, created_at, revoked_at)
