"""How what is wrong in a graph on Neo4j is named."""

from __future__ import annotations

from provgraph.graphstore.neo4j import flaws, keys


def test_a_tag_is_named_as_it_is_written_everywhere() -> None:
    key = keys.tag_key("team/a", "100%")

    (flaw,) = flaws._of_tag([key, None, None, "team/a", "100%", "p1", True, []], [])
    assert (flaw.name, flaw.key) == ("team%2Fa/100%25", key)
    (flaw,) = flaws._of_tag([key, None, None, 7, None, "p1", True, ["p1"]], [])  # by its key
    assert (flaw.name, flaw.details) == ("team%2Fa/100%25", "name")


def test_a_key_without_a_readable_name_is_named_as_it_is() -> None:
    (flaw,) = flaws._of_tag(["a/b", None, None, None, None, "p1", False, []], [])

    assert flaw.name == "a/b"


def test_the_moves_of_a_tag_are_named_by_the_tag() -> None:
    key = keys.tag_key("team/a", "100%")

    (flaw,) = flaws._of_moves([keys.moves_key(key, 7), None, None, key, None, None, None, None, None], [])
    assert flaw.name == "team%2Fa/100%25"
