"""The files of the deployment, read: no engine is needed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
EDGE = (ROOT / "edge.conf").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()

# Those of the compose file's services that this project builds.
OURS = frozenset(name for name, service in SERVICES.items() if "build" in service)


def stages() -> dict[str, str]:
    """Return the instructions of each stage of the Dockerfile, by its name. They begin with what it is from."""
    found = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[1:]
    return {stage.split(maxsplit=3)[2]: stage for stage in found}


def target(service: str) -> str:
    """Return the stage of the Dockerfile that a service of the compose file is built from."""
    return str(SERVICES[service]["build"]["target"])


def served_by(service: str) -> tuple[str, ...]:
    """Return the parts that a service of the compose file serves: what its image runs is ``serve`` and these."""
    (command,) = re.findall(r"^CMD (\[.*\])$", stages()[target(service)], flags=re.MULTILINE)
    serve, *parts = json.loads(command)
    assert serve == "serve", f"{service} runs provgraph {serve}"
    return tuple(parts)
