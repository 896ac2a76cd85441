"""The catalog's projection rule: from events to rows. Pure, and the same for every database."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from provgraph.events import Kind, UnknownKind, canonical, newer
from provgraph.events.clock import second_text
from provgraph.families.artifact.events import note
from provgraph.families.pem.events import Pem
from provgraph.families.registry import ALONE, pem_of
from provgraph.families.tag.events import TagSet
from provgraph.families.tracking.events import Tracked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from provgraph.events import RecordedEvent
    from provgraph.families.artifact.events import ArtifactsRemoved, Sighting
    from provgraph.families.credential.events import CredentialCreated, CredentialRevoked
    from provgraph.families.pem.events import ArtifactStatement
    from provgraph.families.report.events import ReportClosed, ReportOpened

PemRow = tuple[int, str, str, str | None, str, str, str, str, str, str | None, str | None, str, str]
OutcomeRow = tuple[int, str | None, str | None]  # position, outcome, error
TagRow = tuple[str, str, str, str]  # namespace, tag, pem_id, updated_at


class Rows(NamedTuple):
    """
    What a run of events changes in the catalog, in no more statements than tables.

    Artifacts are to be inserted when new, and their properties filled when the stored ones are empty. Tags replace.
    """

    pems: list[PemRow]
    outcomes: list[OutcomeRow]  # of those PEMs that state one, or an error
    artifacts: dict[str, Sighting]
    tags: dict[tuple[str, str], TagRow]
    others: list[RecordedEvent]  # rare families, applied one by one after the rest
    tracked: list[RecordedEvent]  # whose tables are their own


def runs(events: Sequence[RecordedEvent]) -> list[Sequence[RecordedEvent]]:
    """Cut events so that a rare one is always the last of its run."""
    if not any(event.kind in ALONE for event in events):
        return [events]
    cut, start = [], 0
    for index, event in enumerate(events):
        if event.kind in ALONE:
            cut.append(events[start : index + 1])
            start = index + 1
    if start < len(events):
        cut.append(events[start:])
    return cut


def rows(events: Sequence[RecordedEvent]) -> Rows:
    """
    Return the rows of one run of events.

    :raises NewerEventError: one of them is of an unknown kind, whose rows are not known here either
    """
    found = Rows([], [], {}, {}, [], [])
    for event in events:
        if type(event.kind) is not Kind:
            if type(event.kind) is UnknownKind:
                raise newer(event)
            continue  # set aside: it counts nowhere, whatever its row says
        received = second_text(event.recorded_us)
        pem = pem_of(event)
        if pem is not None:
            _pem(pem, event, received, found)
        if type(event.content) is Pem:
            continue  # nearly all are: nothing more is asked of them
        if isinstance(event.content, Tracked):
            found.tracked.append(event)
        elif isinstance(event.content, TagSet):
            namespace, tag, pem_id = event.content
            found.tags[namespace, tag] = (namespace, tag, pem_id, received)
        elif event.kind in ALONE:
            found.others.append(event)
    return found


def _pem(pem: Pem, event: RecordedEvent, received: str, found: Rows) -> None:
    for statements in (pem.uses, pem.produces):
        note(
            found.artifacts,
            statements,
            recorded_us=event.recorded_us,
            recorded_at=received,
            occurred_us=pem.occurred_us,
            position=event.position,
        )
    found.pems.append(
        (
            event.position,
            pem.id,
            pem.type,
            pem.predecessors[0] if pem.predecessors else None,
            pem.emitter,
            pem.timestamp_client,
            received,
            pem.properties,
            pem.version,
            pem.tag,
            pem.tag_namespace,
            _names(pem.uses),
            _names(pem.produces),
        )
    )
    if pem.outcome is not None or pem.error is not None:
        found.outcomes.append((event.position, pem.outcome, pem.error))
    if pem.tag:
        namespace = pem.tag_namespace or ""
        found.tags[namespace, pem.tag] = (namespace, pem.tag, pem.id, received)


def _names(statements: Sequence[ArtifactStatement]) -> str:
    """Return the names in one list as JSON text, each once."""
    if not statements:
        return "[]"
    names = [statement[0] for statement in statements]
    return canonical.text(names if len(names) == 1 else list(dict.fromkeys(names)))


def report_row(event: RecordedEvent) -> tuple[str, str, str, int]:
    """Return the row of an opened report: id, subject, opened_at, position."""
    opened: ReportOpened = event.content  # type: ignore[assignment] # its kind says so
    return opened.report_id, opened.subject, second_text(event.recorded_us), event.position


def report_closing(event: RecordedEvent) -> tuple[str, str, str, str]:
    """Return what closes a report: status, text, names as JSON, id."""
    closed: ReportClosed = event.content  # type: ignore[assignment] # its kind says so
    return closed.status, closed.text, canonical.text(list(closed.names)), closed.report_id


# The columns of `credential_row`; the one that is left, revoked_at, is empty at first.
CREDENTIAL_COLUMNS = (
    *("credential_id", "name", "holder", "token_sha256", "created_at", "position"),
    *("rights", "emitters", "exclusive", "expires_us"),
)


def credential_row(event: RecordedEvent) -> tuple[str | int | None, ...]:
    """Return the row of a credential, see `CREDENTIAL_COLUMNS`."""
    made: CredentialCreated = event.content  # type: ignore[assignment] # its kind says so
    created_at = second_text(event.recorded_us)
    grant = made.grant
    return (
        *(made.credential_id, made.name, made.holder, made.token_sha256, created_at, event.position),
        *(_rights(grant.rights), canonical.text(list(grant.emitters)), int(grant.only), grant.expires_us),
    )


def _rights(rights: Sequence[str]) -> str:
    # One that is not known here may be any text, and must not be read back as two.
    return " ".join("_".join(right.split()) for right in rights)


def credential_revoking(event: RecordedEvent) -> tuple[str, str]:
    """Return what revokes a credential: revoked_at, id."""
    revoked: CredentialRevoked = event.content  # type: ignore[assignment] # its kind says so
    return second_text(event.recorded_us), revoked.credential_id


def removed_names(event: RecordedEvent) -> str:
    """Return the names of a removal as JSON text."""
    removed: ArtifactsRemoved = event.content  # type: ignore[assignment] # its kind says so
    return canonical.text(list(removed.names))
