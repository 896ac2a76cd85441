"""A full disk, damaged files, a folder in use, an unsafe address: a clear word, and nothing acknowledged in vain."""

from __future__ import annotations

import resource
import shutil
from typing import TYPE_CHECKING

import pytest

from tests.e2e.builders import pem, unique
from tests.e2e.service import Service, ServiceFailedError, command, deep_verify
from tests.e2e.waiting import eventually
from tests.e2e.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.e2e.wire import Answer

ANY_SIZE = resource.RLIM_INFINITY


def let_files_grow_to(service: Service, size: int) -> None:
    """Let no file of the running service grow beyond ``size`` bytes, as on a full disk."""
    _, hard = resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(service.process.pid, resource.RLIMIT_FSIZE, (size, hard))


def largest_file(folder: Path) -> int:
    return max(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def send_until_refused(wire: Wire, send: Callable[[Wire, list[str]], Answer]) -> tuple[list[str], Answer]:
    """Send events of 20 KB until one is refused; return what was acknowledged and the refusal."""
    acknowledged: list[str] = []
    for _ in range(2_000):
        ids: list[str] = []
        answer = send(wire, ids)
        if not answer.ok:
            return acknowledged, answer
        acknowledged += ids
    pytest.fail("nothing was refused although nothing could be stored")


def one(wire: Wire, ids: list[str]) -> Answer:
    event = pem(Properties={"text": "x" * 20_000})
    ids.append(event["ID"])
    return wire.send(event)


def several(wire: Wire, ids: list[str]) -> Answer:
    events = [pem(Properties={"text": "x" * 20_000}) for _ in range(5)]
    ids += [event["ID"] for event in events]
    return wire.post_json("/api/v1/events", events)


# A full disk


@pytest.mark.parametrize("send", [one, several])
def test_on_a_full_disk_nothing_is_acknowledged_in_vain(
    tmp_path: Path, send: Callable[[Wire, list[str]], Answer]
) -> None:
    folder = tmp_path / "data"
    with Service(folder) as service:
        wire = Wire(service.url)
        wire.accepted(pem(), pem())
        before = [each["ID"] for each in wire.pems()]
        let_files_grow_to(service, largest_file(folder))
        acknowledged, refusal = send_until_refused(wire, send)

        assert refusal.status in (503, 507), refusal
        assert refusal.text.strip()
        assert "Traceback" not in refusal.text
        assert eventually(lambda: wire.get("/readyz").status == 503)
        assert wire.get("/readyz").text.strip()
        assert wire.get("/healthz").ok
        assert [each["ID"] for each in wire.pems()] == before + acknowledged
        service.kill()

    with Service(folder) as service:
        wire = Wire(service.url)
        assert set(before + acknowledged) <= {each["ID"] for each in wire.pems()}
        wire.accepted(pem())
        wire.flush()
        assert wire.get("/readyz").ok
        assert deep_verify(service.url)[1]["in_sync"] is True


def test_once_there_is_room_again_the_service_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with Service(folder) as service:
        wire = Wire(service.url)
        wire.accepted(pem())
        let_files_grow_to(service, largest_file(folder))
        send_until_refused(wire, one)
        let_files_grow_to(service, ANY_SIZE)

        sent = pem()
        assert eventually(lambda: wire.send(sent).ok)
        wire.flush()

        assert wire.pem(sent["ID"])["ID"] == sent["ID"]
        assert eventually(lambda: wire.get("/readyz").ok)
        assert deep_verify(service.url)[1]["in_sync"] is True


# Damaged files


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a service that stored a thousand events and was stopped, for tests to copy."""
    folder = tmp_path_factory.mktemp("stopped") / "data"
    with Service(folder) as service:
        wire = Wire(service.url)
        events = [pem(Type="intact-marker", Properties={"number": number}) for number in range(1_000)]
        assert wire.post_json("/api/v1/events", events).json()["accepted"] == len(events)
        wire.flush()
        assert service.stop() == 0
    return folder


@pytest.fixture
def stopped(kept: Path, tmp_path: Path) -> Path:
    """The folder of a service that stored a thousand events and was stopped."""
    return shutil.copytree(kept, tmp_path / "data")


def overwrite_the_middle(path: Path) -> None:
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 4)
        file.write(b"\xa5" * (size // 2))


@pytest.fixture
def damaged(stopped: Path) -> Path:
    """A folder whose log is garbage from the first quarter to the last."""
    overwrite_the_middle(stopped / "provgraph.db")
    return stopped


def complaint_on_start(service: Service) -> str | None:
    """Start a service; return what it said when it would not."""
    try:
        service.start()
    except ServiceFailedError as refused:
        return str(refused)
    return None


def test_a_damaged_log_is_reported_and_takes_nothing_in_vain(damaged: Path) -> None:
    service = Service(damaged)
    if complaint := complaint_on_start(service):
        assert "damaged" in complaint
        assert "Traceback" not in complaint
        return

    with service:
        wire = Wire(service.url)
        listing = wire.get("/query/pems_count")
        sent = pem()
        answer = wire.send(sent)

        assert eventually(lambda: wire.get("/readyz").status == 503)
        assert wire.get("/readyz").text.strip()
        assert wire.get("/healthz").ok
        assert "Traceback" not in listing.text + answer.text
        assert not answer.ok or wire.pem(sent["ID"])["ID"] == sent["ID"]


def test_a_file_that_is_no_database_is_reported(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "provgraph.db").write_bytes(b"not a database, but long enough to be taken for one\n" * 1_000)

    service = Service(folder)
    if complaint := complaint_on_start(service):
        assert "damaged" in complaint
        assert "Traceback" not in complaint
        return

    with service:
        assert Wire(service.url).get("/readyz").status == 503
        assert Wire(service.url).send(pem()).status >= 500


def test_a_changed_event_breaks_the_chain_and_verify_says_so(stopped: Path) -> None:
    log = stopped / "provgraph.db"
    content = log.read_bytes()
    # Same length, so that the database itself stays readable: this is forgery, not damage.
    at = content.index(b"intact-marker")
    assert at > 0
    log.write_bytes(content.replace(b"intact-marker", b"forged-marker"))

    with Service(stopped) as service:
        Wire(service.url).flush()
        code, result = deep_verify(service.url)

    assert (code, result["in_sync"]) == (1, False)
    assert result["differences"]


def graph_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*.db") if path.name != "provgraph.db"]


def test_a_graph_that_differs_is_out_of_sync_until_it_is_rebuilt(stopped: Path) -> None:
    for path in graph_files(stopped):
        path.write_bytes(path.read_bytes().replace(b"intact-marker", b"forged-marker", 1))

    with Service(stopped) as service:
        wire = Wire(service.url)
        said = wire.post("/graph_builder/verify").json()["msg"].splitlines()
        assert said[0].startswith("out of sync")
        assert len(said) == 2
        assert any(each["ID"] in said[1] for each in wire.pems())

        assert wire.post("/graph_builder/rebuild").ok
        wire.flush()
        assert wire.post("/graph_builder/verify").json()["msg"].startswith("in sync")


def test_a_graph_that_was_lost_is_built_again_from_the_log(stopped: Path) -> None:
    lost = graph_files(stopped)
    for path in lost:
        path.unlink()

    with Service(stopped) as service:
        Wire(service.url).flush()
        code, result = deep_verify(service.url)
        info = Wire(service.url).get("/graph_builder/info").json()

    assert lost
    assert (code, result["in_sync"]) == (0, True)
    assert info["neo4j_pems_count"] == 1_000


def test_a_damaged_graph_costs_no_event(stopped: Path) -> None:
    for path in graph_files(stopped):
        overwrite_the_middle(path)
    service = Service(stopped)
    if complaint := complaint_on_start(service):
        assert "damaged" in complaint
        assert "Traceback" not in complaint
    else:
        with service:
            wire = Wire(service.url)
            sent = pem()
            answer = wire.send(sent)
            assert not answer.ok or wire.pem(sent["ID"])["ID"] == sent["ID"]

    for path in graph_files(stopped):
        path.unlink()
    with Service(stopped) as again:
        assert Wire(again.url).count("pems") >= 1_000
        Wire(again.url).flush()
        assert deep_verify(again.url)[0] == 0


def test_an_intact_folder_verifies(stopped: Path) -> None:
    with Service(stopped) as service:
        code, result = deep_verify(service.url)

    assert (code, result["in_sync"]) == (0, True)


def test_a_copy_of_the_folder_is_a_backup(stopped: Path, tmp_path: Path) -> None:
    shutil.copytree(stopped, tmp_path / "copy")

    with Service(stopped) as first, Service(tmp_path / "copy") as second:
        assert Wire(first.url).pems() == Wire(second.url).pems()


# One process a folder


def test_a_second_process_on_the_same_folder_is_refused(wire: Wire, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with Service(folder) as service:
        second = command("serve", "--data", str(folder), "--port", "0")

        assert second.returncode != 0
        assert str(folder) in second.stdout + second.stderr
        assert "Traceback" not in second.stderr
        assert Wire(service.url).send(pem()).ok


def test_a_killed_process_leaves_no_lock_behind(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with Service(folder) as service:
        service.kill()

    with Service(folder) as service:
        assert Wire(service.url).get("/readyz").ok


def test_a_port_in_use_is_named(wire: Wire, tmp_path: Path) -> None:
    port = wire.url.rsplit(":", 1)[1]

    done = command("serve", "--data", str(tmp_path / "data"), "--port", port)

    assert done.returncode != 0
    assert port in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    occupied = tmp_path / "file"
    occupied.write_text("not a folder")

    done = command("serve", "--data", str(occupied), "--port", "0")

    assert done.returncode != 0
    assert str(occupied) in (done.stdout + done.stderr).replace("\n", "")
    assert "Traceback" not in done.stderr


# Safe by default


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])  # noqa: S104 - the point is that it is refused
def test_listening_to_everyone_without_credentials_is_refused(tmp_path: Path, host: str) -> None:
    done = command("serve", "--data", str(tmp_path / "data"), "--port", "0", "--host", host)

    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "PROVGRAPH_AUTH_REQUIRED" in said
    assert "PROVGRAPH_ALLOW_OPEN" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("setting", ["PROVGRAPH_AUTH_REQUIRED", "PROVGRAPH_ALLOW_OPEN"])
def test_listening_to_everyone_is_a_choice(tmp_path: Path, setting: str) -> None:
    anyone = ("--host", "0.0.0.0")  # noqa: S104 - for as long as this test takes

    with Service(tmp_path / "data", settings={setting: "true"}, arguments=anyone) as service:
        here = Wire(f"http://127.0.0.1:{service.url.rsplit(':', 1)[1]}")
        assert here.get("/receiver/info").ok
        assert here.get("/query/pems").status == (401 if "AUTH" in setting else 200)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROVGRAPH_PEM_SIZE_LIMIT", "many"),
        ("PROVGRAPH_PEM_SIZE_LIMIT", "-1"),
        ("PROVGRAPH_AUTH_REQUIRED", "perhaps"),
    ],
)
def test_a_setting_that_cannot_be_read_is_named(tmp_path: Path, name: str, value: str) -> None:
    done = command("serve", "--data", str(tmp_path / "data"), "--port", "0", settings={name: value})

    assert done.returncode != 0
    assert name in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


# Starting and stopping


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Service]:
    with Service(tmp_path / "data") as service:
        yield service


def test_a_service_says_where_it_listens_and_stops_when_asked(started: Service) -> None:
    assert started.url.startswith("http://127.0.0.1:")

    assert started.stop() == 0


def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    folder, sent = tmp_path / "data", pem(Emitter=unique())
    with Service(folder) as service:
        wire = Wire(service.url)
        wire.accepted(sent)
        wire.flush()
        before = wire.pems(), wire.artifacts(), wire.tags(), wire.get("/graph_builder/info").json()
        assert service.stop() == 0

    with Service(folder) as service:
        wire = Wire(service.url)
        assert (wire.pems(), wire.artifacts(), wire.tags(), wire.get("/graph_builder/info").json()) == before
        assert wire.send(sent).ok
        assert wire.count("pems") == 1
