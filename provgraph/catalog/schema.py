"""
The catalog's tables, as statements see them on every database; how they are made there is each database's own.

``prefix`` names a second set of the same tables beside the served one, which a rebuild fills and then renames.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, Table, Text, column, table

TABLES = (
    *("pem", "pem_outcome", "artifact", "tag", "report", "credential"),
    *("tracked_step", "tracked_object", "tracked_member", "tracked_run", "tracked_operation", "tracked_kind"),
)

PEM_TEXTS = (
    *("id", "type", "predecessor", "emitter", "timestamp_client", "timestamp_received"),
    *("properties", "version", "tag", "tag_namespace", "uses", "produces"),
)

# The log's table, as far as the catalog reads it: its index finds a PEM by id.
LOG_EVENTS = table("event", column("position", BigInteger), column("event_id", LargeBinary))


class Tables:
    """One set of the catalog's tables, for statements."""

    def __init__(self, prefix: str = "") -> None:
        metadata = MetaData()
        self.pem = Table(
            f"{prefix}pem",
            metadata,
            Column("position", BigInteger, primary_key=True),
            *(Column(name, Text) for name in PEM_TEXTS),
        )
        # A row for each PEM that says how its work ended. Nearly none does, and those cost nothing for it.
        self.outcome = Table(
            f"{prefix}pem_outcome",
            metadata,
            Column("position", BigInteger, primary_key=True),
            *(Column(name, Text) for name in ("outcome", "error")),
        )
        self.artifact = Table(
            f"{prefix}artifact",
            metadata,
            Column("sequence", BigInteger, primary_key=True),
            Column("name", Text),
            Column("properties", Text),
            Column("created_us", BigInteger),
            Column("created_at", Text),
        )
        self.tag = Table(
            f"{prefix}tag",
            metadata,
            Column("namespace", Text, primary_key=True),
            Column("tag", Text, primary_key=True),
            Column("pem_id", Text),
            Column("updated_at", Text),
        )
        self.report = Table(
            f"{prefix}report",
            metadata,
            Column("report_id", Text, primary_key=True),
            *(Column(name, Text) for name in ("subject", "status", "text", "names", "opened_at")),
            Column("position", BigInteger),
        )
        self.credential = Table(
            f"{prefix}credential",
            metadata,
            Column("credential_id", Text, primary_key=True),
            *(Column(name, Text) for name in ("name", "holder", "token_sha256", "created_at", "revoked_at")),
            Column("position", BigInteger),
            *(Column(name, Text) for name in ("rights", "emitters")),
            # `exclusive` is the event's `Only`: as the name of a column PostgreSQL reserves that word.
            *(Column(name, BigInteger) for name in ("exclusive", "expires_us")),
        )
        self.step = Table(
            f"{prefix}tracked_step",
            metadata,
            Column("sequence", BigInteger, primary_key=True),
            *(Column(name, Text) for name in ("request", "event_id")),
            *(Column(name, BigInteger) for name in ("occurred_us", "position")),
            Column("answer", Text),
        )
        self.object = Table(
            f"{prefix}tracked_object",
            metadata,
            Column("id", Text, primary_key=True),
            *(Column(name, Text) for name in ("lookup", "artifact_lookup", "kind_lookup", "parent")),
            *(Column(name, BigInteger) for name in ("is_group", "live")),
            Column("version", Text),
            *(Column(name, BigInteger) for name in ("position", "sequence", "recorded_us")),
            *(Column(name, Text) for name in ("actor", "run_id", "document")),
            Column("created", BigInteger),  # number of the step that made it: no change moves it in a list
        )
        self.member = Table(
            f"{prefix}tracked_member",
            metadata,
            Column("group_id", Text, primary_key=True),
            Column("ordinal", BigInteger, primary_key=True),
            Column("member_id", Text),
        )
        self.run = Table(
            f"{prefix}tracked_run",
            metadata,
            Column("id", Text, primary_key=True),
            *(Column(name, Text) for name in ("group_id", "state", "identifier")),
            *(Column(name, BigInteger) for name in ("opened", "closed", "position")),
            Column("document", Text),
        )
        self.operation = Table(
            f"{prefix}tracked_operation",
            metadata,
            Column("sequence", BigInteger, primary_key=True),
            Column("ordinal", BigInteger, primary_key=True),
            *(Column(name, Text) for name in ("run_id", "object_id", "event_id")),
            *(Column(name, BigInteger) for name in ("position", "recorded_us")),
            *(Column(name, Text) for name in ("actor", "document")),
        )
        self.kind = Table(
            f"{prefix}tracked_kind",
            metadata,
            Column("kind", Text, primary_key=True),
            Column("sequence", BigInteger),
            Column("document", Text),
        )


_TABLES = Tables()


def _content(shown: Table, *, order: str, hidden: str = "") -> str:
    columns = ", ".join(column.name for column in shown.columns if column.name != hidden)
    return f"SELECT {columns} FROM {shown.name} ORDER BY {order}"  # noqa: S608 - our own names


# Everything that readers can see, in an order that does not depend on row numbers.
CONTENT = (
    _content(_TABLES.pem, order="position"),
    _content(_TABLES.outcome, order="position"),
    _content(_TABLES.artifact, order="sequence", hidden="sequence"),
    _content(_TABLES.tag, order="namespace, tag"),
    _content(_TABLES.report, order="report_id"),
    _content(_TABLES.credential, order="credential_id"),
    _content(_TABLES.step, order="sequence"),
    _content(_TABLES.object, order="id"),
    _content(_TABLES.member, order="group_id, ordinal"),
    _content(_TABLES.run, order="id"),
    _content(_TABLES.operation, order="sequence, ordinal"),
    _content(_TABLES.kind, order="kind"),
)
