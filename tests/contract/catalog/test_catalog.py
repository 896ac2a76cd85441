"""What lands in the catalog."""

from __future__ import annotations

import hashlib
import json
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest

from provgraph.catalog import (
    CatalogArtifact,
    CatalogCredential,
    CatalogPem,
    CatalogReport,
    CatalogTag,
    ListQuery,
)
from provgraph.events.clock import second_text
from provgraph.families.artifact.events import artifacts_removed
from provgraph.families.credential.events import (
    CREDENTIAL_CREATED,
    CREDENTIAL_REVOKED,
    Grant,
    Holder,
    Right,
    Role,
    credential_created,
    credential_revoked,
)
from provgraph.families.operation.events import rebuild_requested
from provgraph.families.report.events import CONNECTIONS, DONE, report_closed, report_opened
from provgraph.families.tag.events import tag_set
from tests.contract.builders import Stated, pem, pem_id
from tests.contract.catalog.stores import Stores, filtered

if TYPE_CHECKING:
    from sqlalchemy.pool import QueuePool


def received(stores: Stores, number: int) -> str:
    """Return when the log recorded a PEM."""
    event = stores.log.get(pem_id(number))
    assert event is not None
    return second_text(event.recorded_us)


# ------------------------------------------------------------------------------------------------ PEMs


def test_a_pem_is_listed_with_all_it_said(stores: Stores) -> None:
    stores.append(
        pem(
            1,
            TimestampClient="2020-01-01 00:00:00",
            Properties={"b": "ä", "a": 1},
            Version="2.3",
            Tag="t",
            TagNamespace="n",
            after=[7, 8],
            uses=["z", {"Name": "a", "Version": "1"}, {"Name": "a", "Version": "2"}],
            produces=["out"],
        )
    )

    found = stores.catalog.pem(pem_id(1))

    assert found == CatalogPem(
        stores.log.head().position,
        pem_id(1),
        "train",
        pem_id(7),
        "trainer",
        "2020-01-01 00:00:00",
        received(stores, 1),
        '{"a":1,"b":"ä"}',
        "2.3",
        "t",
        "n",
        '["z","a"]',
        '["out"]',
    )
    assert list(stores.catalog.pems(ListQuery())) == [found]


def test_an_unknown_pem_is_none(stores: Stores) -> None:
    stores.append(tag_set("n", "t", pem_id(1)))

    assert stores.catalog.pem(pem_id(1)) is None
    assert stores.catalog.pem(stores.log.read()[0].event_id) is None


def test_a_pem_sent_again_changes_nothing(stores: Stores) -> None:
    stores.append(pem(1, Tag="t"), pem(2, Tag="t"))
    digest = stores.catalog.digest()

    stores.append(pem(1, Tag="t"), pem(2, Type="other"))

    assert stores.catalog.digest() == digest


def test_a_name_of_a_megabyte_is_listed(stores: Stores) -> None:
    name = "n" * 1_000_000
    stores.append(pem(1, uses=[name], Type=name))

    assert stores.names() == [name]
    assert json.loads(next(stores.catalog.pems(ListQuery())).uses) == [name]


def noise(characters: int, *, seed: int = 0) -> str:
    """Return a text that no database can make much shorter."""
    blocks = (
        hashlib.sha256(f"{seed} {number}".encode()).hexdigest() for number in range(characters // 64 + 1)
    )
    return "".join(blocks)[:characters]


@pytest.mark.parametrize("size", [199, 200, 201, 3_000, 100_000])
def test_long_names_that_differ_at_their_end_are_two(stores: Stores, size: int) -> None:
    common = noise(size - 1)
    names = [common + end for end in "xyä"]
    stores.append(pem(1, uses=names))
    stores.append(pem(2, uses=[{"Name": name, "Properties": {"n": name[-1]}} for name in reversed(names)]))

    assert stores.names() == names
    assert [json.loads(artifact.properties)["n"] for artifact in stores.catalog.artifacts(ListQuery())] == [
        *"xyä"
    ]


@pytest.mark.parametrize("size", [199, 200, 201, 3_000, 100_000])
def test_long_tags_are_found_and_moved(stores: Stores, size: int) -> None:
    namespace, tag = noise(size, seed=1), noise(size, seed=2)
    stores.append(tag_set(namespace, tag, pem_id(1)), tag_set(namespace, tag + "x", pem_id(2)))
    stores.append(tag_set(namespace, tag, pem_id(3)))

    found = [stores.catalog.tag(namespace, tag + end) for end in ("", "x", "y")]

    assert [None if tag is None else tag.pem_id for tag in found] == [pem_id(3), pem_id(2), None]
    assert stores.catalog.tags_count() == 2


@pytest.mark.parametrize(
    "name",
    ["\\", "\\\\", "\\101", "\\x41", "a\\", "A", "\x01", "\n", "'", "%", "\U0001f600", "é", "e\u0301"],
)
def test_names_with_odd_characters_are_themselves(stores: Stores, name: str) -> None:
    long = name + "-" * 300
    stores.append(pem(1, uses=[name, long], Tag=name, TagNamespace=long))
    stores.append(pem(2, uses=["A", "\\", long, name], Tag=name, TagNamespace=long))

    assert sorted(stores.names()) == sorted({name, long, "A", "\\"})
    tag = stores.catalog.tag(long, name)
    assert tag is not None
    assert tag.pem_id == pem_id(2)


# ------------------------------------------------------------------------------------------------ artifacts


def stated(properties: dict[str, object] | None) -> Stated:
    """Return an artifact with properties."""
    return {"Name": "a", "Properties": properties}


@pytest.mark.parametrize("in_one_batch", [True, False])
@pytest.mark.parametrize(
    ("statements", "kept"),
    [
        ([{}, {"x": 1}, {"x": 2}], '{"x":1}'),
        ([{"x": 1}, {}, {"x": 2}], '{"x":1}'),
        ([{"x": 1}, None], '{"x":1}'),
        ([None, {}], "{}"),
    ],
)
def test_the_first_properties_that_are_not_empty_stay(
    stores: Stores, statements: list[dict[str, object] | None], kept: str, in_one_batch: bool
) -> None:
    events = [pem(number, uses=[stated(properties)]) for number, properties in enumerate(statements)]
    for batch in [events] if in_one_batch else [[event] for event in events]:
        stores.append(*batch)

    assert [artifact.properties for artifact in stores.catalog.artifacts(ListQuery())] == [kept]


def test_what_an_event_uses_speaks_before_what_it_produces(stores: Stores) -> None:
    stores.append(pem(1, produces=[stated({"x": 2})], uses=[stated({"x": 1})]))

    assert [artifact.properties for artifact in stores.catalog.artifacts(ListQuery())] == ['{"x":1}']


def test_an_artifact_was_created_when_it_was_first_seen_or_as_its_first_statement_says(
    stores: Stores,
) -> None:
    then = "2020-01-01 00:00:00"
    stores.append(pem(1, uses=["a", {"Name": "b", "CreatedAt": then}, {"Name": "c", "CreatedAt": "soon"}]))
    stores.append(pem(2, uses=[{"Name": "a", "CreatedAt": then}, "b"]))

    assert list(stores.catalog.artifacts(ListQuery())) == [
        CatalogArtifact("a", "{}", received(stores, 1)),
        CatalogArtifact("b", "{}", then),
        CatalogArtifact("c", "{}", received(stores, 1)),
    ]


def test_names_that_no_pem_has_are_told_in_the_order_given(stores: Stores) -> None:
    stores.append(pem(1, uses=["used"]), pem(2, produces=["made"]))

    assert stores.catalog.unnamed(("z", "used", "a", "made", "use", "z")) == ("z", "a", "use")
    assert stores.catalog.unnamed(()) == ()


def test_a_removal_spares_what_a_pem_names_by_then(stores: Stores) -> None:
    stores.append(pem(1, uses=["used"], produces=["made"]))
    stores.append(artifacts_removed(["used", "made", "no such"], report_id=pem_id(9)))

    assert stores.names() == ["used", "made"]


def test_a_removal_removes_what_no_pem_names(stores: Stores) -> None:
    stores.append(pem(1, uses=["a"]))
    stores.tamper(
        "INSERT INTO artifact(name, properties, created_us, created_at) VALUES ('stray', '{}', 0, ''),"
        " ('other', '{}', 0, '')"
    )

    stores.append(artifacts_removed(["stray", "a"], report_id=pem_id(9)))

    assert stores.names() == ["a", "other"]


# ------------------------------------------------------------------------------------------------ tags


def test_a_tag_goes_by_arrival_not_by_the_emitters_clock(stores: Stores) -> None:
    stores.append(pem(1, at=100, Tag="latest", TagNamespace="n"))
    stores.append(pem(2, at=-100, Tag="latest", TagNamespace="n"))

    assert stores.catalog.tag("n", "latest") == CatalogTag("n", "latest", pem_id(2), received(stores, 2))


@pytest.mark.parametrize("in_one_batch", [True, False])
def test_pems_and_tag_events_move_tags_in_one_order(stores: Stores, in_one_batch: bool) -> None:
    events = [
        pem(1, Tag="t"),
        tag_set("", "t", pem_id(9)),
        pem(2, Tag="u"),
        pem(3, Tag="t"),
        tag_set("", "u", pem_id(1)),
    ]
    for batch in [events] if in_one_batch else [[event] for event in events]:
        stores.append(*batch)

    assert [(tag.tag, tag.pem_id) for tag in stores.catalog.tags()] == [
        ("t", pem_id(3)),
        ("u", pem_id(1)),
    ]


def test_moving_a_tag_leaves_the_pem_as_it_was_sent(stores: Stores) -> None:
    stores.append(pem(1, Tag="t", TagNamespace="n"), pem(2), tag_set("n", "t", pem_id(2)))

    assert stores.ids(filtered(Tag="t")) == ["01"]


def test_tags_are_ordered_by_namespace_and_tag(stores: Stores) -> None:
    for namespace, tag in (("b", "a"), ("", "z"), ("a", "\U0001f600"), ("a", "\uffee"), ("", "")):
        stores.append(tag_set(namespace, tag, pem_id(1)))

    assert [(tag.namespace, tag.tag) for tag in stores.catalog.tags()] == [
        ("", ""),
        ("", "z"),
        ("a", "\uffee"),
        ("a", "\U0001f600"),
        ("b", "a"),
    ]
    assert stores.catalog.tags_count() == 5


def test_an_unknown_tag_is_none(stores: Stores) -> None:
    stores.append(tag_set("n", "t", pem_id(1)))

    assert stores.catalog.tag("n", "T") is None
    assert stores.catalog.tag("t", "n") is None
    assert stores.catalog.tag("n", "t\0") is None
    assert stores.catalog.tag("n", "\ud800") is None


@pytest.mark.parametrize("tag", [None, ""])
def test_an_empty_tag_of_a_pem_sets_none(stores: Stores, tag: str | None) -> None:
    stores.append(pem(1, Tag=tag, TagNamespace="n"))

    assert stores.catalog.tags_count() == 0


# ------------------------------------------------------------------------------------------------ reports


def test_a_report_is_in_progress_until_it_is_closed(stores: Stores) -> None:
    opening = report_opened(CONNECTIONS)
    stores.append(opening)
    opened = stores.catalog.report(opening.event_id)
    assert opened is not None
    assert opened[:5] == (opening.event_id, CONNECTIONS, "in progress", "", ())

    stores.append(report_closed(opening.event_id, DONE, "two\nä\nb", ("ä", "b")))

    closed = CatalogReport(opening.event_id, CONNECTIONS, DONE, "two\nä\nb", ("ä", "b"), opened.opened_at)
    assert stores.catalog.report(opening.event_id) == closed
    assert stores.catalog.reports() == [closed]


def test_a_report_may_be_opened_and_closed_in_one_batch(stores: Stores) -> None:
    opening = report_opened(CONNECTIONS)
    stores.append(pem(1), opening, pem(2), report_closed(opening.event_id, DONE, ""), pem(3))

    assert [report.status for report in stores.catalog.reports()] == [DONE]
    assert stores.catalog.pems_count(ListQuery()) == 3


def test_an_unknown_report_is_none(stores: Stores) -> None:
    assert stores.catalog.report(pem_id(1)) is None


# ------------------------------------------------------------------------------------------------ credentials


def test_a_credential_is_found_by_its_token_until_it_is_revoked(stores: Stores) -> None:
    created = credential_created("ci", holder=Holder.PUC, grant=Grant.of(Role.WRITER), token_sha256="f" * 64)
    stores.append(created)
    found = stores.catalog.credential("f" * 64)
    assert found == CatalogCredential(
        created.event_id,
        "ci",
        Holder.PUC,
        Grant.of(Role.WRITER),
        second_text(stores.log.read()[0].recorded_us),
        None,
    )
    assert stores.catalog.credential("0" * 64) is None

    stores.append(credential_revoked(created.event_id))

    assert stores.catalog.credential("f" * 64) is None
    (listed,) = stores.catalog.credentials()
    assert listed.revoked_at is not None


GRANTS = [
    Grant((Right.WRITE, Right.APPROVE)),
    Grant(Role.WRITER.rights, ("loan-*", 'a "b" \\ Zoë 😀')),
    Grant(Role.ADMIN.rights, ("loan-*",), only=True, expires_us=253_402_300_799_999_999),
    Grant((Right.ADMIN,), expires_us=1),
    # Rights of a newer version.
    Grant((Right.READ, "seal", "ADMIN")),
]


def test_what_a_credential_allows_is_found_again(stores: Stores) -> None:
    for number, grant in enumerate(GRANTS):
        stores.append(credential_created("ci", holder=Holder.PUC, grant=grant, token_sha256=f"{number}" * 64))

    assert [one.grant for one in stores.catalog.credentials()] == GRANTS
    found = [stores.catalog.credential(f"{number}" * 64) for number in range(len(GRANTS))]
    assert [one and one.grant for one in found] == GRANTS
    before = stores.catalog.digest()
    stores.catalog.rebuild(stores.log)
    assert (stores.catalog.digest(), [one.grant for one in stores.catalog.credentials()]) == (before, GRANTS)


def test_a_right_that_is_not_known_here_is_not_read_back_as_others(stores: Stores) -> None:
    grant = Grant((Right.READ, "as admin"))
    stores.append(credential_created("ci", holder=Holder.PUC, grant=grant, token_sha256="f" * 64))
    stores.append(credential_created("ci", holder=Holder.PUC, grant=GRANTS[1], token_sha256="e" * 64))
    stores.tamper("UPDATE credential SET rights = 'read seal' WHERE rights = 'read write'")

    assert [one.grant.rights for one in stores.catalog.credentials()] == [
        ("read", "as_admin"),
        ("read", "seal"),
    ]


def test_names_of_credentials_are_found_by_id_while_lists_are_read(stores: Stores) -> None:
    created = [
        credential_created(f"n{number}", holder=Holder.PUC, grant=GRANTS[0], token_sha256=f"{number:064x}")
        for number in range(3)
    ]
    stores.append(*created, credential_revoked(created[0].event_id))
    ids = [one.event_id for one in created[:2]]
    pool: QueuePool = stores.catalog._reading._engine.pool  # type: ignore[attr-defined]
    with ExitStack() as readers:
        for _ in range(pool.size() + pool._max_overflow):
            readers.enter_context(closing(pool.connect()))

        names = stores.catalog.credential_names([*ids, pem_id(1)] + [pem_id(number) for number in range(600)])
        reserved = stores.catalog.reservations()

    assert names == {ids[0]: "n0", ids[1]: "n1"}
    assert reserved == ()
    assert stores.catalog.credential_names([]) == {}


def test_emitters_are_reserved_until_the_last_credential_that_reserves_them_is_revoked(
    stores: Stores,
) -> None:
    def grant(*emitters: str, only: bool = True, expires_us: int | None = None) -> Grant:
        return Grant(Role.WRITER.rights, emitters, only, expires_us)

    grants = [grant("b*", "a"), grant("a"), grant("c", only=False), grant("d", expires_us=1), GRANTS[0]]
    created = [
        credential_created("ci", holder=Holder.PUC, grant=one, token_sha256=f"{number}" * 64)
        for number, one in enumerate(grants)
    ]
    assert stores.catalog.reservations() == ()
    stores.append(*created)
    assert stores.catalog.reservations() == ("a", "b*", "d")

    stores.append(credential_revoked(created[0].event_id))
    assert stores.catalog.reservations() == ("a", "d")
    stores.append(*(credential_revoked(one.event_id) for one in created[1:]))
    assert stores.catalog.reservations() == ()


def test_revoking_twice_or_what_is_not_there_changes_nothing(stores: Stores) -> None:
    created = credential_created("ci", holder=Holder.USER, grant=Grant.of(Role.ADMIN), token_sha256="f" * 64)
    stores.append(created, credential_revoked(created.event_id))
    listed = stores.catalog.credentials()

    stores.append(credential_revoked(created.event_id), credential_revoked(pem_id(1)))

    assert stores.catalog.credentials() == listed


# ------------------------------------------------------------------------------------------------ cleaning


def test_cleaning_the_log_empties_the_catalog_but_for_what_is_kept(stores: Stores) -> None:
    created = credential_created("ci", holder=Holder.PUC, grant=Grant.of(Role.WRITER), token_sha256="f" * 64)
    stores.append(
        pem(1, uses=["a"], Tag="t"),
        created,
        report_opened(CONNECTIONS),
        rebuild_requested(),
        artifacts_removed(["x"], report_id=pem_id(1)),
    )

    stores.log.clean(keep=[CREDENTIAL_CREATED, CREDENTIAL_REVOKED])

    catalog = stores.catalog
    assert (catalog.pems_count(ListQuery()), catalog.artifacts_count(ListQuery()), catalog.tags_count()) == (
        0,
        0,
        0,
    )
    assert (catalog.reports(), len(catalog.credentials())) == ([], 1)
    stores.append(pem(1, uses=["a"]))
    assert stores.names() == ["a"]
