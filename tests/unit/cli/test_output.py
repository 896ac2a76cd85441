from __future__ import annotations

import pytest

from provgraph.cli import output


@pytest.mark.parametrize(
    ("event", "said"),
    [
        ({}, ""),
        ({"recorded_by": {"id": "a" * 32, "name": "ada"}}, "  recorded by ada"),
        ({"recorded_by": {"id": "a" * 32, "name": None}}, f"  recorded by {'a' * 32}"),
        ({"recorded_by": {"id": "a" * 32, "name": "a\x1b[2Jda\n"}}, r"  recorded by a\x1b[2Jda\n"),
    ],
)
def test_who_recorded_an_event_follows_what_else_is_said_of_it(event: dict[str, object], said: str) -> None:
    assert output.recorder(event) == said
