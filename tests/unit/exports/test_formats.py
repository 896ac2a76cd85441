from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings

from provgraph.exports import FORMATS, MissingLibraryError, to_dot, to_prov_n
from provgraph.graphstore import EmbeddedGraphStore
from provgraph.lineage import LineageRequest, lineage
from tests.contract.builders import pem
from tests.contract.graphstore.stores import apply
from tests.effort import examples
from tests.unit.exports.answers import answer, answers, artifact

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.exports.answers import Json

formats = pytest.mark.parametrize("name", FORMATS)


def test_the_formats_have_the_names_that_are_documented() -> None:
    assert list(FORMATS) == [
        "json",
        "ndjson",
        "prov-json",
        "prov-n",
        "graphml",
        "node-link",
        "dot",
        "mermaid",
    ]
    assert all(name == format_.name for name, format_ in FORMATS.items())


def test_no_two_formats_share_a_file_name() -> None:
    assert len({format_.suffix for format_ in FORMATS.values()}) == len(FORMATS)


@formats
@settings(max_examples=examples(10))
@given(asked=answers())
def test_every_format_is_text_in_utf8(name: str, asked: Json) -> None:
    assert FORMATS[name].render(asked).decode()


@formats
def test_every_format_writes_half_of_a_surrogate_pair_somehow(name: str) -> None:
    assert FORMATS[name].render(answer([artifact("a\ud800b")], [])).decode()


@formats
def test_every_format_takes_what_a_graph_answers(name: str, tmp_path: Path) -> None:
    with closing(EmbeddedGraphStore(tmp_path)) as store:
        apply(
            store,
            pem(1, at=1, produces=["table"]),
            pem(2, at=2, uses=["table"], produces=["model"], after=[1]),
        )
        asked = json.loads(lineage(store, LineageRequest("artifact:model")))

    assert b"model" in FORMATS[name].render(asked)


@pytest.mark.parametrize(
    ("name", "library"),
    [("graphml", "networkx"), ("node-link", "networkx"), ("prov-json", "prov"), ("prov-n", "prov")],
)
def test_a_missing_library_is_an_error_that_names_what_to_install(
    name: str, library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in [module for module in sys.modules if module.partition(".")[0] == library]:
        monkeypatch.delitem(sys.modules, module)
    for module in ("networks", "w3cprov"):
        monkeypatch.delitem(sys.modules, f"provgraph.exports.{module}", raising=False)
        monkeypatch.delattr(f"provgraph.exports.{module}", raising=False)
    monkeypatch.setitem(sys.modules, library, None)

    with pytest.raises(MissingLibraryError, match=rf"needs {library}.*pip install 'provgraph\[notebook\]'"):
        FORMATS[name].render(answer([artifact("a")], []))


def test_lineage_is_imported_without_the_libraries_of_the_formats() -> None:
    program = "import sys, provgraph.lineage; sys.exit(bool({'networkx', 'prov'} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_an_answer_about_a_tag_is_about_the_event_that_it_marks() -> None:
    about_a_tag = {
        "node": {"kind": "tag", "id": "prod/current", "event": "e1"},
        "nodes": [{"kind": "pem", "id": "e1", "depth": 0}],
        "edges": [],
    }

    assert "provgraph:node='event:e1'" in to_prov_n(about_a_tag)
    assert "penwidth=3" in to_dot(about_a_tag)
