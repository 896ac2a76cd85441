from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from provgraph.errors import InvalidInputError
from provgraph.exports import to_json, to_ndjson
from tests.unit.exports.answers import INGEST, TRAIN, answer, answers, artifact, event, story, use

if TYPE_CHECKING:
    from tests.unit.exports.answers import Json


@given(asked=answers())
def test_json_is_the_answer_itself(asked: Json) -> None:
    assert json.loads(to_json(asked)) == asked


def test_json_keeps_integers_that_have_more_than_64_bits() -> None:
    asked = answer([event(TRAIN, properties={"seed": 2**80})], [])

    assert json.loads(to_json(asked)) == asked


def test_json_keeps_half_of_a_surrogate_pair() -> None:
    asked = answer([artifact("\ud800")], [])

    assert json.loads(to_json(asked)) == asked


def test_the_first_line_of_ndjson_is_the_answer_without_nodes_and_edges() -> None:
    first = json.loads(to_ndjson(story()).splitlines()[0])

    assert first == {
        "kind": "answer",
        "node": {"kind": "artifact", "id": "model/churn", "version": TRAIN},
        "direction": "upstream",
        "depth": None,
        "position": 17,
        "complete": True,
        "reason": None,
        "cursor": None,
    }


def test_a_line_of_ndjson_says_what_it_is() -> None:
    asked = answer([artifact("a"), event(INGEST)], [use(INGEST, "a")])

    kinds = [json.loads(line)["kind"] for line in to_ndjson(asked).splitlines()]

    assert kinds == ["answer", "artifact", "pem", "edge"]


@given(asked=answers())
def test_the_lines_of_ndjson_put_together_are_the_answer(asked: Json) -> None:
    first, *rest = [json.loads(line) for line in to_ndjson(asked).split(b"\n")[:-1]]

    nodes = [line for line in rest if line["kind"] != "edge"]
    edges = [{name: line[name] for name in line if name != "kind"} for line in rest if line["kind"] == "edge"]
    again = {**first, "nodes": nodes, "edges": edges}
    assert again.pop("kind") == "answer"
    assert again == asked


@pytest.mark.parametrize(
    "asked", [{}, {"nodes": []}, {"nodes": None, "edges": []}, {"nodes": [{}], "edges": []}]
)
def test_what_is_no_answer_is_refused(asked: Json) -> None:
    with pytest.raises(InvalidInputError, match="This is no lineage answer"):
        to_ndjson(asked)


def test_a_kind_of_node_that_no_export_knows_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="a node of the kind 'galaxy'"):
        to_ndjson(answer([{"kind": "galaxy", "id": "milky way"}], []))


def test_a_type_of_edge_that_no_export_knows_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="an edge of the type 'LIKES'"):
        to_ndjson(answer([event(TRAIN)], [{"type": "LIKES", "source": TRAIN, "target": TRAIN}]))
