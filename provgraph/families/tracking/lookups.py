"""What tracked things are found by: as long as any other, for names may be longer than an index takes."""

from __future__ import annotations

import hashlib


def object_lookup(*, branch: str, kind: str, key: str) -> str:
    """Return what a live object is found by."""
    return _lookup("object", branch, kind, key)


def kind_lookup(*, branch: str, kind: str) -> str:
    """Return what the objects of a kind are found by."""
    return _lookup("kind", branch, kind)


def defined_lookup(kind: str, *, from_file: bool) -> str:
    """Return what the definition of a kind is found by."""
    return _lookup("kind in the schema file" if from_file else "kind", kind)


def artifact_lookup(artifact: str) -> str:
    """Return what the object of an artifact is found by."""
    return _lookup("artifact", artifact)


def _lookup(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
