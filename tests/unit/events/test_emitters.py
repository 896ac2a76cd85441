"""For which emitters a credential may speak."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provgraph.errors import EmitterError
from provgraph.families.credential.emitters import NOBODY, Sender, any_covers, covers

if TYPE_CHECKING:
    from collections.abc import Callable

PATTERNS = st.text("ab*", max_size=9)
EMITTERS = st.text("abA*\n", max_size=9)
ID = "ab" * 16


def reference(pattern: str, emitter: str) -> bool:
    """Tell what `covers` has to tell, character by character."""
    if not pattern:
        return not emitter
    first, rest = pattern[0], pattern[1:]
    if first == "*":
        return any(reference(rest, emitter[start:]) for start in range(len(emitter) + 1))
    return emitter.startswith(first) and reference(rest, emitter[1:])


@given(PATTERNS, EMITTERS)
def test_a_star_stands_for_any_text_and_all_else_for_itself(pattern: str, emitter: str) -> None:
    assert covers(pattern, emitter) is reference(pattern, emitter)


@given(st.lists(st.text("xyz", max_size=4), min_size=1, max_size=5), st.lists(st.text("xyz", max_size=4)))
def test_whatever_stands_in_the_place_of_the_stars_is_covered(fixed: list[str], between: list[str]) -> None:
    filled = [*between, *[""] * len(fixed)]
    emitter = "".join(
        part for pair in zip(fixed, [*filled[: len(fixed) - 1], ""], strict=True) for part in pair
    )

    assert covers("*".join(fixed), emitter)


@pytest.mark.parametrize(
    ("pattern", "emitter", "expected"),
    [
        ("loan-*", "loan-scoring", True),
        ("loan-*", "loan-", True),
        ("loan-*", "Loan-scoring", False),
        ("loan-*", "a loan-scoring", False),
        ("*-prod", "loan-prod", True),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("loan.scoring", "loanXscoring", False),
        ("loan?", "loans", False),
        ("[ab]", "a", False),
        ("*", "", True),
        ("*", "zwei\nZeilen", True),
        ("Zoë*", "Zoë 😀", True),
    ],
)
def test_patterns_by_example(pattern: str, emitter: str, expected: bool) -> None:
    assert covers(pattern, emitter) is expected


@given(st.lists(PATTERNS, max_size=4), EMITTERS)
def test_one_of_several_patterns_is_enough(patterns: list[str], emitter: str) -> None:
    expected = any(reference(pattern, emitter) for pattern in patterns)

    assert any_covers(tuple(patterns), emitter) is expected
    assert any_covers(tuple(patterns), emitter * 300) is any(covers(each, emitter * 300) for each in patterns)


def test_without_bindings_and_reservations_anybody_speaks_for_anything() -> None:
    assert not NOBODY.is_limited
    for sender in (NOBODY, Sender(ID, "ada")):
        sender.check("anything")


def test_a_bound_credential_is_told_for_whom_it_may_speak() -> None:
    sender = Sender(ID, "ada", ("loan-*", "loans"))

    sender.check("loan-scoring")
    with pytest.raises(
        EmitterError, match=r"'ada' may speak for 'loan-\*', 'loans', not for the emitter 'card'"
    ):
        sender.check("card")


@pytest.mark.parametrize("sender", [Sender(reserved=("loan-*",)), Sender(ID, "ada", reserved=("loan-*",))])
def test_what_is_reserved_is_refused_to_everybody_else(sender: Sender) -> None:
    sender.check("card")
    with pytest.raises(EmitterError, match="'loan-x' is reserved"):
        sender.check("loan-x")


SENDERS = st.builds(
    Sender,
    st.just(ID),
    st.just("ada"),
    st.lists(PATTERNS, max_size=3).map(tuple),
    st.booleans(),
    st.lists(PATTERNS, max_size=3).map(tuple),
)


def is_let_pass(check: Callable[[], None]) -> bool:
    try:
        check()
    except EmitterError:
        return False
    return True


@given(SENDERS, EMITTERS)
def test_a_reserved_emitter_is_only_for_those_whose_only_covers_it(sender: Sender, emitter: str) -> None:
    is_bound = any(reference(pattern, emitter) for pattern in sender.emitters)
    is_reserved = any(reference(pattern, emitter) for pattern in sender.reserved)
    has_it = not is_reserved or (sender.only and is_bound)

    assert is_let_pass(lambda: sender.check_change(emitter, of="x")) is has_it
    assert is_let_pass(lambda: sender.check(emitter)) is (has_it and (is_bound or not sender.emitters))


def test_a_pattern_is_shown_like_an_emitter() -> None:
    sender = Sender(ID, "ada", ("loan\n\x1b[2J*", "x" * 200))

    with pytest.raises(EmitterError) as caught:
        sender.check("card")

    assert str(caught.value).isprintable()
    assert f"'{'x' * 100}...'" in str(caught.value)


def test_a_refusal_stays_a_sentence_however_long_names_and_lists_are() -> None:
    sender = Sender(ID, "ada", tuple(f"emitter-{number}" * 10 for number in range(100)))

    with pytest.raises(EmitterError) as caught:
        sender.check("x" * 1_000_000)

    assert len(str(caught.value)) < 3_000
    assert "and 90 more" in str(caught.value)
    assert caught.value.members == {"field": "Emitter", "rule": "emitter"}
