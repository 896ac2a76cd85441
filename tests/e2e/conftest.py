"""
Real services for the end-to-end tests.

`service` is shared by every test of a worker and open to all: tests on it use names of their own and clean nothing.
`fresh` belongs to one test. `secured` asks for credentials and is shared too.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from tests.e2e import pairs
from tests.e2e.builders import unique
from tests.e2e.clients import LIBRARIES, Clients, Door
from tests.e2e.service import Service, create_credential, running
from tests.e2e.wire import Wire
from tests.effort import IS_LONG

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

# About files in a data folder, and about this project's README.
collect_ignore = [] if pairs.IS_LOCAL else ["test_faults.py", "test_readme.py", "production"]

KINDS = ("user", "puc")
ROLES = ("reader", "writer", "admin")
HEADERS = {"user": "X-Recordkeeper-User-Auth", "puc": "X-Recordkeeper-Puc-Auth"}
_SHOWN = 4_000


class Secured(NamedTuple):
    """A service that asks for credentials, and a token for every kind and role."""

    service: Service
    tokens: dict[tuple[str, str], str]

    def wire(self, kind: str, role: str) -> Wire:
        """Return calls that carry such a token in Record Keeper's own header."""
        return Wire(self.service.url, {HEADERS[kind]: self.tokens[kind, role]})

    @property
    def admin(self) -> Wire:
        """Calls that may do everything."""
        return self.wire("user", "admin")

    @property
    def anonymous(self) -> Wire:
        """Calls without a credential."""
        return Wire(self.service.url)


@pytest.fixture(autouse=True, scope="session")
def _no_proxy() -> Iterator[None]:
    """The client honours the environment's proxy; 127.0.0.1 is not behind it. Nor is a mock wanted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        patch.setenv("no_proxy", "127.0.0.1")
        patch.delenv("RK_MOCK", raising=False)
        yield


@pytest.fixture(autouse=True, scope="session")
def _servers_end() -> Iterator[None]:
    yield
    pairs.close()


@pytest.fixture(autouse=True)
def _stores_go_back(tmp_path: Path) -> Iterator[None]:
    """Wipe the stores of this test's own services, for the next test."""
    yield
    pairs.release(tmp_path)


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """An open service shared by the tests of this worker."""
    with Service(tmp_path_factory.mktemp("open") / "data") as started:
        yield started


@pytest.fixture(scope="session")
def wire(service: Service) -> Wire:
    """Calls to the shared open service."""
    return Wire(service.url)


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Wire]:
    """Calls to an open, empty service of the test's own."""
    with Service(tmp_path / "data") as started:
        yield Wire(started.url)


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """A service that asks for credentials, for sending PEMs too. Tests may clean it: each brings its own data."""
    with guarded(tmp_path_factory.mktemp("secured") / "data", pem_auth_required=True) as started:
        yield started


@pytest.fixture(scope="session")
def half_secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """A service that asks for credentials, except for sending PEMs."""
    with guarded(tmp_path_factory.mktemp("half-secured") / "data", pem_auth_required=False) as started:
        yield started


@contextmanager
def guarded(folder: Path, *, pem_auth_required: bool) -> Iterator[Secured]:
    """Run a service with ``auth_required`` and tokens of every kind and role."""
    first = create_credential(folder, name="first admin", kind="user", role="admin")["token"]
    settings = {
        "PROVGRAPH_AUTH_REQUIRED": "true",
        "PROVGRAPH_PEM_AUTH_REQUIRED": str(pem_auth_required).lower(),
    }
    with Service(folder, settings=settings) as started:
        yield Secured(started, issue_tokens(started.url, first))


def issue_tokens(url: str, first: str) -> dict[tuple[str, str], str]:
    """Have an admin issue a token of every kind and role."""
    admin = Wire(url, {"Authorization": f"Bearer {first}"})
    tokens = {}
    for kind in KINDS:
        for role in ROLES:
            answer = admin.post_json(
                "/admin/credentials", {"name": f"{role} {kind}", "kind": kind, "role": role}
            )
            assert answer.status == 201, answer
            tokens[kind, role] = str(answer.json()["token"])
    return tokens


@pytest.fixture(scope="session")
def cleanable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an open service that tests may clean: each brings its own data."""
    with Service(tmp_path_factory.mktemp("cleanable") / "data") as started:
        yield started.url


@pytest.fixture(params=[*LIBRARIES.values()], ids=[*LIBRARIES])
def library(request: pytest.FixtureRequest) -> Any:
    """The module of Record Keeper's client, or the one that takes its place."""
    return request.param


# `test_credentials` tries every kind of credential on every pair. Here one way in is enough on other pairs: that saves
# a service.
@pytest.fixture(params=["open", "user", "puc"] if pairs.IS_LOCAL or IS_LONG else ["user"])
def door(request: pytest.FixtureRequest, library: Any) -> Door:
    """A service that is open, or asks for a user's token, or for a workload's (PUC)."""
    if request.param == "open":
        return Door(request.getfixturevalue("cleanable"), {}, library)
    secured: Secured = request.getfixturevalue("secured")
    tokens = {
        role: {f"{kind}_auth": token}
        for (kind, role), token in secured.tokens.items()
        if kind == request.param
    }
    return Door(secured.service.url, tokens, library)


@pytest.fixture
def clients(door: Door) -> Clients:
    """The client's classes for an emitter of the test's own."""
    return door.clients(unique("emitter-"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the services said beside a test that failed."""
    report = yield
    if report.failed:
        for each in running:
            report.sections.append((f"Output of the service at {each.url}", each.output()[-_SHOWN:]))
    return report
