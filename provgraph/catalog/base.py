"""
The catalog: a relational read model of the log, for lists, filters, counts, tags, reports and credentials.

It is written in the log's own transaction, so whatever was acknowledged is listed. It holds no fact that the log
lacks and can be built anew from it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from provgraph.eventlog import EventLog
    from provgraph.families.artifact.queries import CatalogArtifact
    from provgraph.families.credential.queries import CatalogCredential
    from provgraph.families.pem.queries import CatalogPem
    from provgraph.families.report.queries import CatalogReport
    from provgraph.families.tag.queries import CatalogTag
    from provgraph.relational.lists import ListQuery
    from provgraph.relational.reading import Reading


class Catalog(Protocol):
    """The read side of the catalog. Safe to use from several threads."""

    @property
    def reading(self) -> Reading:
        """What questions about the tables of one family are made with, see `provgraph.families.*.queries`."""

    def pem(self, pem_id: str) -> CatalogPem | None:
        """Return the PEM with this id (32 hex digits), or None."""

    def pems(self, query: ListQuery) -> Iterator[CatalogPem]:
        """
        Yield PEMs one by one, without holding the list in memory.

        :raises InvalidInputError: an unknown filter or sort field; the text names the allowed ones
        """

    def pems_count(self, query: ListQuery) -> int:
        """Return how many PEMs match the filters; sorting and paging are ignored."""

    def artifacts(self, query: ListQuery) -> Iterator[CatalogArtifact]:
        """Yield artifacts, see `Catalog.pems`."""

    def artifacts_count(self, query: ListQuery) -> int:
        """Return how many artifacts match the filters."""

    def unnamed(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return those of ``names`` that no PEM uses or produces, in the order given."""

    def tag(self, namespace: str, tag: str) -> CatalogTag | None:
        """Return where a tag points, or None."""

    def tags(self) -> Iterator[CatalogTag]:
        """Yield every tag, ordered by namespace and tag."""

    def tags_count(self) -> int:
        """Return how many tags there are."""

    def report(self, report_id: str) -> CatalogReport | None:
        """Return a report, or None."""

    def reports(self) -> list[CatalogReport]:
        """Return every report, the newest first."""

    def credential(self, token_sha256: str) -> CatalogCredential | None:
        """
        Return the credential of a token (hex SHA-256), or None when unknown or revoked.

        Never waits for other readers, however many there are: the event loop itself may ask.
        """

    def reservations(self) -> tuple[str, ...]:
        """
        Return the patterns of the emitters that are reserved (by credentials with `only`), each once, in order.

        A reservation ends when its credential is revoked, not when that one expires. Like `credential` it never waits
        for other readers. It looks at every credential: 1 to 3 ms where there are ten thousand.
        """

    def credential_names(self, ids: Sequence[str]) -> dict[str, str]:
        """
        Return the names of credentials by their ids, revoked ones too; nothing of those that are not there.

        It is as quick as `credential`, for as many ids as there are on a page.
        """

    def credentials(self) -> list[CatalogCredential]:
        """Return every credential, revoked ones too, the oldest first."""

    def rebuild(self, log: EventLog, progress: Callable[[int], None] | None = None) -> int:
        """
        Build the catalog anew from the log, beside the served one, and switch in one transaction.

        ``progress`` is called with the number of events read so far. Interrupted, the served catalog stays.

        :returns: how many events were read
        """

    def upgrade(
        self, log: EventLog, *, take_back: bool = False, progress: Callable[[int], None] | None = None
    ) -> int:
        """
        Build those tables anew that are not there, or are of another version of provgraph, and switch to them.

        The served ones are used until then, also by processes of the other version; from then on those are told to
        restart. Interrupted, the next call goes on. To be called before anything is asked. An event that is not what
        was recorded, and that nobody accepted, is left out and told in the service's log.

        :param take_back: also tables that a newer version made
        :returns: how many events were read; 0 where nothing was to be done
        :raises StoreError: a newer version made the tables, and they shall not be taken back
        """

    def last_position(self) -> int:
        """
        Return the highest log position that it has an event or a credential of: a witness of how far the log went.

        :raises StoreError: it cannot be read
        """

    def digest(self) -> str:
        """Return a digest of the whole content, equal for catalogs with equal content."""

    def close(self) -> None:
        """Release connections."""
