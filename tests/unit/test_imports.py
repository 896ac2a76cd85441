"""No module needs one that needs it, be it for a type alone, or when a function runs."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PROJECT = Path(__file__).resolve().parents[2]
_PACKAGES = ("provgraph", "receiver", "graphbuilder", "query", "admin", "infrahub")
# Circles that are known, and wait for somebody to open them.
_KNOWN = {frozenset({"provgraph.graphstore.base", "provgraph.graphstore.projection"})}


def _modules() -> dict[str, Path]:
    """Return the files of all modules, by the name that they are imported by."""
    files = (file for package in _PACKAGES for file in sorted((_PROJECT / package).rglob("*.py")))
    return {
        ".".join(file.relative_to(_PROJECT).with_suffix("").parts).removesuffix(".__init__"): file
        for file in files
    }


def _imported(text: str) -> Iterator[str]:
    """Yield what a module imports, wherever it stands: modules, and names that may be modules."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{each.name}" for each in node.names)


def _needs(texts: Mapping[str, str]) -> dict[str, set[str]]:
    """Return which of these modules each of them imports. A name that is no module is one of its package's."""
    return {
        module: {
            found
            for name in _imported(text)
            for found in (name if name in texts else name.rpartition(".")[0],)
            if found in texts and found != module
        }
        for module, text in texts.items()
    }


def _circles(needs: Mapping[str, set[str]]) -> set[frozenset[str]]:
    """Return the sets of modules that lead to each other."""

    def led_to(start: str) -> set[str]:
        found: set[str] = set()
        left = [start]
        while left:
            new = needs[left.pop()] - found
            found |= new
            left += new
        return found

    reached = {module: led_to(module) for module in needs}
    return {
        frozenset(other for other in found if module in reached[other])
        for module, found in reached.items()
        if module in found
    }


def test_no_module_needs_one_that_needs_it() -> None:
    texts = {module: file.read_text() for module, file in _modules().items()}
    assert len(texts) > 300

    found = _circles(_needs(texts)) - _KNOWN

    assert not found, [sorted(circle) for circle in found]


@pytest.mark.parametrize(
    "closing",
    [
        "import a.one",
        "from a.one import Thing",
        "from a import one",
        "if TYPE_CHECKING:\n    from a.one import Thing",
        "def work():\n    from a.one import Thing",
    ],
)
def test_a_circle_is_found_however_it_is_closed(closing: str) -> None:
    texts = {"a": "", "a.one": "from a.two import Other", "a.two": "from a import three", "a.three": closing}

    assert _circles(_needs(texts)) == {frozenset({"a.one", "a.two", "a.three"})}
