"""Values of training scripts become JSON by written rules, or are refused with their place."""

from __future__ import annotations

import re
from collections import OrderedDict
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from pathlib import Path, PurePosixPath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import orjson
import pytest

from provgraph.client import Artifact, Pem, UnsendableError
from provgraph.client.plain import plain
from provgraph.client.values import MOST_ELEMENTS
from tests.e2e.service import PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable

NAN = float("nan")


class _Split(Enum):
    TRAIN = "train"
    SINCE = date(2026, 3, 1)


class _Size(IntEnum):
    SMALL = 1


class _Mode(StrEnum):
    FAST = "fast"


class _Indexed:
    def __index__(self) -> int:
        return 7


class _Tensor:
    """As tensors of other libraries behave: not known by name, and no kind of dtype."""

    dtype = object()

    def __init__(self, value: Any, shape: tuple[int, ...]) -> None:
        self._value, self.shape = value, shape

    def item(self) -> Any:
        return self._value

    def tolist(self) -> Any:
        return self._value


VALUES: list[tuple[object, object]] = [
    (np.float64(0.5), 0.5),
    (np.float32(0.5), 0.5),
    (np.float16(0.5), 0.5),
    (np.longdouble(0.5), 0.5),
    (np.int8(-3), -3),
    (np.uint64(2**62), 2**62),
    (np.bool_(True), True),
    (np.str_("a"), "a"),
    (np.array(3), 3),
    (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
    (np.array([0.5, 1.5], dtype="float32"), [0.5, 1.5]),
    (np.datetime64("2026-03-01T12:00:00.000000001", "ns"), "2026-03-01T12:00:00"),
    (np.datetime64("2026-03-01"), "2026-03-01T00:00:00"),
    (np.datetime64("NaT"), None),
    (np.timedelta64(1500, "ms"), 1.5),
    (_Tensor(0.25, ()), 0.25),
    (_Tensor([1, 2], (2,)), [1, 2]),
    (_Indexed(), 7),
    (datetime(2026, 3, 1, 12, tzinfo=UTC), "2026-03-01T12:00:00+00:00"),
    (datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=2))), "2026-03-01T12:00:00+02:00"),
    (datetime(2026, 3, 1, 12), "2026-03-01T12:00:00"),  # noqa: DTZ001 - none is invented for it
    (date(2026, 3, 1), "2026-03-01"),
    (time(12, 30), "12:30:00"),
    (timedelta(minutes=1, milliseconds=500), 60.5),
    (Decimal("1.10"), "1.10"),
    (Decimal("NaN"), "NaN"),
    (PurePosixPath("data/train.csv"), "data/train.csv"),
    (Path("data"), "data"),
    (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (_Split.TRAIN, "train"),
    (_Split.SINCE, "2026-03-01"),
    (_Size.SMALL, 1),
    (_Mode.FAST, "fast"),
    ({"b", "a"}, ["a", "b"]),
    (frozenset({3, 1, 2}), [1, 2, 3]),
    (OrderedDict(a=1), {"a": 1}),
    (MappingProxyType({"a": (1, 2)}), {"a": [1, 2]}),
    (
        {0: "cat", np.int64(1): "dog", _Split.TRAIN: 2, Path("x"): 3},
        {"0": "cat", "1": "dog", "train": 2, "x": 3},
    ),
]


@pytest.mark.parametrize(
    ("value", "written"), VALUES, ids=[f"{type(value).__name__}-{written}" for value, written in VALUES]
)
def test_a_value_is_written_as_the_rules_say(value: object, written: object) -> None:
    found = plain(value, "Properties")

    assert (found, type(found)) == (written, type(written))
    assert orjson.loads(orjson.dumps(found)) == written


@pytest.mark.parametrize("place", [lambda value: [value], lambda value: {"a": {"b": value}}])
def test_the_rules_hold_within_lists_and_objects(place: Callable[[object], object]) -> None:
    assert plain(place({np.float32(0.5)}), "Properties") == place([0.5])


def test_artifacts_and_events_take_such_values() -> None:
    artifact = Artifact("model", {"auc": np.float32(0.5), "seed": np.int64(3)})
    event = Pem("train", "trainer", properties={"at": date(2026, 3, 1)}, produces=(artifact,))

    sent = orjson.loads(event.encode().content)

    assert sent["Properties"] == {"at": "2026-03-01"}
    assert sent["ProducesArtifacts"][0]["Properties"] == {"auc": 0.5, "seed": 3}


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (NAN, "NaN"),
        (float("inf"), "Infinity"),
        (-float("inf"), "-Infinity"),
        (np.float64("nan"), "NaN"),
        (np.float32("inf"), "Infinity"),
    ],
)
def test_what_is_no_number_is_kept_as_a_text_and_a_warning_names_it(
    value: object, written: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert plain({"runs": [{"loss": value}]}, "Properties") == {"runs": [{"loss": written}]}
    assert [each.getMessage() for each in caplog.records] == [
        f"Properties.runs[0].loss: JSON has no such number, so it is kept as the text {written!r}"
    ]


def test_many_that_are_no_numbers_are_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    plain(np.full(100, np.nan), "Properties")

    assert len(caplog.records) == 1
    assert "and 99 more values" in caplog.text


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (object(), r"Properties\.a is not JSON: object"),
        (b"bytes", r"Properties\.a is not JSON: bytes"),
        (3j, r"Properties\.a is not JSON: complex"),
        (np.complex128(3j), r"Properties\.a is not JSON: complex"),
        (np.zeros(MOST_ELEMENTS + 1), r"Properties\.a has 10001 elements"),
        (_Tensor(None, ("x",)), r"Properties\.a is not JSON: _Tensor"),  # type: ignore[arg-type] # a broken one
        (int, r"Properties\.a is not JSON: type"),
        (np.float64, r"Properties\.a is not JSON: type"),
        ({1: "a", "1": "b"}, r"Properties\.a has two keys that are both '1'"),
        ({1.5: "a"}, r"Properties\.a has a key that is not a text"),
        ({True: "a"}, r"Properties\.a has a key that is not a text"),
        ({(1, 2): "a"}, r"Properties\.a has a key that is not a text"),
        ({object()}, r"Properties\.a\.\{\} is not JSON"),
        (Path("\udcff"), r"Properties\.a holds a lone surrogate"),
    ],
)
def test_what_no_rule_names_is_refused_with_its_place(value: object, message: str) -> None:
    with pytest.raises(UnsendableError, match=message):
        plain({"a": value}, "Properties")


def test_the_page_names_every_type_that_a_rule_is_about() -> None:
    page = (PROJECT / "docs" / "howto" / "emit.md").read_text()
    source = (PROJECT / "provgraph" / "client" / "values.py").read_text()
    named = {
        name.strip()
        for kinds in re.findall(r"isinstance\(value, ([\w |]+)\)", source)
        for name in kinds.split("|")
    }

    assert named - {"type", "PurePath"} <= set(re.findall(r"\w+", page))
