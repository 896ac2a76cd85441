from __future__ import annotations

import pytest

from provgraph.events import Kind, NewEvent, canonical
from provgraph.families.acceptance.events import (
    CHANGE_ACCEPTED,
    LOSS_ACCEPTED,
    ChangeAccepted,
    LossAccepted,
    change_accepted,
    loss_accepted,
)
from provgraph.families.artifact.events import ARTIFACTS_REMOVED, ArtifactsRemoved, artifacts_removed
from provgraph.families.credential.events import (
    CREDENTIAL_CREATED,
    CREDENTIAL_REVOKED,
    CredentialCreated,
    CredentialRevoked,
    Grant,
    Holder,
    Right,
    Role,
    credential_created,
    credential_revoked,
    in_order,
)
from provgraph.families.operation.events import (
    LOG_CLEANED,
    REBUILD_REQUESTED,
    LogCleaned,
    RebuildRequested,
    log_cleaned,
    rebuild_requested,
)
from provgraph.families.pem.events import PEM, accept
from provgraph.families.registry import KINDS, content
from provgraph.families.report.events import (
    CONNECTIONS,
    DONE,
    REPORT_CLOSED,
    REPORT_OPENED,
    ReportClosed,
    ReportOpened,
    report_closed,
    report_opened,
)
from provgraph.families.tag.events import TAG_SET, TagSet, tag_set
from provgraph.families.tracking.events import (
    TRACKED,
    Change,
    Members,
    ObjectState,
    Operation,
    RunState,
    RunStatus,
    Step,
    Tracked,
    tracked,
)
from tests.unit.events.fields import PEM_ID, fields

ODD = "Ä\u0308 \U0001f600 %_\\'\"\n"
SAVED = ObjectState(PEM_ID, "TestNodeKind", "main", ODD, f"TestNodeKind/{ODD}", {"name": ODD, "n": [1, None]})
EVERYTHING = Step(
    7,
    "1" * 32,
    {"run": PEM_ID},
    ODD,
    PEM_ID,
    RunState(
        id=PEM_ID,
        state=RunStatus.DONE,
        identifier=ODD,
        params={"one": 1.5},
        branch="main",
        delete_unused=True,
        actor=None,
        group_type="CoreStandardGroup",
        group_name=ODD,
        group_params={},
        opened_us=1,
        members=(PEM_ID,),
        previous_members=(),
        report={"refused": []},
    ),
    (
        Change(Operation.CREATED, None, SAVED),
        Change(Operation.RETIRED, SAVED, SAVED._replace(live=False), member=False),
    ),
    (Members(PEM_ID, (PEM_ID, "2" * 32)),),
    ({"namespace": "Infra", "name": "Rack"},),
)
FAMILIES: dict[Kind, NewEvent] = {
    PEM: accept(fields(Tag=ODD, Predecessors=["f" * 32], UsesArtifacts=[{"Name": ODD}])),
    TAG_SET: tag_set("", ODD, PEM_ID),
    ARTIFACTS_REMOVED: artifacts_removed(["b", ODD], report_id=PEM_ID),
    REPORT_OPENED: report_opened(CONNECTIONS),
    REPORT_CLOSED: report_closed(PEM_ID, DONE, f"2 artifacts\n{ODD}", ("a", ODD)),
    CREDENTIAL_CREATED: credential_created(
        ODD, holder=Holder.PUC, grant=Grant.of(Role.WRITER), token_sha256="0" * 64
    ),
    CREDENTIAL_REVOKED: credential_revoked(PEM_ID),
    LOG_CLEANED: log_cleaned(previous_epoch="old", previous_position=7, previous_digest=b"\x01" * 32),
    REBUILD_REQUESTED: rebuild_requested(),
    CHANGE_ACCEPTED: change_accepted(ChangeAccepted(3, "ab" * 16, "cd" * 32, "ef" * 32, "by hand")),
    LOSS_ACCEPTED: loss_accepted(LossAccepted("the graph", "ab" * 16, 9, "", 7, "cd" * 32, "gone")),
    TRACKED: tracked(fields(), EVERYTHING),
}
TYPES = {
    TAG_SET: TagSet,
    ARTIFACTS_REMOVED: ArtifactsRemoved,
    REPORT_OPENED: ReportOpened,
    REPORT_CLOSED: ReportClosed,
    CREDENTIAL_CREATED: CredentialCreated,
    CREDENTIAL_REVOKED: CredentialRevoked,
    LOG_CLEANED: LogCleaned,
    REBUILD_REQUESTED: RebuildRequested,
    CHANGE_ACCEPTED: ChangeAccepted,
    LOSS_ACCEPTED: LossAccepted,
    TRACKED: Tracked,
}


def test_every_family_is_here() -> None:
    assert set(FAMILIES) == set(KINDS)


@pytest.mark.parametrize("kind", KINDS.values())
def test_the_payload_reads_back_as_the_content(kind: Kind) -> None:
    event = FAMILIES[kind]

    assert event.kind is kind
    assert content(kind, event.event_id, event.payload) == event.content


@pytest.mark.parametrize("kind", KINDS.values())
def test_the_payload_is_canonical(kind: Kind) -> None:
    payload = FAMILIES[kind].payload

    assert canonical.dumps(canonical.loads(payload)) == payload


@pytest.mark.parametrize(("kind", "family"), TYPES.items())
def test_reading_gives_the_familys_own_type(kind: Kind, family: type) -> None:
    event = FAMILIES[kind]

    assert type(content(kind, event.event_id, event.payload)) is family


def test_each_tag_event_is_an_event_of_its_own() -> None:
    assert tag_set("ns", "t", PEM_ID).event_id != tag_set("ns", "t", PEM_ID).event_id


def test_a_token_is_not_in_the_event_that_creates_its_credential() -> None:
    event = FAMILIES[CREDENTIAL_CREATED]

    assert set(canonical.loads(event.payload)) == {"Kind", "Name", "Rights", "TokenSHA256"}


def test_a_right_that_a_newer_provgraph_stored_is_kept_as_a_text() -> None:
    payload = b'{"Kind":"puc","Name":"ci","Rights":["read","seal"],"TokenSHA256":"%s"}' % (b"0" * 64)

    read = content(CREDENTIAL_CREATED, PEM_ID, payload)

    assert isinstance(read, CredentialCreated)
    assert read.grant == Grant((Right.READ, "seal"))
    assert read.grant.role is None


# Credentials of before


@pytest.mark.parametrize(
    ("role", "rights"),
    [
        ("reader", (Right.READ,)),
        ("writer", (Right.READ, Right.WRITE)),
        ("admin", (Right.READ, Right.WRITE, Right.CYPHER, Right.APPROVE, Right.ADMIN)),
    ],
)
def test_a_credential_that_was_stored_with_a_role_is_read_for_ever(
    role: str, rights: tuple[Right, ...]
) -> None:
    payload = b'{"Kind":"puc","Name":"ci","Role":"%s","TokenSHA256":"%s"}' % (role.encode(), b"0" * 64)

    read = content(CREDENTIAL_CREATED, PEM_ID, payload)

    assert read == CredentialCreated(PEM_ID, "ci", Holder.PUC, Grant(rights), "0" * 64)


@pytest.mark.parametrize(
    ("grant", "said"),
    [
        (Grant((Right.READ, Right.APPROVE)), {"Rights": ["read", "approve"]}),
        (Grant((Right.WRITE,), ("b*", "a")), {"Rights": ["write"], "Emitters": ["b*", "a"]}),
        (
            Grant((Right.WRITE,), ("a",), only=True, expires_us=1_800_000_000_000_001),
            {
                "Rights": ["write"],
                "Emitters": ["a"],
                "Only": True,
                "ExpiresAt": "2027-01-15T08:00:00.000001Z",
            },
        ),
    ],
)
def test_a_credential_says_what_it_allows_and_nothing_that_goes_without_saying(
    grant: Grant, said: dict[str, object]
) -> None:
    event = credential_created(ODD, holder=Holder.PUC, grant=grant, token_sha256="0" * 64)

    others = {"Name": ODD, "Kind": "puc", "TokenSHA256": "0" * 64}
    assert canonical.loads(event.payload) == {**said, **others}
    assert content(event.kind, event.event_id, event.payload) == event.content


def test_rights_are_in_their_order_and_each_is_there_once() -> None:
    assert in_order([Right.ADMIN, Right.READ, Right.ADMIN]) == (Right.READ, Right.ADMIN)
    assert [*Right] == ["read", "write", "cypher", "approve", "admin"]
