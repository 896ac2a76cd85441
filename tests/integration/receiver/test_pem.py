"""Record Keeper's door: one PEM, one tag."""

from __future__ import annotations

import base64
import json
import uuid
from typing import TYPE_CHECKING

import pytest

from provgraph.families.credential.events import Holder, Role
from tests.integration.serving import pem, serving

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.serving import Served


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_the_info_page_has_exactly_the_fields_that_the_client_knows(served: Served) -> None:
    info = served.client.get("/receiver/info").json()

    assert {name: type(value) for name, value in info.items()} == {
        "version": str,
        "pem_version": str,
        "pem_size_limit": int,
        "auth_required": bool,
        "pem_auth_required": bool,
    }


def test_a_stored_pem_is_acknowledged_with_its_type(served: Served) -> None:
    answer = served.client.post("/receiver/pem", json=pem(Type="Zürich 🙂"))

    assert (answer.status_code, answer.text) == (200, "Ack getting Zürich 🙂")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"


def test_a_pem_is_in_the_log_and_listed_when_the_answer_comes(served: Served) -> None:
    sent = served.send()

    assert served.services.log.get(sent["ID"]) is not None
    assert served.services.catalog.pem(sent["ID"]) is not None


def test_the_same_pem_again_is_acknowledged_and_changes_nothing(served: Served) -> None:
    sent = served.send()
    before = served.services.log.head()

    answer = served.client.post("/receiver/pem", json=sent)

    assert answer.status_code == 200
    assert served.services.log.head() == before


def test_other_content_under_a_known_id_is_a_conflict_and_the_stored_one_stands(served: Served) -> None:
    sent = served.send()

    answer = served.client.post("/receiver/pem", json={**sent, "Type": "other"})

    assert answer.status_code == 409
    assert sent["ID"] in answer.text
    assert served.client.get(f"/query/pem/{sent['ID']}").json()["Type"] == "train"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"ID": NaN}', b"\xff", json.dumps(pem(Type="")).encode()]
)
def test_a_body_that_is_no_pem_is_refused_with_a_sentence(served: Served, body: bytes) -> None:
    answer = served.client.post("/receiver/pem", content=body)

    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text
    assert served.services.log.head().position == 0


def test_an_artifact_that_is_made_twice_is_listed_once_as_first_stated(served: Served) -> None:
    made = [{"Name": "a", "Version": "1"}, {"Name": "a", "Version": "2"}]

    answer = served.client.post("/receiver/pem", json=pem(ProducesArtifacts=made))
    (stored,) = served.client.get("/query/pems").json()

    assert answer.status_code == 200
    assert stored["ProducesArtifacts"] == ["a"]


def test_an_empty_type_is_refused_in_record_keepers_words(served: Served) -> None:
    answer = served.client.post("/receiver/pem", json=pem(Type=""))

    assert (answer.status_code, answer.text) == (400, "PEM is not valid: Type is empty")


@pytest.mark.parametrize(("longer", "status"), [(0, 200), (1, 413)])
def test_the_size_limit_counts_the_bytes_of_the_body(tmp_path: Path, longer: int, status: int) -> None:
    sent = pem(Properties={"text": ""})
    sent["Properties"]["text"] = "x" * (2_000 - len(json.dumps(sent)) + longer)

    with serving(tmp_path, pem_size_limit=2_000) as served:
        answer = served.client.post("/receiver/pem", content=json.dumps(sent))

    assert answer.status_code == status
    if longer:
        assert answer.text == "PEM is too large: 2001 bytes, the limit is 2000 bytes"


def test_reading_a_pem_from_its_door_is_not_allowed(served: Served) -> None:
    answer = served.client.get("/receiver/pem", follow_redirects=False)

    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_a_full_queue_is_said_to_be_full_and_when_to_come_back(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served.services.writer, "_queued_events", served.services.settings.queue_limit)

    answer = served.client.post("/receiver/pem", json=pem())

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def test_verdicts_are_counted(served: Served) -> None:
    sent = served.send()
    served.client.post("/receiver/pem", json=sent)
    served.client.post("/receiver/pem", json={**sent, "Type": "other"})
    served.client.post("/receiver/pem", content=b"{}")

    shown = served.client.get("/metrics").text
    for verdict in ("accepted", "duplicate", "conflict", "invalid"):
        assert f'provgraph_events_total{{verdict="{verdict}"}} 1.0' in shown


# Tags


@pytest.mark.parametrize(
    ("namespace", "tag"),
    [("ns", "latest"), ("???", ">>>"), ("ns?>~ÿ", "a/b"), ("", ""), ("", "t"), ("n", ""), ("🙂", "+ %2F")],
)
def test_a_tag_that_was_set_is_found(served: Served, namespace: str, tag: str) -> None:
    sent = served.send()

    put = served.client.post(f"/receiver/tag/{b64(namespace)}/{b64(tag)}/{sent['ID']}", content=b64(tag))
    got = served.client.get(f"/query/tag/{b64(namespace)}/{b64(tag)}")

    assert (put.status_code, got.status_code, got.text) == (200, 200, sent["ID"])


def test_a_tag_may_name_the_pem_in_any_spelling(served: Served) -> None:
    sent = served.send()

    answer = served.client.post(f"/receiver/tag/{b64('n')}/{b64('t')}/{str(uuid.UUID(sent['ID'])).upper()}")

    assert answer.status_code == 200
    assert served.client.get(f"/query/tag/{b64('n')}/{b64('t')}").text == sent["ID"]


def test_a_tag_on_an_unknown_pem_is_refused_and_not_set(served: Served) -> None:
    answer = served.client.post(f"/receiver/tag/{b64('n')}/{b64('t')}/{uuid.uuid4().hex}")

    assert answer.status_code == 404
    assert served.client.get("/query/tags").json() == []


@pytest.mark.parametrize(
    "path", ["bg==/dA==/nothex", "bg==/dA==/", "bg==", "!!!!/dA==/{id}", "bg==/wA==/{id}"]
)
def test_a_path_that_names_no_tag_is_refused(served: Served, path: str) -> None:
    sent = served.send()

    answer = served.client.post(f"/receiver/tag/{path.format(id=sent['ID'])}")

    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/plain")


# Credentials


@pytest.mark.parametrize(("role", "status"), [(Role.READER, 403), (Role.WRITER, 200), (Role.ADMIN, 200)])
@pytest.mark.parametrize(("holder", "header"), [(Holder.USER, "User"), (Holder.PUC, "Puc")])
def test_sending_needs_a_writer_when_credentials_are_required(
    secured: Served, role: Role, status: int, holder: Holder, header: str
) -> None:
    token = secured.token(role, holder)

    answer = secured.client.post(
        "/receiver/pem", json=pem(), headers={f"X-Recordkeeper-{header}-Auth": token}
    )

    assert answer.status_code == status


def test_sending_without_a_credential_is_refused_in_plain_text(secured: Served) -> None:
    answer = secured.client.post("/receiver/pem", json=pem())

    assert answer.status_code == 401
    assert answer.headers["content-type"].startswith("text/plain")
    assert "X-Recordkeeper-User-Auth" in answer.text


def test_sending_can_be_open_while_tags_need_a_writer(tmp_path: Path) -> None:
    with serving(tmp_path, auth_required=True, pem_auth_required=False) as served:
        sent = served.send()
        path = f"/receiver/tag/{b64('n')}/{b64('t')}/{sent['ID']}"

        nobody = served.client.post(path)
        reader = served.client.post(path, headers=served.bearer(Role.READER))
        writer = served.client.post(path, headers=served.bearer(Role.WRITER))

    assert [answer.status_code for answer in (nobody, reader, writer)] == [401, 403, 200]


def test_a_wrong_credential_is_told_even_when_none_is_needed(served: Served) -> None:
    wrong = {"X-Recordkeeper-Puc-Auth": "wrong"}

    assert served.client.post("/receiver/pem", json=pem(), headers=wrong).status_code == 401
    assert served.client.get("/query/pems", headers=wrong).status_code == 200


def test_the_info_page_is_open(secured: Served) -> None:
    info = secured.client.get("/receiver/info")

    assert (info.status_code, info.json()["pem_auth_required"]) == (200, True)
