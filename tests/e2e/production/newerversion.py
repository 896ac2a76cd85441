"""A newer version of this checkout, in which a table of the catalog has one more column."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import provgraph
from tests.e2e.service import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

_PACKAGES = ("provgraph", "receiver", "graphbuilder", "query", "admin", "infrahub")
_NEWER = "99.0.0"
# What it changes, by file: what is there, and what is there instead.
_CHANGES = {
    "provgraph/__init__.py": (f'"{provgraph.__version__}"', f'"{_NEWER}"'),
    "provgraph/families/tag/tables.py": (
        'texts("pem_id", "updated_at")',
        'texts("pem_id", "updated_at", "moved_to")',
    ),
    "provgraph/families/tag/rows.py": (
        "(namespace, tag, pem_id, updated_at)",
        "(namespace, tag, pem_id, updated_at, pem_id)",
    ),
    "provgraph/families/tag/queries.py": ("CatalogTag(*row)", "CatalogTag(*row[:4])"),
}


def newer_version(folder: Path) -> Path:
    """Make it in a folder, and return that."""
    for package in _PACKAGES:
        shutil.copytree(PROJECT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name, (there, instead) in _CHANGES.items():
        file = folder / name
        text = file.read_text()
        assert there in text, name
        file.write_text(text.replace(there, instead))
    return folder
