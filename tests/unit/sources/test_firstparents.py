from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from provgraph.sources.firstparents import FirstParents

# A tree: each commit's first parent is one before it, or none. And which of three artifacts it produced.
_histories = st.lists(st.tuples(st.integers(0, 60), st.sets(st.sampled_from("xyz"))), min_size=1, max_size=60)


@given(_histories)
def test_the_maker_is_the_last_one_on_the_line_of_first_parents(history: list[tuple[int, set[str]]]) -> None:
    line = FirstParents()
    parents: list[int | None] = []
    for number, (back, produced) in enumerate(history):
        parents.append(number - back if 0 < back <= number else None)
        first = parents[number]
        line.add(str(number), [] if first is None else [str(first)], sorted(produced))

    for tip in range(len(history)):
        for name in "xyz":
            assert line.maker(name, of=str(tip)) == _walked(history, parents, tip, name)


def _walked(
    history: list[tuple[int, set[str]]], parents: list[int | None], tip: int, name: str
) -> str | None:
    at: int | None = tip
    while at is not None:
        if name in history[at][1]:
            return str(at)
        at = parents[at]
    return None


def test_nothing_is_known_of_a_commit_that_was_not_added() -> None:
    line = FirstParents()
    line.add("child", ["unknown"], ["x"])

    assert line.maker("x", of="unknown") is None
    assert line.maker("x", of="child") == "child"
