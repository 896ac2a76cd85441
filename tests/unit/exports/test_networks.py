from __future__ import annotations

import json
import re
from io import BytesIO
from typing import TYPE_CHECKING

import networkx as nx
import pytest
from hypothesis import given

from provgraph.exports import to_graphml, to_node_link
from provgraph.lineage import to_networkx
from tests.unit.exports.answers import (
    INGEST,
    TRAIN,
    UNSEEN,
    answer,
    answers,
    artifact,
    event,
    production,
    story,
    use,
)

if TYPE_CHECKING:
    from tests.unit.exports.answers import Json

PEM_TRAIN, PEM_INGEST = f"pem:{TRAIN}", f"pem:{INGEST}"


def read_graphml(text: bytes) -> nx.MultiDiGraph:
    """Return what networkx reads, with the characters that XML cannot hold put back."""
    graph = nx.read_graphml(BytesIO(text), force_multigraph=True)
    result = nx.MultiDiGraph()
    result.graph.update(_unescaped(graph.graph))
    result.add_nodes_from((_text(key), _unescaped(facts)) for key, facts in graph.nodes(data=True))
    result.add_edges_from(
        (_text(source), _text(target), key, _unescaped(facts))
        for source, target, key, facts in graph.edges(keys=True, data=True)
    )
    return result


def _text(text: str) -> str:
    return re.sub("_x([0-9A-F]{4})_", lambda found: chr(int(found[1], 16)), text)


def _unescaped(facts: Json) -> Json:
    return {_text(name): _text(value) if isinstance(value, str) else value for name, value in facts.items()}


def decoded(facts: Json, stated: Json) -> Json:
    """Return what GraphML says of some facts, with its JSON texts read where lists or objects were stated."""
    return {
        name: json.loads(value) if isinstance(stated[name], list | dict) else value
        for name, value in facts.items()
    }


def without_null(facts: Json) -> Json:
    """Return the facts that GraphML can state."""
    return {name: value for name, value in facts.items() if value is not None}


# ------------------------------------------------------------------------------------------- networkx


def test_edges_point_the_way_the_data_went() -> None:
    graph = to_networkx(story())

    assert set(graph.edges()) == {
        ("artifact:table/customers", PEM_TRAIN),
        ("artifact:s3://raw data", PEM_INGEST),
        (PEM_TRAIN, "artifact:model/churn"),
        (PEM_INGEST, "artifact:table/customers"),
        (PEM_INGEST, PEM_TRAIN),
        (f"pem:{UNSEEN}", PEM_INGEST),
    }


def test_everything_upstream_is_an_ancestor() -> None:
    graph = to_networkx(story())

    assert nx.ancestors(graph, "artifact:model/churn") == set(graph) - {"artifact:model/churn"}


def test_a_node_has_what_the_answer_says_of_it() -> None:
    assert to_networkx(story()).nodes[PEM_TRAIN] == {
        "kind": "pem",
        "name": TRAIN,
        "depth": 1,
        "type": "train",
        "emitter": "trainer",
        "occurred_at": "2026-01-02T03:04:05.000000Z",
        "position": 12,
        "recorded_at": "2026-01-02T03:04:06.000000Z",
        "properties": {"epochs": [1, None]},
    }


def test_an_edge_has_what_the_answer_says_of_it_and_its_place_as_key() -> None:
    edges = to_networkx(story()).get_edge_data("artifact:table/customers", PEM_TRAIN)

    assert edges == {0: {"type": "USES", "version": INGEST}}


def test_a_graph_has_what_the_answer_says_of_itself() -> None:
    graph = to_networkx(story())

    assert graph.graph["position"] == 17
    assert graph.graph["complete"] is True


def test_an_artifact_named_like_an_event_is_a_node_of_its_own() -> None:
    graph = to_networkx(answer([artifact(TRAIN), event(TRAIN)], [use(TRAIN, TRAIN)]))

    assert set(graph) == {f"artifact:{TRAIN}", PEM_TRAIN}


def test_a_node_that_only_an_edge_names_has_its_name_and_nothing_else() -> None:
    graph = to_networkx(answer([event(TRAIN)], [use(TRAIN, "table")]))

    assert graph.nodes["artifact:table"] == {"kind": "artifact", "name": "table"}


def test_the_answer_is_left_as_it_was() -> None:
    asked = story()

    to_networkx(asked)
    to_graphml(asked)
    to_node_link(asked)

    assert asked == story()


def overwriting() -> Json:
    """An event reads a table and writes it anew; a later one uses what came of it."""
    first, second, third = "01" * 16, "02" * 16, "03" * 16
    return answer(
        [artifact("report", 0), event(third), artifact("table"), event(second, 2), event(first, 3)],
        [
            use(third, "table", version=second),
            use(second, "table", version=first),
            production(third, "report"),
            production(second, "table"),
            production(first, "table"),
        ],
    )


def test_an_artifact_that_was_overwritten_makes_a_cycle() -> None:
    assert not nx.is_directed_acyclic_graph(to_networkx(overwriting()))


def test_with_versions_the_same_artifact_before_and_after_are_two_nodes() -> None:
    graph = to_networkx(overwriting(), versions=True)

    tables = [key for key, name in graph.nodes(data="name") if name == "table"]
    assert tables == [f"artifact:table@{'02' * 16}", f"artifact:table@{'01' * 16}"]
    assert nx.is_directed_acyclic_graph(graph)


def test_with_versions_a_node_says_which_event_produced_it() -> None:
    graph = to_networkx(story(), versions=True)

    assert graph.nodes[f"artifact:table/customers@{INGEST}"]["version"] == INGEST
    assert graph.nodes["artifact:s3://raw data@outside"]["version"] is None


def test_with_versions_an_artifact_that_has_none_stays() -> None:
    assert set(to_networkx(answer([artifact("alone")], []), versions=True)) == {"artifact:alone"}


def test_versions_that_nobody_produced_are_told_apart_by_what_they_were_called() -> None:
    asked = answer([event(TRAIN)], [use(TRAIN, "a"), use(TRAIN, "a", named_version="v 1@2")])

    assert set(to_networkx(asked, versions=True)) == {
        PEM_TRAIN,
        "artifact:a@outside",
        "artifact:a@outside/v%201%402",
    }


@given(asked=answers())
def test_every_node_and_edge_of_an_answer_is_in_its_graph(asked: Json) -> None:
    graph = to_networkx(asked)

    assert {f"{node['kind']}:{node['id']}" for node in asked["nodes"]} <= set(graph)
    assert graph.number_of_edges() == len(asked["edges"])
    assert to_networkx(asked, versions=True).number_of_edges() == len(asked["edges"])


# ------------------------------------------------------------------------------------------- files


@given(asked=answers())
def test_networkx_reads_node_link_json_as_the_same_graph(asked: Json) -> None:
    graph = nx.node_link_graph(json.loads(to_node_link(asked)), edges="edges")

    assert nx.utils.graphs_equal(graph, to_networkx(asked))


@given(asked=answers())
def test_networkx_reads_graphml_as_the_same_graph(asked: Json) -> None:
    graph = read_graphml(to_graphml(asked))

    expected = to_networkx(asked)
    assert set(graph) == set(expected)
    assert set(graph.edges(keys=True)) == set(expected.edges(keys=True))
    for key, facts in expected.nodes(data=True):
        assert decoded(graph.nodes[key], facts) == without_null(facts)
    for edge in expected.edges(keys=True):
        assert decoded(graph.edges[edge], expected.edges[edge]) == without_null(expected.edges[edge])
    said = {name: graph.graph[name] for name in graph.graph if not name.endswith("_default")}
    assert decoded(said, expected.graph) == without_null(expected.graph)


@pytest.mark.parametrize(
    "name", ["\0", "\r\n", "a\tb", "\ud800", "\ufffe", "_x0000_", "__x005F_", "_x0041\0", " "]
)
def test_graphml_holds_names_that_xml_cannot(name: str) -> None:
    graph = read_graphml(to_graphml(answer([artifact(name)], [])))

    assert dict(graph.nodes(data="name")) == {f"artifact:{name}": name}


def test_graphml_leaves_out_what_is_null_and_has_lists_as_json() -> None:
    graph = nx.read_graphml(BytesIO(to_graphml(story())))

    assert graph.nodes[PEM_TRAIN]["properties"] == '{"epochs":[1,null]}'
    assert "reason" not in graph.graph


def test_edges_in_graphml_have_ids_of_their_own() -> None:
    ids = re.findall(rb'<edge [^>]*id="(\d+)"', to_graphml(story()))

    assert len(set(ids)) == len(story()["edges"])
