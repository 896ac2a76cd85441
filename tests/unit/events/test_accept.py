from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from provgraph.errors import InvalidEventError
from provgraph.families.pem.events import PEM, ArtifactStatement, accept, read
from tests.unit.events.fields import PEM_ID, accepted, content, fields

OTHER_ID = "fedcba9876543210fedcba9876543210"


def payload(**changed: Any) -> dict[str, Any]:
    """Return the stored fields of a PEM."""
    stored: dict[str, Any] = json.loads(accept(fields(**changed)).payload)
    return stored


def refusal(**changed: Any) -> InvalidEventError:
    """Return why a PEM is refused."""
    with pytest.raises(InvalidEventError) as refused:
        accept(fields(**changed))
    return refused.value


# ------------------------------------------------------------------------------------------------ the event


def test_an_accepted_pem_is_an_event_of_its_own_family_under_its_own_id() -> None:
    event = accept(fields())

    assert (event.event_id, event.kind) == (PEM_ID, PEM)


def test_the_content_is_what_reading_the_payload_gives() -> None:
    event = accept(
        fields(
            Predecessor=OTHER_ID,
            Properties={"b": [1, 2.5, None], "a": {"ä": "é"}},
            Tag="latest",
            TagNamespace="ns",
            UsesArtifacts=[{"Name": "in", "Properties": {"x": 1}, "CreatedAt": "2026-01-01 00:00:00"}],
            ProducesArtifacts=[{"Name": "out", "Version": "v1", "Digest": "sha", "Kind": "table"}],
        )
    )

    assert read(event.payload) == event.content


@pytest.mark.parametrize("stated", [None, [], "text", 1, True])
def test_what_is_no_object_is_refused(stated: object) -> None:
    with pytest.raises(InvalidEventError) as refused:
        accept(stated)

    assert (refused.value.rule, refused.value.field) == ("object", None)


@pytest.mark.parametrize(
    "spelling",
    [
        "0123456789ABCDEF0123456789ABCDEF",
        "01234567-89ab-cdef-0123-456789abcdef",
        "{01234567-89AB-cdef-0123-456789abcdef}",
        "urn:uuid:01234567-89ab-cdef-0123-456789abcdef",
    ],
)
def test_every_spelling_of_an_id_is_the_same_event(spelling: str) -> None:
    assert accept(fields(ID=spelling)) == accept(fields())


@pytest.mark.parametrize(
    "stated",
    [
        ...,
        None,
        "",
        7,
        "0123",
        "g" * 32,
        " " * 4 + "a" * 28,
        "a" * 28 + " " * 4,
        "01234567-89ab-cdef-0123-456789ab_def",
        "\u0660" * 32,
        ["0" * 32],
    ],
)
def test_what_is_no_uuid_is_no_id(stated: object) -> None:
    refused = refusal(ID=stated)

    assert (refused.field, refused.rule) == ("ID", "uuid")


# ------------------------------------------------------------------------------------------------ type, emitter


@pytest.mark.parametrize("stated", ["", None, ..., [], {}, 0])
def test_an_empty_type_is_refused_in_record_keepers_words(stated: object) -> None:
    refused = refusal(Type=stated)

    assert str(refused) == "PEM is not valid: Type is empty"
    assert (refused.status, refused.field, refused.rule) == (400, "Type", "required")


@pytest.mark.parametrize("field", ["Type", "Emitter"])
@pytest.mark.parametrize("stated", [1, ["a"], {"a": 1}, True])
def test_type_and_emitter_are_texts(field: str, stated: object) -> None:
    refused = refusal(**{field: stated})

    assert str(refused) == f"PEM is not valid: {field} is not a text"


def test_names_are_kept_to_the_letter() -> None:
    odd = " Ä\u0308 %_\\'\"\n\U0001f600 "

    pem = accepted(Type=odd, Emitter=odd, ProducesArtifacts=[{"Name": odd}])

    assert (pem.type, pem.emitter, pem.produces[0].name) == (odd, odd, odd)


# ------------------------------------------------------------------------------------------------ version


@pytest.mark.parametrize("stated", ["2", "2.0", "2.0.0", "2.17.3"])
def test_pems_of_version_2_are_taken(stated: str) -> None:
    assert accepted(Version=stated).version == stated


@pytest.mark.parametrize("stated", [..., None])
def test_a_pem_without_version_is_of_the_version_served(stated: object) -> None:
    assert accepted(Version=stated).version == "2.0.0"


@pytest.mark.parametrize("stated", ["1.0.0", "3.0", "20.0", "2.", "2.0.0\n", "", "2.x", 2, 2.0])
def test_another_version_is_refused_naming_both(stated: object) -> None:
    refused = refusal(Version=stated)

    assert (refused.field, refused.rule) == ("Version", "version-2")
    assert repr(stated) in str(refused)
    assert "2.0.0" in str(refused)


# ------------------------------------------------------------------------------------------------ times


@pytest.mark.parametrize(
    ("stated", "kept"),
    [
        ("2026-01-02 03:04:05", "2026-01-02 03:04:05"),
        ("2026-01-02T03:04:05", "2026-01-02 03:04:05"),
        ("2026-01-02T03:04:05Z", "2026-01-02 03:04:05"),
        ("2026-01-02T03:04:05+02:00", "2026-01-02 01:04:05"),
        ("2026-01-02", "2026-01-02 00:00:00"),
        ("20260102T030405", "2026-01-02 03:04:05"),
        ("2026-W01-5 03:04:05", "2026-01-02 03:04:05"),
        ("2026-01-02 030405.5", "2026-01-02 03:04:05"),
        ("0001-01-01 00:00:00", "0001-01-01 00:00:00"),
        ("9999-12-31 23:59:59", "9999-12-31 23:59:59"),
    ],
)
def test_any_iso_time_is_kept_in_record_keepers_form(stated: str, kept: str) -> None:
    assert accepted(TimestampClient=stated).timestamp_client == kept


@pytest.mark.parametrize(
    "stated",
    ["", "yesterday", "2026-13-01 00:00:00", "2026-01-02 25:00:00", 1767322800, "0000-01-01", []],
)
def test_an_unreadable_time_is_refused(stated: object) -> None:
    assert refusal(TimestampClient=stated).field == "TimestampClient"


@pytest.mark.parametrize("stated", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"])
def test_a_time_that_leaves_the_calendar_without_its_zone_is_refused(stated: str) -> None:
    assert refusal(TimestampClient=stated).rule == "time"


def test_the_fraction_of_an_iso_time_is_kept() -> None:
    event = accept(fields(TimestampClient="2026-01-02T03:04:05.250Z"))

    assert content(event).occurred_us % 1_000_000 == 250_000
    assert read(event.payload) == event.content


@pytest.mark.parametrize("stated", [{}, {"OccurredAt": None, "TimestampClient": None}])
def test_an_event_without_a_time_lacks_occurred_at(stated: dict[str, Any]) -> None:
    sent = {**fields(TimestampClient=...), **stated}

    with pytest.raises(
        InvalidEventError, match=r"^PEM is not valid: OccurredAt is missing: say when"
    ) as refused:
        accept(sent)
    assert (refused.value.field, refused.value.rule) == ("OccurredAt", "required")
    with pytest.raises(InvalidEventError, match=r"^PEM is not valid: TimestampClient is not a text$"):
        accept(sent, timestamp_required=True)


def test_a_misspelt_time_is_asked_for() -> None:
    with pytest.raises(InvalidEventError, match=r"OccurredAt is missing.*occurred_at"):
        accept(fields(TimestampClient=..., occurred_at="2026-01-02T03:04:05Z"))


def test_occurred_at_stands_for_the_missing_timestamp() -> None:
    pem = accepted(TimestampClient=..., OccurredAt="2026-01-02T03:04:05.678901+01:00")

    assert pem.timestamp_client == "2026-01-02 02:04:05"
    assert pem.occurred_us == 1_767_319_445_678_901


def test_occurred_at_goes_before_the_timestamp_which_is_kept_as_sent() -> None:
    pem = accepted(TimestampClient="2020-01-01 00:00:00", OccurredAt="2026-01-02T03:04:05Z")

    assert pem.timestamp_client == "2020-01-01 00:00:00"
    assert pem.occurred_us == 1_767_323_045_000_000


def test_occurred_at_without_a_zone_is_refused() -> None:
    refused = refusal(OccurredAt="2026-01-02T03:04:05")

    assert (refused.field, refused.rule) == ("OccurredAt", "zone")


@pytest.mark.parametrize("stated", ["", "soon", 5, "0001-01-01T00:00:00+14:00"])
def test_an_unreadable_occurred_at_is_refused(stated: object) -> None:
    assert refusal(OccurredAt=stated).field == "OccurredAt"


def test_a_version_1_uuid_refines_the_second_that_it_agrees_with() -> None:
    # The time inside is 2026-01-02 03:04:05.678901 and 2 tenths of a microsecond.
    own_id = "b2ea5814e78711f0800a0123456789ab"

    assert accepted(ID=own_id).occurred_us == 1_767_323_045_678_901
    assert accepted(ID=own_id, TimestampClient="2026-01-02 03:04:06").occurred_us == 1_767_323_046_000_000
    assert accepted(ID=own_id, OccurredAt="2026-01-02T03:04:05Z").occurred_us == 1_767_323_045_000_000


# ------------------------------------------------------------------------------------------------ predecessors


@pytest.mark.parametrize("stated", [..., None])
def test_a_pem_may_be_without_predecessor(stated: object) -> None:
    assert accepted(Predecessor=stated, Predecessors=stated).predecessors == ()


def test_predecessor_and_predecessors_are_merged_each_once_the_single_one_first() -> None:
    third = uuid.UUID(int=3)

    pem = accepted(Predecessor=OTHER_ID, Predecessors=[str(third), OTHER_ID.upper(), third.hex])

    assert pem.predecessors == (OTHER_ID, third.hex)


@pytest.mark.parametrize("stated", ["", "x", 3, {}, [OTHER_ID]])
def test_a_predecessor_that_is_no_uuid_is_refused(stated: object) -> None:
    assert refusal(Predecessor=stated).field == "Predecessor"


@pytest.mark.parametrize("stated", [OTHER_ID, {}, [None], [3], ["x"]])
def test_predecessors_that_are_no_list_of_uuids_are_refused(stated: object) -> None:
    assert refusal(Predecessors=stated).field == "Predecessors"


@pytest.mark.parametrize("changed", [{"Predecessor": PEM_ID.upper()}, {"Predecessors": [OTHER_ID, PEM_ID]}])
def test_an_event_is_not_its_own_predecessor(changed: dict[str, Any]) -> None:
    assert refusal(**changed).rule == "not-itself"


# ------------------------------------------------------------------------------------------------ properties, tags


@pytest.mark.parametrize("stated", [..., None, {}])
def test_a_pem_without_properties_has_an_empty_object(stated: object) -> None:
    assert accepted(Properties=stated).properties == "{}"


@pytest.mark.parametrize("stated", ["text", [1], 1, False, "", []])
def test_properties_that_are_no_object_are_refused(stated: object) -> None:
    refused = refusal(Properties=stated)

    assert (refused.field, refused.rule) == ("Properties", "object")


def test_properties_are_kept_as_canonical_json_with_other_letters_as_they_are() -> None:
    assert accepted(Properties={"b": "ä", "a": [1, {}]}).properties == '{"a":[1,{}],"b":"ä"}'


@pytest.mark.parametrize("stated", [..., None, ""])
def test_an_empty_tag_is_no_tag(stated: object) -> None:
    pem = accepted(Tag=stated, TagNamespace=stated)

    assert (pem.tag, pem.tag_namespace) == (None, None)


@pytest.mark.parametrize("field", ["Tag", "TagNamespace"])
def test_a_tag_is_a_text(field: str) -> None:
    assert refusal(**{field: 5}).field == field


# ------------------------------------------------------------------------------------------------ artifacts


def test_artifacts_are_kept_in_the_order_sent() -> None:
    pem = accepted(UsesArtifacts=[{"Name": "b"}, {"Name": "a"}, {"Name": "c"}])

    assert [statement.name for statement in pem.uses] == ["b", "a", "c"]


@pytest.mark.parametrize("field", ["UsesArtifacts", "ProducesArtifacts"])
@pytest.mark.parametrize("stated", [..., None, []])
def test_a_pem_may_be_without_artifacts(field: str, stated: object) -> None:
    pem = accepted(**{field: stated})

    assert pem.uses == pem.produces == ()


@pytest.mark.parametrize("field", ["UsesArtifacts", "ProducesArtifacts"])
@pytest.mark.parametrize(
    ("stated", "named"),
    [
        ({}, ""),
        ("", ""),
        (0, ""),
        ("name", ""),
        ({"Name": "a"}, ""),
        (["a"], "[0]"),
        ([{"Name": "a"}, None], "[1]"),
        ([{}], "[0].Name"),
        ([{"Name": ""}], "[0].Name"),
        ([{"Name": None}], "[0].Name"),
        ([{"Name": 4}], "[0].Name"),
        ([{"Name": "a", "Properties": [1]}], "[0].Properties"),
        ([{"Name": "a", "Properties": "{}"}], "[0].Properties"),
        ([{"Name": "a", "Version": 1}], "[0].Version"),
        ([{"Name": "a", "Version": {}}], "[0].Version"),
        ([{"Name": "a", "Digest": ["x"]}], "[0].Digest"),
        ([{"Name": "a", "Kind": {}}], "[0].Kind"),
    ],
)
def test_a_wrong_artifact_is_refused_naming_the_place(field: str, stated: object, named: str) -> None:
    assert refusal(**{field: stated}).field == field + named


def test_an_artifact_twice_in_one_list_is_listed_once_as_first_stated() -> None:
    stated = [{"Name": "a", "Properties": {"x": 1}}, {"Name": "b"}, {"Name": "a", "Properties": {"x": 2}}]

    pem = accepted(UsesArtifacts=stated, ProducesArtifacts=stated)

    assert pem.uses == pem.produces == (ArtifactStatement("a", '{"x":1}'), ArtifactStatement("b"))


TWO_VERSIONS = [{"Name": "a", "Version": "1"}, {"Name": "a", "Version": "2"}, {"Name": "a", "Version": "1"}]


def test_an_event_may_use_two_versions_of_an_artifact() -> None:
    assert [statement.version for statement in accepted(UsesArtifacts=TWO_VERSIONS).uses] == ["1", "2"]


def test_an_event_that_makes_two_versions_of_an_artifact_is_refused() -> None:
    refused = refusal(ProducesArtifacts=[{"Name": "b"}, *TWO_VERSIONS])

    assert (refused.rule, refused.field) == ("one-version", "ProducesArtifacts[2].Version")
    assert "'a'" in str(refused)


def test_where_artifacts_are_listed_once_the_version_that_was_stated_first_is_made() -> None:
    event = accept(fields(ProducesArtifacts=TWO_VERSIONS), listed_once=True)

    assert [statement.version for statement in content(event).produces] == ["1"]


@pytest.mark.parametrize(
    "stated",
    [
        [{"Name": "a", "Version": "1"}, {"Name": "b", "Version": "2"}],
        [
            {"Name": "a", "Version": "1"},
            {"Name": "a"},
            {"Name": "a", "Version": ""},
            {"Name": "a", "Version": None},
        ],
        [{"Name": "a", "Version": OTHER_ID}, {"Name": "a", "Version": str(uuid.UUID(OTHER_ID))}],
    ],
)
def test_one_version_may_be_stated_as_often_as_one_likes(stated: list[dict[str, Any]]) -> None:
    assert accepted(ProducesArtifacts=stated).produces[0].version == stated[0]["Version"]


@pytest.mark.parametrize(
    "stated", [[1, {"Name": 2, "Version": "1"}], [{"Version": "1"}], "a", [{"Name": "a", "Version": 1}]]
)
def test_what_is_wrong_otherwise_is_refused_as_such(stated: object) -> None:
    assert refusal(ProducesArtifacts=stated).rule != "one-version"


def test_a_version_that_is_an_event_id_has_one_spelling() -> None:
    stated = [{"Name": "a", "Version": str(uuid.UUID(OTHER_ID))}, {"Name": "a", "Version": OTHER_ID.upper()}]

    pem = accepted(UsesArtifacts=stated, ProducesArtifacts=stated)

    assert [statement.version for statement in (*pem.uses, *pem.produces)] == [OTHER_ID, OTHER_ID]


def test_version_digest_and_kind_are_kept_and_empty_ones_say_nothing() -> None:
    stated = {"Name": "a", "Version": "v", "Digest": "sha256:1", "Kind": "table"}
    empty = {"Name": "b", "Version": "", "Digest": "", "Kind": None}

    pem = accepted(ProducesArtifacts=[stated, empty])

    assert pem.produces == (
        ArtifactStatement("a", version="v", digest="sha256:1", kind="table"),
        ArtifactStatement("b"),
    )


@pytest.mark.parametrize(
    ("stated", "kept"),
    [
        (None, None),
        ("", None),
        ("tomorrow", None),
        (12, None),
        ({}, None),
        ("2026-01-02 03:04:05", "2026-01-02 03:04:05"),
        ("2026-01-02T03:04:05.9+01:00", "2026-01-02 02:04:05"),
    ],
)
def test_created_at_is_kept_when_it_can_be_read_and_ignored_otherwise(
    stated: object, kept: str | None
) -> None:
    assert accepted(UsesArtifacts=[{"Name": "a", "CreatedAt": stated}]).uses[0].created_at == kept


# ------------------------------------------------------------------------------------------------ other fields


def test_unknown_fields_are_kept() -> None:
    unknown = {"Team": "blue", "Cost": {"eur": 1.5}, "Nothing": None}

    stored = payload(**unknown, UsesArtifacts=[{"Name": "a", "Rows": 5}])

    assert stored.items() >= unknown.items()
    assert stored["UsesArtifacts"] == [{"Name": "a", "Rows": 5}]


def test_the_servers_own_time_is_not_taken_from_the_emitter() -> None:
    assert "TimestampReceived" not in payload(TimestampReceived="2001-01-01 00:00:00")


def test_taxonomy_files_of_old_clients_are_ignored() -> None:
    stored = payload(ProducesArtifacts=[{"Name": "a", "TaxonomyFiles": ["x"]}])

    assert stored["ProducesArtifacts"] == [{"Name": "a"}]


def test_what_says_nothing_makes_no_difference() -> None:
    nothing = fields(
        Predecessor=None,
        Predecessors=[],
        Properties={},
        Version="2.0.0",
        Tag="",
        TagNamespace=None,
        UsesArtifacts=[],
        ProducesArtifacts=None,
        TimestampReceived="",
        OccurredAt=None,
    )

    assert accept(nothing) == accept(fields())


def test_properties_nested_deeper_than_can_be_stored_are_refused() -> None:
    deep: dict[str, Any] = {}
    for _ in range(600):
        deep = {"in": deep}

    assert refusal(Properties=deep).rule == "depth"
