"""PEMs, artifacts, names and tag paths for tests that share a service: everything is unique unless given."""

from __future__ import annotations

import base64
import uuid
from datetime import UTC, datetime
from typing import Any


def unique(prefix: str = "") -> str:
    """Return a name that no other test uses."""
    return f"{prefix}{uuid.uuid4().hex[:16]}"


def new_id() -> str:
    """Return an event id as the client makes them: a version-1 UUID in hex."""
    return uuid.uuid1().hex


def pem(**fields: object) -> dict[str, Any]:
    """Return a PEM as the client sends it, tagged ``latest`` in its emitter's namespace unless told otherwise."""
    emitter = fields.get("Emitter", unique("emitter-"))
    return {
        "ID": new_id(),
        "Type": "test",
        "Predecessor": None,
        "Emitter": emitter,
        "TimestampClient": datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S"),
        "Properties": {},
        "Version": "2.0.0",
        "Tag": "latest",
        "TagNamespace": emitter,
        "UsesArtifacts": [],
        "ProducesArtifacts": [],
        **fields,
    }


def artifact(name: str, **properties: object) -> dict[str, Any]:
    """Return an artifact as it stands in a PEM."""
    return {"Name": name, "Properties": properties, "CreatedAt": None}


def tag_path(namespace: str, tag: str) -> str:
    """Return ``<namespace>/<tag>`` as the client writes them: standard base64, padded, unescaped."""
    return "/".join(base64.b64encode(part.encode()).decode() for part in (namespace, tag))


def nested(depth: int) -> str:
    """Return the JSON text of lists in lists."""
    return "[" * depth + "]" * depth
