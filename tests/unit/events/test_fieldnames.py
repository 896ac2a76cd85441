"""Which fields look like others that the service knows."""

from __future__ import annotations

import pytest

from provgraph.events import fieldnames


@pytest.mark.parametrize(
    ("stated", "meant"),
    [
        *(("type", "Type"), ("uses_artifacts", "UsesArtifacts"), ("Tyep", "Type"), ("Tga", "Tag")),
        *(
            ("UseArtifacts", "UsesArtifacts"),
            ("UsesArtifact", "UsesArtifacts"),
            ("use_artifacts", "UsesArtifacts"),
        ),
        *(("ProduceArtifacts", "ProducesArtifacts"), ("ProducesArtefacts", "ProducesArtifacts")),
        *(("Outcom", "Outcome"), ("Outcmoe", "Outcome"), ("Eror", "Error"), ("Verzion", "Version")),
        *(("Emiter", "Emitter"), ("Predecesor", "Predecessor"), ("Propertes", "Properties")),
        *(
            ("OccuredAt", "OccurredAt"),
            ("TimestampRecieved", "TimestampReceived"),
            ("TagNamspace", "TagNamespace"),
        ),
    ],
)
def test_a_slip_in_the_name_of_a_field_is_told(stated: str, meant: str) -> None:
    told = [each.detail for each in fieldnames.mistaken({stated: "x"})]

    assert told == [
        f"{stated} is no field that the service knows, and is kept without a meaning: did you mean {meant}?"
    ]


@pytest.mark.parametrize(("stated", "meant"), [("Digst", "Digest"), ("Versoin", "Version"), ("Naem", "Name")])
def test_a_slip_in_a_field_of_an_artifact_is_told(stated: str, meant: str) -> None:
    (told,) = fieldnames.mistaken({"UsesArtifacts": [{stated: "x"}]})

    assert told.field == f"UsesArtifacts[0].{stated}"
    assert told.detail.endswith(f"did you mean {meant}?")


@pytest.mark.parametrize(
    "stated",
    [
        *(
            "Tags",
            "Notes",
            "Emitters",
            "Types",
            "Errors",
            "Versions",
            "Outcomes",
            "Names",
            "Kinds",
            "Digests",
        ),
        *("Tax", "Bag", "Tape", "Game", "Mind", "Note", "IDs", "IP", "Id2", "Version2", "Error1"),
        *(
            "Emitted",
            "Terror",
            "Income",
            "Duration",
            "Comment",
            "CreatedBy",
            "UpdatedAt",
            "Artifacts",
            "Property",
        ),
        *("RecordedBy", "Changed", "", "_", "x" * 10_000),
    ],
)
def test_a_field_of_ones_own_is_no_slip(stated: str) -> None:
    event = {stated: "x", "UsesArtifacts": [{stated: "x"}]}

    assert fieldnames.mistaken(event) == ()


def test_a_field_that_the_event_has_as_well_was_not_meant() -> None:
    assert (
        fieldnames.mistaken({"UseArtifacts": [], "UsesArtifacts": [], "Outcom": "", "Outcome": "failed"})
        == ()
    )
