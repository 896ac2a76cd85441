"""Nodes that are related to others: what names them, and what is told of the relationship."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provgraph.tracking import Command, Save
from tests.e2e.builders import new_id
from tests.integration.infrahub.asking import create, data, error, filled

if TYPE_CHECKING:
    from tests.integration.serving import Served


def load_ports(served: Served) -> None:
    """Define ports of devices, each called by its device's name and its own."""
    device = {"name": "device", "peer": "TestNodeKind", "cardinality": "one", "optional": True}
    port = {
        "namespace": "Net",
        "name": "Port",
        "human_friendly_id": ["device__name__value", "name__value"],
        "attributes": [
            {"name": "name", "kind": "Text"},
            {"name": "speed", "kind": "Number", "optional": True},
        ],
        "relationships": [device],
    }
    assert served.client.post("/api/schema/load", json={"schemas": [{"nodes": [port]}]}).status_code == 200


PORT = """mutation ($device: String!) {
  %s(data: {name: {value: "eth0"}, device: {id: $device}}) { object { id hfid display_label } }
}"""


def port_of(served: Served, device: str, verb: str = "NetPortUpsert") -> dict[str, Any]:
    """Save the port eth0 of a device, and return it."""
    told = data(served, filled(PORT, verb), variables={"device": device})
    port: dict[str, Any] = told[verb]["object"]
    return port


def rename(served: Served, id_: str, name: str) -> None:
    query = 'mutation { TestNodeKindUpdate(data: {id: "%s", name: {value: "NAME"}}) { ok } }'
    data(served, filled(query, id_).replace("NAME", name))


def test_a_node_is_one_for_each_node_that_its_name_names(served: Served) -> None:
    load_ports(served)
    one, two = create(served, "r1"), create(served, "r2")

    ports = [port_of(served, device) for device in (one, two, one)]

    assert ports[0] == ports[2] != ports[1]
    assert [port["hfid"] for port in ports[:2]] == [["r1", "eth0"], ["r2", "eth0"]]
    taken = filled(PORT, "NetPortCreate")
    assert "'r1/eth0' already" in error(served, taken, variables={"device": one})
    found = data(served, '{ NetPort(hfid: ["r2", "eth0"]) { edges { node { id } } } }')["NetPort"]["edges"]
    assert found == [{"node": {"id": ports[1]["id"]}}]


def test_a_name_that_another_node_has_a_part_in_names_it_in_mutations(served: Served) -> None:
    load_ports(served)
    port = port_of(served, create(served, "r1"))
    by_name = 'mutation { NetPort%s(data: {hfid: ["r1", "eth0"]}) { ok } }'
    speed = 'mutation { NetPortUpdate(data: {hfid: ["r1", "eth0"], speed: {value: 10}}) { object { id } } }'

    assert data(served, speed)["NetPortUpdate"]["object"]["id"] == port["id"]
    data(served, filled(by_name, "Delete"))
    assert data(served, "{ NetPort { count } }")["NetPort"]["count"] == 0


def test_a_node_is_called_by_what_the_other_one_is_called_now(served: Served) -> None:
    load_ports(served)
    device = create(served, "r1")
    port = port_of(served, device)

    rename(served, device, "core-1")

    now = port_of(served, device)
    assert (now["id"], now["hfid"]) == (port["id"], ["core-1", "eth0"])
    stored = served.client.get(f"/api/v1/objects/{port['id']}").json()
    assert (stored["key"], stored["artifact"]) == ("core-1/eth0", "NetPort/core-1/eth0")
    assert port_of(served, create(served, "r1"))["id"] != port["id"]


def test_a_rename_that_would_name_two_nodes_alike_is_refused(served: Served) -> None:
    load_ports(served)
    device = create(served, "r1")
    port = port_of(served, device)
    named = Save("NetPort", {"name": "eth7"}, key="core-1/eth0")
    served.services.tracker.save(Command(new_id()), [named])

    query = filled(
        'mutation { TestNodeKindUpdate(data: {id: "%s", name: {value: "core-1"}}) { ok } }', device
    )

    assert "'core-1/eth0' already" in error(served, query)
    assert port_of(served, device) == port


def test_the_name_of_a_node_whose_other_one_was_deleted_is_taken_over(served: Served) -> None:
    load_ports(served)
    device = create(served, "r1")
    port = port_of(served, device)

    data(served, filled('mutation { TestNodeKindDelete(data: {id: "%s"}) { ok } }', device))

    (edge,) = data(served, "{ NetPort { edges { node { id hfid } } } }")["NetPort"]["edges"]
    assert edge["node"] == {"id": port["id"], "hfid": None}
    assert port_of(served, create(served, "r1")) == port


def test_a_rename_that_is_rolled_back_is_one_of_all_that_it_named(served: Served) -> None:
    load_ports(served)
    device = create(served, "r1")
    port = port_of(served, device)
    opened_run = {"request": new_id(), "identifier": "MYID"}
    run = served.client.post("/api/v1/runs", json=opened_run).json()["id"]
    renamed = {"id": device, "values": {"name": "core-1"}}
    saved = {"kind": "NetPort", "values": {"name": "eth0", "device": device.replace("-", ""), "speed": 10}}
    body = {"request": new_id(), "run": run, "objects": [renamed, saved], "upsert": True}
    answer = served.client.post("/api/v1/objects", json=body)
    assert [one["operation"] for one in answer.json()["objects"]] == ["updated", "updated"], answer.text
    served.client.post(f"/api/v1/runs/{run}/close", json={"request": new_id()})
    later = data(served, filled(PORT, "NetPortCreate").replace("eth0", "eth1"), variables={"device": device})

    undone = served.client.post(f"/api/v1/runs/{run}/rollback", json={"request": new_id()})

    assert undone.status_code == 200, undone.text
    assert port_of(served, device) == port
    found = data(served, '{ NetPort(hfid: ["r1", "eth1"]) { edges { node { id } } } }')["NetPort"]["edges"]
    assert found == [{"node": {"id": later["NetPortCreate"]["object"]["id"]}}]
    keys = {
        served.client.get(f"/api/v1/objects/{one}").json()["key"]
        for one in (port["id"], found[0]["node"]["id"])
    }
    assert keys == {"r1/eth0", "r1/eth1"}


def test_an_upsert_that_could_find_nothing_is_refused(served: Served) -> None:
    load_ports(served)

    assert "finds its NetPort by device and name" in error(
        served, 'mutation { NetPortUpsert(data: {name: {value: "eth0"}}) { ok } }'
    )
    assert data(served, 'mutation { NetPortCreate(data: {name: {value: "eth0"}}) { object { hfid } } }') == {
        "NetPortCreate": {"object": {"hfid": None}}
    }


def test_what_is_not_kept_of_a_relationship_is_null_not_an_error(served: Served) -> None:
    load_ports(served)
    port_of(served, create(served, "r1"))
    asked = "properties { is_protected updated_at source { id display_label } owner { id } }"

    (edge,) = data(served, filled("{ NetPort { edges { node { device { node { hfid } %s } } } } }", asked))[
        "NetPort"
    ]["edges"]

    nothing = {"is_protected": False, "updated_at": None, "source": None, "owner": None}
    assert edge["node"]["device"] == {"node": {"hfid": ["r1"]}, "properties": nothing}


# Who may


def test_texts_that_are_not_as_many_as_the_kind_says_name_nothing(served: Served) -> None:
    load_ports(served)
    port_of(served, create(served, "r1"))

    for hfid in ('["r1/eth0"]', '["r1", "eth0", "x"]'):
        assert data(served, filled("{ NetPort(hfid: %s) { count } }", hfid))["NetPort"]["count"] == 0
        upsert = filled('mutation { NetPortUpsert(data: {hfid: %s, name: {value: "eth0"}}) { ok } }', hfid)
        assert "is named by device and name: hfid has 2 texts" in error(served, upsert)


def test_a_node_is_found_by_its_texts_where_another_has_its_key(served: Served) -> None:
    load_ports(served)
    device = create(served, "a/b")
    served.services.tracker.save(Command(new_id()), [Save("NetPort", {"name": "c"}, key="a%2Fb/eth0")])

    find = '{ NetPort(hfid: ["a/b", "eth0"]) { edges { node { id } } } }'
    assert data(served, find)["NetPort"]["edges"] == []
    port = port_of(served, device)

    # The key was given, and names the node that has it; its own name is another matter.
    assert data(served, find)["NetPort"]["edges"] == [{"node": {"id": port["id"]}}]
    assert port["hfid"] == ["a/b", "eth0"]


def test_a_schema_by_which_two_nodes_were_one_is_refused_with_both(served: Served) -> None:
    load_ports(served)
    port_of(served, create(served, "r1"))
    port_of(served, create(served, "r2"))
    port = {"namespace": "Net", "name": "Port", "human_friendly_id": ["name__value"]}
    kind = {**port, "attributes": [{"name": "name", "kind": "Text"}], "relationships": []}

    answer = served.client.post("/api/schema/load", json={"schemas": [{"nodes": [kind]}]})

    assert answer.status_code == 422
    message = answer.json()["errors"][0]["message"]
    assert "would be called 'eth0': NetPort/r1/eth0" in message
    assert "NetPort/r2/eth0" in message
    assert data(served, '{ NetPort(hfid: ["r1", "eth0"]) { count } }')["NetPort"]["count"] == 1
