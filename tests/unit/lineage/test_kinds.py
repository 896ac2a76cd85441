"""What kind of thing an artifact is."""

from __future__ import annotations

import pytest

from provgraph.errors import SettingsError
from provgraph.lineage.kinds import UNKNOWN, Kinds


def test_what_the_event_states_comes_first_then_a_property_then_the_name() -> None:
    kinds = Kinds("model/*=model")

    assert kinds.of("model/a", stated="weights", properties=['{"kind":"x"}']) == "weights"
    assert kinds.of("model/a", properties=["{}", '{"kind":"x"}']) == "x"
    assert kinds.of("model/a", properties=['{"kind":7}', '{"a":"kind"}']) == "model"
    assert kinds.of("else") == UNKNOWN


def test_the_first_pattern_that_fits_counts() -> None:
    kinds = Kinds(" raw/*.csv = source , *.csv=data,a?b=pair ,")

    assert [kinds.of(name) for name in ("raw/x.csv", "x.csv", "a=b", "ab")] == [
        "source",
        "data",
        "pair",
        UNKNOWN,
    ]


def test_names_are_fitted_whole_and_by_case() -> None:
    kinds = Kinds("model=model, a=b=c")

    assert [kinds.of(name) for name in ("model", "Model", "models", "a=b")] == [
        "model",
        UNKNOWN,
        UNKNOWN,
        "c",
    ]


@pytest.mark.parametrize("patterns", ["model", "=model", "model/*=", "a=b, c"])
def test_what_is_no_pattern_is_refused(patterns: str) -> None:
    with pytest.raises(SettingsError, match=r"PROVGRAPH_ARTIFACT_KINDS.*NAME-PATTERN=KIND"):
        Kinds(patterns)


def test_the_usual_names_are_known() -> None:
    kinds = Kinds()

    names = ["model/churn", "table/customers", "s3://bucket/x", "data/a.csv", "readme"]
    assert [kinds.of(name) for name in names] == ["model", "data", "source", "data", UNKNOWN]
