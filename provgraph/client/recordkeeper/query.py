"""Record Keeper's client for whoever asks."""

from __future__ import annotations

import ast
import json
from typing import TYPE_CHECKING, Any

import orjson

from provgraph.client.calls import segment, tag_segments
from provgraph.client.recordkeeper.serialization import ArtifactSerialization, PEMSerialization
from provgraph.client.recordkeeper.service import Answered, Service, read, told

if TYPE_CHECKING:
    from uuid import UUID

    from provgraph.client.recordkeeper.entities import PEM, Artifact

SQL, GRAPH = "sqldb", "graphdb"

_ALL = "MATCH (a:Artifact) RETURN a.rk_id AS rk_id, a.properties as properties, a.created_at as created_at"
_ONE = (
    "MATCH (a:Artifact) WHERE a.rk_id = '{name}' "
    "RETURN a.rk_id AS rk_id, a.properties as properties, a.created_at as created_at"
)
_COUNT = "MATCH (a:Artifact) RETURN count(a);"


class RKQuery:
    """Asks for PEMs, artifacts and tags. See `RKClient` for the arguments. A page index or size of -1 is none."""

    def __init__(
        self,
        query_url: str,
        timeout_sec: int = 5,
        insecure: bool = True,
        user_auth: str = "",
        puc_auth: str = "",
    ) -> None:
        self._service = Service(
            query_url, timeout_sec, insecure=insecure, user_auth=user_auth, puc_auth=puc_auth
        )

    def get_info(self) -> tuple[str, bool]:
        """Return what the service says of itself, for `deserialize_query_info`."""
        return told("Getting info", lambda: self._service.get("/info"))

    def get_pem(self, pem_id: str | UUID) -> tuple[PEM | None, str, bool]:
        """Return a PEM, whose artifacts have their names only; ``(None, reason, False)`` when there is none."""
        return read("Getting pem", lambda: self._service.get(f"/pem/{segment(str(pem_id))}"), _pem)

    def get_pems(
        self,
        page_index: int = -1,
        page_size: int = -1,
        sort_field: str = "",
        sort_order: str = "",
        filters: dict[str, Any] | None = None,
    ) -> tuple[list[PEM] | None, str, bool]:
        """Return the PEMs whose fields contain what ``filters`` say; all of them when no page is asked for."""
        asked = _listing(page_index, page_size, sort_field, sort_order, filters)
        return read("Getting pems", lambda: self._service.get("/pems", asked), _pems)

    def get_pems_count(
        self,
        page_index: int = -1,
        page_size: int = -1,
        sort_field: str = "",
        sort_order: str = "",
        filters: dict[str, Any] | None = None,
    ) -> tuple[int | None, str, bool]:
        """Return how many PEMs match the filters, whatever page is asked for."""
        asked = _listing(page_index, page_size, sort_field, sort_order, filters)
        return read(
            "Getting pems count",
            lambda: self._service.get("/pems_count", asked),
            lambda text: int(json.loads(text)["pems_count"]),
        )

    def get_artifact(self, artifact_name: str, source: str = SQL) -> tuple[Artifact | None, bool]:
        """Return the artifact of exactly this name; ``(None, True)`` when there is none."""

        def ask() -> Answered:
            if source == GRAPH:
                return self.query_graph_as_told(_ONE.format(name=_quoted(artifact_name)), "r")
            return self._service.get("/artifacts", {"NameIs": artifact_name})

        if source not in (SQL, GRAPH):
            return None, told("Getting artifact", lambda: _unknown(source)).ok
        if not artifact_name:  # an empty filter would be none
            return None, True
        found, _, ok = read("Getting artifact", ask, _from_graph if source == GRAPH else _artifacts)
        return next((each for each in found or () if artifact_name == each.Name), None), ok

    def get_artifact_latest(self, artifact_name: str) -> tuple[Artifact | None, str, bool]:
        """Return the newest artifact whose name contains the text; ``(None, "", True)`` when there is none."""
        artifacts, message, ok = self.get_artifacts(
            page_size=1, sort_field="CreatedAt", sort_order="desc", filters={"Name": artifact_name}
        )
        return (artifacts[0] if artifacts else None), message, ok

    def get_artifacts(
        self,
        source: str = SQL,
        page_index: int = -1,
        page_size: int = -1,
        sort_field: str = "",
        sort_order: str = "",
        filters: dict[str, Any] | None = None,
    ) -> tuple[list[Artifact], str, bool]:
        """Return artifacts; from the ``graphdb`` all of them, in no order."""
        if source == SQL:
            asked = _listing(page_index, page_size, sort_field, sort_order, filters)
            found = read("querying SQL", lambda: self._service.get("/artifacts", asked), _artifacts)
        elif source == GRAPH:
            found = read("querying graph", lambda: self.query_graph_as_told(_ALL, "rw"), _from_graph)
        else:
            return [], told("Getting artifacts", lambda: _unknown(source)).text, False
        artifacts, message, ok = found
        return artifacts or [], "" if ok else message, ok

    def get_artifacts_count(
        self, source: str = SQL, filters: dict[str, Any] | None = None
    ) -> tuple[int | None, str, bool]:
        """Return how many artifacts match the filters; those of the ``graphdb`` are all counted."""
        if source == SQL:
            asked = _listing(-1, -1, "", "", filters)
            return read(
                "Getting artifacts count",
                lambda: self._service.get("/artifacts_count", asked),
                lambda text: int(json.loads(text)["artifacts_count"]),
            )
        if source == GRAPH:
            return read(
                "Getting artifacts count",
                lambda: self.query_graph_as_told(_COUNT, "r"),
                lambda text: int(ast.literal_eval(text)[0][0]),
            )
        return None, told("Getting artifacts count", lambda: _unknown(source)).text, False

    def get_tag(self, namespace: str, tag_name: str) -> tuple[str, bool]:
        """Return the id of the PEM that a tag marks: 32 hexadecimal digits."""
        return told("Getting tag", lambda: self._service.get(f"/tag/{tag_segments(namespace, tag_name)}"))

    def get_tags(self) -> tuple[list[dict[str, Any]] | None, str, bool]:
        """Return the tags: ``NamespaceID``, ``Tag``, ``EventID``, ``UpdatedAt``."""
        return read("Getting tags", lambda: self._service.get("/tags"), lambda text: [*json.loads(text)])

    def get_tags_count(self) -> tuple[int | None, str, bool]:
        """Return how many tags there are."""
        return read(
            "Getting tags count",
            lambda: self._service.get("/tags_count"),
            lambda text: int(json.loads(text)["tags_count"]),
        )

    def query_graph(self, query: str, query_type: str = "rw") -> tuple[str, bool]:
        """Ask the graph; the answer is the text of a Python list of rows. ``r`` promises not to write."""
        return self.query_graph_as_told(query, query_type)

    def query_graph_as_told(self, query: str, query_type: str) -> Answered:
        """See `query_graph`."""
        return self._service.post("/query", orjson.dumps({"query": query, "type": query_type}))


def _listing(
    page_index: int, page_size: int, sort_field: str, sort_order: str, filters: dict[str, Any] | None
) -> dict[str, Any]:
    asked = {
        "pageIndex": (page_index, -1),
        "pageSize": (page_size, -1),
        "sortField": (sort_field, ""),
        "sortOrder": (sort_order, ""),
    }
    return {name: value for name, (value, none) in asked.items() if value != none} | (filters or {})


def _unknown(source: str) -> Answered:
    return Answered(f"there is no source {source!r}, only {SQL} and {GRAPH}", ok=False)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")


def _pem(text: str) -> PEM:
    return PEMSerialization.from_dict(json.loads(text), art_solely_id=True)


def _pems(text: str) -> list[PEM]:
    return [PEMSerialization.from_dict(each, art_solely_id=True) for each in json.loads(text)]


def _artifacts(text: str) -> list[Artifact]:
    return [ArtifactSerialization.from_dict(each) for each in json.loads(text)]


def _from_graph(text: str) -> list[Artifact]:
    return [
        ArtifactSerialization.from_dict(
            {"Name": name, "Properties": json.loads(properties) if properties else {}, "CreatedAt": created}
        )
        for name, properties, created in ast.literal_eval(text)
    ]
