from __future__ import annotations

import html
import re
import unicodedata
from typing import TYPE_CHECKING

import pydot
import pytest
from hypothesis import given

from provgraph.exports import to_dot, to_mermaid
from tests.unit.exports.answers import (
    INGEST,
    TRAIN,
    UNSEEN,
    answer,
    answers,
    artifact,
    event,
    names,
    predecessor,
    production,
    story,
    use,
)

if TYPE_CHECKING:
    from tests.unit.exports.answers import Json

# pydot calls pyparsing by names that the latest one deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:.* deprecated - use:DeprecationWarning:pydot")


def visible(text: str) -> str:
    """Return a text as a drawing should show it: a symbol for what cannot be seen, or not be in an SVG."""
    return "".join(map(_symbol, text))


def _symbol(character: str) -> str:
    if character < " ":
        return chr(0x2400 + ord(character))
    if character == "\x7f":
        return "␡"
    return "\ufffd" if unicodedata.category(character) == "Cc" or character in "\ufffe\uffff" else character


# ------------------------------------------------------------------------------------------- DOT


def parsed(asked: Json) -> pydot.Dot:
    """Return what pydot reads."""
    graphs = pydot.graph_from_dot_data(to_dot(asked))
    assert graphs is not None
    [graph] = graphs
    return graph


def dot_label(quoted: str) -> str:
    """Return what Graphviz shows for a quoted label, its lines apart."""
    assert quoted[0] == quoted[-1] == '"'
    unescaped = re.sub(r"\\(.)", lambda found: "\n" if found[1] == "n" else found[1], quoted[1:-1])
    return html.unescape(unescaped)


def dot_boxes(graph: pydot.Dot) -> dict[str, str]:
    """Return the labels of a drawing's nodes, by id."""
    return {
        node.get_name(): dot_label(node.get("label"))
        for node in graph.get_nodes()
        if node.get("label") is not None
    }


def dot_arrows(asked: Json) -> set[tuple[str, str]]:
    """Return which boxes are joined, by the first line of their labels."""
    graph = parsed(asked)
    firsts = {id_: label.partition("\n")[0] for id_, label in dot_boxes(graph).items()}
    return {
        (firsts[str(edge.get_source())], firsts[str(edge.get_destination())]) for edge in graph.get_edges()
    }


def test_dot_has_the_nodes_of_an_answer() -> None:
    assert list(dot_boxes(parsed(story())).values()) == [
        "model/churn\ndigest sha256:1",
        "train\ntrainer\n2026-01-02T03:04:05Z\nevent 77aa77aa\nrecorded 2026-01-02T03:04:06Z\nepochs: [1, null]",
        "table/customers",
        "ingest\nloader\n2026-01-01T00:00:00.250000Z\nevent 12ab12ab",
        "s3://raw data",
        "event 00ff00ff",
    ]


def test_arrows_in_dot_point_the_way_the_data_went() -> None:
    assert dot_arrows(story()) == {
        ("table/customers", "train"),
        ("s3://raw data", "ingest"),
        ("train", "model/churn"),
        ("ingest", "table/customers"),
        ("ingest", "train"),
        ("event 00ff00ff", "ingest"),
    }


@given(name=names)
def test_dot_shows_any_name(name: str) -> None:
    boxes = dot_boxes(parsed(answer([artifact(name)], [])))

    assert boxes == {"n0": visible(name)}


@given(asked=answers())
def test_dot_is_read_back_with_every_node_and_edge(asked: Json) -> None:
    graph = parsed(asked)

    assert len(graph.get_edges()) == len(asked["edges"])
    boxes = dot_boxes(graph)
    assert [boxes[f"n{place}"].partition("\n")[0] for place in range(len(asked["nodes"]))] == [
        visible(node["id"] if node["kind"] == "artifact" else node.get("type", f"event {node['id'][:8]}"))
        for node in asked["nodes"]
    ]


def test_dot_names_the_version_where_an_artifact_has_several() -> None:
    asked = answer(
        [event(TRAIN)], [use(TRAIN, "a", version=INGEST), use(TRAIN, "a"), use(TRAIN, "b", version=INGEST)]
    )

    labels = [edge.get("label") for edge in parsed(asked).get_edges()]
    assert labels == ['"version 12ab12ab"', '"from outside"', None]


def test_dot_marks_a_use_out_of_order_and_one_of_an_unknown_version() -> None:
    edges = [use(TRAIN, "a", version=INGEST, out_of_order=True), use(TRAIN, "b", named_version='v"1')]

    labels = [edge.get("label") for edge in parsed(answer([event(TRAIN)], edges)).get_edges()]
    assert labels == ['"out of order"', '"unknown version v\\"1"']


def test_dot_says_when_the_answer_is_cut() -> None:
    asked = answer([artifact("a")], [], complete=False, reason="depth")

    assert parsed(asked).get("label") == '"Not complete: cut off by depth"'


# ------------------------------------------------------------------------------------------- Mermaid

# Letters, digits, a few marks that mean nothing in a label, codes, and our own line breaks.
SAFE = re.compile(r"(?:[^\W_]|[ /,'().:_-]|#[0-9]{1,7};|<br/>)+")
# What Markdown makes a list, a link or an underline of, and Mermaid an icon.
MARKUP = re.compile(r"(?:^|<br/>) *(?:[0-9]+[.)]|-)(?: |<|$)|[-_]{2}|\b_|_\b|:(?![0-9])", re.MULTILINE)
LABEL = r'"(?P<label>[^"\n]*)"'
BOX = re.compile(rf"  (?P<id>n\d+)(?:\(\[{LABEL.replace('label', 'round')}\]\)|\[{LABEL}\]):::[a-z]+")
ARROW = re.compile(rf"  (?P<tail>n\d+) (?:-->|-\.->)(?:\|{LABEL}\|)? (?P<head>n\d+)")
OTHER = re.compile(
    r'flowchart LR|  class n\d+ asked|  note\["[^"]*"\]:::note|  classDef [a-z]+ [-a-z0-9#:,]+|'
)


def mermaid_boxes(text: str) -> dict[str, str]:
    """Return the labels of a flowchart's nodes as they are shown, by id."""
    found = [match for line in text.split("\n") if (match := BOX.fullmatch(line))]
    return {match["id"]: mermaid_label(match["label"] or match["round"]) for match in found}


def mermaid_label(text: str) -> str:
    """Return what Mermaid shows for a label, its lines apart."""
    assert SAFE.fullmatch(text)
    assert not MARKUP.search(text)
    return re.sub("#([0-9]+);", lambda found: chr(int(found[1])), text.replace("<br/>", "\n"))


def mermaid_arrows(text: str) -> list[tuple[str, str, str | None]]:
    """Return the arrows of a flowchart: from, to, and what stands beside them."""
    found = [match for line in text.split("\n") if (match := ARROW.fullmatch(line))]
    return [
        (match["tail"], match["head"], None if match["label"] is None else mermaid_label(match["label"]))
        for match in found
    ]


def test_a_flowchart_of_an_answer() -> None:
    asked = answer(
        [
            artifact("model/churn", 0),
            event(TRAIN),
            {"kind": "pem", "id": UNSEEN, "depth": 2, "placeholder": True},
        ],
        [production(TRAIN, "model/churn"), predecessor(TRAIN, UNSEEN)],
        complete=False,
        reason="limit",
    )

    assert to_mermaid(asked).partition("  classDef")[0] == (
        "flowchart LR\n"
        '  n0(["model/churn"]):::artifact\n'
        '  n1["train<br/>trainer<br/>2026-01-02T03:04:05Z<br/>event 77aa77aa"]:::event\n'
        '  n2["event 00ff00ff"]:::placeholder\n'
        "  n1 --> n0\n"
        "  n2 -.-> n1\n"
        "  class n0 asked\n"
        '  note["Not complete#58; cut off by limit"]:::note\n'
    )


@given(name=names)
def test_a_flowchart_shows_any_name(name: str) -> None:
    assert mermaid_boxes(to_mermaid(answer([artifact(name)], []))) == {"n0": visible(name)}


@given(asked=answers())
def test_a_flowchart_has_a_statement_for_every_node_and_edge_and_no_other(asked: Json) -> None:
    text = to_mermaid(asked)

    assert len(mermaid_arrows(text)) == len(asked["edges"])
    assert len(mermaid_boxes(text)) >= len(asked["nodes"])
    for line in text.split("\n"):
        assert BOX.fullmatch(line) or ARROW.fullmatch(line) or OTHER.fullmatch(line)


@pytest.mark.parametrize("further", [{"out_of_order": True, "version": INGEST}, {"named_version": "1"}])
def test_a_flowchart_writes_beside_an_arrow_what_is_odd_about_a_use(further: Json) -> None:
    arrows = mermaid_arrows(to_mermaid(answer([event(TRAIN)], [use(TRAIN, "a", **further)])))

    assert arrows == [("n1", "n0", "out of order" if "version" in further else "unknown version 1")]


@pytest.mark.parametrize(
    ("one", "other", "texts"),
    [
        ({"n": 1}, {"n": True}, ("n: 1", "n: true")),
        ({"n": 1}, {"n": 1.0}, ("n: 1", "n: 1.0")),
        ({"n": [0]}, {"n": [False]}, ("n: [0]", "n: [false]")),
    ],
)
def test_what_uses_state_otherwise_of_what_came_from_outside_is_told_apart(
    one: Json, other: Json, texts: tuple[str, str]
) -> None:
    uses = [use(INGEST, "raw", properties=one), use(TRAIN, "raw", properties=other)]
    asked = answer([artifact("raw", 0), event(INGEST), event(TRAIN)], uses)

    labels = [dot_label(edge.get("label")) for edge in parsed(asked).get_edges()]

    assert labels == list(texts)


def test_what_uses_state_alike_of_what_came_from_outside_stands_in_its_box_alone() -> None:
    uses = [
        use(INGEST, "raw", properties={"n": 1, "m": 2**70}),
        use(TRAIN, "raw", properties={"m": 2**70, "n": 1}),
    ]
    asked = answer([artifact("raw", 0), event(INGEST), event(TRAIN)], uses)

    assert [edge.get("label") for edge in parsed(asked).get_edges()] == [None, None]
    assert "n: 1" in next(iter(dot_boxes(parsed(asked)).values()))


def test_a_drawing_says_that_events_are_left_out() -> None:
    told = answer([artifact("raw", 0)], [], unreadable=[3, 7])
    cut = {**told, "complete": False, "reason": "limit"}

    assert "2 events of the log are left out" in to_dot(told)
    assert "log position 3, 7" in to_dot(told)
    assert "Not complete: cut off by limit. 2 events of the log are left out" in to_dot(cut)
    assert "2 events of the log are left out" in to_mermaid(told)
