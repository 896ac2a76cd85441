"""What happens to a PEM at the door and what comes back (rows 1 to 21 and 35 of the contract's choices)."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.builders import artifact, new_id, pem, tag_path, unique

if TYPE_CHECKING:
    from tests.e2e.wire import Answer, Wire

_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d")


def tag_of(wire: Wire, namespace: str, tag: str = "latest") -> Answer:
    return wire.get(f"/query/tag/{tag_path(namespace, tag)}")


def only(wire: Wire, name: str) -> dict[str, Any]:
    """Return the one artifact of that name."""
    found = [each for each in wire.artifacts(Name=name) if each["Name"] == name]
    assert len(found) == 1, found
    return found[0]


# Sent again


def test_a_pem_sent_again_changes_nothing_and_moves_no_tag(wire: Wire) -> None:
    emitter = unique()
    first, second = pem(Emitter=emitter), pem(Emitter=emitter)
    wire.accepted(first, second)
    before = wire.counts()

    wire.accepted(first)

    assert wire.counts() == before
    assert tag_of(wire, emitter).text == second["ID"]


def test_a_pem_sent_again_in_another_spelling_is_the_same(wire: Wire) -> None:
    sent = pem(Properties={"b": 1, "a": [1.5, "ü"]})
    wire.accepted(sent)

    hexed = sent["ID"]
    dashed = "-".join((hexed[:8], hexed[8:12], hexed[12:16], hexed[16:20], hexed[20:])).upper()
    reordered = json.dumps({**dict(reversed(sent.items())), "ID": dashed}, ensure_ascii=False, indent=1)

    assert wire.post("/receiver/pem", reordered).ok
    assert wire.count("pems", ID=hexed) == 1


def test_another_content_under_a_known_id_is_a_conflict_and_the_stored_one_stands(wire: Wire) -> None:
    sent = pem(Properties={"a": 1})
    wire.accepted(sent)
    before, stored = wire.counts(), wire.pem(sent["ID"])

    other = {**sent, "Properties": {"a": 2}, "Tag": "other", "ProducesArtifacts": [artifact(unique())]}
    answer = wire.send(other)

    assert (answer.status, answer.media_type) == (409, "text/plain")
    assert sent["ID"] in answer.text
    assert wire.counts() == before
    assert wire.pem(sent["ID"]) == stored


# Tags


def test_a_tag_follows_arrival_and_not_the_emitters_clock(wire: Wire) -> None:
    emitter = unique()
    late = pem(Emitter=emitter, TimestampClient="2030-01-01 00:00:00")
    early = pem(Emitter=emitter, TimestampClient="2000-01-01 00:00:00")
    wire.accepted(late, early)

    assert tag_of(wire, emitter).text == early["ID"]


def test_a_tag_on_an_unknown_pem_is_not_set(wire: Wire) -> None:
    namespace = unique()

    answer = wire.post(f"/receiver/tag/{tag_path(namespace, 'latest')}/{new_id()}", "")

    assert (answer.status, answer.media_type) == (404, "text/plain")
    assert tag_of(wire, namespace).status == 404


@pytest.mark.parametrize("tag", ["", None])
def test_an_empty_tag_sets_none(wire: Wire, tag: str | None) -> None:
    before = wire.count("tags")
    sent = pem(Tag=tag)

    wire.accepted(sent)

    assert wire.count("tags") == before
    assert tag_of(wire, sent["Emitter"]).status == 404
    assert tag_of(wire, sent["Emitter"], "").status == 404


def test_moving_a_tag_changes_no_pem(wire: Wire) -> None:
    emitter = unique()
    first, second = pem(Emitter=emitter, Tag="best"), pem(Emitter=emitter, Tag="other")
    wire.accepted(first, second)

    assert wire.post(f"/receiver/tag/{tag_path(emitter, 'best')}/{second['ID']}", "").ok

    assert tag_of(wire, emitter, "best").text == second["ID"]
    assert [wire.pem(each["ID"])["Tag"] for each in (first, second)] == ["best", "other"]


def test_setting_a_tag_where_it_is_changes_nothing(wire: Wire) -> None:
    sent = pem()
    wire.accepted(sent)
    before = wire.count("tags")

    for _ in range(2):
        assert wire.post(f"/receiver/tag/{tag_path(sent['Emitter'], 'latest')}/{sent['ID']}", "").ok

    assert wire.count("tags") == before
    assert tag_of(wire, sent["Emitter"]).text == sent["ID"]


# Artifacts


@pytest.mark.parametrize("side", ["UsesArtifacts", "ProducesArtifacts"])
def test_the_first_properties_of_an_artifact_stay(wire: Wire, side: str) -> None:
    name = unique("model-")
    for properties in ({"a": 1}, {"a": 2, "b": 3}, {}):
        wire.accepted(pem(**{side: [artifact(name, **properties)]}))

    assert only(wire, name)["Properties"] == {"a": 1}


def test_empty_properties_are_filled_by_the_first_that_are_not(wire: Wire) -> None:
    name = unique("model-")
    wire.accepted(pem(UsesArtifacts=[artifact(name)]))
    created = only(wire, name)["CreatedAt"]

    wire.accepted(pem(ProducesArtifacts=[artifact(name, a=1)]), pem(UsesArtifacts=[artifact(name, a=2)]))

    assert only(wire, name) == {**only(wire, name), "Properties": {"a": 1}, "CreatedAt": created}


def test_the_time_of_an_artifact_is_the_servers(wire: Wire) -> None:
    name = unique()
    sent = pem(ProducesArtifacts=[artifact(name)], TimestampClient="2001-01-01 00:00:00")
    wire.accepted(sent)

    created = only(wire, name)["CreatedAt"]

    assert _TIME.fullmatch(created)
    assert created > "2020"


@pytest.mark.parametrize("stated", ["2019-05-06 07:08:09", "2019-05-06T07:08:09", "2019-05-06T07:08:09Z"])
def test_a_stated_time_of_a_new_artifact_is_kept(wire: Wire, stated: str) -> None:
    name = unique()

    wire.accepted(pem(ProducesArtifacts=[{**artifact(name), "CreatedAt": stated}]))

    assert only(wire, name)["CreatedAt"] == "2019-05-06 07:08:09"


@pytest.mark.parametrize("stated", ["yesterday", "", "2019-13-45 00:00:00", 5, {"a": 1}])
def test_an_unreadable_time_of_an_artifact_is_ignored(wire: Wire, stated: object) -> None:
    name = unique()

    wire.accepted(pem(ProducesArtifacts=[{**artifact(name), "CreatedAt": stated}]))

    assert only(wire, name)["CreatedAt"] > "2020"


def test_the_time_of_a_known_artifact_stays(wire: Wire) -> None:
    name = unique()
    wire.accepted(pem(ProducesArtifacts=[artifact(name)]))
    created = only(wire, name)["CreatedAt"]

    wire.accepted(pem(UsesArtifacts=[{**artifact(name), "CreatedAt": "1999-01-01 00:00:00"}]))

    assert only(wire, name)["CreatedAt"] == created


@pytest.mark.parametrize("side", ["UsesArtifacts", "ProducesArtifacts"])
def test_an_artifact_listed_twice_counts_once_with_its_first_properties(wire: Wire, side: str) -> None:
    first, second = unique(), unique()
    sent = pem(**{side: [artifact(first, a=1), artifact(second), artifact(first, a=2)]})
    wire.accepted(sent)

    assert wire.pem(sent["ID"])[side] == [first, second]
    assert only(wire, first)["Properties"] == {"a": 1}


def test_an_artifact_may_be_used_and_produced_by_one_pem(wire: Wire) -> None:
    name = unique()
    sent = pem(UsesArtifacts=[artifact(name)], ProducesArtifacts=[artifact(name)])
    wire.accepted(sent)

    stored = wire.pem(sent["ID"])

    assert (stored["UsesArtifacts"], stored["ProducesArtifacts"]) == ([name], [name])


def test_artifact_names_keep_their_order(wire: Wire) -> None:
    prefix = unique()
    uses = [f"{prefix}/{letter}" for letter in "zaMbü"]
    sent = pem(UsesArtifacts=[artifact(name) for name in uses])
    wire.accepted(sent)

    assert wire.pem(sent["ID"])["UsesArtifacts"] == uses
    assert wire.pems(ID=sent["ID"])[0]["UsesArtifacts"] == uses


LOOK_ALIKES = (
    *("é", "e\u0301", "É", "a", "a ", " a", "a\t", "a\n", "%", "_", "\\", "'", '"', "😀", "\u200b", "\ufeff"),
    *("../..", "/", "//", "?x=1&y=2", "#", "+", "null", "None", "{}", "[]", "0", "\u202eabc", "\U0010ffff"),
)


def test_names_are_kept_exactly_and_never_taken_for_each_other(wire: Wire) -> None:
    prefix = unique()
    names = [f"{prefix}{name}" for name in LOOK_ALIKES]
    for name in names:
        wire.accepted(pem(ProducesArtifacts=[artifact(name, only=name)]))

    stored = {each["Name"]: each["Properties"] for each in wire.artifacts(Name=prefix)}

    assert stored == {name: {"only": name} for name in names}


@pytest.mark.parametrize("length", [3_000, 100_000, 900_000])
def test_long_names_that_differ_at_the_end_are_different(wire: Wire, length: int) -> None:
    prefix = unique() + "ü" * (length // 2)
    emitter = unique()
    for end in "ab":
        body = json.dumps(
            pem(Emitter=emitter, ProducesArtifacts=[artifact(prefix + end)]), ensure_ascii=False
        )
        assert wire.post("/receiver/pem", body).ok

    stored = [each["ProducesArtifacts"] for each in wire.pems(Emitter=emitter)]

    assert stored == [[prefix + "a"], [prefix + "b"]]


def test_long_types_emitters_and_tags_are_taken(wire: Wire) -> None:
    long = unique() + "long " * 4_000
    sent = pem(Type=long, Emitter=long, Tag=long, TagNamespace=long)
    wire.accepted(sent)

    stored = wire.pem(sent["ID"])

    assert [stored[field] for field in ("Type", "Emitter", "Tag", "TagNamespace")] == [long] * 4
    assert (long, long, sent["ID"]) in {(t["NamespaceID"], t["Tag"], t["EventID"]) for t in wire.tags()}


# Predecessors


def test_an_unknown_predecessor_is_accepted(wire: Wire) -> None:
    unknown = new_id()
    sent = pem(Predecessor=unknown)
    wire.accepted(sent)

    assert wire.pem(sent["ID"])["Predecessor"] == unknown
    assert wire.get(f"/query/pem/{unknown}").status == 404


def test_the_edge_to_a_late_predecessor_appears_when_it_arrives(wire: Wire) -> None:
    late = pem()
    sent = pem(Predecessor=late["ID"])
    wire.accepted(sent)
    wire.flush()
    before = wire.get("/api/v1/lineage", node=f"pem:{sent['ID']}").json()["nodes"]

    wire.accepted(late)
    wire.flush()
    after = wire.get("/api/v1/lineage", node=f"pem:{sent['ID']}").json()["nodes"]

    assert [node["id"] for node in before if node.get("placeholder")] == [late["ID"]]
    assert [node.get("type") for node in after if node["id"] == late["ID"]] == ["test"]
    assert not any(node.get("placeholder") for node in after)


def test_an_event_that_precedes_itself_is_refused(wire: Wire) -> None:
    id_ = new_id()

    answer = wire.send(pem(ID=id_, Predecessor=id_))

    assert answer.status == 400
    assert "Predecessor" in answer.text


def test_longer_cycles_are_accepted_and_walked_once(wire: Wire) -> None:
    ids = [new_id() for _ in range(3)]
    wire.accepted(*(pem(ID=id_, Predecessor=ids[number - 1]) for number, id_ in enumerate(ids)))
    wire.flush()

    for direction in ("upstream", "downstream"):
        answer = wire.get("/api/v1/lineage", node=f"pem:{ids[0]}", direction=direction)
        walked = [node["id"] for node in answer.json()["nodes"] if node["kind"] == "pem"]
        assert sorted(walked) == sorted(ids)


# Fields


@pytest.mark.parametrize("body", [{"Type": ""}, {"Type": None}])
def test_an_empty_type_is_named(wire: Wire, body: dict[str, object]) -> None:
    assert wire.send(pem(**body)).text == "PEM is not valid: Type is empty"


def without(field: str) -> dict[str, Any]:
    whole = pem()
    del whole[field]
    return whole


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (without("Type"), "Type is empty"),
        (pem(Type=5), "Type"),
        (pem(Type=["train"]), "Type"),
        (pem(Type={"a": 1}), "Type"),
        (pem(Type=True), "Type"),
        (without("ID"), "ID"),
        (pem(ID=None), "ID"),
        (pem(ID=""), "ID"),
        (pem(ID="not an id"), "ID"),
        (pem(ID="0" * 31), "ID"),
        (pem(ID="0" * 33), "ID"),
        (pem(ID="g" * 32), "ID"),
        (pem(ID=5), "ID"),
        (pem(Predecessor="not an id"), "Predecessor"),
        (pem(Predecessor=5), "Predecessor"),
        (pem(Emitter=5), "Emitter"),
        (pem(Emitter=None), "Emitter"),
        (without("TimestampClient"), "TimestampClient"),
        (pem(TimestampClient=None), "TimestampClient"),
        (pem(TimestampClient=1_700_000_000), "TimestampClient"),
        (pem(TimestampClient="yesterday"), "TimestampClient"),
        (pem(TimestampClient="2026-02-30 00:00:00"), "TimestampClient"),
        (pem(TimestampClient=""), "TimestampClient"),
        (pem(Properties=[1, 2]), "Properties"),
        (pem(Properties="text"), "Properties"),
        (pem(Properties=5), "Properties"),
        (pem(Version="1.0.0"), "1.0.0"),
        (pem(Version="1.0.0"), "2."),
        (pem(Version="3.0.0"), "Version"),
        (pem(Version=2), "Version"),
        (pem(Tag=5), "Tag"),
        (pem(Tag=["latest"]), "Tag"),
        (pem(TagNamespace={}), "TagNamespace"),
        (pem(UsesArtifacts={"Name": "x"}), "UsesArtifacts"),
        (pem(UsesArtifacts="x"), "UsesArtifacts"),
        (pem(UsesArtifacts=["x"]), "UsesArtifacts"),
        (pem(UsesArtifacts=[None]), "UsesArtifacts"),
        (pem(UsesArtifacts=[{}]), "Name"),
        (pem(UsesArtifacts=[{"Name": ""}]), "Name"),
        (pem(UsesArtifacts=[{"Name": None, "Properties": {}}]), "Name"),
        (pem(ProducesArtifacts=[{"Name": 5, "Properties": {}}]), "Name"),
        (pem(ProducesArtifacts=[{"Name": ["x"], "Properties": {}}]), "Name"),
        (pem(ProducesArtifacts=[{"Name": "x", "Properties": []}]), "Properties"),
        (pem(ProducesArtifacts=[{"Name": "x", "Properties": "{}"}]), "Properties"),
        (pem(ProducesArtifacts=[artifact("good"), artifact("")]), "Name"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_broken_rule_is_named_and_nothing_is_stored(wire: Wire, body: dict[str, Any], word: str) -> None:
    before = wire.counts()

    answer = wire.send(body)

    assert (answer.status, answer.media_type) == (400, "text/plain")
    assert answer.text.startswith("PEM is not valid")
    assert word in answer.text
    assert wire.counts() == before


@pytest.mark.parametrize(
    ("stated", "read_back"),
    [
        ("2026-01-02 03:04:05", "2026-01-02 03:04:05"),
        ("2026-01-02T03:04:05", "2026-01-02 03:04:05"),
        ("2026-01-02T03:04:05Z", "2026-01-02 03:04:05"),
        ("2026-01-02T03:04:05.678901Z", "2026-01-02 03:04:05"),
        ("2026-01-02T03:04:05+02:00", "2026-01-02 01:04:05"),
        ("2026-01-01T23:30:00-01:00", "2026-01-02 00:30:00"),
        ("1969-12-31 23:59:59", "1969-12-31 23:59:59"),
        ("9999-12-31 23:59:59", "9999-12-31 23:59:59"),
        ("0001-01-01 00:00:00", "0001-01-01 00:00:00"),
    ],
)
def test_the_emitters_time_is_read_back_in_the_documented_form(
    wire: Wire, stated: str, read_back: str
) -> None:
    sent = pem(TimestampClient=stated)
    wire.accepted(sent)

    assert wire.pem(sent["ID"])["TimestampClient"] == read_back


@pytest.mark.parametrize("version", ["2.0.0", "2.1.0", "2.10.3"])
def test_every_version_2_is_taken(wire: Wire, version: str) -> None:
    sent = pem(Version=version)
    wire.accepted(sent)

    assert wire.pem(sent["ID"])["Version"] == version


def test_fields_of_older_clients_are_no_obstacle(wire: Wire) -> None:
    uses = {**artifact(unique()), "TaxonomyFiles": ["x"]}

    assert wire.send(pem(TimestampReceived="", UsesArtifacts=[uses], Something={"else": 1})).ok


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"a": {"b": [1, -1, 0, 1.5, 1e300, True, False, None, "", {}]}},
        {"": "empty key", "ü😀": "ключ", "quote'\"\\": "\n\r\t\b\f\x7f\u2028"},
        {"big": 2**63 - 1, "small": -(2**63), "exact": 9007199254740993, "tiny": 5e-324},
        {"number as text": "1" * 200, "escaped": "\\u0000"},
    ],
    ids=ascii,
)
def test_properties_come_back_exactly(wire: Wire, properties: dict[str, object]) -> None:
    name = unique()
    sent = pem(Properties=properties, ProducesArtifacts=[artifact(name, **properties)])
    wire.accepted(sent)

    assert wire.pem(sent["ID"])["Properties"] == properties
    assert wire.pems(ID=sent["ID"])[0]["Properties"] == properties
    assert only(wire, name)["Properties"] == properties


def test_a_stored_pem_has_every_documented_field(wire: Wire) -> None:
    sent = pem()
    wire.accepted(sent)

    stored = wire.pem(sent["ID"])

    assert sent.keys() - {"Predecessor"} <= stored.keys()
    assert stored == wire.pems(ID=sent["ID"])[0]
    assert _TIME.match(stored["TimestampReceived"])


def test_the_last_of_two_equal_keys_counts(wire: Wire) -> None:
    sent = pem(Type="last")
    body = json.dumps(sent).replace("{", '{"Type": "first", ', 1)

    assert wire.post("/receiver/pem", body).text == "Ack getting last"
    assert wire.pem(sent["ID"])["Type"] == "last"
