from __future__ import annotations

import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import orjson
import pytest

import provgraph.cli
from provgraph.cli import credentiallist
from provgraph.errors import LockedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from provgraph.settings import Settings
    from tests.unit.cli.conftest import Ended, FakeService

    Run = Callable[..., Ended]


def _job(result: object) -> dict[str, object]:
    return {"id": "j1", "state": "done", "done": 1, "total": 1, "result": result}


def test_flush_says_where_the_graph_is(run: Run, service: FakeService) -> None:
    service.answer("POST /admin/flush", {"position": 7, "seconds": 0.1})

    assert run("admin", "flush").out == "The graph is at log position 7 (0.1 s).\n"
    assert run("admin", "flush", "--json").json == {"position": 7, "seconds": 0.1}


def test_verify_can_repair_and_says_what_it_did(run: Run, service: FakeService) -> None:
    result = {
        "in_sync": True,
        "message": "in sync",
        "repair_message": "repaired: 2 items of the graph corrected",
    }
    service.answer("POST /admin/verify", _job(result), status=202)

    ended = run("admin", "verify", "--repair")

    assert (ended.code, ended.out) == (0, "repaired: 2 items of the graph corrected\nin sync\n")
    assert orjson.loads(service.requests[0].content)["repair"] is True


def test_verify_in_sync_ends_with_0(run: Run, service: FakeService) -> None:
    service.answer("POST /admin/verify", _job({"in_sync": True, "message": "in sync"}), status=202)

    ended = run("admin", "verify", "--deep")

    assert (ended.code, ended.out) == (0, "in sync\n")
    assert orjson.loads(service.requests[0].content)["deep"] is True


def test_verify_out_of_sync_ends_with_1(run: Run, service: FakeService) -> None:
    result = {"in_sync": False, "differences": ["missing x"], "message": "out of sync\nmissing x"}
    service.answer("POST /admin/verify", _job(result), status=202)

    assert run("admin", "verify").code == 1
    assert run("admin", "verify", "--json").json == result


def test_rebuild_can_be_of_one_projection(run: Run, service: FakeService) -> None:
    service.answer("POST /admin/rebuild", _job(None), status=202)

    ended = run("admin", "rebuild", "--no-catalog", "--json")

    assert orjson.loads(service.requests[0].content) == {"graph": True, "catalog": False}
    assert ended.json["rebuilt"] == ["graph"]


@pytest.mark.parametrize(
    ("equal", "said"),
    [(True, "was the same"), (False, "NOT what the log says"), (None, "nothing to compare")],
)
def test_rebuild_tells_whether_there_was_a_reason(
    run: Run, service: FakeService, equal: bool | None, said: str
) -> None:
    service.answer("POST /admin/rebuild", _job({"digests": {"equal": equal}}), status=202)

    ended = run("admin", "rebuild", "--compare")

    assert said in ended.out
    assert orjson.loads(service.requests[0].content)["compare"] is True


def test_rebuilding_nothing_is_wrong_usage(run: Run, service: FakeService) -> None:
    assert run("admin", "rebuild", "--no-catalog", "--no-graph").code == 2


def test_clean_asks_first(run: Run, service: FakeService) -> None:
    ended = run("admin", "clean", answer="n\n")

    assert (ended.code, service.requests) == (1, [])


def test_clean_with_yes_does_not_ask(run: Run, service: FakeService) -> None:
    service.answer("POST /admin/clean", {})

    assert run("admin", "clean", "--yes", "--position", "7").code == 0
    assert orjson.loads(service.requests[0].content) == {"position": 7}


def test_clean_asks_where_the_log_ends_that_is_meant(run: Run, service: FakeService) -> None:
    service.answer("POST /admin/clean", {})

    assert run("admin", "clean", answer="12\n").code == 0
    assert orjson.loads(service.requests[0].content) == {"position": 12}


def test_clean_that_is_not_to_ask_needs_the_position(run: Run, service: FakeService) -> None:
    assert (run("admin", "clean", "--yes").code, service.requests) == (2, [])


def test_an_accepted_change_is_told_with_both_positions(run: Run, service: FakeService) -> None:
    service.answer("POST /admin/accept-change", {"position": 12, "id": "e", "accepted": {}})

    ended = run("admin", "accept-change", "3", "--reason", "by hand")

    assert "position 3 counts as it stands now. That is recorded at position 12" in " ".join(
        ended.out.split()
    )
    assert orjson.loads(service.requests[0].content) == {"position": 3, "reason": "by hand"}


def test_an_accepted_loss_is_told_with_where_the_log_goes_on(run: Run, service: FakeService) -> None:
    service.answer("POST /admin/accept-loss", _job({"position": 31, "id": "e", "accepted": {}}), status=202)

    ended = run("admin", "accept-loss", "--reason", "gone")

    assert "from position 31 on" in ended.out
    assert orjson.loads(service.requests[0].content) == {"reason": "gone"}


@pytest.mark.parametrize("command", ["accept-change 3", "accept-loss", "accept-change 0 --reason x"])
def test_accepting_needs_a_position_and_a_reason(run: Run, service: FakeService, command: str) -> None:
    assert (run("admin", *command.split()).code, service.requests) == (2, [])


def test_digests_that_were_noted_elsewhere_are_sent_along(run: Run, service: FakeService) -> None:
    service.answer("POST /admin/verify", _job({"in_sync": True, "message": "in sync"}), status=202)
    digest = "AB" * 32

    assert run("admin", "verify", "--expect", f"5={digest}", "--expect", f"7={digest}").code == 0
    sent = orjson.loads(service.requests[0].content)
    assert sent["expect"] == {"5": digest.lower(), "7": digest.lower()}


@pytest.mark.parametrize("stated", ["5", "5=abc", "=" + "a" * 64, "x=" + "a" * 64])
def test_what_is_no_digest_is_wrong_usage(run: Run, service: FakeService, stated: str) -> None:
    assert (run("admin", "verify", "--expect", stated).code, service.requests) == (2, [])


def test_unconnected_artifacts_are_reported_and_removed(run: Run, service: FakeService) -> None:
    service.answer("POST /admin/verify-connections", _job({"report_id": "r1"}), status=202)
    service.answer("GET /admin/reports/r1", {"status": "done", "report": "1 unconnected\nx"})
    service.answer("POST /admin/reports/r1/remove-unconnected", _job({"report_id": "r2"}), status=202)
    service.answer("GET /admin/reports/r2", {"status": "done", "report": "1 removed\nx"})

    assert run("admin", "verify-connections").out == "Report r1: done\n1 unconnected\nx\n"
    assert (
        run("admin", "report", "remove-unconnected", "r1", "--yes").out == "Report r2: done\n1 removed\nx\n"
    )


def test_reports_are_listed_and_shown(run: Run, service: FakeService) -> None:
    service.answer("GET /admin/reports", [{"id": "r1", "status": "done"}])
    service.answer("GET /admin/reports/r1", {"id": "r1", "status": "done", "report": "text"})

    assert "r1" in run("admin", "report", "list").out
    assert run("admin", "report", "show", "r1", "--json").json["report"] == "text"


def test_a_credentials_token_is_all_that_a_script_sees(run: Run, service: FakeService) -> None:
    service.answer("POST /admin/credentials", {"id": "c1", "token": "secret"}, status=201)

    ended = run("admin", "credential", "create", "--name", "ada", "--role", "writer")

    assert ended.out == "secret\n"
    assert orjson.loads(service.requests[0].content) == {"name": "ada", "kind": "user", "role": "writer"}


def test_a_credential_is_asked_for_with_all_that_it_allows(run: Run, service: FakeService) -> None:
    service.answer("POST /admin/credentials", {"id": "c1", "token": "secret"}, status=201)

    run(
        *("admin", "credential", "create", "--name", "ada", "--kind", "puc", "--right", "write"),
        *("--right", "approve", "--emitter", "loan-*", "--emitter", "x", "--only", "--expires", "90d"),
    )

    assert orjson.loads(service.requests[0].content) == {
        "name": "ada",
        "kind": "puc",
        "rights": ["write", "approve"],
        "emitters": ["loan-*", "x"],
        "only": True,
        "expires": "90d",
    }


@pytest.mark.parametrize(
    ("option", "field", "value"), [("--expires", "expires", ""), ("--emitter", "emitters", [""])]
)
def test_an_empty_option_of_a_credential_is_stated_for_the_service_to_refuse(
    run: Run, service: FakeService, option: str, field: str, value: object
) -> None:
    service.answer("POST /admin/credentials", {"id": "c1", "token": "secret"}, status=201)

    run("admin", "credential", "create", "--name", "ada", option, "")

    assert orjson.loads(service.requests[0].content)[field] == value


def test_the_note_about_a_new_credential_cannot_steer_the_terminal(run: Run, service: FakeService) -> None:
    created = {"id": "c1", "token": "secret", "role": "writer", "emitters": ["loan\x1b[2J*"]}
    service.answer("POST /admin/credentials", created, status=201)

    ended = run("admin", "credential", "create", "--name", "ada\x1b]0;x\x07", "--role", "writer")

    assert "ada\\x1b]0;x\\x07" in ended.err
    assert "loan\\x1b[2J*" in ended.err
    assert "\x1b" not in ended.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--only"], "--emitter"),
        (["--role", "reader", "--right", "read"], "not both"),
        (["--right", "king"], "king"),
    ],
)
def test_a_credential_that_makes_no_sense_is_not_asked_for(
    run: Run, service: FakeService, options: list[str], said: str
) -> None:
    ended = run("admin", "credential", "create", "--name", "ada", *options)

    assert (ended.code, said in ended.err) == (2, True)
    assert service.requests == []


LISTED: dict[str, Any] = {
    "id": "ab" * 16,
    "name": "the scoring of loans in production, second token",
    "kind": "user",
    "role": None,
    "rights": ["read", "write", "cypher", "approve"],
    "emitters": [f"emitter-{number}-*" for number in range(20)],
    "only": True,
    "expires_at": "2027-01-15T08:00:00.000000Z",
    "created_at": "2026-01-15 08:00:00",
    "revoked_at": None,
}


def test_the_list_of_credentials_fits_into_100_columns_and_says_everything() -> None:
    plain = {**LISTED, "name": "ci", "role": "writer", "emitters": [], "only": False, "expires_at": None}
    revoked = {**LISTED, "revoked_at": "2026-02-03 04:05:06"}

    lines = list(credentiallist.lines([LISTED, plain, revoked], now=datetime(2026, 6, 1, tzinfo=UTC)))

    text = "\n".join(lines)
    assert max(map(len, lines)) <= 100
    assert all(emitter in text for emitter in LISTED["emitters"])
    assert lines[1].endswith("2026-01-15  expires 2027-01-15")
    assert "may read, write, cypher, approve; speaks for emitter-0-*" in text
    assert "emitter-19-* (only); until 2027-01-15T08:00:00.000000Z" in " ".join(text.split())
    assert f"{'ab' * 16}  ci                        user  2026-01-15  good\n    writer\n" in text
    assert text.count("revoked 2026-02-03") == 1


def test_the_list_says_which_credential_has_expired() -> None:
    (_, first, *_) = credentiallist.lines([LISTED], now=datetime(2027, 1, 15, 8, tzinfo=UTC))

    assert first.endswith("expired 2027-01-15")


def test_credentials_are_listed_and_revoked(run: Run, service: FakeService) -> None:
    service.answer("GET /admin/credentials", [{"id": "c1", "name": "ada"}])
    service.answer("DELETE /admin/credentials/c1")

    assert "ada" in run("admin", "credential", "list").out
    assert run("admin", "credential", "revoke", "c1", "--json").json == {"revoked": "c1", "unbound": []}


class _Store:
    def __init__(self) -> None:
        self.revoked: list[str] = []

    def create(self, **asked: str) -> dict[str, str]:
        return {"id": "c1", **asked, "token": "secret"}

    def list(self) -> list[dict[str, str]]:
        return [{"id": "c1", "name": "ada", "kind": "user", "role": "reader"}]

    def revoke(self, credential_id: str) -> None:
        self.revoked.append(credential_id)


@pytest.fixture
def folder_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> _Store:
    """The composition root, with a store that needs no folder; a folder named `busy` is held by a service."""
    store = _Store()
    monkeypatch.chdir(tmp_path)
    for name in ("folder", "busy"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "provgraph.db").touch()

    @contextmanager
    def open_credentials(settings: Settings) -> Iterator[_Store]:
        if settings.data_dir.name == "busy":
            raise LockedError(f"The data folder {settings.data_dir} is used by another process")
        if settings.log_url is not None:
            store.revoked.append(settings.log_url)
        yield store

    root = ModuleType("provgraph.cli.compose")
    root.open_credentials = open_credentials  # type: ignore[attr-defined] # a module made up here
    monkeypatch.setitem(sys.modules, "provgraph.cli.compose", root)
    monkeypatch.setattr(provgraph.cli, "compose", root, raising=False)
    return store


def test_a_first_credential_needs_no_service(run: Run, folder_store: _Store) -> None:
    ended = run("admin", "credential", "create", "--name", "ada", "--data", "folder", "--json")

    assert ended.json == {"id": "c1", "name": "ada", "kind": "user", "role": "reader", "token": "secret"}


def test_credentials_of_a_folder_are_listed_and_revoked(run: Run, folder_store: _Store) -> None:
    assert "ada" in run("admin", "credential", "list", "--data", "folder").out
    assert run("admin", "credential", "revoke", "c1", "--data", "folder").code == 0
    assert folder_store.revoked == ["c1"]


@pytest.mark.parametrize("command", [("list",), ("revoke", "c1")])
def test_a_folder_that_is_not_there_is_not_made_to_read_from_it(
    run: Run, folder_store: _Store, command: tuple[str, ...]
) -> None:
    ended = run("admin", "credential", *command, "--data", "foldr")

    assert (ended.code, ended.out) == (2, "")
    assert f"There is no log in {Path.cwd() / 'foldr'}" in ended.err
    assert not Path("foldr").exists()


def test_a_folder_that_is_made_for_the_first_credential_is_told(run: Run, folder_store: _Store) -> None:
    assert "There was no log in" in run("admin", "credential", "create", "--name", "a", "--data", "new").err
    assert (
        "There was no log" not in run("admin", "credential", "create", "--name", "a", "--data", "folder").err
    )


_LONG = "ab" * 16
_BOUND = {"id": _LONG, "name": "ada", "emitters": ["loan-*", "risk", "free"], "only": True}
_OTHERS = [
    {"id": "cd" * 16, "name": "bob", "emitters": ["risk"]},
    {"id": "ef" * 16, "name": "eve", "emitters": ["loan-*"], "revoked_at": "2026-02-03 04:05:06"},
    {"id": "01" * 16, "name": "old", "emitters": ["free"], "expires_at": "2020-01-01T00:00:00Z"},
]


def test_revoking_says_which_emitters_no_credential_is_bound_to_now(run: Run, service: FakeService) -> None:
    service.answer("GET /admin/credentials", [_BOUND, *_OTHERS])
    service.answer(f"DELETE /admin/credentials/{_LONG}")

    ended = run("admin", "credential", "revoke", "abab")

    assert ended.out == f"Revoked {_LONG}.\n"
    assert ended.err.splitlines() == [
        f"No credential is bound to {emitter} now: it is no longer reserved, and whoever may send may speak for it."
        for emitter in ("loan-*", "free")
    ]


def test_credentials_are_issued_on_the_stores_that_the_settings_name(
    run: Run, folder_store: _Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROVGRAPH_LOG_URL", "postgresql://here/log")

    assert run("admin", "credential", "list", "--direct").code == 0
    assert run("admin", "credential", "list", "--data", "folder").code == 0
    assert folder_store.revoked == ["postgresql://here/log"]  # a folder that is named is meant


def test_a_folder_that_a_service_holds_is_refused_with_the_way_out(run: Run, folder_store: _Store) -> None:
    ended = run("admin", "credential", "list", "--data", "busy")

    assert ended.code == 6
    assert "used by another process" in ended.err
    assert "--url" in ended.err
