"""Infrahub's protocol without its SDK: what else may arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from provgraph.families.tracking.queries import TrackingQueries
from provgraph.tracking import Command, Listing, Save, UniqueError
from tests.e2e.builders import new_id
from tests.integration.infrahub.asking import ask, create, data, error, filled

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.integration.serving import Served

UNKNOWN = "5f0c7bd1-3f57-4d16-9f02-0123456789ab"


def test_several_mutations_are_carried_out_in_order_each_for_itself(served: Served) -> None:
    told = ask(
        served,
        'mutation { a: TestNodeKindCreate(data: {name: {value: "a"}}) { ok object { display_label } } '
        'b: TestNodeKindCreate(data: {name: {value: "a"}}) { ok } '
        'c: TestNodeKindUpsert(data: {name: {value: "a"}, description: {value: "x"}}) '
        "{ object { description { value } __typename } } }",
    )

    assert told["data"] == {
        "a": {"ok": True, "object": {"display_label": "a"}},
        "b": None,
        "c": {"object": {"description": {"value": "x"}, "__typename": "TestNodeKind"}},
    }
    assert [(one["path"], one["extensions"]["code"]) for one in told["errors"]] == [(["b"], 409)]


def test_a_document_sent_twice_is_two_commands(served: Served) -> None:
    query = 'mutation { TestNodeKindUpsert(data: {name: {value: "a"}}) { object { id } } }'

    assert data(served, query) == data(served, query)
    assert served.services.log.head().position == 2


def test_a_list_may_be_asked_with_fragments_and_aliases(served: Served) -> None:
    id_ = create(served, "a")

    told = data(
        served,
        "query { all: CoreNode { count edges { node { ...F ... on CoreGroup { members { count } } } } } "
        '  named: TestNodeKind(name__values: ["a", "b"]) { count } '
        '  none: TestNodeKind(description__value: "x") { count } '
        "  empty: TestNodeKind(description__value: null) { count } info: InfrahubInfo { version } } "
        "fragment F on TestNodeKind { id hfid label: name { value type: __typename is_default } }",
    )

    assert told["all"]["edges"] == [
        {
            "node": {
                "id": id_,
                "hfid": ["a"],
                "label": {"value": "a", "type": "TextAttribute", "is_default": False},
            }
        }
    ]
    assert (told["named"]["count"], told["none"]["count"], told["empty"]["count"]) == (1, 0, 1)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("{ __schema { types { name } } }", "Served here are"),
        ("{ Nobody { count } }", "no kind of that name"),
        ("{ TestNodeKind }", "needs a selection"),
        ("{ TestNodeKind { nodes } }", "'nodes'"),
        ("{ TestNodeKind { edges { cursor } } }", "'cursor'"),
        ("{ TestNodeKind(partial_match: true) { count } }", "partial_match"),
        ('{ TestNodeKind(nothing__value: "x") { count } }', "nothing__value"),
        ("{ TestNodeKind(limit: -1) { count } }", "limit"),
        ("{ TestNodeKind(ids: [1]) { count } }", "ids must be"),
        ("{ InfrahubInfo { secrets } }", "'secrets'"),
        ("mutation { NobodyCreate(data: {}) { ok } }", "no such mutation"),
        ("mutation { TestNodeKindRename(data: {}) { ok } }", "no such mutation"),
        ("mutation { TestNodeKindCreate { ok } }", "object `data`"),
        ("mutation { TestNodeKindCreate(data: {}) { ok } }", "name is mandatory"),
        ("mutation { TestNodeKindCreate(data: {name: {value: null}}) { ok } }", "name is mandatory"),
        ('mutation { TestNodeKindCreate(data: {name: "a"}) { ok } }', "{value: ...}"),
        ('mutation { TestNodeKindCreate(data: {nam: {value: "a"}}) { ok } }', "not defined by type"),
        ('mutation { TestNodeKindCreate(data: {name: {value: "a", owner: "x"}}) { ok } }', "owner"),
        ('mutation { TestNodeKindCreate(data: {name: {value: "a"}}, context: {a: 1}) { ok } }', "context"),
        ('mutation { TestNodeKindCreate(data: {name: {value: "a"}}) { ok nothing } }', "'nothing'"),
        ('mutation { TestNodeKindCreate(data: {name: {value: "a"}}) { object { nam } } }', "'nam'"),
        ('mutation { TestNodeKindCreate(data: {name: {value: "a"}}) { object { name } } }', "selection"),
        (
            f'mutation {{ TestNodeKindCreate(data: {{id: "{UNKNOWN}", name: {{value: "a"}}}}) {{ ok }} }}',
            "given",
        ),
        ('mutation { TestNodeKindUpdate(data: {name: {value: "a"}}) { ok } }', "names its node"),
        (f'mutation {{ TestNodeKindUpdate(data: {{id: "{UNKNOWN}"}}) {{ ok }} }}', "Unable to find the node"),
        ('mutation { TestNodeKindDelete(data: {id: "x"}) { ok } }', "Unable to find the node"),
        ('mutation { TestNodeKindDelete(data: {hfid: ["x"]}) { ok } }', "Unable to find the node"),
        ("mutation { CoreStandardGroupUpsert(data: {members: []}) { ok } }", "name is mandatory"),
        (
            'mutation { CoreStandardGroupCreate(data: {name: {value: "g"}, members: [1]}) { ok } }',
            "{id: ...}",
        ),
        (
            'mutation { CoreStandardGroupCreate(data: {name: {value: "g"}, members: {id: "NOBODY"}}) { ok } }',
            "Unable to find the node",
        ),
    ],
)
def test_what_is_refused_says_why_and_changes_nothing(served: Served, query: str, message: str) -> None:
    assert message in error(served, query.replace("NOBODY", UNKNOWN))
    assert served.services.log.head().position == 0


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "JSON"),
        (b"[]", "object with `query`"),
        (b'{"query": ""}', "no GraphQL document"),
        (b'{"query": "{ a"}', "cannot be read"),
        (b'{"query": "{ a }", "variables": 3}', "variables"),
    ],
)
def test_a_body_that_cannot_be_read_is_a_list_of_errors(served: Served, body: bytes, message: str) -> None:
    answer = served.client.post("/graphql", content=body)

    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/json"
    assert message in answer.json()["errors"][0]["message"]


def test_the_past_is_asked_elsewhere(served: Served) -> None:
    answer = served.client.post("/graphql/main?at=2026-01-01", json={"query": "{ InfrahubInfo { version } }"})

    assert (answer.status_code, "/api/v1/state" in answer.text) == (400, True)


# What one document may take


def aliases(number: int, field: str) -> str:
    return " ".join(f"a{index}: {field}" for index in range(number))


def group_of(served: Served, *members: str) -> None:
    listed = ",".join(f'{{id: "{id_}"}}' for id_ in members)
    upsert = 'mutation { CoreStandardGroupUpsert(data: {name: {value: "g"}, members: [%s]}) { ok } }'
    data(served, filled(upsert, listed))


@pytest.mark.parametrize(
    "query",
    [
        filled("{ TestNodeKind { edges { node { %s } } } }", aliases(60, "display_label")),
        filled("{ TestNodeKind { edges { node { description { %s } } } } }", aliases(60, "value")),
        filled("{ TestNodeKind { edges { %s } } }", aliases(60, "__typename")),
        filled("{ TestNodeKind { edges { node { %s: id } } } }", ("a" * 3_000)),
        filled("{ %s }", aliases(40, "TestNodeKind { edges { node { id } } }")),
        filled(
            "{ CoreStandardGroup { edges { node { %s } } } }",
            aliases(30, "members { edges { node { id } } }"),
        ),
        filled(
            "{ CoreStandardGroup { edges { node { ...F } } } } fragment F on CoreGroup { %s }",
            aliases(60, "members { count }"),
        ),
    ],
    ids=["nodes", "values", "edges", "names", "calls", "members", "fragments"],
)
def test_fields_are_counted_for_every_node(
    served: Served, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    group_of(served, create(served, "a"), create(served, "b"))
    monkeypatch.setattr("infrahub.budget.MOST_CELLS", 100)

    told = ask(served, query)

    assert "more than 100 fields" in told["errors"][0]["message"]


def test_a_long_value_counts_as_several_fields(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    create(served, "a" * 1_000)
    monkeypatch.setattr("infrahub.budget.MOST_CELLS", 100)

    assert data(served, "{ TestNodeKind { edges { node { display_label } } } }")
    for field in ("display_label", "hfid", "name { value }"):
        assert "fields" in error(
            served, filled("{ TestNodeKind { edges { node { %s } } } }", aliases(10, field))
        )


def test_members_are_read_once_however_often_they_are_asked_for(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    group_of(served, create(served, "a"), create(served, "b"))
    monkeypatch.setattr("infrahub.budget.MOST_LOOK_UPS", 10)
    list_ = filled("CoreStandardGroup { edges { node { %s } } }", aliases(30, "members { count }"))

    told = data(served, filled("{ %s }", aliases(5, list_)))

    (group,) = told["a4"]["edges"]
    assert group["node"]["a29"] == {"count": 2}


@pytest.mark.parametrize(
    "call",
    [
        'TestNodeKind(description__value: "x") { count }',
        "TestNodeKind(name__values: $many) { count }",
        "TestNodeKind(ids: $many) { count }",
        "CoreStandardGroup(members__ids: $many) { count }",
    ],
)
def test_what_the_calls_of_a_document_look_up_is_counted_together(
    served: Served, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    create(served, "a")
    monkeypatch.setattr("infrahub.budget.MOST_LOOK_UPS", 20)
    variables = {"many": ["x"] * 200}

    told = ask(served, filled("query ($many: [String]) { %s }", aliases(40, call)), variables=variables)

    assert told["data"]["a0"] == {"count": 0}
    assert "more than 20 look-ups" in told["errors"][-1]["message"]
    assert told["data"]["a39"] is None


def test_a_list_is_read_once_however_often_it_is_asked_for(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    create(served, "a")
    asked: list[Any] = []

    def noting(real: Callable[..., Any]) -> Callable[..., Any]:
        def read(reads: TrackingQueries, **options: Any) -> Any:
            asked.append(options)
            return real(reads, **options)

        return read

    for name in ("page_of_kinds", "count_of_kinds"):
        monkeypatch.setattr(TrackingQueries, name, noting(getattr(TrackingQueries, name)))

    data(
        served,
        filled(
            "{ TestNodeKind { %s b: edges { node { id } } c: edges { x: node { id } } } }",
            aliases(20, "count"),
        ),
    )

    assert len(asked) == 2


def test_a_mutation_that_was_carried_out_says_so_where_its_answer_is_too_large(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [create(served, str(number)) for number in range(20)]
    monkeypatch.setattr("infrahub.budget.MOST_CELLS", 50)
    listed = ",".join(f'{{id: "{id_}"}}' for id_ in ids)

    message = error(
        served,
        filled(
            'mutation { CoreStandardGroupUpsert(data: {name: {value: "g"}, members: [%s]}) '
            "{ object { members { edges { node { id } } } } } }",
            listed,
        ),
    )

    assert "was carried out" in message
    assert len(served.client.get("/api/v1/groups").json()["groups"]) == 1


def test_numbers_are_found_by_their_digits_and_by_their_value(served: Served) -> None:
    part = {
        "namespace": "Net",
        "name": "Part",
        "attributes": [{"name": "size", "kind": "Number", "optional": True}],
    }
    assert served.client.post("/api/schema/load", json={"schemas": [{"nodes": [part]}]}).status_code == 200
    for size in ("7", "null"):
        data(served, filled("mutation { NetPartCreate(data: {size: {value: %s}}) { ok } }", size))

    for wanted in (
        "value: 7",
        'value: "7"',
        "value: 7.0",
        "value: null",
        "values: [7, true]",
        'values: ["7"]',
    ):
        assert data(served, filled("{ NetPart(size__%s) { count } }", wanted))["NetPart"]["count"] == 1
    for wanted in ("value: true", 'value: "None"', "values: []", 'values: ["None", true]'):
        assert data(served, filled("{ NetPart(size__%s) { count } }", wanted))["NetPart"]["count"] == 0


# Values


def load_thing(served: Served) -> None:
    attributes = [
        {"name": name, "kind": kind, "optional": True, "unique": name == "name"}
        for name, kind in (("name", "Text"), ("height", "Number"), ("facts", "JSON"), ("anything", "Any"))
    ]
    thing = {"namespace": "Net", "name": "Thing", "attributes": attributes}
    assert served.client.post("/api/schema/load", json={"schemas": [{"nodes": [thing]}]}).status_code == 200


@pytest.mark.parametrize("verb", ["Create", "Upsert", "Update"])
def test_a_value_of_another_kind_is_refused_with_its_attributes_name(served: Served, verb: str) -> None:
    load_thing(served)
    made = data(
        served,
        'mutation { NetThingCreate(data: {name: {value: "a"}, height: {value: 1}, '
        "facts: {value: {deep: [null, 1.5]}}}) { object { id } } }",
    )["NetThingCreate"]["object"]["id"]
    before = served.services.log.head().position
    named = f'id: "{made}", ' if verb == "Update" else ""

    message = error(
        served, filled("mutation { NetThing%s(data: {", verb) + named + 'height: {value: "abc"}}) { ok } }'
    )

    assert message == "height is of the kind Number and takes a whole number, not a text"
    assert served.services.log.head().position == before
    told = data(served, "{ NetThing { edges { node { height { value } facts { value } } } } }")["NetThing"]
    assert told["edges"] == [{"node": {"height": {"value": 1}, "facts": {"value": {"deep": [None, 1.5]}}}}]


@pytest.mark.parametrize("attribute", ["facts", "anything"])
@pytest.mark.parametrize(
    "inner", ["1e999", "-1e999", "NaN", str(2**63), "1" + "0" * 400, '"\\ud800"', '"\\u0000"']
)
def test_what_cannot_be_stored_is_refused_however_deep_it_is(
    served: Served, attribute: str, inner: str
) -> None:
    load_thing(served)
    before = served.services.log.head().position
    query = filled(
        "mutation ($v: GenericScalar) { NetThingCreate(data: {%s: {value: $v}}) { ok } }", attribute
    )
    body = f'{{"query": "{query}", "variables": {{"v": [{{"deep": [{inner}]}}]}}}}'
    literal = query.replace("($v: Any)", "").replace("$v", f"[{{deep: [{inner}]}}]")

    answers = [served.client.post("/graphql", content=body.encode())]
    if inner != "NaN":  # in GraphQL the name of something
        answers.append(served.client.post("/graphql", json={"query": literal}))

    assert {answer.status_code for answer in answers} == {400}
    assert served.services.log.head().position == before


# Branches, groups


def test_a_node_is_on_its_branch_alone(served: Served) -> None:
    id_ = create(served, "a", branch="/team/one")
    count = "{ TestNodeKind { count } }"

    assert data(served, count, branch="/team/one")["TestNodeKind"]["count"] == 1
    assert data(served, count, branch="")["TestNodeKind"]["count"] == 0
    delete = f'mutation {{ TestNodeKindDelete(data: {{id: "{id_}"}}) {{ ok }} }}'
    assert "on the branch main" in error(served, delete)
    assert data(served, delete, branch="/team/one")["TestNodeKindDelete"]["ok"]


def test_a_member_counts_once(served: Served) -> None:
    id_ = create(served, "a")
    query = (
        'mutation ($m: [RelatedNodeInput]) { CoreStandardGroupUpsert(data: {name: {value: "g"}, members: $m}) '
        "{ object { members { count edges { node { id } } } } } }"
    )

    told = data(served, query, variables={"m": [{"id": id_}, {"id": id_}]})

    assert told["CoreStandardGroupUpsert"]["object"]["members"] == {
        "count": 1,
        "edges": [{"node": {"id": id_}}],
    }


def test_a_node_is_named_with_and_without_dashes(served: Served) -> None:
    id_ = create(served, "a")

    for stated in (id_, id_.replace("-", ""), id_.upper()):
        query = f'{{ TestNodeKind(ids: ["{stated}"]) {{ edges {{ node {{ id }} }} }} }}'
        assert data(served, query)["TestNodeKind"]["edges"] == [{"node": {"id": id_}}]


def test_an_update_of_a_groups_members_keeps_what_it_does_not_say(served: Served) -> None:
    first, second = create(served, "a"), create(served, "b")
    made = data(
        served,
        f'mutation {{ CoreStandardGroupCreate(data: {{name: {{value: "g"}}, label: {{value: "G"}}, members: '
        f'[{{id: "{first}"}}]}}) {{ object {{ id }} }} }}',
    )["CoreStandardGroupCreate"]["object"]["id"]

    told = data(
        served,
        f'mutation {{ CoreStandardGroupUpdate(data: {{id: "{made}", members: [{{id: "{second}"}}]}}) '
        "{ object { id label { value } members { edges { node { display_label } } } } } }",
    )["CoreStandardGroupUpdate"]["object"]

    assert told == {
        "id": made,
        "label": {"value": "G"},
        "members": {"edges": [{"node": {"display_label": "b"}}]},
    }
    runs = served.client.get(f"/api/v1/runs?group={made}").json()["runs"]
    assert [(run["state"], len(run["report"]["added"])) for run in runs] == [("done", 1), ("done", 1)]


def test_a_group_upsert_is_one_event_that_can_be_rolled_back(served: Served) -> None:
    id_ = create(served, "a")
    upsert = 'mutation { CoreStandardGroupUpsert(data: {name: {value: "g"}, members: %s}) { object { id } } }'
    before = served.services.log.head().position
    group = data(served, upsert % f'[{{id: "{id_}"}}]')["CoreStandardGroupUpsert"]["object"]["id"]
    assert served.services.log.head().position == before + 1
    data(served, upsert % "[]")
    run = served.client.get(f"/api/v1/runs?group={group}").json()["runs"][0]

    done = served.client.post(f"/api/v1/runs/{run['id']}/rollback", json={"request": new_id()})

    assert done.status_code == 200, done.text
    members = served.client.get(f"/api/v1/groups/{group}?members=true").json()["members"]
    assert [member["key"] for member in members] == ["a"]


def test_a_protected_node_is_not_deleted(served: Served) -> None:
    saved = served.services.tracker.save(
        Command(new_id()), [Save(kind="TestNodeKind", values={"name": "a"}, protected=True)]
    )
    id_ = saved.answer["objects"][0]["id"]

    assert "is protected" in error(
        served, f'mutation {{ TestNodeKindDelete(data: {{id: "{id_}"}}) {{ ok }} }}'
    )


def test_a_group_that_a_run_wrote_keeps_its_script_when_members_are_stated(served: Served) -> None:
    tracker = served.services.tracker
    params = {"one": 1, "two": "two"}
    command = {"request": new_id(), "identifier": "MYID", "params": params}
    run = served.client.post("/api/v1/runs", json=command).json()["id"]
    served.client.post(
        "/api/v1/objects",
        json={
            "request": new_id(),
            "run": run,
            "objects": [{"kind": "TestNodeKind", "values": {"name": "a"}}],
        },
    )
    closed = served.client.post(f"/api/v1/runs/{run}/close", json={"request": new_id()}).json()
    name = closed["group"]["name"]

    done = tracker.close_group(Command(new_id(), "ada"), Listing("CoreStandardGroup", (), {"name": name}))

    told = served.client.get(f"/api/v1/groups/{done.answer['group']}").json()
    assert (told["identifier"], told["params"]) == ("MYID", params)
    assert tracker.close_group(
        Command(new_id()), Listing("CoreStandardGroup", (), {"name": f"other-{'0' * 32}"})
    )
    (other,) = served.client.get("/api/v1/groups?identifier=other").json()["groups"]
    assert other["params"] is None


def test_a_group_cannot_take_the_name_of_another(served: Served) -> None:
    tracker = served.services.tracker
    for name in ("one", "two"):
        done = tracker.close_group(Command(new_id()), Listing("CoreStandardGroup", (), {"name": name}))
    listing = Listing("CoreStandardGroup", (), {"name": "one"}, id=done.answer["group"])

    with pytest.raises(UniqueError):
        tracker.close_group(Command(new_id()), listing)
    tracker.close_group(Command(new_id()), listing._replace(values={"name": "three"}))

    groups = served.client.get("/api/v1/groups").json()["groups"]
    assert sorted(group["name"] for group in groups) == ["one", "three"]


def test_a_group_whose_parameters_nobody_knows_is_not_called_orphaned(served: Served) -> None:
    served.services.tracker.close_group(
        Command(new_id()), Listing("CoreStandardGroup", (), {"name": f"MYID-{'0' * 32}"})
    )
    opened_run = {"request": new_id(), "identifier": "MYID", "params": {"one": 1}}
    run = served.client.post("/api/v1/runs", json=opened_run).json()["id"]
    member = {"request": new_id(), "run": run, "objects": [{"kind": "TestNodeKind", "values": {"name": "a"}}]}
    served.client.post("/api/v1/objects", json=member)
    served.client.post(f"/api/v1/runs/{run}/close", json={"request": new_id()})

    assert served.client.get("/api/v1/groups?orphaned=true").json()["groups"] == []


def test_what_goes_with_another_node_stays_with_it(served: Served) -> None:
    parent = {"name": "device", "peer": "TestNodeKind", "kind": "Parent", "cardinality": "one"}
    port = {
        "namespace": "Net",
        "name": "Port",
        "attributes": [{"name": "name", "kind": "Text", "unique": True}],
        "relationships": [parent],
    }
    assert served.client.post("/api/schema/load", json={"schemas": [{"nodes": [port]}]}).status_code == 200
    device = create(served, "switch")
    made = data(
        served,
        'mutation { NetPortCreate(data: {name: {value: "eth0"}, device: {hfid: ["switch"], kind: "TestNodeKind"}}) '
        "{ object { id device { node { id } } } } }",
    )["NetPortCreate"]["object"]
    assert made["device"]["node"]["id"] == device

    clear = f'mutation {{ NetPortUpdate(data: {{id: "{made["id"]}", device: null}}) {{ ok }} }}'
    assert "stays with it" in error(served, clear)
    data(served, f'mutation {{ TestNodeKindDelete(data: {{id: "{device}"}}) {{ ok }} }}')
    assert data(served, "{ NetPort { count } }")["NetPort"]["count"] == 0
