"""The bodies and answers of Record Keeper's services."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import Field

from provgraph.wire.base import ABSENT, Wire

# What the operations belong to.
TAG: Final = "record keeper"


class ReceiverInfo(Wire):
    """The receiver, and what it takes."""

    version: str
    pem_version: str
    pem_size_limit: int
    auth_required: bool
    pem_auth_required: bool


class QueryInfo(Wire):
    """The query service."""

    version: str
    auth_required: bool


class GraphBuilderInfo(Wire):
    """The graph builder: how many items catalog and graph hold, and what is under way."""

    version: str
    pg_pems_count: int
    pg_artifacts_count: int
    neo4j_pems_count: int
    neo4j_artifacts_count: int
    pems_sync_pct: str
    artifacts_sync_pct: str
    loop_iteration_interval: float
    loop_state_should_rebuild: Literal["True", "False"]
    loop_state_should_flush: Literal["True", "False"]


class PemRecorder(Wire):
    """The credential by which a PEM came."""

    ID: str
    Name: str | None


class PemFields(Wire):
    """A PEM; the two lists of artifacts hold names."""

    ID: str
    Type: str
    Predecessor: str | None
    Emitter: str
    TimestampClient: str
    TimestampReceived: str
    Properties: dict[str, Any]
    Version: str
    Tag: str
    TagNamespace: str
    UsesArtifacts: list[str]
    ProducesArtifacts: list[str]
    Outcome: str = ABSENT
    Error: str = ABSENT
    RecordedBy: PemRecorder = ABSENT
    Changed: str = ABSENT


class ArtifactFields(Wire):
    """An artifact."""

    Name: str
    Properties: dict[str, Any]
    CreatedAt: str
    Changed: str = ABSENT


class TagFields(Wire):
    """A tag, and the PEM that it points at."""

    NamespaceID: str
    Tag: str
    EventID: str
    UpdatedAt: str
    Changed: str = ABSENT


class PemsCount(Wire):
    """How many PEMs match."""

    pems_count: int


class ArtifactsCount(Wire):
    """How many artifacts match."""

    artifacts_count: int


class TagsCount(Wire):
    """How many tags there are."""

    tags_count: int


class ReportText(Wire):
    """A stored report."""

    report: str
    status: str


class ReportId(Wire):
    """The id of a report."""

    report_id: str


class GraphQueryBody(Wire):
    """A graph query. Record Keeper's client pastes it in without escaping; that is read, too."""

    query: str
    type: Literal["r", "rw", "w"] = Field(default=ABSENT, description="absent: `rw`")


class ScopeBody(Wire):
    """What to compare; absent: both."""

    check_pems: bool | None = ABSENT
    check_artifacts: bool | None = ABSENT


class DifferenceFound(Wire):
    """An item that differs between catalog and graph."""

    sense: str
    what: str
    name: str
    details: str


class Comparison(Wire):
    """Whether catalog and graph hold the same."""

    msg: str
    in_sync: bool
    position: int
    differences: list[DifferenceFound]


class TagBody(Wire):
    """The tag once more, as Record Keeper's client sends it. The path alone counts."""

    NamespaceID: str = ABSENT
    Tag: str = ABSENT
    EventID: str = ABSENT
