"""
Run in a checkout that has the family of meters: works with it from its front door to the graph, and says what it saw.

``python -m tests.data.another_family.works FOLDER [LOG_URL]``
"""

from __future__ import annotations

import json
import sys
import uuid
from pathlib import Path
from typing import Any

from provgraph.catalog import ListQuery
from provgraph.families.registry import FAMILIES
from provgraph.operations.verify import verify
from tests.integration.openapi.described import Description, lacking
from tests.integration.serving import serving

_READINGS = (("a", 1), ("b", 2), ("a", 3), ("n" * 3_000, 4))


def main() -> None:
    """Do it."""
    folder = Path(sys.argv[1])
    seen: dict[str, Any] = {}
    log_url = sys.argv[2] if len(sys.argv) > 2 else None
    with serving(folder, log_url=log_url) as served:
        client, services = served.client, served.services
        bodies = [
            {
                "id": uuid.uuid4().hex,
                "meter": meter,
                "value": value,
                "timestamp": f"2026-01-02 03:04:0{number}",
            }
            for number, (meter, value) in enumerate(_READINGS)
        ]
        seen["verdicts"] = [
            client.post("/api/v1/meters", json=body).json()["verdict"] for body in (*bodies, bodies[0])
        ]
        listed = client.get("/api/v1/meters").json()["readings"]
        seen["listed"] = [[one["meter"][:1], one["value"]] for one in listed]
        served.flush()
        lineage = client.get(
            "/api/v1/lineage", params={"node": "artifact:reading/a", "direction": "upstream"}
        ).json()
        seen["in_graph"] = sum(node["id"] in {bodies[0]["id"], bodies[2]["id"]} for node in lineage["nodes"])
        described = Description(client.get("/openapi.json").json())
        own = [each for each in described.operations() if each.path == "/api/v1/meters"]
        seen["documented"] = sorted(each.name for each in own)
        seen["lacking"] = [f"{each.name}: {what}" for each in own for what in lacking(described, each)]
        verification = verify(services.log, services.catalog, services.graph, deep=True)
        seen["verified"] = verification.in_sync or verification.message
        before = services.catalog.digest()
        services.catalog.rebuild(services.log)
        seen["rebuilt"] = services.catalog.digest() == before
        seen["pems"] = services.catalog.pems_count(ListQuery())
        kept = [family.name for family in FAMILIES if family.survives_cleaning]
        seen["kept"] = "meter" in kept
        services.log.clean(keep=())
        seen["after_cleaning"] = client.get("/api/v1/meters").json()["readings"]
    sys.stdout.write(f"{json.dumps(seen)}\n")


if __name__ == "__main__":
    main()
