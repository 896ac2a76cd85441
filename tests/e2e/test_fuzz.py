"""Arbitrary bytes at every route: whatever arrives, no answer says that the service itself failed (5xx)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.e2e.builders import new_id, pem, tag_path
from tests.e2e.service import Service
from tests.e2e.wire import Wire, status_of
from tests.effort import examples

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hypothesis.strategies import SearchStrategy

KNOWN = pem()
GROUPS: dict[str, tuple[str, ...]] = {
    "receiver": (
        *("/receiver/info", "/receiver/pem", "/receiver/tag/"),
        f"/receiver/tag/{tag_path('ns', 'tag')}/{KNOWN['ID']}",
    ),
    "query": (
        *("/query/info", "/query/pems", "/query/pems_count", "/query/artifacts", "/query/artifacts_count"),
        *("/query/tags", "/query/tags_count", "/query/tag/", "/query/pem/", f"/query/pem/{KNOWN['ID']}"),
        *("/query/report/", "/query/query", "/query/clean", "/query/verify_artifact_connections"),
        "/query/remove_unconnected_artifacts/",
    ),
    "graph builder": tuple(f"/graph_builder/{call}" for call in ("info", "rebuild", "flush", "verify")),
    "native": ("/api/v1/events", "/api/v1/lineage", "/api/v1/", "/api/", "/"),
    "admin": tuple(
        f"/admin/{call}"
        for call in (
            *("info", "flush", "verify", "verify-connections", "reports", "reports/", "rebuild", "clean"),
            *(
                "accept-change",
                "accept-loss",
                "credentials",
                "credentials/",
                "jobs",
                "jobs/",
                "openapi.json",
                "docs",
            ),
        )
    ),
    "infrahub": (
        *("/graphql", "/graphql/main", "/api/schema", "/api/schema/load", "/api/schema/check"),
        *("/api/auth/login", "/api/auth/refresh"),
    ),
    "operations": ("/healthz", "/readyz", "/metrics", "/favicon.ico", "/docs", "/openapi.json"),
}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "BREW")
PARAMETERS = (
    *("pageIndex", "pageSize", "sortField", "sortOrder", "ID", "Type", "Predecessor", "Properties", "Name"),
    *("CreatedAt", "node", "direction", "depth", "limit", "cursor", "version"),
)
CONTENT_TYPES = (
    "application/json",
    "application/x-ndjson",
    "text/plain",
    "application/json; charset=utf-16",
    "\xff",
)
# Blanks and line ends would end the request line: what stands behind them is another request.
UNSAFE = frozenset(b" \r\n\t\x00")


class Request(NamedTuple):
    """What goes over the wire."""

    method: str
    target: bytes
    content_type: str
    body: bytes

    def encoded(self) -> bytes:
        """Return the bytes of the request."""
        head = (
            f"{self.method} ".encode()
            + self.target
            + b" HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
            + b"Content-Type: %s\r\n" % self.content_type.encode("latin-1")
            + b"Content-Length: %d\r\n\r\n" % len(self.body)
        )
        return head + self.body


def _target_bytes(raw: bytes) -> bytes:
    return bytes(byte for byte in raw if byte not in UNSAFE)


_values = st.one_of(
    st.text(max_size=20).map(lambda text: text.encode("utf-8", "replace")),
    st.integers().map(lambda number: str(number).encode()),
    st.binary(max_size=20),
    st.sampled_from([b"None", b"asc", b"Type", b"artifact:x", f"pem:{KNOWN['ID']}".encode(), b"upstream"]),
)
_pairs = st.tuples(st.sampled_from(PARAMETERS), _values, st.booleans())


def _query(pairs: list[tuple[str, bytes, bool]]) -> bytes:
    encoded = [
        name.encode()
        + b"="
        + (b"".join(b"%%%02X" % byte for byte in value) if escape else _target_bytes(value))
        for name, value, escape in pairs
    ]
    return b"?" + b"&".join(encoded) if encoded else b""


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def _mutated_pem(draw: st.DrawFn) -> bytes:
    """A PEM with one field replaced by any JSON value, in or out of a list, sometimes cut off or doubled."""
    body = {**pem(ID=new_id()), draw(st.sampled_from(sorted(KNOWN))): draw(_json)}
    text = json.dumps([body] if draw(st.booleans()) else body).encode()
    return draw(st.sampled_from((text, text[: len(text) // 2], text + b"\n" + text)))


def _bodies() -> SearchStrategy[bytes]:
    queries = st.text(max_size=40).map(lambda text: f'{{"query": "{text}", "type": "rw"}}')
    admin = st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("pems", "deep", "graph", "catalog", "name", "kind", "role"), _json)
    )
    return st.one_of(
        st.binary(max_size=200),
        _json.map(lambda value: json.dumps(value).encode()),
        _mutated_pem(),
        queries.map(lambda text: text.encode("utf-8", "surrogatepass")),
        admin.map(lambda value: json.dumps(value).encode()),
    )


def requests(routes: tuple[str, ...]) -> SearchStrategy[Request]:
    """Requests at or below these routes."""
    suffixes = st.one_of(st.just(b""), st.binary(max_size=30).map(_target_bytes), _values.map(_target_bytes))
    targets = st.tuples(
        st.sampled_from(routes).map(str.encode), suffixes, st.lists(_pairs, max_size=3).map(_query)
    ).map(b"".join)
    return st.builds(Request, st.sampled_from(METHODS), targets, st.sampled_from(CONTENT_TYPES), _bodies())


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """Calls to a service of their own: they clean, rebuild and make credentials."""
    with Service(tmp_path_factory.mktemp("fuzzed") / "data") as started:
        wire = Wire(started.url)
        wire.accepted(KNOWN)
        yield wire


@pytest.mark.parametrize("group", GROUPS)
def test_nothing_that_arrives_makes_the_service_fail(fuzzed: Wire, group: str) -> None:
    @settings(max_examples=examples(60), deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @example(Request("POST", GROUPS[group][0].encode(), "application/json", b"[" * 20_000))
    @example(Request("GET", GROUPS[group][0].encode() + b"?" + b"a=b&" * 2_000, "text/plain", b""))
    @given(requests(GROUPS[group]))
    def throw(request: Request) -> None:
        answer = fuzzed.raw(request.encoded())

        assert answer, "closed without an answer"
        assert status_of(answer) < 500, answer[:2_000]

    throw()

    sent = pem()
    fuzzed.accepted(sent)
    fuzzed.flush()
    assert fuzzed.pem(sent["ID"])["ID"] == sent["ID"]
    assert fuzzed.get("/readyz").ok


@settings(max_examples=examples(30), deadline=None)
@given(garbage=st.binary(max_size=300))
def test_garbage_that_is_no_http_ends_nothing_but_its_connection(wire: Wire, garbage: bytes) -> None:
    answer = wire.raw(garbage + b"\r\n\r\n", hang_up=True)

    assert not answer or status_of(answer) < 500, answer[:2_000]
    assert wire.get("/healthz").ok
