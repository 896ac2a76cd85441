"""What credentials change in the catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, insert, update

from provgraph.events import canonical
from provgraph.events.clock import second_text
from provgraph.families.credential.events import CredentialCreated, CredentialRevoked
from provgraph.families.credential.tables import CREDENTIAL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Insert, Update

    from provgraph.events import RecordedEvent
    from provgraph.relational.changes import Changes, Target, Value


def rows(event: RecordedEvent, changes: Changes) -> None:
    """Create or revoke a credential."""
    if isinstance(event.content, CredentialCreated):
        changes.then(CREDENTIAL, _create, _created(event.content, event))
    elif isinstance(event.content, CredentialRevoked):
        values = {"now": second_text(event.recorded_us), "id": event.content.credential_id}
        changes.then(CREDENTIAL, _revoke, values)


def _created(made: CredentialCreated, event: RecordedEvent) -> Mapping[str, Value]:
    grant = made.grant
    return {
        "credential_id": made.credential_id,
        "name": made.name,
        "holder": made.holder,
        "token_sha256": made.token_sha256,
        "created_at": second_text(event.recorded_us),
        "revoked_at": None,
        "position": event.position,
        "rights": _rights(grant.rights),
        "emitters": canonical.text(list(grant.emitters)),
        "exclusive": int(grant.only),
        "expires_us": grant.expires_us,
    }


def _rights(rights: Sequence[str]) -> str:
    # One that is not known here may be any text, and must not be read back as two.
    return " ".join("_".join(right.split()) for right in rights)


def _create(to: Target) -> Insert:
    return insert(to[CREDENTIAL])


def _revoke(to: Target) -> Update:
    credential = to[CREDENTIAL]
    unrevoked = credential.c.revoked_at.is_(None)
    return (
        update(credential)
        .where(unrevoked, credential.c.credential_id == bindparam("id"))
        .values(revoked_at=bindparam("now"))
    )
